"""A button for files of one's own, and the folder that they are saved in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2f_utils.runtime import atomic_path


def uploaded_files(value: Any) -> list[tuple[str, bytes]]:
    """The names and contents of a `FileUpload`'s value: a dict by name in ipywidgets 7, a tuple of dicts in 8.

    Names come from another machine, and are cut to their last part.
    """
    if isinstance(value, Mapping):
        entries = [(name, entry["content"]) for name, entry in value.items()]
    else:
        entries = [(entry["name"], entry["content"]) for entry in value]
    names = [name.replace("\\", "/").rpartition("/")[2].lstrip(".") or "upload" for name, _ in entries]
    return [(name, bytes(content)) for name, (_, content) in zip(names, entries, strict=True)]


def upload_box(folder: str | os.PathLike, accept: str = "image/*,.zip") -> tuple[Any, Path]:
    """A button that saves what a person uploads into `folder`, and the folder, which is made.

    A file whose name is taken gets a number; nothing is overwritten. Show the first, read from the second.
    """
    import ipywidgets

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    button = ipywidgets.FileUpload(accept=accept, multiple=True, description="Upload")

    def save(change: Mapping[str, Any]) -> None:
        for name, content in uploaded_files(change["new"]):
            target, number = folder / name, 1
            while target.exists():
                if target.is_file() and target.read_bytes() == content:
                    target.touch()  # it is the latest again
                    break
                number += 1
                target = folder / f"{Path(name).stem}-{number}{Path(name).suffix}"
            else:
                with atomic_path(target) as temporary:
                    temporary.write_bytes(content)

    button.observe(save, names="value")
    return button, folder
