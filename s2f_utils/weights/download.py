"""Fetching a published file by pooch: checked by its SHA-256, complete or absent."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from requests import RequestException


class DownloadError(ValueError):
    """A file that cannot be fetched; the message names the address, what came, and what to do."""


class NoAnswerError(DownloadError):
    """The server, or the network, did not answer; another error says that it did."""


def sha256_of(path: str | os.PathLike) -> str:
    """The SHA-256 of a file as 64 hexadecimal digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fetch(
    url: str,
    path: str | os.PathLike,
    *,
    sha256: str | None,
    timeout_s: float = 30.0,
    attempts: int = 3,
    progress: bool = False,
) -> Path:
    """Fetch `url` into the file `path`, unless it is there already; returns `path`.

    sha256: the content's, 64 hexadecimal digits, None where nobody published it. timeout_s: how
    long the server may
        stay silent. progress: whether to show a bar.

    Raises DownloadError when the server does not have the file, sends something else (a web page,
    another file), or stops answering; OSError when the disk is full or may not be written.
    """
    import pooch
    import requests

    path = Path(path)
    if path.exists():
        if path.is_file() and (sha256 is None or sha256_of(path) == sha256):
            return path
        raise DownloadError(
            f"{path}: is there, but is not the file of {url}: move it away and run this again"
        )
    pooch.get_logger().setLevel("WARNING")
    store = pooch.create(
        path.parent,
        base_url="",
        registry={path.name: sha256},
        urls={path.name: url},
        retry_if_failed=attempts - 1,
    )
    downloader = pooch.HTTPDownloader(
        progressbar=progress,
        chunk_size=1 << 16,
        timeout=timeout_s,
        headers={"Accept-Encoding": "identity"},
    )
    try:
        return Path(store.fetch(path.name, downloader=downloader))
    except requests.RequestException as error:
        raise _explained(url, error) from None
    except ValueError:  # pooch's, for another hash
        raise DownloadError(
            f"{url}: what came has another SHA-256 than the published file and was thrown away: it"
            " is a web page (a login, a quota), or the file has changed: open the address in a"
            " browser, or update this project"
        ) from None


def _explained(url: str, error: RequestException) -> DownloadError:
    """What a server's refusal, or its silence, means."""
    if error.response is None:
        return NoAnswerError(
            f"{url}: the server cannot be reached, stays silent or hangs up: check the network and"
            " run this again"
        )
    kind = NoAnswerError if error.response.status_code >= 500 else DownloadError
    return kind(f"{url}: the server says {error}: check the address in a browser")
