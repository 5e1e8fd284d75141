"""What is installed here, what is missing, and what to do about it, a line each."""

from __future__ import annotations

import os
import shutil
import sys
import tomllib
from importlib import import_module, metadata
from pathlib import Path
from typing import NamedTuple

from packaging.requirements import Requirement

PROJECT = "sketch-to-face"
CLONE = Path(__file__).resolve().parents[1] / "pyproject.toml"  # where this is a clone
OLDEST = (3, 11)  # Python; pyproject.toml says it, too, and a test compares them
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
    "test-browser": "tests in a browser",
}


class Finding(NamedTuple):
    """A line of the answer."""

    state: str
    about: str
    text: str


def examine() -> list[Finding]:
    """All lines, for this installation and the folder that one is in."""
    return [_python(), *_packages(), _gpu(), *_weights(), _browser(), *_folders()]


def requirements() -> dict[str, list[Requirement]]:
    """What each extra asks for, on this Python; "" has what is always needed.

    From the clone's pyproject.toml if this is a clone, else from what pip wrote down.
    """
    if CLONE.is_file():
        project = tomllib.loads(CLONE.read_text(encoding="utf-8"))["project"]
        lines = {"": project["dependencies"], **project["optional-dependencies"]}
        return {extra: [Requirement(line) for line in lines[extra]] for extra in ("", *PURPOSES)}
    every = [Requirement(line) for line in metadata.requires(PROJECT) or []]
    always = [asked for asked in every if not asked.marker or asked.marker.evaluate({"extra": ""})]
    extras = [asked for asked in every if asked not in always]
    return {"": always} | {name: [x for x in extras if x.marker.evaluate({"extra": name})] for name in PURPOSES}


def problem_with(asked: Requirement) -> str | None:
    """None where a package is here in a version that fits, else what is wrong with it."""
    try:
        version = metadata.version(asked.name)
    except metadata.PackageNotFoundError:
        return f"{asked.name} is missing"
    fits = asked.specifier.contains(version, prereleases=True)
    return None if fits else f"{asked.name} is {version}, {asked.specifier} is needed"


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        return Finding(BAD, "Python", f"{here}: {'.'.join(map(str, OLDEST))} or newer is needed")
    return Finding(OK, "Python", f"{here}, {sys.executable}")


def _packages() -> list[Finding]:
    """A line for what is always needed, and one for each extra."""
    findings = []
    for extra, required in requirements().items():
        names = [asked.name for asked in required]
        wrong = [problem for asked in required if (problem := problem_with(asked))]
        unfit = [problem for problem in wrong if "is needed" in problem]
        if not extra and not wrong:
            wrong = _not_loading(names)
        if not wrong:
            text = ", ".join(f"{name} {metadata.version(name)}" for name in names)
            findings.append(Finding(OK, f"extra {extra}" if extra else "packages", text))
        elif not extra:
            findings.append(Finding(BAD, "packages", f"{', '.join(wrong)}: pip install {_named('')}"))
        else:
            what = "not installed" if len(wrong) == len(names) and not unfit else ", ".join(wrong)
            text = f"{what}; for {PURPOSES[extra]}: pip install '{_named(f'[{extra}]')}'"
            findings.append(Finding(BAD if unfit else NONE, f"extra {extra}", text))
    return findings


def _named(extra: str) -> str:
    """The project, as pip knows it from here."""
    return f"{'.' if CLONE.is_file() else PROJECT}{extra}"


def _not_loading(names: list[str]) -> list[str]:
    """What is installed and fails all the same, as OpenCV does where a library of the system is missing."""
    wrong = []
    for name in names:
        try:
            import_module(MODULES.get(name, name))
        except ImportError as error:
            wrong.append(f"{name} does not load: {error}")
    return wrong


def _gpu() -> Finding:
    card = shutil.which("nvidia-smi") is not None
    try:
        import torch
    except ImportError as error:
        broken = not isinstance(error, ModuleNotFoundError)
        text = f"PyTorch does not load: {error}" if broken else "no PyTorch: the CPU answers, by onnxruntime"
        return Finding(BAD if broken else NONE, "GPU", text)
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        name, count = torch.cuda.get_device_name(0), torch.cuda.device_count()
        return Finding(OK, "GPU", f"{name}, {memory:.0f} GiB; {count} in all")
    if torch.backends.mps.is_available():
        return Finding(OK, "GPU", "Apple's, by mps")
    built = torch.version.cuda is not None or getattr(torch.version, "hip", None) is not None
    if card and not built:
        return Finding(NONE, "GPU", "there is one, but this PyTorch is for CPUs: pip install --force-reinstall torch")
    if card:
        return Finding(NONE, "GPU", "there is one, but PyTorch does not reach it: look at what nvidia-smi says")
    return Finding(NONE, "GPU", "none: the CPU answers and trains, which takes longer")


def _weights() -> list[Finding]:
    from s2f_utils import weights

    names = [*weights.SHIPPED, *weights.SHIPPED_RESTORERS, *weights.FINDERS]
    missing = [name for name in names if not weights.shipped(name).is_file()]
    if missing:
        own = Finding(BAD, "own models", f"{', '.join(missing)} missing: install the project again")
    else:
        own = Finding(OK, "own models", f"{len(names)}, come with the project")
    here = weights.find("yunet")
    finder = Finding(OK, "face detector", str(here)) if here else Finding(
        NONE, "face detector", "not here; fetched at its first use, but not by the web app: s2f weights yunet"
    )  # fmt: skip
    others = [name for name in weights.WEIGHTS if name != "yunet"]
    there = [name for name in others if weights.find(name)]
    text = f"{len(there)} of {len(others)} are here ({', '.join(there) or 'none'}): s2f weights lists and fetches them"
    return [own, finder, Finding(OK if there else NONE, "others' weights", text)]


def _browser() -> Finding:
    names = ("chromium", "chromium-browser", "google-chrome", "chrome", "firefox", "microsoft-edge", "msedge")
    there = [path for name in names if (path := shutil.which(name))]
    if there:
        return Finding(OK, "browsers", ", ".join(there))
    return Finding(NONE, "browsers", "none on the path; only tests look for one: apt install chromium")


def _folders() -> list[Finding]:
    """Where results and fetched weights are written."""
    from s2f_utils import weights

    findings = []
    for about, folder, advice in (
        ("results", Path.cwd(), "go to another folder, or use --out and --runs"),
        ("cache", weights.cache_folder(), "set XDG_CACHE_HOME"),
    ):
        there = next(place for place in (folder, *folder.parents) if place.exists())
        if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
            findings.append(Finding(BAD, about, f"{folder} cannot be written: {advice}"))
        else:
            findings.append(Finding(OK, about, f"{folder}, {shutil.disk_usage(there).free / 1e9:.1f} GB free"))
    return findings
