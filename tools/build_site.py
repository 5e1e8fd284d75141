"""Build the site from docs/, notebooks/ and the documents beside them; `make docs` runs it.

    python tools/build_site.py site [--draw FOLDER]  # a warning, such as a broken link, is an error
    python tools/build_site.py --links               # follow links to other places; needs a network

Runs in an environment with docs/site/requirements.txt. The sources are copied into a folder of
their own first, where the home page is at the top; warnings name the files as they lie in the
repository. OUT is complete or as it was.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SITE = "docs/site"
DOCUMENTS = ("CONTRIBUTING.md", "CHANGELOG.md")
GALLERY = "s2f_studio/page/gallery"  # pictures that the package has; a page shows them as well
SUFFIXES = {".md", ".ipynb", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp"}
PICTURE = re.compile(r"\]\(https://github\.com/[\w.-]+/[\w.-]+/raw/main/docs/titles/")
RUNS_HERE = "<!-- runs -->"
# What a notebook's metadata says of its last run, in the order of the table's columns.
RUN = ("date", "minutes", "profile", "machine", "python", "torch", "numpy")
HIDDEN = {
    "site",
    "runs",
    "data",
    "translated",
}  # folders of docs/ and notebooks/ that hold no pages


def sources(root: Path = ROOT) -> dict[str, Path]:
    """{path in the site: file} of all pages and pictures."""
    pages = sorted((root / SITE).rglob("*.md"))
    found = {path.relative_to(root / SITE).as_posix(): path for path in pages}
    found |= {name: root / name for name in DOCUMENTS}
    pictures = sorted((root / GALLERY).glob("*.webp"))
    found |= {path.relative_to(root).as_posix(): path for path in pictures}
    for top in ("docs", "notebooks"):
        for path in sorted((root / top).rglob("*")):
            inside = path.relative_to(root / top).parts
            skipped = inside[0] in HIDDEN or any(part.startswith(".") for part in inside)
            if path.suffix.lower() in SUFFIXES and path.is_file() and not skipped:
                found[path.relative_to(root).as_posix()] = path
    return found


def table_of_runs(notebooks: Sequence[Path]) -> str:
    """When, where and with which versions notebooks ran last, from their metadata, in Markdown."""
    lines = ["| notebook | last run | minutes | profile | machine | Python | PyTorch | NumPy |"]
    lines.append("| --- | --- | ---: | --- | --- | --- | --- | --- |")
    others = []
    for path in notebooks:
        run = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("last_run")
        if run:
            lines.append(f"| {path.stem} | {' | '.join(str(run[name]) for name in RUN)} |")
        else:
            others.append(path.stem)
    table = "\n".join(lines) if len(others) < len(notebooks) else ""
    return table + (
        f"\n\nRan last before that was recorded: {', '.join(others)}." if others else ""
    )


def gather(stage: Path) -> None:
    """Copy the sources into `stage`; notebooks' title pictures, which Colab needs by address, are
    the site's own, and the table of runs is made.
    """
    notebooks = [path for path in sources().values() if path.suffix == ".ipynb"]
    for name, path in sources().items():
        (stage / name).parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".ipynb":
            text = path.read_text(encoding="utf-8")
            (stage / name).write_text(PICTURE.sub("](../docs/titles/", text), encoding="utf-8")
        elif path.suffix == ".md":
            text = path.read_text(encoding="utf-8")
            text = text.replace(RUNS_HERE, f"\n{{.runs}}\n{table_of_runs(notebooks)}\n")
            (stage / name).write_text(text, encoding="utf-8")
        else:
            shutil.copy(path, stage / name)


def sphinx(stage: Path, out: Path, *flags: str) -> int:
    """Run Sphinx on the gathered sources; its status. What it says names the repository's files."""
    command = [
        sys.executable,
        "-m",
        "sphinx",
        "-c",
        str(ROOT / SITE),
        "-E",
        "-q",
        "-d",
        str(stage.parent / "doctrees"),
    ]
    done = subprocess.run(
        [*command, *flags, str(stage), str(out)],
        text=True,
        encoding="utf-8",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    said = done.stdout.replace(f"{stage}{os.sep}", "")
    for name, path in sources().items():
        if path.is_relative_to(ROOT / SITE):
            said = re.sub(rf"(?m)^{re.escape(name)}:", f"{SITE}/{name}:", said)
    print(said, end="")
    return done.returncode


def build(out: Path, draw: Path | None) -> int:
    """Build the pages into `out`, in place of an older site there; the status."""
    if draw and not (draw / "index.html").is_file():
        raise ValueError(f"{draw} has no index.html: make it with 's2f export page {draw}'")
    if out.exists() and not (out / ".buildinfo").is_file():
        raise ValueError(
            f"{out} is no site that was built before: name another folder, or delete it"
        )
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    os.environ["S2F_DRAW"] = str(draw or "")
    with tempfile.TemporaryDirectory() as folder:  # myst-nb writes beside its output, too
        stage, pages = Path(folder).resolve() / "sources", Path(folder) / "pages"
        gather(stage)
        status = sphinx(stage, pages, "-b", "html", "-n", "-W", "--keep-going")
        if status:
            return status
        shutil.copytree(pages, part)
    if draw:
        shutil.copytree(draw, part / "draw")
    (part / ".nojekyll").touch()  # GitHub Pages leaves out folders that begin with _ otherwise
    if out.exists():
        shutil.rmtree(out)
    part.rename(out)
    print(f"{out}: {sum(1 for _ in out.rglob('*.html'))} pages; open {out / 'index.html'}")
    return 0


def follow() -> int:
    """Follow the links to other places; the status."""
    with tempfile.TemporaryDirectory() as folder:
        stage, out = Path(folder).resolve() / "sources", Path(folder) / "links"
        gather(stage)
        status = sphinx(stage, out, "-b", "linkcheck")
        found = out / "output.txt"
        print(found.read_text(encoding="utf-8") if found.is_file() else "no link was followed")
    return status


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when all went well."""
    parser = argparse.ArgumentParser(prog="build_site", description=__doc__.partition("\n")[0])
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT", help="folder of the site")
    parser.add_argument(
        "--draw", type=Path, metavar="FOLDER", help="what 's2f export page' wrote: goes to OUT/draw"
    )
    parser.add_argument(
        "--links", action="store_true", help="build nothing, follow the links to other places"
    )
    options = parser.parse_args(arguments)
    if (options.out is None) != options.links:
        parser.error("give OUT, or --links")
    try:
        return follow() if options.links else build(options.out, options.draw)
    except ValueError as error:
        print(f"build_site: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
