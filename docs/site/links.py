"""Links of the repository's Markdown and notebooks, made to work in the site.

- The repository's own address (pyproject.toml has it) becomes a path: such a link stays in the site
and is checked.
- A path to a file that is no page, such as ../LICENSE, becomes a link to the repository, where
there is one.
- On the home page, `draw/` is the page that answers in the browser where one was given, else the
page about it;
  `colab/NAME` opens a notebook in Colab; `<!-- series -->` is a card for each notebook.
- A badge becomes a link in words: its picture would come from another host.
- Code of a cell that is tagged "setup" is folded.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.transforms.post_transforms import SphinxPostTransform

ROOT = Path(__file__).resolve().parents[2]
BRANCH = "main"
BADGE = re.compile(r"\[!\[Open In Colab\]\([^)]*\)\]\(([^)]*)\)")
PLACE = re.compile(r'(?m)^<a id="([\w-]+)"></a>\n')  # that a link can name; MyST writes it (so)=
DRAW, COLAB = "draw/", "colab/"  # on the home page
FOLDED = {"setup": "hide-input"}  # a notebook's tag: what myst-nb calls it


def repository() -> str:
    """The public address of the repository."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return project["urls"]["Repository"].removesuffix(".git").rstrip("/")


def with_paths(text: str, docname: str) -> str:
    """Markdown with addresses of the repository's files as paths, and with badges as words."""
    up = "../" * docname.count("/") or "./"
    owner_and_name = repository().partition("//")[2].partition("/")[2]
    for address in (
        f"{repository()}/blob/{BRANCH}/",
        f"{repository()}/raw/{BRANCH}/",
        f"https://raw.githubusercontent.com/{owner_and_name}/{BRANCH}/",
    ):
        text = re.sub(rf'(?<=[("]){re.escape(address)}', up, text)
    text = PLACE.sub(r"(\1)=\n", text)
    return BADGE.sub(r"[Open in Colab](\1){.colab}", text)


def series(folder: Path) -> str:
    """A card for each notebook: its title, and the rest of its heading."""
    cards = []
    for path in sorted(folder.glob("[0-9]*.ipynb")):
        first = "".join(json.loads(path.read_text(encoding="utf-8"))["cells"][0]["source"])
        name, _, rest = first.partition("\n")[0].lstrip("# ").partition(":")
        cards.append(
            f"- [**{name.strip()}**](notebooks/{path.name})\n"
            + f"\n  {rest.strip()}\n" * bool(rest)
        )
    return "{.cards}\n" + "\n".join(cards)


def prepare(app: Any, docname: str, source: list[str]) -> None:
    """Before a page is read."""
    path = Path(app.env.doc2path(docname))
    if path.suffix != ".ipynb":
        if docname == "index":
            source[0] = source[0].replace("<!-- series -->", series(path.parent / "notebooks"))
        source[0] = with_paths(source[0], docname)
        return
    notebook = json.loads(source[0])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "markdown":
            cell["source"] = with_paths("".join(cell["source"]), docname)
        tags = cell["metadata"].get("tags", [])
        cell["metadata"]["tags"] = tags + [FOLDED[tag] for tag in tags if tag in FOLDED]
    source[0] = json.dumps(notebook)


def in_repository(docname: str, target: str) -> str | None:
    """The public address of a path as it stands in a page; None where there is no such file."""
    path, _, anchor = target.partition("#")
    place = (ROOT / docname).parent.joinpath(path).resolve()
    if "." not in path and "/" not in path or not place.exists() or not place.is_relative_to(ROOT):
        return None
    kind = "tree" if place.is_dir() else "blob"
    inside = place.relative_to(ROOT).as_posix()
    return f"{repository()}/{kind}/{BRANCH}/{inside}" + (f"#{anchor}" if anchor else "")


def in_colab(name: str) -> str | None:
    """The address that opens a notebook in Colab; None where there is no such notebook."""
    inside = repository().replace("https://github.com", "https://colab.research.google.com/github")
    return (
        f"{inside}/blob/{BRANCH}/notebooks/{name}"
        if (ROOT / "notebooks" / name).is_file()
        else None
    )


class Elsewhere(SphinxPostTransform):
    """Links that lead to no page of the site; before MyST warns about them."""

    default_priority = 8

    def run(self, **kwargs: Any) -> None:
        for node in list(self.document.findall(addnodes.pending_xref)):
            if node["reftype"] != "myst" or node.get("refdomain") == "doc":
                continue
            docname = node.get("refdoc", self.env.docname)
            if node["reftarget"] == DRAW and os.environ.get("S2F_DRAW"):
                address = f"{DRAW}index.html"
            elif node["reftarget"] == DRAW:
                address = self.app.builder.get_relative_uri(docname, "docs/deploy")
            elif docname == "index" and node["reftarget"].startswith(COLAB):
                address = in_colab(node["reftarget"].removeprefix(COLAB))
            else:
                address = in_repository(docname, node["reftarget"])
            if address is not None:
                inside = node["reftarget"] == DRAW
                node.replace_self(
                    nodes.reference("", "", node[0].deepcopy(), refuri=address, internal=inside)
                )


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", prepare)
    app.add_post_transform(Elsewhere)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
