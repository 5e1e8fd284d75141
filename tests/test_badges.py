"""The public address stands in pyproject.toml; whatever repeats it is as `make badges` writes it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = "https://github.com/example/elsewhere"

spec = importlib.util.spec_from_file_location("badges", ROOT / "tools" / "badges.py")
badges = importlib.util.module_from_spec(spec)
spec.loader.exec_module(badges)


def test_this_repository_is_up_to_date():
    pending = [str(path.relative_to(ROOT)) for path in badges.pending(ROOT)]
    assert pending == [], "run `make badges`"


def test_elsewhere_the_set_up_installs_and_holds_what_is_there(tmp_path, monkeypatch):
    source, commands, real = (
        badges.setup_cell_source(ELSEWHERE, "02_x.ipynb", "v1.2.3"),
        [],
        importlib.util.find_spec,
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "s2f_utils" else real(name)
    )
    monkeypatch.setattr(
        "subprocess.run", lambda command, **options: commands.append((command, options))
    )
    exec(compile(source.partition("from s2f_utils")[0], "set-up cell", "exec"), {})
    ((command, options),) = commands
    assert command[1:5] == ["-m", "pip", "install", "--quiet"] and options == {"check": True}
    assert f"sketch-to-face[train] @ git+{ELSEWHERE}@v1.2.3" in command
    assert any(part.startswith("torch==") for part in command)


def test_a_result_behind_an_arrow_stays():
    marks = [
        f"<!-- {name}:start -->\n{{}}\n<!-- {name}:end -->" for name in ("badges", "first", "clone")
    ]
    line = badges.colab_badge(ELSEWHERE, "02_x.ipynb") + " Old title → *SSIM 0.87*  "
    text = "\n".join(marks).format(line, "", "")
    made = badges.updated_readme(text, {"01_y.ipynb": "First", "02_x.ipynb": "Second"}, ELSEWHERE)
    assert "01_y.ipynb) First  \n" in made and "02_x.ipynb) Second → *SSIM 0.87*  \n" in made
