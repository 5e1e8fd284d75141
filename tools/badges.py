"""Write the repository's public address, which stands in pyproject.toml, wherever a reader meets
it.

That is: the Colab badge and the set-up cell of each notebook, the badges and the clone command of
README.md, and CITATION.cff. The set-up cell also names the release that its notebook belongs to.
`make badges` runs it; `--check` changes nothing and fails when something is not up to date.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path

import nbformat

ROOT = Path(__file__).resolve().parents[1]
BRANCH = "main"
BADGE_PATTERN = re.compile(r"\[!\[Open In Colab\]\([^)]*\)\]\([^)]*\)")
FIRST = "02_pix2pix.ipynb"  # a student's next click
SETUP_BEGINS = "# Set-up, the same in every notebook"
SETUP_CELL = ROOT / "tools" / "setup_cell.txt"


def repository_url(root: Path = ROOT) -> str:
    """The public address of the repository, without a slash at its end: `[project.urls]` of
    pyproject.toml.
    """
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removesuffix(".git").rstrip("/")


def colab_badge(repository: str, notebook_name: str) -> str:
    """The Markdown of the badge that opens notebooks/`notebook_name` in Colab."""
    match = re.fullmatch(r"https://github\.com/([\w.-]+/[\w.-]+)", repository)
    if match is None:
        raise ValueError(
            f"Repository must be https://github.com/OWNER/NAME for Colab, got {repository!r}"
        )
    target = f"https://colab.research.google.com/github/{match[1]}/blob/{BRANCH}/notebooks/{notebook_name}"
    return f"[![Open In Colab](https://colab.research.google.com/assets/colab-badge.svg)]({target})"


def release(root: Path = ROOT) -> str:
    """What the set-up cell installs: the tag of s2f_utils' version; between releases (.dev) the
    main branch.
    """
    (version,) = re.findall(
        r'(?m)^__version__ = "([^"]+)"$', (root / "s2f_utils" / "__init__.py").read_text("utf-8")
    )
    return BRANCH if ".dev" in version else f"v{version}"


def setup_cell_source(repository: str, notebook_name: str, tag: str) -> str:
    """The text of the set-up, the same in every notebook but for the name that it gives to the
    session.
    """
    text = SETUP_CELL.read_text(encoding="utf-8").strip()
    stem = notebook_name.rpartition("/")[2].removesuffix(".ipynb")
    for mark in ("@REPOSITORY@", "@RELEASE@", "@NOTEBOOK@"):
        if mark not in text:
            raise ValueError(f"{SETUP_CELL.name} has no {mark} to fill in")
    return (
        text.replace("@REPOSITORY@", repository)
        .replace("@RELEASE@", tag)
        .replace("@NOTEBOOK@", stem)
    )


def is_setup_cell(cell: dict) -> bool:
    """Whether a notebook's cell is the form with the set-up, of this or an earlier text; settings
    stand above it.
    """
    return cell["cell_type"] == "code" and SETUP_BEGINS in cell["source"]


def updated_notebook(
    notebook: nbformat.NotebookNode, name: str, repository: str, tag: str
) -> nbformat.NotebookNode:
    """A copy of the notebook with the right badge in its first Markdown cell and the right set-up
    cell.

    Raises ValueError when it has no Markdown cell to begin with, or not exactly one set-up cell.
    """
    notebook = nbformat.from_dict(notebook)
    badge = colab_badge(repository, name)
    if not notebook.cells or notebook.cells[0]["cell_type"] != "markdown":
        raise ValueError(f"{name}: the first cell must be Markdown, with the title and the badge")
    first = notebook.cells[0]
    if BADGE_PATTERN.search(first["source"]):
        first["source"] = BADGE_PATTERN.sub(lambda _: badge, first["source"])
    else:
        title, _, rest = first["source"].partition("\n")
        first["source"] = f"{title}\n\n{badge}\n{rest}".rstrip("\n")
    setup_cells = [cell for cell in notebook.cells if is_setup_cell(cell)]
    if len(setup_cells) != 1:
        raise ValueError(
            f"{name}: {len(setup_cells)} set-up cells; there must be one, with the first line of "
            f"tools/{SETUP_CELL.name}"
        )
    settings = setup_cells[0]["source"].partition(SETUP_BEGINS)[0]
    setup_cells[0]["source"] = settings + setup_cell_source(repository, name, tag)
    return notebook


def notebook_title(notebook: nbformat.NotebookNode) -> str:
    """The text of the notebook's first heading."""
    return notebook.cells[0]["source"].partition("\n")[0].lstrip("# ").strip()


def between(text: str, marker: str, content: str) -> str:
    """`text` with what stands between `<!-- marker:start -->` and `<!-- marker:end -->` replaced by
    `content`.
    """
    pattern = re.compile(rf"(<!-- {marker}:start -->\n).*?(<!-- {marker}:end -->)", re.DOTALL)
    text, count = pattern.subn(lambda match: f"{match[1]}{content}\n{match[2]}", text)
    if count != 1:
        raise ValueError(
            f"expected the markers {marker}:start and {marker}:end once, found them {count} times"
        )
    return text


def updated_readme(text: str, titles: dict[str, str], repository: str) -> str:
    """README.md with a badge for each notebook (`titles`: file name → title) and the right clone
    command. What stands behind an arrow in a notebook's line, a result, stays.
    """
    block = text.partition("<!-- badges:start -->")[2].partition("<!-- badges:end -->")[0]
    results = dict(re.findall(r"(?m)/notebooks/(\S+?)\) .*?( → .*?)? *$", block))
    lines = {name: f"{title}{results.get(name, '')}  " for name, title in titles.items()}
    badges = "\n".join(f"{colab_badge(repository, name)} {line}" for name, line in lines.items())
    folder = repository.rpartition("/")[2]
    text = between(text, "badges", badges)
    text = between(text, "first", colab_badge(repository, FIRST))
    clone = f"git clone --filter=blob:none {repository}"
    return between(text, "clone", f"```\n{clone}\ncd {folder}\n```")


def updated_citation(text: str, repository: str) -> str:
    """CITATION.cff with the right `repository-code`."""
    text, count = re.subn(
        r"(?m)^repository-code:.*$", lambda _: f"repository-code: {repository}", text
    )
    if count != 1:
        raise ValueError(f"CITATION.cff must have one repository-code line, found {count}")
    return text


def pending(root: Path = ROOT) -> dict[Path, str]:
    """The files that are not up to date, with the text that each should have."""
    repository = repository_url(root)
    tag = release(root)
    wanted, titles = {}, {}
    for path in sorted((root / "notebooks").rglob("[0-9]*.ipynb")):
        name = path.relative_to(root / "notebooks").as_posix()
        if "runs" in path.parts[len(root.parts) :]:
            continue  # executed copies
        notebook = nbformat.read(path, as_version=4)
        updated = updated_notebook(notebook, name, repository, tag)
        if "/" not in name:
            titles[name] = notebook_title(updated)
        if updated != notebook:
            wanted[path] = nbformat.writes(updated) + "\n"
    readme, citation = root / "README.md", root / "CITATION.cff"
    wanted[readme] = updated_readme(readme.read_text(encoding="utf-8"), titles, repository)
    wanted[citation] = updated_citation(citation.read_text(encoding="utf-8"), repository)
    return {path: text for path, text in wanted.items() if text != path.read_text(encoding="utf-8")}


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when everything is up to date in the end."""
    parser = argparse.ArgumentParser(prog="badges", description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="change nothing; fail when a file is not up to date"
    )
    options = parser.parse_args(arguments)
    try:
        files = pending()
    except ValueError as error:
        print(f"badges: {error}", file=sys.stderr)
        return 1
    for path, text in files.items():
        state = "is not up to date" if options.check else "updated"
        print(f"badges: {path.relative_to(ROOT)} {state}")
        if not options.check:
            path.write_text(text, encoding="utf-8", newline="\n")
    if not files:
        print("badges: everything is up to date")
    return 1 if options.check and files else 0


if __name__ == "__main__":
    sys.exit(main())
