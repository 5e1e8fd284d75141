"""What file and folder names say:
sketch or photo, which split, which person, and which names belong together.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

SIDE_WORDS = {
    "sketch": frozenset({"sketch", "sketches", "drawing", "drawings"}),
    "photo": frozenset({"photo", "photos", "portrait", "portraits"}),
    "mask": frozenset({"mask", "masks"}),
}
SPLIT_WORDS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
_RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{d}{n}" for d in ("com", "lpt") for n in range(1, 10))}
)
MAX_ID_BYTES = 120

T = TypeVar("T")


def words(name: str) -> list[str]:
    """The words of a name in lower case: "CUHK_training_photos" → cuhk, training, photos; "trainA"
    → train, a.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", name))
    return [word.casefold() for word in re.findall(r"[^\W\d_]+", spaced)]


def group_tokens(folder: str) -> list[str]:
    """A folder name's words and numbers without those for side and split:
    what two folders of pairs share.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", folder))
    tokens = [token.casefold() for token in re.findall(r"[^\W\d_]+|\d+", spaced)]
    known = frozenset().union(*SIDE_WORDS.values())
    return [token for token in tokens if token not in known and token not in SPLIT_WORDS]


def side_of(folder: str) -> str | None:
    """Whether a folder's name says "sketch", "photo" or "mask"; None for none, or several."""
    sides = [side for side, known in SIDE_WORDS.items() if known.intersection(words(folder))]
    return sides[0] if len(sides) == 1 else None


def is_split_name(folder: str) -> bool:
    """Whether a folder's name says a split and nothing else."""
    return bool(words(folder)) and set(words(folder)) <= set(SPLIT_WORDS)


def split_of(folders: Iterable[str]) -> str:
    """The split that folder names give ("CUHK_testing_photos" → "test"), the innermost first; ""
    when none does.
    """
    for folder in reversed(list(folders)):
        splits = {SPLIT_WORDS[word] for word in words(folder) if word in SPLIT_WORDS}
        if len(splits) == 1:
            return splits.pop()
    return ""


def without_side(stem: str) -> str:
    """A stem without a leading or trailing word for its side: "anna_sketch" and "photo-anna" →
    "anna", "photo" → "".
    """
    known = sorted(frozenset().union(*SIDE_WORDS.values()), key=len, reverse=True)
    side = "|".join(known)
    stem = unicodedata.normalize("NFC", stem).casefold().strip()
    bare = re.sub(rf"^({side})(?=[\W_\d]|$)[\W_]*|(?<=[\W_\d])({side})\W*$", "", stem)
    return bare.strip(" -_.()[]")


def without_zeros(stem: str) -> str:
    """`without_side`, and without zeros before its numbers: "007_sketch" and "7" → "7"."""
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", without_side(stem))


def safe_id(stem: str) -> str:
    """A stem as a file name that every system accepts; one that is safe already stays as it is."""
    name = unicodedata.normalize("NFC", stem.encode("utf-8", "replace").decode("utf-8"))
    name = re.sub(r'[<>:"/\\|?*\x00-\x1f\x7f]', "_", name).strip().rstrip(".")
    if not name or name.split(".")[0].casefold() in _RESERVED:
        name = f"_{name}"
    if len(name.encode()) > MAX_ID_BYTES:
        short = name.encode()[: MAX_ID_BYTES - 9].decode("utf-8", "ignore")
        name = f"{short}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return name


def unique_ids(stems: Sequence[str], qualifiers: Sequence[Sequence[str]]) -> list[str]:
    """An id for each stem:
    the stem, with its qualifiers (split, folders) before it only where stems repeat.

    Names that differ by letter case alone count as the same, because they are the same file on
    macOS and Windows; what is still the same then gets "-2", "-3", … in the given order.
    """
    ids = [safe_id(stem) for stem in stems]
    counts = Counter(name.casefold() for name in ids)
    for place, name in enumerate(ids):
        if counts[name.casefold()] > 1:
            ids[place] = safe_id("-".join([*qualifiers[place], stems[place]]))
    counts = Counter(name.casefold() for name in ids)
    taken = {name for name, count in counts.items() if count == 1}
    for place, name in enumerate(ids):
        if counts[name.casefold()] == 1:
            continue
        number = 1
        while ids[place].casefold() in taken:
            number += 1
            ids[place] = f"{name}-{number}"
        taken.add(ids[place].casefold())
    return ids


def match(
    sketches: Sequence[T], photos: Sequence[T], keys: Sequence[Callable[[T], object]]
) -> tuple[list[tuple[T, T]], list[T], list[T]]:
    """Pair sketches and photos whose keys are equal, strictly one to one.

    `keys` go from strict to loose; each is tried on what the ones before left over. A key that
    several sketches or several photos share pairs nothing, because any choice would be a guess.
    Returns the pairs, the sketches and the photos that are left over.
    """
    pairs: list[tuple[T, T]] = []
    for key in keys:
        by_key: dict[object, tuple[list[T], list[T]]] = {}
        for side, members in enumerate((sketches, photos)):
            for member in members:
                value = key(member)
                if value is not None:
                    by_key.setdefault(value, ([], []))[side].append(member)
        matched = [(s[0], p[0]) for s, p in by_key.values() if len(s) == len(p) == 1]
        pairs += matched
        done = {id(member) for pair in matched for member in pair}
        sketches = [member for member in sketches if id(member) not in done]
        photos = [member for member in photos if id(member) not in done]
    return pairs, list(sketches), list(photos)


def nearest(name: str, candidates: Sequence[str]) -> str:
    """The candidate most like `name`; "" when none is like it."""
    return next(iter(difflib.get_close_matches(name, candidates, n=1, cutoff=0.6)), "")
