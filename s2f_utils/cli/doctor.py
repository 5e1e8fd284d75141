"""The command `s2f doctor`: what is installed here, what is missing, and what to do about it, a line each."""

from __future__ import annotations

import os
import shutil
import sys
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from packaging.requirements import Requirement

PROJECT = "sketch-to-face"
HERE = "." if (Path(__file__).resolve().parents[2] / "pyproject.toml").is_file() else PROJECT  # as pip knows it
OK, NONE, BAD = "ok", "--", "BAD"  # as they stand before each line; only BAD makes the exit status 1
MODULES = {"pillow": "PIL", "opencv-python-headless": "cv2"}  # imported under another name
PURPOSES = {  # extras that a user may want; those for working on the project itself are not asked about
    "train": "training, metrics, data sets, notebooks",
    "app": "the web app",
    "notebooks": "JupyterLab",
    "onnx": "export",
    "hub": "the Hugging Face hub",
    "tracking": "Weights & Biases, TensorBoard",
    "cluster": "data sets on several machines",
}
Line = tuple[str, str, str]  # state, what it is about, text


def doctor() -> int:
    """What is installed here, what is missing, and what to do.

    A line each. 'ok': is there. '--': is not there, and only needed for what the line says. 'BAD': answering drawings
    fails until it is mended, and the exit status is 1.
    """
    lines = [
        (OK, "Python", f"{sys.version.split()[0]}, {sys.executable}"),
        *_packages(),
        _gpu(),
        *_weights(),
        *_folders(),
    ]
    for state, about, text in lines:
        print(f"{state:3}  {about:15}  {text}")
    return int(any(state == BAD for state, _, _ in lines))


def _packages() -> list[Line]:
    """A line for what is always needed, and one for each extra."""
    from packaging.requirements import Requirement

    every = [Requirement(line) for line in metadata.requires(PROJECT) or []]
    always = [one for one in every if not one.marker or one.marker.evaluate({"extra": ""})]
    lines = []
    for extra in ("", *PURPOSES):
        of_extra = [one for one in every if one not in always and one.marker.evaluate({"extra": extra})]
        required = of_extra if extra else always
        problems = list(filter(None, map(_problem_with, required)))
        unfit = [problem for problem in problems if "is needed" in problem]
        if not extra and not problems:
            problems = _not_loading([one.name for one in required])
        about, place = (f"extra {extra}", f"'{HERE}[{extra}]'") if extra else ("packages", HERE)
        if not problems:
            lines.append((OK, about, ", ".join(f"{one.name} {metadata.version(one.name)}" for one in required)))
            continue
        what = ", ".join(problems) if unfit or len(problems) < len(required) else "not installed"
        purpose = f"; for {PURPOSES[extra]}" if extra else ""
        lines.append((NONE if extra and not unfit else BAD, about, f"{what}{purpose}: pip install {place}"))
    return lines


def _problem_with(asked: Requirement) -> str | None:
    """None where a package is here in a version that fits, else what is wrong with it."""
    try:
        version = metadata.version(asked.name)
    except metadata.PackageNotFoundError:
        return f"{asked.name} is missing"
    fits = asked.specifier.contains(version, prereleases=True)
    return None if fits else f"{asked.name} is {version}, {asked.specifier} is needed"


def _not_loading(names: list[str]) -> list[str]:
    """What is installed and fails all the same, as OpenCV does where a library of the system is missing."""
    wrong = []
    for name in names:
        try:
            import_module(MODULES.get(name, name))
        except ImportError as error:
            wrong.append(f"{name} does not load: {error}")
    return wrong


def _gpu() -> Line:
    try:
        import torch
    except ModuleNotFoundError:
        return NONE, "GPU", "no PyTorch: the CPU answers, by onnxruntime"
    except ImportError as error:
        return BAD, "GPU", f"PyTorch does not load: {error}"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return OK, "GPU", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB; {torch.cuda.device_count()} in all"
    if torch.backends.mps.is_available():
        return OK, "GPU", "Apple's, by mps"
    if shutil.which("nvidia-smi"):
        advice = "look at what nvidia-smi says, or pip install --force-reinstall torch"
        return NONE, "GPU", f"there is one, but PyTorch {torch.__version__} does not reach it: {advice}"
    return NONE, "GPU", "none: the CPU answers and trains, which takes longer"


def _weights() -> list[Line]:
    from s2f_utils import weights

    names = [*weights.SHIPPED, *weights.SHIPPED_RESTORERS, *weights.FINDERS]
    missing = ", ".join(name for name in names if not weights.shipped(name).is_file())
    here = [name for name in weights.WEIGHTS if weights.find(name)]
    fetched = "s2f weights lists and fetches them; yunet, the face detector, is fetched at its first use"
    return [
        (BAD, "own models", f"{missing} missing: install the project again") if missing else
        (OK, "own models", f"{len(names)}, come with the project"),
        (OK if here else NONE, "others' weights", f"{', '.join(here) or 'none'} of {len(weights.WEIGHTS)}; {fetched}"),
    ]  # fmt: skip


def _folders() -> list[Line]:
    """Where results and fetched weights are written."""
    from s2f_utils import weights

    lines = []
    for about, folder, advice in (
        ("results", Path.cwd(), "go to another folder, or use --out and --runs"),
        ("cache", weights.cache_folder(), "set XDG_CACHE_HOME"),
    ):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            lines.append((BAD, about, f"{folder} cannot be written: {advice}"))
        else:
            lines.append((OK, about, f"{folder}, {shutil.disk_usage(there).free / 1e9:.1f} GB free"))
    return lines
