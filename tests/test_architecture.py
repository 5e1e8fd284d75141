"""Who may import whom, and that importing anything costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "s2f_utils").rglob("*.py"), *(ROOT / "data_prep").rglob("*.py")])

# module (of s2f_utils; a package stands for all in it) → modules of s2f_utils that it may import
ALLOWED = {
    "": set(),
    "__main__": {"cli"},
    "config": {"profiles", "settings"},
    "settings": set(),
    "profiles": set(),
    "images": set(),
    "losses": set(),
    "viz": set(),
    "masks": {"images"},
    "synthetic": {"synthetic_parts"},
    "synthetic_parts": {"synthetic"},
    "augment": set(),
    "download": set(),
    "sketches": set(),
    "cleanup": set(),
    "weights": {"download"},
    "faces": {"weights"},
    "background": {"faces"},
    "runtime": {"config", "images"},
    "live": {"images"},
    "tracking": set(),
    "tracking_wandb": {"images", "live", "runtime"},
    "models": {"masks", "models"},
    "duplicates": set(),
    "metrics": {"metrics", "faces", "models", "weights"},
    "datasets": {"images", "masks"},
    "checkpoints": {"images", "models"},
    "inference": {"checkpoints", "config", "images", "masks", "models", "runtime", "weights"},
    "domain": {"cleanup"},
    "drawings": {"background", "cleanup", "domain", "faces", "images"},
    "style_widgets": {"drawing_widgets", "images", "styles", "viz"},
    "drawing_widgets": {"candidates", "drawings", "images"},
    "candidates": {"checkpoints", "drawings", "images", "inference", "models", "runtime", "weights"},
    "translate": {"candidates", "drawings", "images"},
    "styles": {"checkpoints", "domain", "images", "inference", "masks", "models", "runtime"},
    "evaluation": {"datasets", "duplicates", "images", "inference", "masks", "metrics", "runtime"},
    "leaderboard": {"datasets", "evaluation", "images", "leaderboard_page", "metrics", "runtime"},
    "leaderboard_page": {"images", "leaderboard", "metrics", "pages", "viz"},
    "pages": {"images"},
    "report": {"config", "evaluation", "images", "metrics", "pages", "tracking", "viz"},
    "training": {
        "training", "augment", "checkpoints", "config", "datasets", "degradations", "domain", "download", "images",
        "inference", "live",
        "losses", "metrics", "models", "runtime", "tracking", "tracking_wandb", "viz", "weights",
    },
    "widgets": {"images", "live", "sketch_pad", "training_panel"},
    "live_curves": {"viz"},
    "training_panel": {"live", "live_curves", "tracking", "widgets"},
    "hints": {"background", "drawings", "faces", "masks"},
    "pad_models": {"candidates", "faces", "hints", "images", "inference", "masks", "models", "styles", "weights"},
    "sketch_pad": {
        "drawings", "enhance", "faces", "hints", "images", "masks", "pad_models", "restorers", "sketch_pad_widget",
        "synthetic", "viz", "weights",
    },
    "sketch_pad_widget": {"drawing_widgets", "images", "masks", "pad_models", "sketch_pad"},
    "degradations": set(),
    "restorers": {"checkpoints", "images", "models", "runtime", "weights"},
    "enhance": {"faces", "images", "restorers"},
    "enhance_widgets": {"drawing_widgets", "enhance", "images", "restorers"},
    "app_uploads": {"images", "masks"},
    "app_models": {
        "app_uploads", "candidates", "checkpoints", "config", "enhance", "faces", "images", "inference", "models",
        "pad_models", "restorers", "runtime", "styles", "weights",
    },
    "app_lanes": {"app_models"},
    "app_engine": {
        "app_lanes", "app_models", "app_uploads", "candidates", "domain", "drawings", "faces", "images", "pad_models",
        "runtime",
    },
    "app_gate": {"app_uploads"},
    "app_visits": {
        "app_engine", "app_lanes", "app_models", "app_uploads", "domain", "drawing_widgets", "drawings", "pad_models",
        "sketch_pad", "sketch_pad_widget",
    },
    "app_page": {"app_api", "app_engine", "app_visits", "drawings", "images", "masks", "synthetic"},
    "app": {"app_api", "app_engine", "app_gate", "app_models", "app_page", "drawings", "images", "runtime", "weights"},
    "cli_app": {"app"},
    "app_api": {"app_engine", "app_gate", "app_lanes", "app_models", "app_uploads", "drawings", "images"},
    "cli_enhance": {"enhance", "images", "inference", "restorers", "translate"},
    "cli_faces": {"images", "inference", "masks", "styles", "translate", "viz"},
    "cli_plot": {"images", "tracking", "viz"},
    "cli": {
        "candidates", "cli_app", "cli_enhance", "cli_faces", "cli_plot", "config", "datasets", "domain", "drawings",
        "evaluation", "faces", "images", "inference", "leaderboard", "metrics", "report", "runtime", "training",
        "translate", "weights",
    },
}  # fmt: skip
DATA_PREP_MAY = {
    "", "background", "cleanup", "config", "datasets", "domain", "download", "duplicates", "faces", "images", "masks",
    "pages", "sketches", "synthetic", "weights",
}  # fmt: skip


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts[1:]
    return parts[0] if parts and parts[0] != "__init__" else ""


def imported(path: Path) -> set[str]:
    """The modules (top level within their package) that a file imports from this project, as "package:module"."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            package, _, rest = name.partition(".")
            if package in ("s2f_utils", "data_prep"):
                inside = rest.split(".")[0]
                known = (ROOT / package / f"{inside}.py").exists() or (ROOT / package / inside).is_dir()
                found.add(f"{package}:{inside if inside and known else ''}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_imports_keep_to_the_table(path):
    package = path.relative_to(ROOT).parts[0]
    for name in imported(path):
        target, inside = name.split(":")
        if package == "data_prep":
            assert target == "data_prep" or inside in DATA_PREP_MAY, f"data_prep must not import s2f_utils.{inside}"
        else:
            assert target != "data_prep", "s2f_utils must not import data_prep"
            assert inside in ALLOWED[module_of(path)] | {""}, f"{module_of(path)} must not import {inside}"


def test_the_table_knows_every_module():
    modules = {module_of(p) for p in FILES if p.relative_to(ROOT).parts[0] == "s2f_utils"}
    assert modules == set(ALLOWED)


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
        "torchvision",
        "pandas",
        "spandrel",
        "fastapi",
        "gradio",
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


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_public_things_have_a_docstring(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert ast.get_docstring(tree)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"{path.name}: {node.name}"
