"""The pictures in a folder and all folders below it, and how they lie there."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from data_prep import names
from data_prep.errors import DataPrepError, explain, printable
from s2f_utils.images import is_image_name

_SKIPPED_FOLDERS = ("__MACOSX",)
_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".rar", ".7z")
MAX_SHOWN = 12


@dataclass(frozen=True)
class Picture:
    """One picture file. `folder` is its path's folders below the source; `sub` those below the sketch or photo folder.

    `side` is "sketch", "photo" or ""; `split` is "train", "val", "test" or ""; `group` are the words that the folders
    down to the side's have beside those for split and side, by which a folder of photos finds its folder of sketches.
    """

    path: Path
    folder: tuple[str, ...]
    side: str = ""
    split: str = ""
    group: tuple[str, ...] = ()
    sub: tuple[str, ...] = ()

    @property
    def stem(self) -> str:
        return self.path.stem

    @property
    def shown(self) -> str:
        """The path below the source with forward slashes."""
        return printable("/".join([*self.folder, self.path.name]))


@dataclass
class Tree:
    """All pictures below `root`, sorted by path, the number of other files by suffix, and `root` as it was given."""

    root: Path
    pictures: list[Picture]
    others: Counter[str] = field(default_factory=Counter)
    given: Path = Path()

    def on_side(self, side: str) -> list[Picture]:
        return [picture for picture in self.pictures if picture.side == side]

    def describe(self) -> str:
        """The folders with their number of pictures and an example, at most `MAX_SHOWN` lines."""
        counts: dict[tuple[str, ...], list[Picture]] = {}
        for picture in self.pictures:
            counts.setdefault(picture.folder, []).append(picture)
        lines = [f"{self.root.name}/"]
        for folder, members in list(counts.items())[:MAX_SHOWN]:
            name = printable("/".join(folder)) + "/" if folder else "(directly in it)"
            lines.append(f"    {name}  {len(members)} pictures, e.g. {printable(members[0].path.name)}")
        if len(counts) > MAX_SHOWN:
            lines.append(f"    ... and {len(counts) - MAX_SHOWN} more folders")
        if self.others:
            shown = ", ".join(f"{n} {suffix or 'without suffix'}" for suffix, n in self.others.most_common(4))
            lines.append(f"    other files: {shown}")
        return "\n".join(lines)


def scan(root: str | os.PathLike) -> Tree:
    """Find all pictures below `root`; hidden files and folders are passed over, links to folders are followed once.

    Raises DataPrepError when there is no such folder, when it may not be read, or when it has no pictures.
    """
    root = Path(root)
    if not root.exists():
        raise DataPrepError(f"{printable(root)}: no such folder: check the path")
    if not root.is_dir():
        hint = "unpack it and give the folder" if root.suffix.lower() in _ARCHIVES else "give the folder it lies in"
        raise DataPrepError(f"{printable(root)}: expected a folder, got a file: {hint}")
    tree = Tree(root.resolve(), [], given=root)
    seen: set[str] = set()
    try:
        for folder, folders, files in os.walk(root, onerror=_raise, followlinks=True):
            real = os.path.realpath(folder)
            folders[:] = sorted(f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS)
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            parts = Path(folder).relative_to(root).parts
            for name in sorted(files):
                if is_image_name(name):
                    tree.pictures.append(_placed(Path(folder) / name, parts))
                elif not name.startswith("."):
                    tree.others[Path(name).suffix.lower()] += 1
    except OSError as error:
        raise DataPrepError(f"the source cannot be read: {explain(error)}") from None
    if not tree.pictures:
        packed = sum(tree.others[suffix] for suffix in _ARCHIVES)
        hint = "unpack the archives in it first" if packed else "check the path"
        raise DataPrepError(f"{printable(root)}: no pictures in this folder or below it: {hint}")
    return tree


def _raise(error: OSError) -> None:
    raise error


def _placed(path: Path, folder: tuple[str, ...]) -> Picture:
    """What the names of the folders say about a picture; the innermost folder that names a side counts."""
    depth = max((n for n, name in enumerate(folder) if names.side_of(name)), default=None)
    split = names.split_of(folder)
    if depth is None:
        return Picture(path, folder, split=split)
    side = names.side_of(folder[depth]) or ""
    top = folder[: depth + 1]
    while len(top) > 1 and names.side_of(top[-2]) == side:  # archives unpack to photos/photos
        top = top[:-1]
    group = tuple(token for name in top for token in names.group_tokens(name))
    return Picture(path, folder, side, split, group, _without_splits(folder[depth + 1 :]))


def relocated(picture: Picture, side: str, base: Path) -> Picture:
    """The same picture as one of `side`, whose folder the user has named: `base`."""
    folder = picture.path.parent.relative_to(base).parts
    return Picture(picture.path, folder, side, names.split_of(folder), (), _without_splits(folder))


def _without_splits(folder: tuple[str, ...]) -> tuple[str, ...]:
    """The folders of a path that are not just a split's name."""
    return tuple(n for n in folder if not names.words(n) or set(names.words(n)) - set(names.SPLIT_WORDS))
