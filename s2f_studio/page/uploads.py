"""Uploads of visitors, checked before they are decoded: bytes → a picture, or a message and an HTTP
status.

A format is recognised by the content; names and declared types are ignored. Only pixels leave this
module: EXIF's orientation is applied, and then all metadata is dropped.
"""

from __future__ import annotations

import base64
import io
import warnings

import numpy as np
from PIL import Image

from s2f_studio.refusal import Refusal
from s2f_utils.pictures import images, masks

MOST_BYTES = 20_000_000
MOST_PIXELS = 32_000_000
MOST_SIDE_PX, LEAST_SIDE_PX = 16_000, 16
KEPT_PX = 1600  # larger pictures are made smaller: a face of 256 px needs no more
MOST_SCANS = 20  # of a progressive JPEG, usually 10: each is a pass over all pixels
TAKEN = "PNG, JPEG, WebP, BMP and TIFF"
STARTS = {
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"\xff\xd8\xff": "JPEG",
    b"BM": "BMP",
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
}
OTHERS = {
    b"%PDF": "a PDF",
    b"GIF8": "a GIF",
    b"8BPS": "a Photoshop file",
    b"PK\x03\x04": "a zip archive or a document",
}


def format_of(content: bytes) -> str:
    """ "PNG", "JPEG", "WEBP", "BMP" or "TIFF", by the first bytes. Raises Refusal (415; 422 for no
    bytes).
    """
    if not content:
        raise Refusal(422, "the file is empty: choose a picture")
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "WEBP"
    for start, name in STARTS.items():
        if content.startswith(start):
            return name
    what = "text" if min(content[:1024]) >= 9 else "no picture"
    what = next((other for start, other in OTHERS.items() if content.startswith(start)), what)
    if content[4:8] == b"ftyp":
        what = "a HEIC, an AVIF or a video"
    raise Refusal(
        415,
        f"this is {what}, whatever its name says: {TAKEN} are taken; save the picture as one of"
        " these",
    )


def read(content: bytes, reads: str) -> np.ndarray:
    """Read an upload for a model's kind of input, by `read_map` or `read_picture`. Raises
    Refusal.
    """
    return read_map(content) if reads == "map" else read_picture(content)


def read_picture(content: bytes) -> np.ndarray:
    """An uploaded drawing or photo, upright, with white for transparent pixels: uint8 (H, W, 3),
    its longer side at most `KEPT_PX`.

    Raises Refusal for anything else; nothing is decoded before its size is known.
    """
    with _opened(content) as (picture, name):
        if name == "JPEG":
            picture.draft(
                None, (KEPT_PX, KEPT_PX)
            )  # large ones are decoded at a half, a quarter or an eighth
        return images.rgb_of(_smaller(picture))


def read_map(content: bytes) -> np.ndarray:
    """An uploaded label map, of class numbers or in CelebAMask-HQ's colours: uint8 (H, W).

    Raises Refusal as `read_picture` does, and for pictures that are no map.
    """
    with _opened(content) as (picture, name):
        if name == "JPEG":
            raise Refusal(
                422, "a label map must be saved without losses: JPEG mixes its classes; use PNG"
            )
        if picture.width * picture.height > KEPT_PX**2:
            raise Refusal(
                413,
                f"a label map may have {KEPT_PX} x {KEPT_PX} pixels at most: the model reads 256",
            )
    try:
        labels = masks.read(io.BytesIO(content), name="the map")
        masks.resize(labels, LEAST_SIDE_PX)
    except images.ImageError as error:
        raise Refusal(422, f"no label map: {str(error).removeprefix('the map: ')}") from None
    return labels


def picture_in(uri: str, reads: str = "sketch") -> np.ndarray:
    """The picture in a data URI, as `read` returns it. Raises Refusal as `read` does."""
    try:
        return read(base64.b64decode(uri.partition(",")[2], validate=True), reads)
    except ValueError as error:
        raise error if isinstance(error, Refusal) else Refusal(422, "this is no picture") from None


class _opened:
    """A context that reads an upload's header and checks that it is harmless: (picture, format);
    decoding errors inside become Refusals.
    """

    def __init__(self, content: bytes) -> None:
        self.content = content

    def __enter__(self) -> tuple[Image.Image, str]:
        if len(self.content) > MOST_BYTES:
            raise too_large(len(self.content))
        name = format_of(self.content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.picture = Image.open(io.BytesIO(self.content), formats=[name])
        except (*BROKEN, Image.DecompressionBombError) as error:
            raise _damaged(name, error) from None
        _check_size(*self.picture.size)
        # Pillow counts a TIFF's pictures in quadratic time, n_frames; phones' JPEGs hold a preview
        # as well
        if name != "JPEG" and getattr(self.picture, "is_animated", False):
            raise Refusal(
                422, f"this {name} holds several pictures: save the one that is meant by itself"
            )
        if name == "JPEG" and self.content.count(b"\xff\xda") > MOST_SCANS:
            raise Refusal(422, f"this JPEG is made of more than {MOST_SCANS} scans: save it again")
        self.name = name
        return self.picture, name

    def __exit__(self, kind: type | None, error: BaseException | None, trace: object) -> None:
        self.picture.close()
        if isinstance(error, Refusal) or not isinstance(
            error, (*BROKEN, Image.DecompressionBombError)
        ):
            return
        raise _damaged(self.name, error) from None


# What Pillow's decoders raise for damaged files, also for malicious ones.
BROKEN = (
    *images.DAMAGED,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    MemoryError,
    AttributeError,
    ZeroDivisionError,
)


def too_large(size: int) -> Refusal:
    """The refusal of a file with so many bytes."""
    return Refusal(
        413,
        f"the file has {size / 1e6:,.1f} MB: {MOST_BYTES // 10**6} MB are the most that is"
        " taken; save a smaller copy",
    )


def _damaged(name: str, error: BaseException) -> Refusal:
    if isinstance(error, Image.DecompressionBombError):
        return Refusal(
            413, f"this {name} has too many pixels: {MOST_PIXELS // 10**6} million are the most"
        )
    reason = (
        str(error).splitlines()[0][:100]
        if str(error) and "BytesIO" not in str(error)
        else "it cannot be read"
    )
    return Refusal(422, f"this {name} is damaged or cut off ({reason}): copy or save it again")


def _check_size(width: int, height: int) -> None:
    if max(width, height) > MOST_SIDE_PX or width * height > MOST_PIXELS:
        raise Refusal(
            413,
            f"the picture has {width} x {height} pixels: {MOST_PIXELS // 10**6} million, and"
            f" {MOST_SIDE_PX:,} on a"
            " side, are the most; save a smaller copy",
        )
    if min(width, height) < LEAST_SIDE_PX:
        raise Refusal(
            422,
            f"the picture has {width} x {height} pixels: {LEAST_SIDE_PX} are needed each way,"
            " 256 are better",
        )


def _smaller(picture: Image.Image) -> Image.Image:
    """The picture with a longer side of `KEPT_PX` at most, its EXIF orientation not yet applied."""
    scale = KEPT_PX / max(picture.size)
    if scale >= 1:
        return picture
    size = tuple(max(LEAST_SIDE_PX, round(side * scale)) for side in picture.size)
    orientation = picture.getexif()
    clear = picture.mode in ("PA", "LA") or (
        "transparency" in picture.info and not picture.mode.startswith("I")
    )
    if clear or picture.mode in ("P", "1", "CMYK", "YCbCr", "LAB", "HSV"):
        small = picture.convert("RGBA" if clear else "RGB").resize(size, Image.Resampling.BOX)
    else:
        small = picture.resize(size, Image.Resampling.BOX)
    small.info.pop("transparency", None)
    small.getexif().update(orientation)
    return small
