"""The pictures in a folder and all folders below it, and what the names of the folders say."""

from __future__ import annotations

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from data_prep import files
from data_prep.messages import printable
from s2f_utils.data import DataError
from s2f_utils.runtime import counted, what_to_do

# what systems, a NAS and pix2pix leave beside pictures
_SKIPPED_FOLDERS = ("__MACOSX", "@eaDir", "checkpoints")
_PART = re.compile(r"(\d{5})_[a-z_]+\.png")  # of a face, in CelebAMask-HQ
PARTS_FOLDER = "CelebAMask-HQ-mask-anno"
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")
_FILES_OF_A_SET = ("manifest.csv", "settings.json", "settings.partial.json")
MAX_SHOWN = 12
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


@dataclass(frozen=True)
class Picture:
    """One picture file. `folder` is its path's folders below the source; `sub` those below the
    sketch or photo folder.

    `side` is "sketch", "photo", "mask" or ""; `split` is "train", "val", "test" or ""; `group` are
    the words that the folders down to the side's have beside those for split and side, by which a
    folder of photos finds its folder of sketches.
    """

    path: Path
    folder: tuple[str, ...]
    side: str = ""
    split: str = ""
    group: tuple[str, ...] = ()
    sub: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        return Path(files.picture_name(self.path.name)).stem

    @property
    def shown(self) -> str:
        """The path below the source with forward slashes."""
        return printable("/".join([*self.folder, self.path.name]))


@dataclass
class Tree:
    """All pictures below `root`, sorted by path, the number of other files by suffix, what may be a
    data set's tables, and, of CelebAMask-HQ, the folder of a face's parts and where it lies, by
    number.
    """

    root: Path
    pictures: list[Picture] = field(default_factory=list)
    others: Counter[str] = field(default_factory=Counter)
    tables: list[Path] = field(default_factory=list)
    parts: dict[int, tuple[Path, tuple[str, ...]]] = field(default_factory=dict)

    def on_side(self, side: str) -> list[Picture]:
        return [picture for picture in self.pictures if picture.side == side]

    def text(self, name: str) -> str | None:
        """A text file of this name: in the source, up to two folders below it, or beside it; None
        if there is none.
        """
        for pattern in (name, f"*/{name}", f"*/*/{name}", f"../{name}"):
            for path in sorted(self.root.glob(pattern)):
                return path.read_text(encoding="utf-8", errors="replace")
        return None

    def describe(self) -> str:
        """The folders with their number of pictures and an example, at most `MAX_SHOWN` lines."""
        by_folder: dict[tuple[str, ...], list[Picture]] = {}
        for picture in self.pictures:
            by_folder.setdefault(picture.folder, []).append(picture)
        lines = [f"{self.root.name}/"]
        for folder, members in list(by_folder.items())[:MAX_SHOWN]:
            name = printable("/".join(folder)) + "/" if folder else "(directly in it)"
            example = printable(members[0].path.name)
            lines.append(f"    {name}  {counted(len(members), 'picture')}, e.g. {example}")
        if len(by_folder) > MAX_SHOWN:
            lines.append(f"    ... and {len(by_folder) - MAX_SHOWN} more folders")
        return "\n".join(lines)


def scan(root: str | os.PathLike) -> Tree:
    """Find all pictures below the folder `root`; hidden files and folders, and `_SKIPPED_FOLDERS`,
    are passed over, links to folders are followed once.

    Raises DataError when there is no such folder, when it may not be read, or when it has no
    pictures.
    """
    root = Path(root)
    if not root.exists():
        raise DataError(f"{printable(root)}: no such folder: check the path")
    if not root.is_dir():
        packed = root.suffix.lower() in _ARCHIVES
        hint = "unpack it and give the folder" if packed else "give the folder it lies in"
        raise DataError(f"{printable(root)}: expected a folder, got a file: {hint}")
    tree = Tree(root.resolve())
    _walk(tree)
    if not tree.pictures:
        packed = any(tree.others[suffix] for suffix in _ARCHIVES)
        hint = "unpack the archives in it" if packed else "check the path"
        raise DataError(f"{printable(root)}: no pictures in this folder or below it: {hint}")
    return tree


def _walk(tree: Tree) -> None:
    seen: set[str] = set()
    try:
        for folder, folders, members in os.walk(tree.root, onerror=_raise, followlinks=True):
            kept = (f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            folders[:] = sorted(kept)
            real = os.path.realpath(folder)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            for name in sorted(members):
                _add(tree, Path(folder) / name, Path(folder).relative_to(tree.root).parts)
    except OSError as error:
        raise DataError(f"the source cannot be read: {printable(what_to_do(error))}") from None


def _add(tree: Tree, path: Path, folder: tuple[str, ...]) -> None:
    if path.name.startswith("."):
        return
    part = _PART.fullmatch(path.name) if PARTS_FOLDER in folder else None
    if part:
        tree.parts[int(part[1])] = path.parent, folder
    elif files.is_picture(path.name):
        tree.pictures.append(placed(path, folder))
    else:
        tree.others[path.suffix.lower()] += 1
    if path.name in _FILES_OF_A_SET:
        tree.tables.append(path)


def _raise(error: OSError) -> None:
    raise error


def placed(path: Path, folder: tuple[str, ...]) -> Picture:
    """What the names of the folders say about a picture;
    the innermost folder that names a side counts.
    """
    split = split_of(folder)
    named = [depth for depth, name in enumerate(folder) if side_of(name)]
    if not named:
        return Picture(path, folder, split=split)
    depth = named[-1]
    side = side_of(folder[depth]) or ""
    top = folder[: depth + 1]
    while len(top) > 1 and side_of(top[-2]) == side:  # archives unpack to photos/photos
        top = top[:-1]
    group = tuple(token for name in top for token in group_tokens(name))
    return Picture(path, folder, side, split, group, _without_splits(folder[depth + 1 :]))


def relocated(picture: Picture, side: str, base: Path) -> Picture:
    """The same picture as one of `side`, whose folder the user has named: `base`."""
    folder = picture.path.parent.relative_to(base.resolve()).parts
    return Picture(picture.path, folder, side, split_of(folder), (), _without_splits(folder))


def _without_splits(folder: tuple[str, ...]) -> tuple[str, ...]:
    """The folders of a path that are not just a split's name."""
    return tuple(name for name in folder if not is_split_name(name))


def words_of(name: str) -> list[str]:
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
    sides = [side for side, known in SIDE_WORDS.items() if known.intersection(words_of(folder))]
    return sides[0] if len(sides) == 1 else None


def is_split_name(folder: str) -> bool:
    """Whether a folder's name says a split and nothing else."""
    return bool(words_of(folder)) and set(words_of(folder)) <= set(SPLIT_WORDS)


def split_of(folders: Iterable[str]) -> str:
    """The split that folder names give ("CUHK_testing_photos" → "test"), the innermost first; ""
    when none does.
    """
    for folder in reversed(list(folders)):
        splits = {SPLIT_WORDS[word] for word in words_of(folder) if word in SPLIT_WORDS}
        if len(splits) == 1:
            return splits.pop()
    return ""
