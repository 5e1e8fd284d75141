"""What readers follow: links, commands with their flags, badges, the set-up cell, the site."""

from __future__ import annotations

import contextlib
import datetime
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest

import s2f_utils

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SET_UP = "# Set-up, the same in every notebook"


def tool(name: str):
    """A script of tools/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


build_site = tool("build_site")


def anchors(text: str) -> set[str]:
    """The places of a page that a link can name."""
    found = set(re.findall(r'<a id="([\w-]+)">', text))
    for heading in re.findall(r"(?m)^#+ (.*)$", text):
        found.add(re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_links_lead_somewhere(page):
    text = page.read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text):
        path, _, anchor = target.partition("#")
        file = page.parent / path if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file.read_text(encoding="utf-8")), target


def test_every_picture_is_on_a_page():
    text = "".join(path.read_text(encoding="utf-8") for path in PAGES)
    docs = ROOT / "docs"
    pictures = {path.name for path in [*docs.glob("*.jpg"), *docs.glob("*.webp")]}
    assert {name for name in pictures if name not in text} == set()


def commands_in(text: str) -> list[tuple[str, str, set[str]]]:
    """(program, command, flags) of every call in a page."""
    found = []
    pattern = r"(s2f|python -m data_prep) ([a-z][a-z-]+)([^`#|\n]*)"
    for program, command, rest in re.findall(pattern, text):
        flags = set(re.findall(r"(?<!\S)--[a-z][a-z-]*", rest.partition("&&")[0]))
        found.append((program, command, flags))
    return found


def help_of(program: str, command: str, capsys) -> str:
    from data_prep.__main__ import main as data_prep
    from s2f_studio.cli import main as s2f

    with contextlib.suppress(SystemExit):
        (s2f if program == "s2f" else data_prep)([command, "--help"])
    return capsys.readouterr().out


def test_commands_in_the_docs_exist_with_their_flags(capsys):
    calls: dict[tuple[str, str], set[str]] = {}
    for page in PAGES:
        for program, command, flags in commands_in(page.read_text(encoding="utf-8")):
            calls.setdefault((program, command), set()).update(flags)
    assert len(calls) > 15
    for (program, command), flags in calls.items():
        text = help_of(program, command, capsys)
        assert command in text, f"no command {program} {command}"
        missing = {flag for flag in flags if not re.search(rf"{flag}\b", text)}
        assert not missing, f"{program} {command} has no {missing}"


def test_imports_in_the_docs_work():
    lines = set()
    for page in PAGES:
        for block in re.findall(
            r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL
        ):
            lines |= set(re.findall(r"(?m)^(?:import|from) (?:s2f|data_prep).*$", block))
    assert lines
    for line in sorted(lines):
        exec(line, {})


@pytest.mark.parametrize("program", ["s2f", "data_prep"])
def test_help_explains_every_argument_where_it_is_listed(program, capsys):
    names = re.findall(r"(?m)^│ ([a-z]+) ", help_of(program, "--help", capsys))
    assert names
    for name in names:
        text = help_of(program, name, capsys)
        assert "Args:" not in text, f"{program} {name}: its docstring's arguments are not parsed"


def test_every_command_is_in_the_docs(capsys):
    listed = re.findall(r"(?m)^│ ([a-z]+) ", help_of("s2f", "--help", capsys))
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert listed and {name for name in listed if f"`s2f {name}" not in page} == set()


NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
SOLUTIONS = sorted((ROOT / "notebooks" / "solutions").glob("[0-9]*.ipynb"))


def set_up_of(path: Path) -> str:
    """The source of a notebook's set-up, without the settings above it."""
    cells = nbformat.read(path, as_version=4).cells
    (source,) = [cell["source"] for cell in cells if SET_UP in cell["source"]]
    return source[source.index(SET_UP) :]


def address_and_release() -> tuple[str, str]:
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    version = s2f_utils.__version__
    release = "main" if ".dev" in version else f"v{version}"
    return pyproject["project"]["urls"]["Repository"], release


def test_every_notebook_has_the_same_set_up_of_this_address_and_release():
    address, release = address_and_release()
    texts = {set_up_of(path).replace(f'"{path.stem}"', "NAME") for path in NOTEBOOKS + SOLUTIONS}
    assert len(texts) == 1, "the set-up cell is the same in every notebook but for its name"
    (text,) = texts
    assert f'"git+{address}@{release}"' in text and "NAME" in text, "run `make badges`"


def test_badges_and_citation_have_the_address():
    address, _ = address_and_release()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    colab = address.replace("https://github.com/", "https://colab.research.google.com/github/")
    for path in NOTEBOOKS + SOLUTIONS:
        place = f"({colab}/blob/main/{path.relative_to(ROOT).as_posix()})"
        first = nbformat.read(path, as_version=4).cells[0]["source"]
        assert place in first, f"{path.name}: run `make badges`"
        assert place in readme or path in SOLUTIONS, f"README.md has no badge of {path.name}"
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"repository-code: {address}\n" in citation, "run `make badges`"


def test_the_newest_release_is_that_of_the_citation_and_of_the_package():
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    version, date = re.search(r"^## \[(\d+\.\d+\.\d+)\] - (\S+)$", changes, re.MULTILINE).groups()
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {version}\ndate-released: {date}\n" in citation
    assert s2f_utils.__version__ == version or ".dev" in s2f_utils.__version__


def test_in_colab_the_set_up_installs_the_project_and_holds_what_is_there(tmp_path, monkeypatch):
    source = set_up_of(NOTEBOOKS[0])
    address, release = address_and_release()
    calls, find_spec = [], importlib.util.find_spec
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name: None if name == "s2f_utils" else find_spec(name)
    )
    monkeypatch.setattr("subprocess.run", lambda command, **options: calls.append(command))
    exec(compile(source.partition("from s2f_utils")[0], "set-up cell", "exec"), {})
    (command,) = calls
    assert command[1:5] == ["-m", "pip", "install", "--quiet"]
    assert f"sketch-to-face[train,notebooks] @ git+{address}@{release}" in command
    assert any(part.startswith("torch==") for part in command)


def test_every_page_is_in_a_toctree_of_the_site():
    text = (ROOT / "docs" / "site" / "index.md").read_text(encoding="utf-8")
    entries = set()
    for block in re.findall(r"```\{toctree\}\n(.*?)```", text, re.DOTALL):
        entries |= {line for line in block.splitlines() if line and not line.startswith(":")}
    pages = {name.rpartition(".")[0] for name in build_site.sources() if name.endswith(".md")}
    assert pages - {"index"} == entries - {"notebooks/*", "notebooks/solutions/*"}


def test_a_run_writes_where_and_with_what_and_the_site_shows_it(tmp_path):
    run_notebooks = tool("run_notebooks")
    for name, code in (("good", "print(1 + 1)"), ("bad", "1 / 0")):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
        notebook.metadata["last_run"] = {"date": "1999-12-31"}
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
        path = tmp_path / f"{name}.ipynb"
        run_notebooks.execute(path, tmp_path / "out" / path.name, tmp_path)
    paths = [tmp_path / "out" / "bad.ipynb", tmp_path / "out" / "good.ipynb"]
    head, _, good, _, rest = build_site.table_of_runs(paths).split("\n")
    today, python = datetime.date.today().isoformat(), platform.python_version()
    assert f"| good | {today} | 0" in good and f"| {python} |" in good
    assert head.count("|") == good.count("|")
    assert rest.endswith("recorded: bad.")
    assert build_site.table_of_runs(paths[:1]).strip() == rest


def with_sphinx() -> str | None:
    """A Python that has what the site is built with: this one, or that of `make docs`."""
    if all(
        importlib.util.find_spec(name) for name in ("sphinx", "myst_nb", "latex2mathml", "pydantic")
    ):
        return sys.executable
    python = ROOT / os.environ.get("S2F_DOCS_VENV", ".venv-docs") / "bin" / "python"
    return str(python) if python.is_file() else None


@pytest.mark.skipif(with_sphinx() is None, reason="no Sphinx: `make docs` brings it")
def test_broken_links_and_formulas_stop_the_site(tmp_path):
    rst = "```{{eval-rst}}\n.. autofunction:: s2f_utils.data.{}\n```".format
    wrong = ["[x](nowhere.md)", "[x](../tools/none.py)", "[x](app.md#no-place)", r"$\nocommand$"]
    wrong.append(rst("no_function"))
    right = ["[x](../tools/size.py)", "[x](app.md#the-page)", r"$\mathbb E\,|x|$"]
    right += [r"$\arg\max_i x_i$", rst("read_manifest"), '<a id="here"></a>\nA place', "[x](#here)"]
    page = tmp_path / "page.md"
    page.write_text("# Page\n\n" + "\n\n".join([*wrong, *right]) + "\n", encoding="utf-8")
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import build_site as b; from pathlib import Path\n"
        "few = {n: p for n, p in b.sources().items() if n in {'index.md', 'docs/app.md'}}\n"
        "b.sources = lambda: {**few, 'docs/page.md': Path(sys.argv[2])}\n"
        "sys.exit(b.main([sys.argv[3]]))"
    )
    arguments = [str(ROOT / "tools"), str(page), str(tmp_path / "site")]
    command = [with_sphinx(), "-c", script, *arguments]
    done = subprocess.run(command, text=True, capture_output=True, encoding="utf-8")
    assert done.returncode == 1 and not (tmp_path / "site").exists(), done.stdout + done.stderr
    lines = re.findall(r"(?m)^docs/page\.md:\d+: .*", done.stdout)
    for word in ("nowhere.md", "none.py", "no-place", "nocommand"):
        assert len([line for line in lines if word in line]) == 1, done.stdout
    assert len(lines) == 4, done.stdout
    assert done.stdout.count("failed to import") == 1 and "'no_function'" in done.stdout
