"""Picture files wherever they lie: in a folder, in a zip archive, or packed with bzip2 as FERET's are.

A picture in an archive has the path `archive.zip/folder/name.jpg`, as if the archive were a folder.
"""

from __future__ import annotations

import bz2
import functools
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from data_prep.errors import DataPrepError, printable
from s2f_utils.pictures import images, masks

PACKED = ".bz2"
ALL_PARTS = "_*.png"  # after a face's number: all its part files in CelebAMask-HQ
MAX_PACKED_BYTES = 400_000_000  # what one packed picture may unpack to


def picture_name(name: str) -> str:
    """A file name without the suffix of its packing: "00001_930831_fa.ppm.bz2" → "00001_930831_fa.ppm"."""
    return name[: -len(PACKED)] if name.lower().endswith(PACKED) else name


def is_picture(name: str) -> bool:
    """Whether a file name ends like a picture's, packed or not."""
    return images.is_image_name(picture_name(name))


def is_archive(path: Path) -> bool:
    """Whether this file is a zip archive by its name; its content is looked at when it is opened."""
    return path.suffix.lower() == ".zip" and path.is_file()


def archive_of(path: Path) -> Path | None:
    """The archive that a picture's path leads through, None if it is a plain file's."""
    return next((parent for parent in path.parents if is_archive(parent)), None) if not path.exists() else None


@functools.lru_cache(maxsize=4)
def _opened(archive: str, modified_ns: int, size: int, process: int) -> zipfile.ZipFile:
    """One open archive for each process: reading its table of contents takes longer than a picture."""
    try:
        return zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise DataPrepError(f"{printable(archive)}: not a zip archive, or cut off: download it again") from None


def open_archive(path: Path) -> zipfile.ZipFile:
    """A zip archive, opened for reading. Raises DataPrepError when it is damaged."""
    state = path.stat()
    return _opened(str(path), state.st_mtime_ns, state.st_size, os.getpid())


def read_bytes(path: Path) -> bytes:
    """A file's content, from a folder or from an archive. Raises FileNotFoundError or ImageError."""
    archive = archive_of(path)
    if archive is None:
        return path.read_bytes()
    inside = path.relative_to(archive).as_posix()
    try:
        return open_archive(archive).read(inside)
    except KeyError:
        raise FileNotFoundError(f"{path}: no such file in the archive") from None
    except RuntimeError:
        raise images.ImageError(f"{path}: the archive is encrypted: unpack it with its password first") from None
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error) as error:
        raise images.ImageError(f"{path}: damaged in the archive ({error}): download it again") from None


def size_of(path: Path) -> int:
    """A file's size in bytes, packed; -1 if there is none."""
    archive = archive_of(path)
    if archive is None:
        return path.stat().st_size if path.exists() else -1
    try:
        return open_archive(archive).getinfo(path.relative_to(archive).as_posix()).file_size
    except KeyError:
        return -1


def open_picture(path: Path) -> BinaryIO | Path:
    """What `images.load_rgb` can read: the path itself, or the unpacked content. Raises ImageError."""
    packed = path.name.lower().endswith(PACKED)
    if not packed and path.exists():
        return path
    content = read_bytes(path)
    if packed:
        try:
            unpacked = bz2.BZ2Decompressor()
            content = unpacked.decompress(content, MAX_PACKED_BYTES)
            if not unpacked.eof:
                raise OSError("it ends too early, or is too large")
        except OSError as error:
            raise images.ImageError(f"{path}: not a bzip2 file, or damaged ({error}): copy it again") from None
    return io.BytesIO(content)


def load_rgb(path: str | os.PathLike) -> np.ndarray:
    """A picture as uint8 (H, W, 3), wherever it lies; as `images.load_rgb`, but whatever fails is an ImageError."""
    return _load(images.load_rgb, Path(path))


def size_px(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, by its file's head. Raises ImageError."""
    return _load(_size, Path(path))


def _size(source: BinaryIO | Path, *, name: str) -> tuple[int, int]:
    with Image.open(source) as picture:
        tags = getattr(picture, "tag_v2", None)  # of a TIFF, whose size newer versions of Pillow have turned already
        size = (tags[256], tags[257]) if tags else picture.size
        return size[::-1] if picture.getexif().get(0x0112, 1) >= 5 else size


def load_labels(path: str | os.PathLike) -> np.ndarray:
    """A label map as uint8 (H, W), wherever it lies; as `masks.read`, but whatever fails is an ImageError.

    A name that ends in `ALL_PARTS` stands for a face's part files of CelebAMask-HQ, which are joined.
    """
    path = Path(path)
    if not path.name.endswith(ALL_PARTS):
        return _load(masks.read, path)
    start = path.name.removesuffix(ALL_PARTS)
    files = {name: path.with_name(f"{start}_{name}.png") for name in masks.CLASSES[1:]}
    parts = {name: _load(_load_part, file) for name, file in files.items() if size_of(file) >= 0}
    try:
        return masks.join_parts(parts)
    except masks.MaskError as error:
        raise images.ImageError(f"{path}: {error}") from None


def _load_part(source: BinaryIO | Path, *, name: str) -> np.ndarray:
    with Image.open(source) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("L"))


def notes_of(path: str | os.PathLike) -> dict[str, str]:
    """The notes in a picture's file, as `images.read_notes`; {} for anything but a PNG in a folder."""
    path = Path(path)
    return images.read_notes(path) if path.suffix.lower() == ".png" and path.is_file() else {}


def without_padding(image: np.ndarray, path: str | os.PathLike) -> np.ndarray:
    """The part of a picture that is not padding, by its file's metadata; the picture itself if it is not padded."""
    if "content" not in notes_of(path):
        return image
    left, top, width, height = images.read_content_box(path)
    return image[top : top + height, left : left + width]


def _load(load: Callable[..., Any], path: Path) -> Any:
    try:
        return load(open_picture(path), name=str(path))
    except (images.ImageError, DataPrepError):
        raise
    except FileNotFoundError:
        raise images.ImageError(f"{path}: no such file, or a link to one that is gone") from None
    except Exception as error:  # a damaged file can fail anywhere in its decoder, and must not end the run
        raise images.ImageError(f"{path}: cannot be read ({error or type(error).__name__})") from None
