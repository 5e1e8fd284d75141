"""Who may import whom, and that importing anything costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from s2f_utils.methods import METHODS

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("s2f_utils", "s2f_studio", "data_prep", "s2f_series")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))

# package → the packages below it that it may use
BELOW = {
    "s2f_utils": set(),
    "s2f_studio": {"s2f_utils"},
    "data_prep": {"s2f_utils"},
    "s2f_series": {"s2f_utils", "data_prep"},
}
# package → room → the rooms below it that it may use
BASE = {"data", "pictures", "weights", "runtime"}
STUDIO = {
    "faces",
    "drawings",
    "request",
    "codes",
    "refusal",
    "remarks",
    "attributes",
    "shipped",
}
ROOMS = {
    "s2f_utils": {
        "notebook": {"train", "methods", "metrics", "infer", "networks", *BASE},
        "train": {"methods", "metrics", "infer", "networks", *BASE},
        "methods": {"infer", "networks", *BASE},
        "metrics": {"infer", "networks", *BASE},
        "infer": {"networks", *BASE},
        "networks": BASE,
        "data": {"pictures", "weights", "runtime"},
        "pictures": {"weights", "runtime"},
        "weights": {"runtime"},
        "runtime": set(),
    },
    "s2f_studio": {
        "cli": {"hub", "server", "page", "export", "answers", "loading", *STUDIO},
        "hub": set(),
        "server": {"page", "answers", *STUDIO},
        "page": {"answers", "loading", *STUDIO},
        "answers": {"loading", "sheet", *STUDIO},
        "loading": STUDIO,
        "sheet": set(),
        "export": STUDIO,
        "faces": STUDIO,
        "request": {"drawings", "attributes", "codes"},
        "codes": set(),
        "attributes": set(),
        "drawings": {"remarks", "attributes", "shipped"},
        "shipped": set(),
        "refusal": set(),
        "remarks": set(),
    },
    "data_prep": {
        "cli": {"check", "make", "fetch", "layouts", "procedural_faces"},
        "check": {"make", "layouts"},
        "make": {"fetch", "layouts", "hand_sketches", "procedural_faces"},
        "fetch": set(),
        "layouts": set(),
        "hand_sketches": {"procedural_faces"},
        "procedural_faces": set(),
    },
    "s2f_series": {},
}


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


def test_rooms_use_only_rooms_below_them():
    for module, name in ((one, other) for one in MODULES for other in sorted(IMPORTS[one])):
        (package, room), (target, other) = ((m.split(".")[0], room_of(m)) for m in (module, name))
        rooms = ROOMS[package]
        if target != package:
            assert target in BELOW[package], (
                f"{module} must not import {name}: {package} is not above {target}"
            )
        elif room in rooms and other in rooms and other != room:
            assert other in rooms[room], (
                f"{module} must not import {name}: {room} is not above {other}"
            )


def test_the_library_does_not_name_the_studio_nor_its_models():
    from s2f_studio import shipped

    words = {"s2f_studio", "entry_points", shipped.EXPECT, shipped.PEOPLE}
    for path in (ROOT / "s2f_utils").rglob("*"):
        if path.suffix in (".py", ".js", ".json", ".toml"):
            text = path.read_text(encoding="utf-8")
            assert not [word for word in words if word in text], path


def test_the_library_works_where_the_studio_is_not():
    names = [name for name in MODULES if name.startswith("s2f_utils")]
    code = (
        "import sys, importlib\n"
        "sys.modules |= {'s2f_studio': None, 'data_prep': None, 's2f_series': None}\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "import numpy as np\n"
        "from s2f_utils import infer, weights\n"
        "from s2f_utils.infer import restorers\n"
        "from s2f_utils.methods import METHODS\n"
        "from s2f_utils.networks import NETWORKS, checkpoints\n"
        "picture = np.full((64, 64, 3), 99, np.uint8)\n"
        "for engine in ('torch', 'onnx'):\n"
        "    made = infer.load('photo-to-sketch', 'cpu', engine=engine).translate(picture)\n"
        "    assert made.shape == (256, 256, 3)\n"
        "    assert restorers.load(weights.RESTORER, 'cpu', engine=engine).size_px == 256\n"
        "for path in weights.SHIPPED_FOLDER.glob('*.safetensors'):\n"
        "    assert checkpoints.header_of(path).get('network', 'unet') in NETWORKS, path\n"
        "assert 'expect' not in {*NETWORKS, *METHODS}\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_method_is_read_without_the_others():
    files = {
        name.removeprefix("s2f_utils.methods.")
        for name in MODULES
        if name.startswith("s2f_utils.methods.")
    }
    shared = {"ada", "initial", "logistic", "losses", "method", "projected", "settings"}
    shared.add("diffusion")  # notebook 08 trains by it, `s2f train` does not
    methods = {f"s2f_utils.methods.{name}" for name in files - shared}
    theirs = {kind.__module__ for kind in METHODS.values()}  # the studio adds its own, once loaded
    assert methods == {name for name in theirs if name.startswith("s2f_utils.methods.")}
    for name in methods:
        assert not IMPORTS[name] & methods, name


@pytest.mark.parametrize("package", ["s2f_utils", "s2f_studio"])
def test_the_rooms_are_those_of_the_table(package):
    inside = {
        p.stem
        for p in (ROOT / package).iterdir()
        if p.suffix == ".py" or (p / "__init__.py").is_file()
    }
    assert inside - {"__init__", "__main__"} == set(ROOMS[package])
    assert not [
        p
        for p in (ROOT / package).iterdir()
        if p.is_dir() and p.name not in {*ROOMS[package], "__pycache__"}
    ]


@pytest.mark.parametrize("of", ["files", "rooms"])
def test_nothing_imports_in_a_circle(of):
    graph = IMPORTS
    if of == "rooms":
        rooms: dict[str, set[str]] = {}
        for name, others in graph.items():
            mine = ".".join(name.split(".")[:2])
            rooms.setdefault(mine, set()).update(
                {".".join(o.split(".")[:2]) for o in others} - {mine}
            )
        graph = rooms
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {' -> '.join(error.args[1])}")


def test_nothing_is_loaded_or_printed_by_importing():
    names = [name for name in MODULES if not name.endswith("__main__")]
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


# what serves, where another engine answers
WITHOUT_TORCH = (
    "s2f_studio.server",
    "s2f_studio.page",
    "s2f_studio.cli",
    "s2f_studio.drawings",
    "s2f_utils.pictures",
    "s2f_utils.weights",
    "s2f_studio.answers",
    "s2f_studio.loading",
    "s2f_studio.shipped",
    "s2f_utils.data",
    "s2f_utils.infer",
)
NETWORKS = {
    "s2f_utils.networks.landmark_net",
    "s2f_utils.infer.plane",
    "s2f_utils.data.stores",
    "s2f_utils.infer.engine",
    "s2f_utils.infer.stages",
}


def test_what_serves_is_imported_without_torch():
    below = tuple(f"{what}." for what in WITHOUT_TORCH)
    names = [name for name in MODULES if f"{name}.".startswith(below) and name not in NETWORKS]
    code = (
        "import sys, importlib\n"
        "for name in ('torch', 'torchvision', 'kornia', 'piq', 'lpips', 'spandrel'):\n"
        "    sys.modules[name] = None\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert names and (done.returncode, done.stderr) == (0, "")
