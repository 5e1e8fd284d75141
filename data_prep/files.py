"""Picture files wherever they lie: in a folder, in a zip archive, or packed with bzip2 as FERET's
are.

A picture in an archive has the path `archive.zip/folder/name.jpg`, as if the archive were a folder.
"""

from __future__ import annotations

import bz2
import errno
import functools
import io
import os
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from zipfile import ZipInfo

import numpy as np
from PIL import Image, ImageOps

from data_prep.errors import DataPrepError, printable
from s2f_utils.pictures import images, masks

TABLES = Path(__file__).parent / "sources"  # lists of portraits, of sets, and of splits
PACKED = ".bz2"
ALL_PARTS = "_*.png"  # after a face's number: all its part files in CelebAMask-HQ
OF_DAMAGED = (
    None,
    errno.EINVAL,
)  # an OSError's number: a decoder's own, and of a place before the file's start
MAX_PACKED_BYTES = 400_000_000  # what one packed picture may unpack to


def picture_name(name: str) -> str:
    """A file name without the suffix of its packing: "00001_930831_fa.ppm.bz2" →
    "00001_930831_fa.ppm".
    """
    return name[: -len(PACKED)] if name.lower().endswith(PACKED) else name


def is_picture(name: str) -> bool:
    """Whether a file name ends like a picture's, packed or not."""
    return images.is_image_name(picture_name(name))


def is_archive(path: Path) -> bool:
    """Whether this file is a zip archive by its name; its content is looked at when it is opened."""
    return path.suffix.lower() == ".zip" and path.is_file()


def archive_of(path: Path) -> Path | None:
    """The archive that a picture's path leads through, None if it is a plain file's."""
    return (
        next((parent for parent in path.parents if is_archive(parent)), None)
        if not path.exists()
        else None
    )


@functools.lru_cache(maxsize=4)
def _opened(
    archive: str, modified_ns: int, size: int, process: int
) -> tuple[zipfile.ZipFile, dict[str, ZipInfo]]:
    """One open archive for each process: reading its table of contents takes longer than a picture."""
    try:
        opened = zipfile.ZipFile(archive)
    except zipfile.BadZipFile:
        raise DataPrepError(
            f"{printable(archive)}: not a zip archive, or cut off: download it again"
        ) from None
    named = {
        PurePosixPath(info.filename.replace("\\", "/").lstrip("/")).as_posix(): info
        for info in opened.infolist()
    }
    return opened, {name: info for name, info in named.items() if not info.is_dir()}


def open_archive(path: Path) -> tuple[zipfile.ZipFile, dict[str, ZipInfo]]:
    """A zip archive, opened for reading, and its files by plain paths ("a/b"). DataPrepError when
    it is damaged.
    """
    state = path.stat()
    return _opened(str(path), state.st_mtime_ns, state.st_size, os.getpid())


def _member(path: Path) -> ZipInfo | None:
    """What an archive says of the file that a path leads to in it; None if there is no such archive
    or file.
    """
    archive = archive_of(path)
    return open_archive(archive)[1].get(path.relative_to(archive).as_posix()) if archive else None


def read_bytes(path: Path) -> bytes:
    """A file's content, from a folder or from an archive. Raises FileNotFoundError or ImageError."""
    archive, info = archive_of(path), _member(path)
    if archive is None:
        return path.read_bytes()
    if info is None:
        raise FileNotFoundError(f"{path}: no such file in the archive")
    if info.file_size > MAX_PACKED_BYTES:
        raise images.ImageError(f"{path}: {info.file_size:,} bytes are too many for a picture")
    try:
        with open_archive(archive)[0].open(info) as packed:
            return packed.read(MAX_PACKED_BYTES)  # whatever size it claims
    except RuntimeError:
        raise images.ImageError(
            f"{path}: the archive is encrypted: unpack it with its password first"
        ) from None
    except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, zlib.error) as error:
        if is_passing(error):
            raise
        raise images.ImageError(
            f"{path}: damaged in the archive ({error}): download it again"
        ) from None


def checksum(path: Path) -> int | None:
    """The CRC-32 of a file's content, packed; of `ALL_PARTS`, of all these files; None if none is
    there to be read.
    """
    if path.name.endswith(ALL_PARTS):
        return zlib.crc32(repr([checksum(part) for part in _parts_of(path).values()]).encode())
    if info := _member(path):
        return info.CRC
    return zlib.crc32(path.read_bytes()) if path.is_file() and os.access(path, os.R_OK) else None


def is_passing(error: Exception) -> bool:
    """Whether an error is not of the file that is read, but of the machine: no memory, too many
    files, a lost drive.
    """
    of_file = (
        isinstance(error, FileNotFoundError | PermissionError)
        or getattr(error, "errno", None) in OF_DAMAGED
    )
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and not of_file)


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
            raise images.ImageError(
                f"{path}: not a bzip2 file, or damaged ({error}): copy it again"
            ) from None
    return io.BytesIO(content)


def load_rgb(path: str | os.PathLike) -> np.ndarray:
    """A picture as uint8 (H, W, 3), wherever it lies; as `images.load_rgb`, but whatever fails is
    an ImageError.
    """
    return _load(images.load_rgb, Path(path))


def size_px(path: str | os.PathLike) -> tuple[int, int]:
    """Width and height of a picture as it is meant to be seen, by its file's head. Raises
    ImageError.
    """
    return _load(_size, Path(path))


def _size(source: BinaryIO | Path, *, name: str) -> tuple[int, int]:
    with Image.open(source) as picture:
        tags = getattr(
            picture, "tag_v2", None
        )  # of a TIFF, whose size newer versions of Pillow have turned already
        size = (tags[256], tags[257]) if tags else picture.size
        return size[::-1] if picture.getexif().get(0x0112, 1) >= 5 else size


def load_labels(path: str | os.PathLike) -> np.ndarray:
    """A label map as uint8 (H, W), wherever it lies; as `masks.read`, but whatever fails is an
    ImageError.

    A name that ends in `ALL_PARTS` stands for a face's part files of CelebAMask-HQ, which are
    joined.
    """
    path = Path(path)
    if not path.name.endswith(ALL_PARTS):
        return _load(masks.read, path)
    parts = {name: _load(_load_part, file) for name, file in _parts_of(path).items()}
    try:
        return masks.join_parts(parts)
    except masks.MaskError as error:
        raise images.ImageError(f"{path}: {error}") from None


def _parts_of(path: Path) -> dict[str, Path]:
    """The part files that are there, by class."""
    start = path.name.removesuffix(ALL_PARTS)
    files = {name: path.with_name(f"{start}_{name}.png") for name in masks.CLASSES[1:]}
    return {name: file for name, file in files.items() if file.is_file() or _member(file)}


def _load_part(source: BinaryIO | Path, *, name: str) -> np.ndarray:
    with Image.open(source) as picture:
        return np.asarray(ImageOps.exif_transpose(picture).convert("L"))


def notes_of(path: str | os.PathLike) -> dict[str, str]:
    """The notes in a picture's file, as `images.read_notes`; {} for anything but a PNG in a folder."""
    path = Path(path)
    return images.read_notes(path) if path.suffix.lower() == ".png" and path.is_file() else {}


def content_box(path: str | os.PathLike) -> tuple[int, int, int, int] | None:
    """The place of a padded picture in its file: (left, top, width, height); None if it is not
    padded.
    """
    return images.read_content_box(path) if "content" in notes_of(path) else None


def without_padding(image: np.ndarray, path: str | os.PathLike, photo: str = "") -> np.ndarray:
    """A picture without its padding, by its notes, or, as editors lose them, its photo's where both
    have one size.
    """
    found, whole = content_box(photo), image.shape[1::-1]
    left, top, width, height = (
        content_box(path) or (found and size_px(photo) == whole and found) or (0, 0, *whole)
    )
    return image[top : top + height, left : left + width]


def _load(load: Callable[..., Any], path: Path) -> Any:
    try:
        return load(open_picture(path), name=str(path))
    except (images.ImageError, DataPrepError):
        raise
    except FileNotFoundError:
        raise images.ImageError(f"{path}: no such file, or a link to one that is gone") from None
    except (
        Exception
    ) as error:  # a damaged file can fail anywhere in its decoder, and must not end the run
        if is_passing(error):
            raise
        raise images.ImageError(
            f"{path}: cannot be read ({error or type(error).__name__})"
        ) from None
