"""Files written whole, numbered run folders, free names, and what to do when writing fails."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import math
import os
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any


def new_run_folder(root: str | os.PathLike, name: str) -> Path:
    """Make the next free numbered folder under `root`, such as runs/0007-pix2pix-demo."""
    root = Path(root)
    root.mkdir(parents=True, exist_ok=True)
    newest = 0
    for path in root.iterdir():
        if numbered := re.match(r"(\d{4,})-", path.name):
            newest = max(newest, int(numbered[1]))
    for number in itertools.count(newest + 1):
        folder = root / f"{number:04d}-{name}"
        with contextlib.suppress(FileExistsError):  # another process took the number
            folder.mkdir()
            return folder


def last_run_folder(root: str | os.PathLike, name: str) -> Path | None:
    """The newest folder of this name under `root` that holds a resume file, or None."""
    pattern = re.compile(rf"\d+-{re.escape(name)}")
    folders = [file.parent for file in Path(root).glob("*/resume.pt")]
    of_name = [folder for folder in folders if pattern.fullmatch(folder.name)]
    return max(of_name, default=None, key=lambda folder: int(folder.name.split("-")[0]))


def free_stem(folder: str | os.PathLike, stem: str, endings: Sequence[str] = ("",)) -> str:
    """The stem, numbered if it is taken, so that no file "stem" + ending exists in `folder` yet.

    endings: of the files that will share the stem, such as ["-face.png", "-faces.png"]; one "" for
    a folder.
    """
    for number in itertools.count(1):
        chosen = stem if number == 1 else f"{stem}-{number}"
        paths = [Path(folder) / f"{chosen}{ending}" for ending in endings]
        if not any(path.exists() for path in paths):
            return chosen


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """A temporary path beside `path` that replaces it at the end of the block,
    and is deleted after an exception.

    Readers of `path` see the old file, the new one, or none, also after a crash; never half of it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name[:40]}.{secrets.token_hex(4)}.part")
    temporary.touch(exist_ok=False)
    try:
        yield temporary
        with open(temporary, "rb+") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, values: Any) -> None:
    """Write values as indented JSON, complete or not at all; infinity and NaN, which JSON does not
    have, become null.
    """
    text = json.dumps(finite(values), indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_path(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def finite(values: Any) -> Any:
    """The values with None for infinity and NaN, which JSON does not have,
    also inside of lists and dictionaries.
    """
    if isinstance(values, float) and not math.isfinite(values):
        return None
    if isinstance(values, Mapping):
        return {key: finite(value) for key, value in values.items()}
    if isinstance(values, list | tuple):
        return [finite(value) for value in values]
    return values


def what_to_do(error: OSError, folder: Path | None = None) -> str:
    """Why a file could not be written or read, where, and what to do about it; one line.

    folder: the run's that the file belongs to.
    """
    where = folder or error.filename or "the output folder"
    reason = error.strerror or str(error)
    if folder is not None and not folder.is_dir():
        return f"{folder} is gone: bring it back (in Colab, mount Drive again)"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return (
            f"no space left in {where}: the disk is full ({reason}): delete what is not needed on"
            " that disk"
        )
    if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
        return (
            f"{where} may not be written to, or read: no permission ({reason}): allow it, or choose"
            " another folder"
        )
    if folder is not None:
        return f"{where}: {reason}: see that the disk is still there (in Colab, mount Drive again)"
    return f"{where}: {reason}"
