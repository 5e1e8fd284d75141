"""Near-duplicates of pictures, by a perceptual hash and then by their pixels."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_utils.pictures.images import luminance

# Measured on CUFS: JPEG 30, a quarter of the size, contrast, 30 % darker, 25 % brighter, 1 % cut
# off differ in at most 36 of 256 bits, and correlate by 0.968 and more (sketches cut by 1 %:
# 0.960). Different people: 34 bits and more, and at most 0.92. Three of 18 million pairs of drawn
# faces correlate by 0.97 to 0.98; compressed, resized or darkened copies by 0.996 and more.
MAX_BITS = 36
MIN_CORRELATION = 0.968
SURE_CORRELATION = 0.985
ROWS_AT_ONCE = 512
SIDE_PX = 48  # of what `correlation` compares
# Keys of notes in PNG files: of a picture, and of the photo that it was cut out of.
OWN_NOTE = "print"
SOURCE_NOTE = "source_print"


@dataclass(frozen=True)
class Duplicate:
    """Two near-duplicates, by their indices, and the correlation of their grey values."""

    first: int
    second: int
    correlation: float

    @property
    def sure(self) -> bool:
        """Whether these are certainly copies; others are for people to review."""
        return self.correlation >= SURE_CORRELATION


def perceptual_hash(photo: np.ndarray) -> str:
    """A 256-bit perceptual hash (DCT of the grey picture at 64 px) as 64 hexadecimal digits."""
    import imagehash

    return str(imagehash.phash(Image.fromarray(photo), hash_size=16))


def near_pairs(
    hashes: Sequence[str], groups: Sequence[object] | None = None
) -> list[tuple[int, int]]:
    """Indices (i < j) of hashes, 64 hexadecimal digits or empty, that differ in at most `MAX_BITS`,
    and in `groups`.
    """
    known = [n for n, text in enumerate(hashes) if text]
    if len(known) < 2:
        return []
    digits = bytes.fromhex("".join(hashes[n] for n in known))
    packed = np.frombuffer(digits, np.uint8).reshape(len(known), -1)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1  # (N, bits)
    near = []
    for start in range(0, len(known), ROWS_AT_ONCE):
        agreeing = signs[start : start + ROWS_AT_ONCE] @ signs.T
        num_differing = (signs.shape[1] - agreeing) / 2
        for row, column in zip(*np.nonzero(num_differing <= MAX_BITS), strict=True):
            first, second = known[start + int(row)], known[int(column)]
            if first < second and (groups is None or groups[first] != groups[second]):
                near.append((first, second))
    return near


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Grey values at 48 px, for `correlation`: uint8 (H, W, 3) → uint8 (48, 48)."""
    return np.asarray(
        Image.fromarray(luminance(image)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    )


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of two thumbnails, in [-1, 1]."""
    a = first.astype(np.float64) - first.mean()
    b = second.astype(np.float64) - second.mean()
    spread = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / spread) if spread else 1.0


@dataclass(frozen=True)
class Hashes:
    """A picture's perceptual hash, 64 hexadecimal digits, and its thumbnail, uint8 (48, 48)."""

    phash: str
    thumbnail: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> Hashes:
        """The hashes of a picture, uint8 (H, W, 3)."""
        return cls(perceptual_hash(image), thumbnail(image))

    def as_note(self) -> str:
        """As text, for the notes of `images.save`."""
        return f"{self.phash} {base64.b64encode(self.thumbnail.tobytes()).decode('ascii')}"

    @classmethod
    def from_note(cls, text: str) -> Hashes:
        """The inverse of `as_note`."""
        phash, _, pixels = text.partition(" ")
        return cls(
            phash, np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(SIDE_PX, SIDE_PX)
        )


def hashes_of(notes: Mapping[str, str], own: Hashes | None = None) -> tuple[Hashes, ...]:
    """The hashes of a picture, and of the photo that it was cut out of; () where none are known.

    notes: of the picture's file. own: the picture's, where they are known; else by its notes. A
    picture that was not cut out of another has its own hashes twice.
    """
    if own is None and OWN_NOTE in notes:
        own = Hashes.from_note(notes[OWN_NOTE])
    source = Hashes.from_note(notes[SOURCE_NOTE]) if SOURCE_NOTE in notes else own
    return tuple(hashes for hashes in (own, source) if hashes is not None)


def find_duplicates(
    hashes: Sequence[Sequence[Hashes]],
    groups: Sequence[object] | None = None,
    *,
    progress: bool = False,
) -> list[Duplicate]:
    """Near-duplicates by hash and `correlation`, of pictures or of their sources, where `groups`
    differ. hashes: of each picture, as of `hashes_of`.
    """
    from tqdm.auto import tqdm

    correlations: dict[tuple[int, int], float] = {}
    for kind in range(2):
        known = [of_picture[kind] if of_picture else None for of_picture in hashes]
        pairs = near_pairs([one.phash if one else "" for one in known], groups)
        silent = not progress or len(pairs) < 1000
        for first, second in tqdm(pairs, unit="pair", desc="duplicates", disable=silent):
            value = correlation(known[first].thumbnail, known[second].thumbnail)
            if value >= MIN_CORRELATION:
                before = correlations.get((first, second), 0.0)
                correlations[first, second] = max(value, before)
    return [Duplicate(*pair, value) for pair, value in sorted(correlations.items())]
