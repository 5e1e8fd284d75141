"""A notebook's session: device, profile and folder; checks and tables that say what a reader
learns; results in one zip.
"""

from __future__ import annotations

import contextlib
import html
import os
import re
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils import runtime

if TYPE_CHECKING:
    import torch

DRIVE = Path("/content/drive")  # where Colab mounts Google Drive
# Folders of a run that no zip holds.
PARTS_OF_RUNS = {"wandb": "W&B's files", "snapshots": "snapshots of runs"}
VERSIONS = ("torch", "torchvision", "numpy", "ipywidgets", "ipykernel")


@dataclass(frozen=True)
class Session:
    """What a notebook works with: device, profile, and a folder of its own for data and runs."""

    device: torch.device
    profile: str
    folder: Path


def start(name: str, profile: str = "demo", folder: str | os.PathLike = "") -> Session:
    """A notebook's first line:
    choose device and profile, make its folder, print all three, and versions.

    `profile` is the parameter cell's; the environment's S2F_PROFILE wins. `folder` defaults to
    S2F_FOLDER, else `runs/<name>` under the current folder (`runs/<name>-<profile>` for other
    profiles than demo, whose data differ). In Colab, a folder under /content/drive/MyDrive keeps
    results; Drive is mounted for it (`mount_drive`).
    """
    if "google.colab" in sys.modules:
        from google.colab import output

        output.enable_custom_widget_manager()  # for widgets that are not Colab's own
    device = runtime.pick_device()
    profile = runtime.profile_name(profile)
    path = Path(folder or os.environ.get("S2F_FOLDER") or "runs")
    mount_drive(path)
    path /= name if profile == "demo" else f"{name}-{profile}"
    path.mkdir(parents=True, exist_ok=True)
    runtime.seed_everything(0)
    _save_figures_as_jpeg()
    precision = runtime.pick_precision(device).name
    machine = f"{device.type} ({_device_name(device)}), {precision}"
    print(f"device: {machine} · profile: {profile} · folder: {path}")
    versions = [f"· {name} {metadata.version(name)}" for name in VERSIONS]
    print("Python", sys.version.split()[0], *versions)
    return Session(device, profile, path)


def _save_figures_as_jpeg() -> None:
    """In a notebook: a page of faces takes a third of the space that PNG does, in full colour."""
    with contextlib.suppress(ImportError):
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
        from PIL import ImageFile

        if get_ipython() is not None:
            options = {"quality": 86, "subsampling": 0, "optimize": True, "progressive": True}
            set_matplotlib_formats("jpeg", pil_kwargs=options)
            # Pillow's buffer must hold the file: pictures of noise need more than a byte a pixel.
            ImageFile.MAXBLOCK = max(ImageFile.MAXBLOCK, 2**24)


def _device_name(device: torch.device) -> str:
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{os.cpu_count()} CPU cores"


def check(condition: bool, lesson: str) -> None:
    """Print what a reader learns, with ✓ or ✗ in front;
    with S2F_STRICT=1 (tests), ✗ is an AssertionError.
    """
    if not condition and os.environ.get("S2F_STRICT") == "1":
        raise AssertionError(lesson)
    print(("✓ " if condition else "✗ not so this time: ") + lesson)


def filled(
    answer: Any, expected: Any, lesson: str, mistakes: Mapping[str, Any] | None = None
) -> bool:
    """Whether a blank (`...`) holds what the library gives; prints ✓ or ✗ and what is wrong.

    answer: what the reader's code gives, a number, array or tensor; `...` where it is not filled
    yet, which no test minds. expected: what the library gives for the same. mistakes: {what is
    wrong: what it would give}. With S2F_STRICT=1, an answer that is wrong is an AssertionError.
    """
    if answer is ...:
        print(f"✗ blank, to be filled: {lesson} (until then the library's version goes on)")
        return False
    problem = _difference(answer, expected, mistakes or {})
    if problem and os.environ.get("S2F_STRICT") == "1":
        raise AssertionError(f"{lesson}: {problem}")
    print(f"✗ {lesson}: {problem}; the library's version goes on" if problem else f"✓ {lesson}")
    return not problem


def _difference(answer: Any, expected: Any, mistakes: Mapping[str, Any]) -> str:
    """What is wrong with an answer; "" if nothing is."""
    if answer is None:
        return "it gives None, as a function without `return` does"
    try:
        given = _numbers(answer)
    except (TypeError, ValueError, RuntimeError):
        return f"it must be numbers, got {type(answer).__name__}"
    right = _numbers(expected)
    if given.shape != right.shape:
        return f"its shape must be {right.shape}, got {given.shape}"
    if np.allclose(given, right, rtol=1e-3, atol=1e-5):
        return ""
    for what, value in mistakes.items():
        wrong = _numbers(value)
        if wrong.shape == given.shape and np.allclose(given, wrong, rtol=1e-3, atol=1e-5):
            return what
    if right.size == 1:
        return f"it should give {right.item():.4g}, yours gives {given.item():.4g}"
    return f"it is off by {np.abs(given - right).max():.3g} at most"


def _numbers(value: Any) -> np.ndarray:
    """A number, array or tensor as float64; complex numbers as their two parts, last."""
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        value = value if value.is_complex() else value.float()  # numpy has no bfloat16
    numbers = np.asarray(value)
    if np.iscomplexobj(numbers):
        numbers = np.stack([numbers.real, numbers.imag], axis=-1)
    return numbers.astype(np.float64)


def mount_drive(folder: Path) -> None:
    """Mount Google Drive at `DRIVE` if `folder` lies there, perhaps by a relative path, and it is
    not mounted yet.

    Raises FileNotFoundError where that fails: results would go to a disk that ends with the
    session.
    """
    is_on_drive = folder.absolute().is_relative_to(DRIVE)
    if not is_on_drive or (DRIVE / "MyDrive").is_dir():
        return
    try:
        from google.colab import drive

        drive.mount(str(DRIVE))
    except Exception as error:  # not in Colab, or declined: Colab raises several kinds
        raise FileNotFoundError(
            f"{folder}: Google Drive could not be mounted ({error}): in Colab allow it, else leave"
            " FOLDER empty"
        ) from error


def zip_results(folder: str | os.PathLike) -> Path:
    """Pack a session's folder into one zip beside it, complete or not at all, print its size, and
    return its path.

    It holds runs with their logs, samples, scores and generators, and pictures. Left out, and
    named: data sets (folders with a manifest.csv), which can be made again; resume files and the
    generators that a run kept on its way, which are large; W&B's own files; hidden ones.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder: give the session's")
    target = folder.with_name(folder.name + ".zip")
    data = {path.parent for path in folder.rglob("manifest.csv")}
    num = 0
    left_out = set()
    with (
        runtime.atomic_path(target) as temporary,
        # Stored: weights and pictures shrink by 7 %. Not strict: also files of before 1980.
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED, strict_timestamps=False) as archive,
    ):
        for path in sorted(folder.rglob("*")):
            inside = path.relative_to(folder)
            is_hidden = any(part.startswith(".") for part in inside.parts)
            if is_hidden or not path.is_file():
                continue
            if reason := _left_out(path, data):
                left_out.add(reason)
                continue
            archive.write(path, Path(folder.name) / inside)
            num += 1
    size = f"{num} files, {target.stat().st_size / 1e6:.1f} MB"
    print(f"{size}; left out: {', '.join(sorted(left_out))}" if left_out else size)
    return target


def _left_out(path: Path, data: set[Path]) -> str:
    """What a file of a session's folder is, where the zip leaves it out; else "".
    data: folders of data sets.
    """
    if re.fullmatch(r"resume(-\d+)?\.pt", path.name):
        return "resume files"
    if data & set(path.parents):
        return "data sets"
    for parent in path.parents:
        if parent.name in PARTS_OF_RUNS and (parent.parent / "config.json").is_file():
            return PARTS_OF_RUNS[parent.name]
    return ""


class Table:
    """Rows under heads; a page shows it as HTML, anything else as text."""

    def __init__(
        self, rows: Sequence[Sequence[Any]], head: Sequence[str], caption: str = ""
    ) -> None:
        self.rows = [list(map(_text, row)) for row in rows]
        self.head = list(head)
        self.caption = caption

    def _repr_html_(self) -> str:
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        return self._as("html").replace("<table>", f"<table>{caption}", 1)

    def __repr__(self) -> str:
        return self._as("plain")

    def _as(self, form: str) -> str:
        import tabulate

        return tabulate.tabulate(self.rows, self.head, tablefmt=form, disable_numparse=True)


def table(
    rows: Sequence[Sequence[Any]] | Mapping[Any, Sequence[Any]],
    head: Sequence[str],
    caption: str = "",
) -> Table:
    """A table as a cell's last line. rows: of values, or {first value: the others}; floats are
    shown with three significant digits, other values as they print. Raises ValueError where a row
    is not as long as the head.
    """
    if isinstance(rows, Mapping):
        rows = [[name, *values] for name, values in rows.items()]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(
                f"each row must have {len(head)} values, as the head has, got {len(row)}: {row!r}"
            )
    return Table(rows, head, caption)


def _text(value: Any) -> str:
    is_number = isinstance(value, float) or hasattr(value, "dtype")
    if not is_number or isinstance(value, str):
        return str(value)
    if abs(float(value)) < 999.5:
        return f"{float(value):,.3g}"
    return f"{float(value):,.0f}"
