"""Fetching a published file: resumed where it stopped, checked by its SHA-256, complete or absent."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests

CHUNK_BYTES = 1 << 13  # what is lost, at most, when a server falls silent
RETRY_STATUS = (408, 425, 429, 500, 502, 503, 504)
MAX_WAIT_S = 30.0
WEB_PAGE_BYTES = 1 << 16  # of a web page that came instead of a file, to find out what it says
QUOTA = (b"Quota exceeded", b"Too many users have viewed or downloaded this file")  # Google Drive's


class DownloadError(ValueError):
    """A file that cannot be fetched; the message names the address, what came, and what to do."""


class NoAnswerError(DownloadError):
    """The server, or the network, did not answer; another error says that it did."""


class _Restart(Exception):
    """What lies on the disk does not continue: begin again with nothing."""


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    url: str,
    path: str | os.PathLike,
    *,
    sha256: str | None,
    size: int | None = None,
    timeout_s: float = 30.0,
    attempts: int = 5,
    on_bytes: Callable[[int], object] | None = None,
    session: requests.Session | None = None,
) -> Path:
    """Fetch `url` into the file `path`, unless it is there already.

    sha256: the content's, 64 hexadecimal digits; what differs from it is never kept under `path`; None where nobody
        published it. size: in bytes, where known, so that a wrong file is noticed before it is fetched. timeout_s: how
        long the server may stay silent.
    attempts: tries in a row that bring nothing; a try that brings bytes does not count. on_bytes: called with the
        number of bytes that came. session: one `requests.Session` for many files of a server.

    What came so far lies in `<path>.partial`, and the next call goes on there. Returns `path`. Raises DownloadError
    when the server does not have the file, sends something else (a web page, another file), or stops answering;
    OSError when the disk is full or may not be written.
    """
    path = Path(path)
    if path.exists():
        if path.is_file() and (sha256 is None or sha256_of(path) == sha256):
            return path
        raise DownloadError(f"{path}: is there, but is not the file of {url}: move it away and run this again")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    report = on_bytes or (lambda count: None)
    _fetch_all(url, partial, sha256, size, timeout_s, attempts, report, session)
    os.replace(partial, path)
    return path


def _fetch_all(url, partial, sha256, size, timeout_s, attempts, report, session) -> None:
    """Until `partial` is complete: try, wait, go on; a continued file that turns out wrong is begun again once."""
    import requests

    session = session or requests.Session()
    failures, begun_again = 0, False
    while True:
        before = _length(partial)
        try:
            if not (size and before == size):
                _fetch_rest(session, url, partial, size, timeout_s, report)
            digest = sha256 and sha256_of(partial)
            if digest == sha256:
                return
            continued = before > 0
            report(-_length(partial))
            partial.unlink()
            if not continued or begun_again:
                raise DownloadError(
                    f"{url}: what came has another SHA-256 ({digest[:12]}... instead of {sha256[:12]}...) and was"
                    " thrown away: the file has been changed there, or on the way: try again later, or update this"
                    " project"
                )
            begun_again = True
        except _Restart:
            report(-_length(partial))
            partial.unlink(missing_ok=True)
            if begun_again:
                raise DownloadError(
                    f"{url}: the server sends parts that do not fit together: try again later"
                ) from None
            begun_again = True
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            failures = 1 if _length(partial) > before else failures + 1
            if failures >= attempts:
                kept = f"; it goes on after the {_length(partial):,} bytes that are here" if _length(partial) else ""
                raise NoAnswerError(
                    f"{url}: {_reason(error)}, {failures} times: check the network and run this again{kept}"
                ) from None
            time.sleep(min(MAX_WAIT_S, 0.5 * 2 ** (failures - 1)))
        except requests.RequestException as error:  # too many redirects, an address that is none
            raise DownloadError(f"{url}: cannot be fetched ({error}): check the address in a browser") from None


def _fetch_rest(session, url, partial, size, timeout_s, report) -> None:
    """One request for what is missing, appended to `partial`."""
    import requests

    have = _length(partial)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with session.get(url, headers=headers, stream=True, timeout=timeout_s) as answer:
        if answer.status_code == 416:
            if answer.headers.get("Content-Range") == f"bytes */{have}":  # all of it is here
                return
            raise _Restart
        if answer.status_code in RETRY_STATUS:
            raise requests.ConnectionError(f"the server answers {answer.status_code} {answer.reason}")
        if answer.status_code not in (200, 206):
            raise DownloadError(
                f"{url}: the server answers {answer.status_code} {answer.reason}: check the address in a browser"
            )
        if answer.headers.get("Content-Type", "").lower().startswith("text/html"):
            page = answer.raw.read(WEB_PAGE_BYTES, decode_content=True)
            if any(text in page for text in QUOTA):
                raise DownloadError(
                    f"{url}: Google Drive's quota for this file is used up (too many downloads): try again within a"
                    " day, or open the address in a browser where you are signed in to Google"
                )
            raise DownloadError(
                f"{url}: the server sent a web page instead of the file (a login, a limit, or a moved address): open"
                " the address in a browser"
            )
        resumed = answer.status_code == 206
        if resumed and not answer.headers.get("Content-Range", "").startswith(f"bytes {have}-"):
            raise _Restart
        start = have if resumed else 0
        announced = answer.headers.get("Content-Length", "")
        expected = start + int(announced) if announced.isdigit() else None
        if size and expected and expected != size:
            raise DownloadError(
                f"{url}: the server offers {expected:,} bytes instead of {size:,}: the file has changed"
            )
        if have and not resumed:
            report(-have)
        with open(partial, "ab" if resumed else "wb") as file:
            for chunk in answer.iter_content(CHUNK_BYTES):
                file.write(chunk)
                report(len(chunk))
                if size and file.tell() > size:
                    raise DownloadError(f"{url}: more than the expected {size:,} bytes came: the file has changed")
    total = expected or size
    if total and _length(partial) < total:
        raise requests.ConnectionError(f"the connection ended after {_length(partial):,} of {total:,} bytes")


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _reason(error: Exception) -> str:
    import requests

    if isinstance(error, requests.Timeout) or "timed out" in str(error).lower():
        return "the server stays silent"
    text = str(error)
    return text if text.startswith(("the server", "the connection")) else "the server cannot be reached or hangs up"
