"""Picture files as data sets have them: plain, packed with bzip2 as FERET's are, padded, or the
parts of a label map.
"""

from __future__ import annotations

import bz2
import errno
import io
import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from s2f_utils.data import DataError
from s2f_utils.pictures import images, masks

TABLES = Path(__file__).parent / "sources"  # lists of portraits, of sets, and of splits
PACKED = ".bz2"
ALL_PARTS = "_*.png"  # after a face's number: all its part files in CelebAMask-HQ
# errno of an OSError that a damaged file raises: a decoder's, and a seek before the file's start
DAMAGED_ERRNO = (None, errno.EINVAL)
MAX_PACKED_BYTES = 400_000_000  # what one packed picture may unpack to
ORIENTATION, TURNED = 0x0112, 5  # the EXIF tag; from this value on width and height are exchanged
TIFF_WIDTH, TIFF_HEIGHT = 256, 257


def picture_name(name: str) -> str:
    """A file name without the suffix of its packing: "a_fa.ppm.bz2" → "a_fa.ppm"."""
    return name[: -len(PACKED)] if name.lower().endswith(PACKED) else name


def is_picture(name: str) -> bool:
    """Whether a file name ends like a picture's, packed or not."""
    return images.is_image_name(picture_name(name))


def checksum(path: Path) -> int | None:
    """The CRC-32 of a file's content; of `ALL_PARTS`, of all these files; None: not readable."""
    if path.name.endswith(ALL_PARTS):
        checksums = [checksum(part) for part in _parts_of(path).values()]
        return zlib.crc32(repr(checksums).encode())
    if not path.is_file() or not os.access(path, os.R_OK):
        return None
    return zlib.crc32(path.read_bytes())


def is_passing(error: Exception) -> bool:
    """Whether an error is the machine's, not the file's: no memory, a lost drive, …."""
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, OSError) or isinstance(error, FileNotFoundError | PermissionError):
        return False
    return error.errno not in DAMAGED_ERRNO


def open_picture(path: Path) -> BinaryIO | Path:
    """What `images.load_rgb` can read: the path, or the unpacked content. Raises ImageError."""
    if not path.name.lower().endswith(PACKED):
        return path
    unpacker = bz2.BZ2Decompressor()
    try:
        content = unpacker.decompress(path.read_bytes(), MAX_PACKED_BYTES)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise _not_unpacked(path, str(error)) from None
    if not unpacker.eof:
        raise _not_unpacked(path, "it ends too early, or is too large")
    return io.BytesIO(content)


def _not_unpacked(path: Path, reason: str) -> images.ImageError:
    return images.ImageError(f"{path}: not a bzip2 file, or damaged ({reason}): copy it again")


def load_rgb(path: str | os.PathLike) -> np.ndarray:
    """A picture as uint8 (H, W, 3); as `images.load_rgb`, but whatever fails is an ImageError."""
    return _load(images.load_rgb, Path(path))


def size_px(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of a picture as it is seen, by its file's header. Raises ImageError."""
    return _load(_size, Path(path))


def _size(source: BinaryIO | Path, *, name: str) -> tuple[int, int]:
    with Image.open(source) as picture:
        size = picture.size
        tags = getattr(picture, "tag_v2", None)  # newer versions of Pillow turn a TIFF's size
        if tags:
            size = tags[TIFF_WIDTH], tags[TIFF_HEIGHT]
        return size[::-1] if picture.getexif().get(ORIENTATION, 1) >= TURNED else size


def load_labels(path: str | os.PathLike) -> np.ndarray:
    """A label map as uint8 (H, W); as `masks.read`, but whatever fails is an ImageError.

    A name that ends in `ALL_PARTS` stands for a face's part files of CelebAMask-HQ, which are
    joined.
    """
    path = Path(path)
    if not path.name.endswith(ALL_PARTS):
        return _load(masks.read, path)
    parts = {name: _load(_load_part, file) for name, file in _parts_of(path).items()}
    try:
        return masks.join_parts(parts)
    except images.ImageError as error:
        raise images.ImageError(f"{path}: {error}") from None


def _parts_of(path: Path) -> dict[str, Path]:
    """The part files that exist, by class."""
    start = path.name.removesuffix(ALL_PARTS)
    files = {name: path.with_name(f"{start}_{name}.png") for name in masks.CLASSES[1:]}
    return {name: file for name, file in files.items() if file.is_file()}


def _load_part(source: BinaryIO | Path, *, name: str) -> np.ndarray:
    with Image.open(source) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("L"))


def notes_of(path: str | os.PathLike) -> dict[str, str]:
    """The notes in a picture's file, as `images.read_notes`; {} for anything but a PNG."""
    path = Path(path)
    return images.read_notes(path) if path.suffix.lower() == ".png" and path.is_file() else {}


def content_box(path: str | os.PathLike) -> tuple[int, int, int, int] | None:
    """The place of a padded picture in its file: (left, top, width, height); None: not padded."""
    return images.read_content_box(path) if "content" in notes_of(path) else None


def without_padding(image: np.ndarray, path: str | os.PathLike, photo: str = "") -> np.ndarray:
    """A picture (H, W, …) without its padding, by its notes, or, as editors lose them, by those of
    its photo where both have one size.
    """
    size = image.shape[1::-1]
    box = content_box(path)
    if box is None:
        box = content_box(photo)
        if box is None or size_px(photo) != size:
            return image
    left, top, width, height = box
    return image[top : top + height, left : left + width]


def _load(load: Callable[..., Any], path: Path) -> Any:
    try:
        return load(open_picture(path), name=str(path))
    except (images.ImageError, DataError):
        raise
    except FileNotFoundError:
        raise images.ImageError(f"{path}: no such file, or a link to one that is gone") from None
    except Exception as error:  # a damaged file can fail anywhere in its decoder
        if is_passing(error):
            raise
        reason = str(error) or type(error).__name__
        raise images.ImageError(f"{path}: cannot be read ({reason})") from None
