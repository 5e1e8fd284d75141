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
MIN_CORRELATION, SURE_CORRELATION = 0.968, 0.985
ROWS_AT_ONCE = 512
SIDE_PX = 48  # of what `correlation` compares
OWN_NOTE, SOURCE_NOTE = "print", "source_print"  # of a picture, and of what it was cut out of


@dataclass(frozen=True)
class Twins:
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
    packed = np.frombuffer(bytes.fromhex("".join(hashes[n] for n in known)), np.uint8).reshape(
        len(known), -1
    )
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1  # (N, bits)
    labels = (
        np.unique([str(groups[n]) for n in known], return_inverse=True)[1]
        if groups is not None
        else None
    )
    near = []
    for start in range(0, len(known), ROWS_AT_ONCE):
        differing = (signs.shape[1] - signs[start : start + ROWS_AT_ONCE] @ signs.T) / 2
        for row, column in zip(*np.nonzero(differing <= MAX_BITS), strict=True):
            first, second = start + int(row), int(column)
            if first < second and (labels is None or labels[first] != labels[second]):
                near.append((known[first], known[second]))
    return near


def thumbnail(image: np.ndarray) -> np.ndarray:
    """Grey values at 48 px, for `correlation`: uint8 (H, W, 3) → uint8 (48, 48)."""
    return np.asarray(
        Image.fromarray(luminance(image)).resize((SIDE_PX, SIDE_PX), Image.Resampling.BOX)
    )


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """The correlation of two thumbnails, in [-1, 1]."""
    a, b = (image.astype(np.float64) - image.mean() for image in (first, second))
    spread = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / spread) if spread else 1.0


@dataclass(frozen=True)
class Print:
    """A picture's fingerprint: its perceptual hash and its thumbnail, uint8 (48, 48)."""

    phash: str
    thumbnail: np.ndarray

    @classmethod
    def of(cls, image: np.ndarray) -> Print:
        """The print of a picture, uint8 (H, W, 3)."""
        return cls(perceptual_hash(image), thumbnail(image))

    def as_note(self) -> str:
        """The print as text, for `images.save`."""
        return f"{self.phash} {base64.b64encode(self.thumbnail.tobytes()).decode('ascii')}"

    @classmethod
    def from_note(cls, text: str) -> Print:
        """The inverse of `as_note`."""
        phash, _, pixels = text.partition(" ")
        return cls(
            phash, np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(SIDE_PX, SIDE_PX)
        )


def prints_of(notes: Mapping[str, str], own: Print | None = None) -> tuple[Print, ...]:
    """The prints of a picture, `own` or by its file's notes, and of what it was cut out of, by its
    notes or `own`.
    """
    own = own or (Print.from_note(notes[OWN_NOTE]) if OWN_NOTE in notes else None)
    return tuple(
        p for p in (own, Print.from_note(notes[SOURCE_NOTE]) if SOURCE_NOTE in notes else own) if p
    )


def find_twins(
    prints: Sequence[Sequence[Print]],
    groups: Sequence[object] | None = None,
    *,
    progress: bool = False,
) -> list[Twins]:
    """Near-duplicates by hash and `correlation` of one of their prints (`prints_of`), where
    `groups` differ.
    """
    from tqdm.auto import tqdm

    alike: dict[tuple[int, int], float] = {}
    for kind in range(2):
        known = [seen[kind] if seen else None for seen in prints]
        pairs = near_pairs([seen.phash if seen else "" for seen in known], groups)
        for pair in tqdm(
            pairs, unit="pair", desc="duplicates", disable=not progress or len(pairs) < 1000
        ):
            value = correlation(*(known[place].thumbnail for place in pair))
            if value >= MIN_CORRELATION:
                alike[pair] = max(value, alike.get(pair, 0.0))
    return [Twins(*pair, value) for pair, value in sorted(alike.items())]
