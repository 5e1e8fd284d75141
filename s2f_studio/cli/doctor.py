"""The command `s2f doctor`: what is installed here, what is missing, and what to do about it, a
line each.
"""

from __future__ import annotations

import sys
from importlib import metadata

PROJECT = "sketch-to-face"
OK, ABSENT, BAD = "ok", "--", "BAD"  # only BAD makes the exit status 1
PURPOSES = {  # by extra; "": always needed
    "": "answering drawings",
    "train": "training, metrics, data sets",
    "app": "the web app",
    "notebooks": "widgets and figures in notebooks",
    "lab": "JupyterLab",
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
    packages = [_packages(extra, purpose) for extra, purpose in PURPOSES.items()]
    lines = [python, *packages, _gpu(), _own_models(), _detector()]
    lines += [_generator(), _published_weights()]
    for state, about, text in lines:
        print(f"{state:3}  {about:15}  {text}")
    return int(any(state == BAD for state, _, _ in lines))


def _packages(extra: str, purpose: str) -> Line:
    """The packages that are always needed, or those of an extra."""
    from packaging.requirements import Requirement

    from s2f_utils.runtime import pip_install

    problems, versions, is_unfit = [], [], False
    for line in metadata.requires(PROJECT) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        always = marker is None or marker.evaluate({"extra": ""})
        if always == bool(extra) or not (always or marker.evaluate({"extra": extra})):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            problems.append(f"{requirement.name} is missing")
            continue
        versions.append(f"{requirement.name} {version}")
        if not requirement.specifier.contains(version, prereleases=True):
            is_unfit = True
            problems.append(f"{requirement.name} is {version}, {requirement.specifier} is needed")
    about = f"extra {extra}" if extra else "packages"
    if not problems:
        return OK, about, ", ".join(versions)
    state = BAD if is_unfit or not extra else ABSENT
    return state, about, f"{', '.join(problems)}; for {purpose}: {pip_install(extra)}"


def _gpu() -> Line:
    try:
        import torch
    except ModuleNotFoundError:
        return ABSENT, "GPU", "no PyTorch: the CPU answers, by onnxruntime"
    except (ImportError, OSError) as error:  # OSError: a library of its own, on Windows
        return BAD, "GPU", f"PyTorch does not load: {error}"
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / 2**30
        return OK, "GPU", f"{torch.cuda.get_device_name(0)}, {memory:.0f} GiB"
    if torch.backends.mps.is_available():
        return OK, "GPU", "Apple's, by mps"
    return ABSENT, "GPU", f"none that PyTorch {torch.__version__} reaches: the CPU answers"


def _own_models() -> Line:
    from s2f_studio import shipped

    files = shipped.all_files()
    missing = [name for name, path in files.items() if not path.is_file()]
    if missing:
        return BAD, "own models", f"{', '.join(missing)} missing: install the project again"
    return OK, "own models", f"{len(files)}, come with the project"


def _detector() -> Line:
    from s2f_utils import weights

    try:
        weights.detector()
    except weights.WeightsError as error:
        return BAD, "face detector", str(error)
    return OK, "face detector", "YuNet, comes with the project"


def _generator() -> Line:
    from s2f_utils import weights

    about, name = "generator", weights.GENERATOR
    try:
        path = weights.find(name)
    except weights.WeightsError as error:
        return BAD, about, str(error)
    if path is None:
        return ABSENT, about, f"{name}: {weights.problem(name)}"
    return OK, about, f"{name}, {path}"


def _published_weights() -> Line:
    from s2f_utils import weights

    about, here = "others' weights", []
    others = [name for name in weights.WEIGHTS if name != weights.GENERATOR]
    for name in others:
        try:
            if weights.find(name):
                here.append(name)
        except weights.WeightsError as error:
            return BAD, about, str(error)
    listed = f"{', '.join(here) or 'none'} of {len(others)}; s2f weights fetches them"
    return OK if here else ABSENT, about, listed
