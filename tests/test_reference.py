"""The reference on the site has what users import, and says what the code is."""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import types
from pathlib import Path

import pytest

from tests.test_docs import with_sphinx

ROOT = Path(__file__).resolve().parents[1]
API = ROOT / "docs" / "site" / "api"
PACKAGES = ("s2f_utils", "s2f_studio", "data_prep", "s2f_series")
DIRECTIVE = re.compile(r"(?m)^\.\. (?:auto\w+|py:data):: ([\w.]+)$")
MEMBERS = re.compile(r"(?m)^\.\. autoclass:: ([\w.]+)\n   :members: (.+)$")
SETTINGS = re.compile(r"(?m)^\.\. settings:: ([\w.]+)$")
# Imported somewhere, and not in the reference.
LEFT_OUT = {
    # Names and places that notebook 07 shows itself.
    "s2f_utils.pictures.mesh.PARTS",
    "s2f_studio.faces.looks.TRAITS",
    # A limit beside which solutions 01 print distances.
    "s2f_utils.pictures.duplicates.MAX_BITS",
}


def code_of_notebook(path: Path) -> str:
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    lines = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "code").split("\n")
    return "\n".join("" if line.startswith(("%", "!")) else line for line in lines)


def users_code() -> dict[str, str]:
    """{where: Python code} of the pages and the notebooks with their solutions."""
    found = {}
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        blocks = re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
        found |= {f"{path.name}, {n}": block for n, block in enumerate(blocks)}
    folder = ROOT / "notebooks"
    for path in [*folder.glob("[0-9]*.ipynb"), *folder.glob("solutions/[0-9]*.ipynb")]:
        found[path.name] = code_of_notebook(path)
    return found


def thing(path: str):
    """What a dotted path leads to, over modules that are not imported yet."""
    first, *parts = path.split(".")
    found, done = importlib.import_module(first), first
    for part in parts:
        if isinstance(found, types.ModuleType) and not hasattr(found, part):
            importlib.import_module(f"{done}.{part}")
        found, done = getattr(found, part), f"{done}.{part}"
    return found


def home(path: str) -> str:
    """Where a class or a function is written; another thing as it is called."""
    found = thing(path)
    return f"{found.__module__}.{found.__qualname__}" if hasattr(found, "__qualname__") else path


def imported(code: str) -> set[str]:
    """The names that code imports from the packages, those after a module's dot among them."""
    tree, names = ast.parse(code), {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PACKAGES:
            names |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
        elif isinstance(node, ast.Import):
            ours = [one for one in node.names if one.name.split(".")[0] in PACKAGES]
            names |= {one.asname or one.name.split(".")[0]: one.name for one in ours}
    found = set(names.values())
    for node in ast.walk(tree):
        parts = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id in names:
            found.add(as_far_as_modules_go(names[node.id], parts))
    return {path for path in found if not isinstance(thing(path), types.ModuleType)}


def as_far_as_modules_go(path: str, parts: list[str]) -> str:
    """A name with those after its dots, up to the first that is no module's; the name alone if they
    lead to nothing, as where a variable has a module's name.
    """
    longer = path
    try:
        for part in parts:
            if isinstance(thing(longer), types.ModuleType):
                longer = f"{longer}.{part}"
        thing(longer)
    except (AttributeError, ModuleNotFoundError):
        return path
    return longer


def test_names_after_a_modules_dot_are_found():
    code = "from s2f_utils.pictures import images as i\nimport data_prep\n"
    code += "i.load_rgb(data_prep.check.diagnose)\n"
    assert imported(code) == {"s2f_utils.pictures.images.load_rgb", "data_prep.check.diagnose"}


def test_what_pages_and_notebooks_import_is_in_the_reference():
    text = "\n".join(path.read_text(encoding="utf-8") for path in API.glob("*.md"))
    listed = {home(path) for path in DIRECTIVE.findall(text)}
    used: dict[str, str] = {}
    for where, code in users_code().items():
        used |= dict.fromkeys(imported(code), where)
    assert len(used) > 100
    missing = {path: where for path, where in used.items() if home(path) not in listed}
    assert {path: where for path, where in missing.items() if path not in LEFT_OUT} == {}
    assert set(missing) == LEFT_OUT, "no longer imported, or in the reference now"


def test_everything_in_the_reference_is_there_and_explained():
    for page in API.glob("*.md"):
        for path in DIRECTIVE.findall(page.read_text(encoding="utf-8")):
            found = thing(path)
            if hasattr(found, "__qualname__"):
                assert found.__doc__, f"{path} has no docstring"
        for path, members in MEMBERS.findall(page.read_text(encoding="utf-8")):
            found = thing(path)
            there = set(dir(found)) | set(getattr(found, "__dataclass_fields__", ()))
            assert set(members.split(", ")) <= there, path


def test_every_method_is_in_the_pages_and_in_the_help():
    from s2f_studio.cli.train import train
    from s2f_utils.methods import METHODS

    ours = {name: kind for name, kind in METHODS.items() if kind.__module__.startswith("s2f_utils")}
    page = (API / "settings.md").read_text(encoding="utf-8")
    described = {thing(path) for path in SETTINGS.findall(page)}
    missing = [name for name, kind in ours.items() if kind.Config not in described]
    assert missing == [], "docs/site/api/settings.md"
    rows = re.findall(r"(?m)^\| `(\w+)` \|", (ROOT / "docs" / "training.md").read_text("utf-8"))
    assert set(ours) <= set(rows), "docs/training.md"
    listed = re.search(r"method: (.+?)\n +data: ", train.__doc__, re.DOTALL)[1]
    assert set(ours) <= set(re.findall(r"\w+", listed)), "the help of s2f train"


@pytest.mark.parametrize("path", ["s2f_utils.methods.METHODS", "s2f_studio.Request"])
def test_every_setting_says_what_it_means(path):
    found = thing(path)
    models = [method.Config for method in found.values()] if isinstance(found, dict) else [found]
    for model in models:
        silent = [name for name, field in model.model_fields.items() if not field.description]
        assert silent == [], model.__name__


READ = r"""
import reference as r
text = 'Draw a face. size_px: its side, 32 to 512. index, seed: ≥ 0. Returns it. Raises ValueError.'
assert list(r.split(text, {"size_px", "index", "seed"})) == [
    ("", "Draw a face."), ("size_px", "its side, 32 to 512."), ("index, seed", "≥ 0."),
    ("", "Returns it."), ("", "Raises ValueError."),
]
assert list(r.split("A part: of it.", {"part"})) == [("", "A part: of it.")]
assert r.as_rst('`a_b` is "auto", *not* x_') == '``a_b`` is ``"auto"``, \\*not\\* x\\_'
sig = "(a: ~typing.Annotated[tuple[int, int], P(x=[1, 2])] = (1, 2), b: C = C(d=(1, 2), e='f'))"
assert r.unwrapped(sig) == "(a: tuple[int, int] = (1, 2), b: C = C())"
"""


@pytest.mark.skipif(with_sphinx() is None, reason="no Sphinx: `make docs` brings it")
def test_docstrings_and_signatures_are_read_as_they_are_written():
    environment = os.environ | {"PYTHONPATH": str(ROOT / "docs" / "site")}
    done = subprocess.run(
        [with_sphinx(), "-c", READ], env=environment, text=True, capture_output=True
    )
    assert done.returncode == 0, done.stderr
