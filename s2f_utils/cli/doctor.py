"""The command `s2f doctor`: what is installed here, what is missing, and what to do about it, a line each."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tomllib
from importlib import import_module, metadata
from pathlib import Path
from typing import Any, NamedTuple

from s2f_utils.cli import options

PROJECT = "sketch-to-face"
CLONE = Path(__file__).resolve().parents[2] / "pyproject.toml"  # where this is a clone
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


def add(parsers: Any) -> argparse.ArgumentParser:
    return options.command(
        parsers, "doctor", help="what is installed here, what is missing, and what to do",
        description="Looks at this installation, a line each. 'ok': is there. '--': is not there, and only needed for "
        "what the line says. 'BAD': answering drawings fails until it is mended, and the exit status is 1.",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    found = [_python(), *_packages(), _gpu(), *_weights(), _browser(), *_folders()]
    width = max(len(finding.about) for finding in found)
    for finding in found:
        print(f"{finding.state:3}  {finding.about:{width}}  {finding.text}")
    return int(any(finding.state == BAD for finding in found))


def requirements() -> dict[str, list[str]]:
    """What each extra asks for, on this Python; "" has what is always needed.

    From the clone's pyproject.toml if this is a clone, else from what pip wrote down.
    """
    if CLONE.is_file():
        project = tomllib.loads(CLONE.read_text(encoding="utf-8"))["project"]
        every = {"": project["dependencies"], **project["optional-dependencies"]}
    else:
        every = {"": []}
        for line in metadata.requires(PROJECT) or []:
            extra = re.search(r"extra\s*==\s*['\"]([\w-]+)['\"]", line)
            every.setdefault(extra[1] if extra else "", []).append(line)
    return {extra: [line.partition(";")[0].strip() for line in lines] for extra, lines in every.items()}


def problem_with(requirement: str) -> str | None:
    """None where a package is here in a version that fits, else what is wrong with it; `requirement`: "numpy>=2.0"."""
    name, limits = re.fullmatch(r"([\w.-]+)\s*(.*)", requirement).groups()
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    for sign, limit in re.findall(r"(>=|<)\s*([\d.]+)", limits):
        if (_numbers(version) >= _numbers(limit)) != (sign == ">="):
            return f"{name} is {version}, {sign}{limit} is needed"
    return None


def _numbers(version: str) -> tuple[int, ...]:
    """ "2.11.0+cu128" → (2, 11); zeros at the end say nothing."""
    numbers = [int(part) for part in re.match(r"[\d.]*\d", version)[0].split(".")]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def _python() -> Finding:
    here = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info[:2] < OLDEST:
        return Finding(BAD, "Python", f"{here}: {'.'.join(map(str, OLDEST))} or newer is needed")
    return Finding(OK, "Python", f"{here}, {sys.executable}")


def _packages() -> list[Finding]:
    """A line for what is always needed, and one for each extra."""
    asked = requirements()
    findings = []
    for extra in ("", *PURPOSES):
        required = asked.get(extra, [])
        names = [re.match(r"[\w.-]+", requirement)[0] for requirement in required]
        wrong = [problem for requirement in required if (problem := problem_with(requirement))]
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
