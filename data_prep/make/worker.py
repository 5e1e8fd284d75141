"""What runs on a worker of a Dask cluster: a batch of jobs, if this machine shares what the run is made of.

A worker refuses a run whose code, packages or files it has not, for its pictures would be others, or would lie on
another disk. It makes one picture at a time, as a process of the local pool does.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import pickle
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

from data_prep import files
from data_prep.errors import DataPrepError, printable
from s2f_utils import weights

PACKAGES = ("numpy", "pillow", "opencv-python-headless", "scikit-image", "rembg", "pillow-heif")  # that make pictures
NUM_SAMPLES = 16  # source files whose sizes are compared
SEEN_S = 10.0  # until a new file is seen through a network's disk
ROOT = Path(__file__).resolve().parents[2]
_one_at_a_time = threading.Lock()  # a process has one working folder, one umask, one OpenCV
_judged: dict[str, str] = {}  # a run → why it is refused, or ""


def terms_of(sign: Path | None, reads: Sequence[str | os.PathLike]) -> dict[str, Any]:
    """What a worker must share with this machine, in builtins: code, packages, the face detector, `sign` (a file that
    is there as long as the run is on), and the sizes of some of the files `reads`.
    """
    step = max(1, len(reads) // NUM_SAMPLES)
    some = [Path(path).absolute() for path in reads[::step]]
    return {
        "run": uuid.uuid4().hex,
        "folder": os.getcwd(),
        "code": _code(),
        "packages": _versions(),
        "detector": not weights.problem("yunet"),
        "sign": None if sign is None else str(sign),
        "sizes": {str(path): files.size_of(path) for path in some},
    }


def run_batch(sent: bytes) -> tuple[list[Any], float]:
    """Do a batch, pickled: (terms, pickled (function, jobs)). Returns the results, fewer where the run was stopped in
    the meantime, and the seconds. Raises DataPrepError where the terms are not met, and what a job raises.
    """
    import cv2
    from distributed import get_worker

    terms, batch = pickle.loads(sent)
    with _one_at_a_time:
        sign, done = terms["sign"], []
        if terms["run"] not in _judged:
            _judged[terms["run"]] = problem_with(terms)
        if problem := _judged[terms["run"]]:
            raise DataPrepError(f"the worker {get_worker().address} {problem}")
        threads, start = cv2.getNumThreads(), time.perf_counter()
        cv2.setNumThreads(1)  # as in the local pool: the workers share the cores already
        try:
            function, jobs = pickle.loads(batch)
            with _folder(terms["folder"]):
                for job in jobs:
                    if sign and not os.path.exists(sign):
                        break
                    done.append(function(*job))
        finally:
            cv2.setNumThreads(threads)
        return done, time.perf_counter() - start


def problem_with(terms: dict[str, Any]) -> str:
    """Which of the terms this machine does not meet, and what to do; "" where it meets all."""
    if terms["code"] != _code():
        return f"has other code in {printable(ROOT)}: start it in a clone of this commit, or in this project's folder"
    here = _versions()
    if other := [name for name, version in terms["packages"].items() if here[name] != version]:
        shown = ", ".join(f"{name} {here[name] or 'missing'} instead of {terms['packages'][name]}" for name in other)
        return f"has {shown}: install the same there"
    if terms["detector"] and (problem := weights.problem("yunet")):
        return f"lacks the face detector that this machine has: {problem}"
    gone = [path for path, size in terms["sizes"].items() if files.size_of(Path(path)) != size]
    if terms["sign"] and not _is_seen(terms["sign"]):
        gone.append(str(Path(terms["sign"]).parent))
    if gone:
        return (
            f"does not see {printable(gone[0])} as it is here: the workers read and write the pictures, so put them on"
            " a disk that all machines have under the same path"
        )
    return ""


def _is_seen(path: str) -> bool:
    deadline = time.monotonic() + SEEN_S
    while not os.path.exists(path):
        if time.monotonic() > deadline or not os.path.isdir(os.path.dirname(path)):
            return False
        time.sleep(0.2)
    return True


@functools.cache
def _code() -> str:
    """A fingerprint of this project's code."""
    digest = hashlib.sha256()
    for folder in ("data_prep", "s2f_utils"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT).as_posix()}\n".encode() + path.read_text(encoding="utf-8").encode())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    """The version of each package that has a part in a picture; "" where it is not installed."""
    found = {}
    for name in PACKAGES:
        found[name] = ""
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


@contextlib.contextmanager
def _folder(path: str) -> Iterator[None]:
    """Work in the folder that the command was given in, for paths that begin there; where it is not here, all paths are
    whole ones, or `problem_with` has found that.
    """
    before = os.getcwd()
    with contextlib.suppress(OSError):
        os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)
