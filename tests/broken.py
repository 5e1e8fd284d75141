"""Faults put into a copy of a good set, for the tests of the doctor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps


@dataclass(frozen=True)
class Pair:
    sketch: Path
    photo: Path


def _open(path: Path) -> Image.Image:
    with Image.open(path) as picture:
        return picture.convert("RGB")


def _truncate(pair: Pair, _: Pair) -> None:
    content = pair.photo.read_bytes()
    pair.photo.write_bytes(content[: len(content) // 3])


def _exchange(first: Path, second: Path) -> None:
    mine, theirs = first.read_bytes(), second.read_bytes()
    first.write_bytes(theirs)
    second.write_bytes(mine)


def _copy_to(pair: Pair, other: Pair, change: Callable[[Image.Image], Image.Image] | None) -> None:
    for source, target in ((pair.sketch, other.sketch), (pair.photo, other.photo)):
        path = target.with_name(f"x-{pair.photo.stem}{source.suffix}")
        if change is None:
            path.write_bytes(source.read_bytes())
        else:
            change(_open(source)).save(path)


def _recoded(picture: Image.Image) -> Image.Image:
    """Half the size and back, a little brighter: what somebody's phone does to a picture."""
    small = picture.resize((picture.width // 2, picture.height // 2))
    return small.resize(picture.size).point(lambda v: min(255, round(1.06 * v)))


# name → (the findings that it must give, what it does to a pair, with another pair of the other
# split at hand)
FAULTS: dict[str, tuple[set[str], Callable[[Pair, Pair], object]]] = {
    "renamed": (
        {"unmatched"},
        lambda pair, _: pair.sketch.rename(pair.sketch.with_name(f"zz{pair.sketch.name}")),
    ),
    "truncated": ({"unreadable"}, _truncate),
    "a text file": ({"unreadable"}, lambda pair, _: pair.sketch.write_text("not a picture")),
    "twice": ({"duplicate"}, lambda pair, _: _copy_to(pair, pair, None)),
    "in both splits": ({"leak"}, lambda pair, other: _copy_to(pair, other, _recoded)),
    "blank": (
        {"blank"},
        lambda pair, _: Image.new("RGB", _open(pair.sketch).size, "white").save(pair.sketch),
    ),
    "inverted": (
        {"inverted"},
        lambda pair, _: ImageOps.invert(_open(pair.sketch)).save(pair.sketch),
    ),
    "sketch as photo": (
        {"wrong_side"},
        lambda pair, other: _open(other.sketch).transpose(0).save(pair.photo),
    ),
    "exchanged": ({"mismatch"}, lambda pair, other: _exchange(pair.sketch, other.sketch)),
    "squeezed": (
        {"sizes"},
        lambda pair, _: (
            _open(pair.sketch).resize((100, _open(pair.sketch).height)).save(pair.sketch)
        ),
    ),
    "the other way round": ({"swapped"}, lambda pair, _: _exchange(pair.sketch, pair.photo)),
}
