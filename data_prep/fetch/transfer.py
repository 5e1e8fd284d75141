"""Many files from the network: eight at a time, each checked by its SHA-256."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from s2f_utils.pictures.images import ImageError
from s2f_utils.weights import download

CONNECTIONS = 8


@dataclass(frozen=True)
class Original:
    """A published file: its addresses, of which the next is tried when one does not have it."""

    name: str
    urls: tuple[str, ...]
    sha256: str


@dataclass
class Outcome:
    """Of a transfer: what was kept, why others could not be had, and how many were not tried,
    because the network does not answer.
    """

    kept: list[Original] = field(default_factory=list)
    problems: dict[str, str] = field(default_factory=dict)
    num_untried: int = 0


def fetch_all(
    originals: Sequence[Original],
    keep: Callable[[Original, Path], None],
    note: Callable[[Original], None] = lambda original: None,
    *,
    timeout_s: float = 10.0,
    progress: bool = True,
) -> Outcome:
    """Fetch files; a file that cannot be had does not stop the others.

    keep: called with each file when it has arrived, in a thread; it is deleted afterwards. note:
    called in this thread when it was kept. timeout_s: how long a server may stay silent. Where
    eight in a row do not answer, the others are not tried.
    """
    from tqdm.auto import tqdm

    outcome, num_unanswered = Outcome(), 0
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        ThreadPoolExecutor(CONNECTIONS) as pool,
        tqdm(total=len(originals), unit="file", disable=not progress) as bar,
    ):

        def fetch(original: Original) -> None:
            path = Path(folder) / original.name
            _fetch_one(original, path, timeout_s, attempts=4 if outcome.kept else 2)
            keep(original, path)
            path.unlink()

        futures: dict[Future, Original] = {pool.submit(fetch, one): one for one in originals}
        try:
            for future in as_completed(futures):
                original = futures[future]
                try:
                    future.result()
                except (download.DownloadError, ImageError) as error:
                    outcome.problems[original.name] = str(error)
                    no_answer = isinstance(error, download.NoAnswerError)
                    num_unanswered = num_unanswered + 1 if no_answer else 0
                else:
                    outcome.kept.append(original)
                    note(original)
                    num_unanswered = 0
                    bar.update()
                if num_unanswered == CONNECTIONS:
                    break
        finally:  # also after Ctrl-C or a full disk: what waits is not begun
            pool.shutdown(cancel_futures=True)
            for future, original in futures.items():
                was_kept = not future.cancelled() and future.exception() is None
                if was_kept and original not in outcome.kept:
                    outcome.kept.append(original)
                    note(original)
    outcome.num_untried = len(originals) - len(outcome.kept) - len(outcome.problems)
    return outcome


def _fetch_one(original: Original, path: Path, timeout_s: float, attempts: int) -> None:
    """Fetch from the first address that has the file. Raises the last one's DownloadError."""
    *others, last = original.urls
    for url in others:
        try:
            download.fetch(
                url, path, sha256=original.sha256, timeout_s=timeout_s, attempts=attempts
            )
            return
        except download.DownloadError:
            continue
    download.fetch(last, path, sha256=original.sha256, timeout_s=timeout_s, attempts=attempts)
