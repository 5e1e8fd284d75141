"""The pages' scripts: each can be read, the app serves what they import, and a notebook's widget gets one text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from s2f_studio.server import page
from s2f_studio.web import messages

NODE = shutil.which("node")
OF_NOTEBOOK = Path(page.STATIC).parents[2] / "s2f_utils" / "notebook" / "static"
SERVED = sorted(path for folder in (messages.STATIC, page.STATIC) for path in folder.iterdir())
FILES = [path for path in (*SERVED, *sorted(OF_NOTEBOOK.iterdir())) if path.suffix == ".js"]
DECLARED = r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)"
needs_node = pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs")


def run_node(file: str, code: str = "") -> list:
    """What `tell` was told by a module: one of the pad's files with all that it imports, and more code after it."""
    text = messages.joined(messages.STATIC / file) + "const told = [], tell = (...values) => told.push(...values);\n"
    text += code + "\nprocess.stdout.write(JSON.stringify(told));"
    done = subprocess.run([NODE, "--input-type=module"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_app_serves_every_file_by_its_name():
    assert all(path.name == name for name, path in page.FILES.items())
    assert sorted([*page.FILES.values(), page.STATIC / "index.html"]) == SERVED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_script_says_what_it_is_and_imports_what_the_app_serves(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// ") and len(text.splitlines()) < 400
    for line in re.findall(r"^import\b.*$", text, flags=re.M):
        whole = line.startswith("import * as ")  # of the app's scripts, which are not joined into one text
        (name,) = re.findall(r'^import [*\w{}, ]+ from "\./(\w+\.js)";$', line)
        assert name in page.FILES and (" as " not in line or (whole and path.parent == page.STATIC))


@needs_node
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_node_can_read_a_script(path, tmp_path):
    module = tmp_path / "script.mjs"
    module.write_bytes(path.read_bytes())
    done = subprocess.run([NODE, "--check", str(module)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_joined_scripts_are_one_text_with_every_file_once():
    text = messages.joined(messages.STATIC / "sketch_pad.js")
    assert re.findall(r"^(?:import|export)\b.*$", text, flags=re.M) == ["export default { render };"]
    for name in messages.SCRIPTS:
        own = (messages.STATIC / name).read_text(encoding="utf-8")
        assert text.count(own.partition("\n")[0]) == 1, name
        assert set(re.findall(DECLARED, own, flags=re.M)) < set(re.findall(DECLARED, text, flags=re.M))
    names = re.findall(DECLARED, text, flags=re.M)
    assert len(names) == len(set(names))


@needs_node
def test_joined_scripts_run():
    assert run_node("sketch_pad.js", "tell(typeof render, typeof make, typeof Paper);") == 3 * ["function"]


@needs_node
def test_one_request_at_a_time_and_the_newest_drawing_waits():
    told = run_node(
        "line.js",
        """
        const sent = [], heard = {}, values = { answered: 3 };
        const on = (event, act) => { heard[event] = act; };
        const model = { get: (key) => values[key], send: (one) => sent.push(one), on };
        const answer = (n) => { values.answered = n; heard["change:answered"](); };
        const ask = line(model, () => {});
        ask("draw", { picture: 1 }); ask("draw", { picture: 2 }); ask("draw", () => ({ picture: 3 }));
        ask("set", { detail: 0 }); ask("set", { seed: 5 }); ask("set", { detail: 1 });
        ask("keep"); ask("keep");
        tell(sent.length);
        answer(3);  // an older one's
        tell(sent.length);
        for (let n = 4; n < 9; n++) answer(n);
        tell(sent);
        """,
    )
    assert told == [1, 1, [
        {"kind": "draw", "n": 4, "picture": 1}, {"kind": "draw", "n": 5, "picture": 3},
        {"kind": "set", "n": 6, "detail": 1, "seed": 5}, {"kind": "keep", "n": 7}, {"kind": "keep", "n": 8},
    ]]  # fmt: skip


@needs_node
def test_an_area_is_filled_to_its_borders():
    told = run_node(
        "paper.js",
        """
        const cells = [1, 1, 2, 1,
                       2, 2, 1, 1,
                       1, 1, 2, 1];
        flood(cells, 4, 3, 7);
        tell(cells);
        flood(cells, 4, 3, 7);  // as it is
        flood(cells, 4, 99, 7);  // outside
        tell(cells);
        """,
    )
    assert told == 2 * [[1, 1, 2, 7, 2, 2, 7, 7, 1, 1, 2, 7]]


@needs_node
def test_a_region_is_a_box_or_what_was_drawn_around_it():
    told = run_node(
        "overlay.js",
        """
        const points = [{ x: 10, y: -5 }, { x: 20, y: 90 }, { x: 80, y: 60 }];
        tell(outline(points, 100, "box"), outline(points, 100, "lasso"));
        tell(isLarge([[0.1, 0.1], [0.2, 0.2]]), isLarge([[0.1, 0.1], [0.2, 0.11]]));
        """,
    )
    assert told[0] == [[0.1, 0], [0.8, 0], [0.8, 0.6], [0.1, 0.6]]
    assert told[1] == [[0.1, 0], [0.2, 0.9], [0.8, 0.6]]
    assert told[2:] == [True, False]
