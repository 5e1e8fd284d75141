"""The pictures in a folder and all folders below it, and how they lie there."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from data_prep import files
from data_prep.errors import DataPrepError, printable
from data_prep.layouts import names
from s2f_utils.runtime import counted, what_to_do

_SKIPPED_FOLDERS = (
    "__MACOSX",
    "@eaDir",
    "checkpoints",
)  # what systems, a NAS and pix2pix leave beside pictures
_PART = re.compile(r"(\d{5})_[a-z_]+\.png")  # of a face, in CelebAMask-HQ
PARTS_FOLDER = "CelebAMask-HQ-mask-anno"
_ARCHIVES = (".tar", ".gz", ".tgz", ".rar", ".7z")
MAX_SHOWN = 12


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
    """All pictures below `root`, sorted by path, the number of other files by suffix, `root` as it
    was given, what may be a data set's tables, and, of CelebAMask-HQ, the folder of a face's parts
    and where it lies, by number.
    """

    root: Path
    pictures: list[Picture]
    others: Counter[str] = field(default_factory=Counter)
    given: Path = Path()
    made: list[Path] = field(default_factory=list)
    parts: dict[int, tuple[Path, tuple[str, ...]]] = field(default_factory=dict)

    def on_side(self, side: str) -> list[Picture]:
        return [picture for picture in self.pictures if picture.side == side]

    def text(self, name: str) -> str | None:
        """A text file of this name: in the source, up to two folders below it, or beside it; None
        if not there.
        """
        if self.root.is_dir():
            for pattern in (name, f"*/{name}", f"*/*/{name}", f"../{name}"):
                for path in sorted(self.root.glob(pattern)):
                    return path.read_text(encoding="utf-8", errors="replace")
            return None
        for inside in sorted(files.open_archive(self.given)[1], key=len):
            if Path(inside).name == name and "__MACOSX" not in inside:
                return files.read_bytes(self.given / inside).decode("utf-8", errors="replace")
        return None

    def describe(self) -> str:
        """The folders with their number of pictures and an example, at most `MAX_SHOWN` lines."""
        counts: dict[tuple[str, ...], list[Picture]] = {}
        for picture in self.pictures:
            counts.setdefault(picture.folder, []).append(picture)
        lines = [f"{self.root.name}/"]
        for folder, members in list(counts.items())[:MAX_SHOWN]:
            name = printable("/".join(folder)) + "/" if folder else "(directly in it)"
            lines.append(
                f"    {name}  {counted(len(members), 'picture')}, e.g. {printable(members[0].path.name)}"
            )
        if len(counts) > MAX_SHOWN:
            lines.append(f"    ... and {len(counts) - MAX_SHOWN} more folders")
        if self.others:
            shown = ", ".join(
                f"{n} {suffix or 'without suffix'}" for suffix, n in self.others.most_common(4)
            )
            lines.append(f"    other files: {shown}")
        return "\n".join(lines)


def scan(root: str | os.PathLike) -> Tree:
    """Find all pictures below `root`, a folder or a zip archive; hidden files and folders, and
    `_SKIPPED_FOLDERS`, are passed over, links to folders are followed once. A folder that holds
    nothing but one zip archive stands for it.

    Raises DataPrepError when there is no such folder, when it may not be read, or when it has no
    pictures.
    """
    root = Path(root)
    if not root.exists():
        raise DataPrepError(f"{printable(root)}: no such folder: check the path")
    tree = Tree(root.resolve(), [], given=root)
    if files.is_archive(root):
        _list_archive(root, tree)
    elif not root.is_dir():
        hint = (
            "unpack it and give the folder"
            if root.suffix.lower() in _ARCHIVES
            else "give the folder it lies in"
        )
        raise DataPrepError(
            f"{printable(root)}: expected a folder or a zip archive, got a file: {hint}"
        )
    else:
        _walk(root, tree)
        if not tree.pictures and len(archives := list(root.glob("*.[zZ][iI][pP]"))) == 1:
            return scan(archives[0])
    if not tree.pictures:
        packed = sum(tree.others[suffix] for suffix in (*_ARCHIVES, ".zip"))
        hint = (
            "unpack the archives in it, or give one zip archive itself"
            if packed
            else "check the path"
        )
        raise DataPrepError(f"{printable(root)}: no pictures in this folder or below it: {hint}")
    return tree


def _walk(root: Path, tree: Tree) -> None:
    seen: set[str] = set()
    try:
        for folder, folders, members in os.walk(root, onerror=_raise, followlinks=True):
            real = os.path.realpath(folder)
            folders[:] = sorted(
                f for f in folders if not f.startswith(".") and f not in _SKIPPED_FOLDERS
            )
            if real in seen:
                folders.clear()
                continue
            seen.add(real)
            for name in sorted(members):
                _add(tree, Path(folder) / name, Path(folder).relative_to(root).parts)
    except OSError as error:
        raise DataPrepError(f"the source cannot be read: {printable(what_to_do(error))}") from None


def _list_archive(archive: Path, tree: Tree) -> None:
    for name in sorted(files.open_archive(archive)[1]):
        parts = PurePosixPath(name).parts
        hidden = any(
            part.startswith(".") or part in _SKIPPED_FOLDERS for part in parts
        )  # ".." among them
        if not hidden and not PurePosixPath(name).is_absolute():
            _add(tree, archive / name, parts[:-1])


def _add(tree: Tree, path: Path, folder: tuple[str, ...]) -> None:
    if PARTS_FOLDER in folder and (part := _PART.fullmatch(path.name)):
        tree.parts[int(part[1])] = path.parent, folder
    elif files.is_picture(path.name):
        tree.pictures.append(_placed(path, folder))
    elif not path.name.startswith("."):
        if path.name in ("manifest.csv", "settings.json", "settings.partial.json"):
            tree.made.append(path)
        tree.others[path.suffix.lower()] += 1


def _raise(error: OSError) -> None:
    raise error


def _placed(path: Path, folder: tuple[str, ...]) -> Picture:
    """What the names of the folders say about a picture; the innermost folder that names a side
    counts.
    """
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
    return tuple(
        n for n in folder if not names.words(n) or set(names.words(n)) - set(names.SPLIT_WORDS)
    )
