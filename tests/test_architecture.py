"""Who may import whom, and that importing anything costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "s2f_utils").rglob("*.py"), *(ROOT / "data_prep").rglob("*.py")])

# room of s2f_utils → the rooms below it that it may use
BASE = {"data", "pictures", "weights", "runtime"}
MAY_USE = {
    "cli": {"notebook", "app", "training", "metrics", "inference", "models", *BASE},
    "notebook": {"app", "pad", "training", "metrics", "inference", "models", *BASE},
    "app": {"pad", "inference", "models", *BASE},
    "pad": {"inference", "models", *BASE},
    "training": {"metrics", "inference", "models", *BASE},
    "metrics": {"inference", "models", *BASE},
    "inference": {"models", *BASE},
    "models": BASE,
    "data": {"pictures", "weights", "runtime"},
    "pictures": {"weights", "runtime"},
    "weights": {"runtime"},
    "runtime": set(),
}
DATA_PREP_MAY_USE = {"inference", *BASE}
DATA_PREP_ROOMS = {"doctor": {"make", "sources"}, "make": {"sources"}, "sources": set()}


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in FILES}


def imported(path: Path) -> set[str]:
    """The modules of this project that a file imports, also inside of its functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in MODULES else node.module for name in names}
    return {name for name in found if name in MODULES and name != module_of(path)}


IMPORTS = {name: imported(path) for name, path in MODULES.items()}


def room_of(module: str) -> str:
    """The room that a module lies in; "" for a package's own face."""
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("module", MODULES)
def test_rooms_use_only_rooms_below_them(module):
    package, room = module.split(".")[0], room_of(module)
    for name in IMPORTS[module]:
        target, other = name.split(".")[0], room_of(name)
        if other in ("", room) and target == package or room in ("", "__main__"):
            continue
        if package == "s2f_utils":
            assert target == "s2f_utils", "s2f_utils must not import data_prep"
            assert other in MAY_USE[room], f"{module} must not import {name}: {room} is not above {other}"
        elif target == "s2f_utils":
            assert other in DATA_PREP_MAY_USE | {""}, f"data_prep must not import {name}"
        elif other in DATA_PREP_ROOMS:
            assert other in DATA_PREP_ROOMS.get(room, set()), f"{module} must not import {name}"


def test_the_rooms_are_the_twelve_of_the_table():
    inside = {p.stem for p in (ROOT / "s2f_utils").iterdir() if p.suffix == ".py" or (p / "__init__.py").is_file()}
    assert inside == {*MAY_USE, "__init__", "__main__"}
    assert not [p for p in (ROOT / "s2f_utils").iterdir() if p.is_dir() and p.name not in {*MAY_USE, "__pycache__"}]


@pytest.mark.parametrize("of", ["files", "rooms"])
def test_nothing_imports_in_a_circle(of):
    graph = IMPORTS
    if of == "rooms":
        rooms: dict[str, set[str]] = {}
        for name, others in graph.items():
            mine = ".".join(name.split(".")[:2])
            rooms.setdefault(mine, set()).update({".".join(o.split(".")[:2]) for o in others} - {mine})
        graph = rooms
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_nothing_is_loaded_or_printed_by_importing():
    names = [".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for p in FILES]
    names = [name for name in names if not name.endswith("__main__")]
    heavy = (
        "matplotlib",
        "IPython",
        "ipywidgets",
        "anywidget",
        "kornia",
        "cv2",
        "imagehash",
        "requests",
        "skimage",
        "wandb",
        "tensorboard",
        "torchvision",
        "pandas",
        "spandrel",
        "timm",
        "fastapi",
        "huggingface_hub",
        "distributed",
        "dask",
    )
    code = (
        "import sys, importlib, random\n"
        "import torch, numpy\n"
        "before = random.getstate(), torch.get_rng_state().tolist(), set(sys.modules)\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "assert random.getstate() == before[0] and torch.get_rng_state().tolist() == before[1]\n"
        "assert not torch.cuda.is_initialized()\n"
        f"loaded = sorted(m for m in {heavy!r} if m in sys.modules and m not in before[2])\n"
        "assert not loaded, loaded\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


WITHOUT_TORCH = (
    "app",
    "pad",
    "pictures",
    "weights",
    "cli",
    "data.manifest",
)  # what serves, where another engine answers


@pytest.mark.parametrize("what", WITHOUT_TORCH)
def test_what_serves_is_imported_without_torch(what):
    names = [name for name in MODULES if f"{name}.".startswith(f"s2f_utils.{what}.")]
    names = [name for name in names if not name.endswith("__main__")]
    code = (
        "import sys, importlib\n"
        "for name in ('torch', 'torchvision', 'kornia', 'piq', 'lpips', 'spandrel'): sys.modules[name] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert names and (done.returncode, done.stderr) == (0, "")


COMMANDS_HAVE = {"add", "run"}  # functions of every file of a command; cli/main.py says what they do


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_public_things_have_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    said = COMMANDS_HAVE if path.parent == ROOT / "s2f_utils" / "cli" else set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_") and node.name not in said:
            assert ast.get_docstring(node), f"{path.name}: {node.name}"
