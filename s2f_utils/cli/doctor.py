"""The command `s2f doctor`: what is installed here, what is missing, and what to do about it, a
line each.
"""

from __future__ import annotations

import os
import shutil
import sys
from importlib import metadata
from pathlib import Path

PROJECT = "sketch-to-face"
HERE = (
    "." if (Path(__file__).resolve().parents[2] / "pyproject.toml").is_file() else PROJECT
)  # as pip knows it
OK, NONE, BAD = (
    "ok",
    "--",
    "BAD",
)  # as they stand before each line; only BAD makes the exit status 1
PURPOSES = {  # extras that a user may want ("": always needed); those for working on the project itself are left out
    "": "answering drawings",
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

    A line each. 'ok': is there. '--': is not there, and only needed for what the line says. 'BAD':
    does not work until it is mended, and the exit status is 1.
    """
    python = (OK, "Python", f"{sys.version.split()[0]}, {sys.executable}")
    lines = [python, *_packages(), _gpu(), *_weights(), *_folders()]
    for state, about, text in lines:
        print(f"{state:3}  {about:15}  {text}")
    return int(any(state == BAD for state, _, _ in lines))


def _packages() -> list[Line]:
    """A line for what is always needed, and one for each extra."""
    from packaging.requirements import Requirement

    requirements = [Requirement(line) for line in metadata.requires(PROJECT) or []]
    always = [one for one in requirements if not one.marker or one.marker.evaluate({"extra": ""})]
    lines = []
    for extra, purpose in PURPOSES.items():
        of_extra = [
            one
            for one in requirements
            if one not in always and one.marker.evaluate({"extra": extra})
        ]
        required = {one.name: one.specifier for one in (of_extra if extra else always)}
        versions = {name: _version(name) for name in required}
        missing = [f"{name} is missing" for name, version in versions.items() if version is None]
        unfit = [
            f"{name} is {version}, {required[name]} is needed"
            for name, version in versions.items()
            if version is not None and not required[name].contains(version, prereleases=True)
        ]
        about, place = (f"extra {extra}", f"'{HERE}[{extra}]'") if extra else ("packages", HERE)
        if missing or unfit:
            what = "not installed" if len(missing) == len(required) else ", ".join(missing + unfit)
            state = BAD if unfit or not extra else NONE
            lines.append((state, about, f"{what}; for {purpose}: pip install {place}"))
        else:
            lines.append(
                (OK, about, ", ".join(f"{name} {version}" for name, version in versions.items()))
            )
    return lines


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _gpu() -> Line:
    try:
        import torch
    except ModuleNotFoundError:
        return NONE, "GPU", "no PyTorch: the CPU answers, by onnxruntime"
    except (ImportError, OSError) as error:  # OSError: a library of its own, on Windows
        return BAD, "GPU", f"PyTorch does not load: {error}"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return (
            OK,
            "GPU",
            f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB; {torch.cuda.device_count()} in all",
        )
    if torch.backends.mps.is_available():
        return OK, "GPU", "Apple's, by mps"
    if shutil.which("nvidia-smi"):
        advice = "look at what nvidia-smi says, or pip install --force-reinstall torch"
        return (
            NONE,
            "GPU",
            f"there is one, but PyTorch {torch.__version__} does not reach it: {advice}",
        )
    return NONE, "GPU", "none: the CPU answers and trains, which takes longer"


def _weights() -> list[Line]:
    from s2f_utils import weights

    names = [*weights.SHIPPED, *weights.SHIPPED_RESTORERS, *weights.FINDERS]
    missing = [name for name in names if not weights.shipped(name).is_file()]
    here, wrong = [], {}  # wrong: a damaged file, or no folder where S2F_WEIGHTS says
    for name in weights.WEIGHTS:
        try:
            here += [name] if weights.find(name) else []
        except weights.WeightsError as error:
            wrong[str(error)] = True
    shipped = (
        f"{', '.join(missing)} missing: install the project again"
        if missing
        else f"{len(names)}, come along"
    )
    fetched = (
        "s2f weights lists and fetches them; yunet, the face detector, is fetched at its first use"
    )
    others = "; ".join(wrong) or f"{', '.join(here) or 'none'} of {len(weights.WEIGHTS)}; {fetched}"
    state = BAD if wrong else OK if here else NONE
    return [(BAD if missing else OK, "own models", shipped), (state, "others' weights", others)]


def _folders() -> list[Line]:
    """Where results and fetched weights are written."""
    from s2f_utils import weights

    lines = []
    for about, folder, advice in (
        ("results", Path.cwd(), "go to another folder, or use --out and --runs"),
        ("cache", weights.cache_folder(), "set XDG_CACHE_HOME"),
    ):
        parent = next(place for place in (folder, *folder.parents) if place.exists())
        if parent.is_dir() and os.access(parent, os.W_OK | os.X_OK):
            lines.append(
                (OK, about, f"{folder}, {shutil.disk_usage(parent).free / 1e9:.1f} GB free")
            )
        else:
            lines.append((BAD, about, f"{folder} cannot be written: {advice}"))
    return lines
