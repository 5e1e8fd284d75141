"""Weights by name: where they come from, under which terms, and a file that is checked before it is used.

A name is looked for in the folder that S2F_WEIGHTS names, in the cache, and is then downloaded into the
cache (`~/.cache/sketch-to-face`, or below XDG_CACHE_HOME).
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from s2f_utils.download import DownloadError, fetch, sha256_of


class WeightsError(ValueError):
    """Weights that are not there, or not what they should be; the message says what to do."""


@dataclass(frozen=True)
class WeightsFile:
    """A published file: its addresses (the first that answers is taken), size in bytes, SHA-256, and terms."""

    name: str
    file_name: str
    urls: tuple[str, ...]
    size: int
    sha256: str
    licence: str
    what: str


WEIGHTS: dict[str, WeightsFile] = {
    entry.name: entry
    for entry in (
        WeightsFile(
            "yunet",
            "face_detection_yunet_2026may.onnx",
            (
                "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2026may.onnx",
                "https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2026may.onnx",
            ),
            229_738,
            "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
            "MIT, (c) Shiqi Yu",
            "face detector with five landmarks (Wu, Peng and Yu 2023), from the OpenCV Zoo",
        ),
    )
}


RETRY_AFTER_S = 300.0  # a download that failed is not tried again at once, for every picture of a set
_failed: dict[tuple[str, Path], tuple[float, str]] = {}


def cache_folder() -> Path:
    """Where downloaded weights are kept: `sketch-to-face` below XDG_CACHE_HOME, else below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sketch-to-face"


def entry_of(name: str) -> WeightsFile:
    """What is known of the weights of this name. Raises WeightsError for an unknown one."""
    if name not in WEIGHTS:
        raise WeightsError(f"there are no weights named {name!r}: the names are {', '.join(sorted(WEIGHTS))}")
    return WEIGHTS[name]


def find(name: str) -> Path | None:
    """The file of these weights on this machine, None if it is not here; nothing is downloaded.

    Raises WeightsError for an unknown name, for S2F_WEIGHTS that names no folder, and for a file under the right name
    that is not the published one.
    """
    entry = entry_of(name)
    places = [cache_folder()]
    if chosen := os.environ.get("S2F_WEIGHTS"):
        if not Path(chosen).is_dir():
            raise WeightsError(f"S2F_WEIGHTS={chosen}: no such folder: name the folder with the weights, or unset it")
        places.insert(0, Path(chosen))
    for place in places:
        path = place / entry.file_name
        if path.is_file():
            if path.stat().st_size != entry.size or sha256_of(path) != entry.sha256:
                raise WeightsError(f"{path}: not the published file (damaged or another version): delete it")
            return path
    return None


def get(name: str, *, timeout_s: float = 30.0, attempts: int = 3) -> Path:
    """The file of these weights, downloaded into the cache if it is not on this machine.

    The terms are printed before a download. Raises WeightsError when no address delivers it, saying where to put the
    file by hand; for five minutes after that it is raised again without another try.
    """
    found = find(name)
    if found:
        return found
    entry = entry_of(name)
    target = cache_folder() / entry.file_name
    failed_at, message = _failed.get((name, target), (-RETRY_AFTER_S, ""))
    if time.monotonic() - failed_at < RETRY_AFTER_S and message:
        raise WeightsError(message)
    print(f"downloading {entry.file_name} ({entry.size / 2**20:.1f} MB): {entry.what}; licence: {entry.licence}")
    reasons = []
    for url in entry.urls:
        try:
            return fetch(url, target, sha256=entry.sha256, size=entry.size, timeout_s=timeout_s, attempts=attempts)
        except DownloadError as error:
            reasons.append(str(error))
    message = (
        f"{entry.file_name} could not be downloaded ({'; '.join(reasons)}). Get it by hand, put it into a folder, and"
        " name that folder in S2F_WEIGHTS"
    )
    _failed[(name, target)] = (time.monotonic(), message)
    raise WeightsError(message)
