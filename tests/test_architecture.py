"""Who may import whom, and that importing anything costs nothing."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FILES = sorted([*(ROOT / "s2f_utils").rglob("*.py"), *(ROOT / "data_prep").rglob("*.py")])


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
