"""Pictures that are there twice: nearly the same picture, by a perceptual hash and then by its pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from s2f_utils.pictures.images import luminance

# Near-duplicates, measured on CUFS: JPEG 30, a quarter of the size, contrast, 30 % darker, 25 % brighter, 1 % cut off
# differ in at most 36 of 256 bits, and their pixels then correlate by 0.968 and more (sketches cut by 1 %: 0.960).
# Different people: more than 56 bits for portraits, 44 and more for CUFS's sketches, 34 and more for its photos, of
# which none correlates by more than 0.92. Of 6,000 drawn faces, three pairs (of 18 million) correlate by 0.97 to 0.98,
# so that only what is above is called the same without a doubt: copies that were compressed, resized or darkened have
# 0.996 and more.
MAX_BITS = 36
MIN_CORRELATION, SURE_CORRELATION = 0.968, 0.985
ROWS_AT_ONCE = 512


@dataclass(frozen=True)
class Twins:
    """Two pictures, by their places, that are nearly the same, and how well their grey values correlate."""

    first: int
    second: int
    correlation: float

    @property
    def sure(self) -> bool:
        """Whether these are copies without a doubt; the others are for people to look at."""
        return self.correlation >= SURE_CORRELATION


def perceptual_hash(photo: np.ndarray) -> str:
    """A 256-bit perceptual hash (DCT of the grey picture at 64 px) as 64 hexadecimal digits."""
    import imagehash

    return str(imagehash.phash(Image.fromarray(photo), hash_size=16))


def near_pairs(hashes: Sequence[str], groups: Sequence[object] | None = None) -> list[tuple[int, int]]:
    """The places (i < j) of hashes, 64 hexadecimal digits each, that differ in at most `MAX_BITS`; with `groups`, only
    where the groups differ. An empty hash is near nothing.
    """
    known = [n for n, text in enumerate(hashes) if text]
    if len(known) < 2:
        return []
    packed = np.frombuffer(bytes.fromhex("".join(hashes[n] for n in known)), np.uint8).reshape(len(known), -1)
    signs = np.unpackbits(packed, axis=1).astype(np.float32) * 2 - 1
    bits = signs.shape[1]
    labels = np.unique([str(groups[n]) for n in known], return_inverse=True)[1] if groups is not None else None
    near = []
    for start in range(0, len(known), ROWS_AT_ONCE):
        differing = (bits - signs[start : start + ROWS_AT_ONCE] @ signs.T) / 2
        for row, column in zip(*np.nonzero(differing <= MAX_BITS), strict=True):
            first, second = start + int(row), int(column)
            if first < second and (labels is None or labels[first] != labels[second]):
                near.append((known[first], known[second]))
    return near


def thumbnail(image: np.ndarray, side_px: int = 48) -> np.ndarray:
    """What `correlation` compares: uint8 (H, W, 3) → the grey values at 48 px, uint8 (48, 48)."""
    return np.asarray(Image.fromarray(luminance(image)).resize((side_px, side_px), Image.Resampling.BOX))


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """How alike two thumbnails are, in [-1, 1]: the correlation of their grey values."""
    a, b = (image.astype(np.float64) - image.mean() for image in (first, second))
    spread = np.sqrt((a**2).sum() * (b**2).sum())
    return float((a * b).sum() / spread) if spread else 1.0


def find_twins(
    hashes: Sequence[str],
    load: Callable[[int], np.ndarray],
    groups: Sequence[object] | None = None,
    *,
    progress: bool = False,
) -> list[Twins]:
    """Pictures that are nearly the same: near by hash, and alike by `correlation` of what `load(place)` returns.

    groups: only pairs whose groups differ are looked at. Every picture is loaded once. progress: show a bar, if there
    is much to compare.
    """
    from tqdm.auto import tqdm

    pairs = near_pairs(hashes, groups)
    thumbnails: dict[int, np.ndarray] = {}
    twins = []
    for first, second in tqdm(pairs, unit="pair", desc="duplicates", disable=not progress or len(pairs) < 1000):
        for place in (first, second):
            if place not in thumbnails:
                thumbnails[place] = thumbnail(load(place))
        alike = correlation(thumbnails[first], thumbnails[second])
        if alike >= MIN_CORRELATION:
            twins.append(Twins(first, second, alike))
    return twins
