"""What file and folder names say: sketch or photo, which split, which person, and which names
belong together.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

SKETCH_WORDS = frozenset({"sketch", "sketches", "sketchs", "drawing", "drawings"})
PHOTO_WORDS = frozenset({"photo", "photos", "photograph", "photographs"})
MASK_WORDS = frozenset({"mask", "masks", "labels", "labelmaps", "segmentation", "segmentations"})
SIDE_WORDS = {"sketch": SKETCH_WORDS, "photo": PHOTO_WORDS, "mask": MASK_WORDS}
# Words that mean a side only when a folder's name has no others: "A" and "real_images" do,
# "images_of_line_A" does not.
WEAK_SKETCH_WORDS = frozenset({"a", "edge", "edges", "line", "lines", "lineart", "pencil"})
WEAK_PHOTO_WORDS = frozenset(
    {
        "b",
        "image",
        "images",
        "img",
        "imgs",
        "face",
        "faces",
        "portrait",
        "portraits",
        "picture",
        "pictures",
        "gt",
        "real",
    }
)
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
    """A folder name's words and numbers without those for side and split: what two folders of pairs
    share.
    """
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", unicodedata.normalize("NFC", folder))
    tokens = [token.casefold() for token in re.findall(r"[^\W\d_]+|\d+", spaced)]
    spoken = SKETCH_WORDS | PHOTO_WORDS | MASK_WORDS | WEAK_SKETCH_WORDS | WEAK_PHOTO_WORDS
    return [token for token in tokens if token not in spoken and token not in SPLIT_WORDS]


def side_of(folder: str) -> str | None:
    """Whether a folder's name says "sketch", "photo" or "mask"; None when it says none of them, or
    several.
    """
    said = [word for word in words(folder) if word not in SPLIT_WORDS]
    strong = [side for side, spoken in SIDE_WORDS.items() if spoken.intersection(said)]
    if strong:
        return strong[0] if len(strong) == 1 else None
    weak = {"sketch": WEAK_SKETCH_WORDS, "photo": WEAK_PHOTO_WORDS}
    return next((side for side, spoken in weak.items() if said and spoken.issuperset(said)), None)


def side_of_file(stem: str) -> str:
    """The side that the first or the last word of a file's name says ("anna_sketch", "Photo 12");
    "" for none.
    """
    said = words(stem)
    ends = {said[0], said[-1]} if said else set()
    spoken = [side for side, of_side in SIDE_WORDS.items() if ends & of_side]
    return spoken[0] if len(spoken) == 1 else ""


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
    side = "|".join(sorted(SKETCH_WORDS | PHOTO_WORDS | MASK_WORDS, key=len, reverse=True))
    stem = unicodedata.normalize("NFC", stem).casefold().strip()
    return re.sub(rf"^({side})(?=[\W_\d]|$)[\W_]*|(?<=[\W_\d])({side})\W*$", "", stem).strip(
        " -_.()[]"
    )


def without_zeros(stem: str) -> str:
    """`without_side`, and without zeros before its numbers: "007_sketch" and "7" → "7"."""
    return re.sub(r"\d+", lambda digits: digits[0].lstrip("0") or "0", without_side(stem))


def wording(stem: str) -> str:
    """A stem with a # for each of its numbers: "img0012" → "img#"."""
    return re.sub(r"\d+", "#", stem.casefold())


def numbers(stem: str) -> tuple[int, ...]:
    """The numbers in a stem: "img0012" → (12,)."""
    return tuple(int(digits) for digits in re.findall(r"\d+", stem))


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
    """An id for each stem: the stem, with its qualifiers (split, folders) before it only where
    stems repeat.

    Names that differ by letter case alone count as the same, because they are the same file on
    macOS and Windows; what is still the same then gets "-2", "-3", … in the given order.
    """
    plain = [safe_id(stem) for stem in stems]
    longer = [safe_id("-".join([*q, s])) for s, q in zip(stems, qualifiers, strict=True)]
    ids = [
        b if repeats else a for a, b, repeats in zip(plain, longer, _repeats(plain), strict=True)
    ]
    taken = {
        name.casefold() for name, repeats in zip(ids, _repeats(ids), strict=True) if not repeats
    }
    for place, repeats in enumerate(_repeats(ids)):
        name, number = ids[place], 1
        while repeats and ids[place].casefold() in taken:
            number += 1
            ids[place] = f"{name}-{number}"
        taken.add(ids[place].casefold())
    return ids


def _repeats(names: Sequence[str]) -> list[bool]:
    seen: dict[str, int] = {}
    for name in names:
        seen[name.casefold()] = seen.get(name.casefold(), 0) + 1
    return [seen[name.casefold()] > 1 for name in names]


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


def nearest(name: str, candidates: Sequence[str], num: int = 1) -> list[str]:
    """The candidates most like `name`, at most `num`, the most alike first; [] when none is like
    it.
    """
    return difflib.get_close_matches(name, candidates, n=num, cutoff=0.6)
