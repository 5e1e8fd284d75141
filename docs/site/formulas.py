"""Formulas as MathML, made when the site is built: no script, no font, no network."""

from __future__ import annotations

import re
import unicodedata
from typing import Any
from xml.etree import ElementTree

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util import logging

SAID = logging.getLogger(__name__)
FENCES = {
    r"\lVert",
    r"\rVert",
    r"\Vert",
    r"\|",
}  # which the converter leaves as they are behind \Big
VARIANTS = {
    "double-struck": "DOUBLE-STRUCK",
    "script": "SCRIPT",
    "fraktur": "FRAKTUR",
}  # browsers know but characters
UNDER = {"min", "max", "argmin", "argmax"}
FUNCTIONS = UNDER | {"log", "exp", "ln", "sin", "cos"}
ARGUMENT = re.compile(r"\\arg\s*\\(max|min)(?![a-z])")  # which the converter knows as one word only
PUNCTUATION = re.compile(r"[),.;:?!’]+")


def letter(text: str, variant: str) -> str:
    """A letter of another alphabet, such as 𝔼; as it is where Unicode has none."""
    for name in (
        f"MATHEMATICAL {VARIANTS[variant]} CAPITAL {text}",
        f"{VARIANTS[variant]} CAPITAL {text}",
    ):
        try:
            return unicodedata.lookup(name)
        except KeyError:
            continue
    return text


def mend(parent: ElementTree.Element, display: str) -> None:
    """What browsers show otherwise than TeX: alphabets, fences, what stands below, the space behind
    a function.
    """
    for place, child in reversed(list(enumerate(parent))):
        tag, text = child.tag.rpartition("}")[2], child.text or ""
        if text in FENCES:
            child.text = "‖"
        if child.get("mathvariant") in VARIANTS:
            child.text = letter(text, child.attrib.pop("mathvariant"))
        if tag == "msub" and display == "block" and (child[0].text or "") in UNDER:
            child.tag = "munder"
        row = parent.tag in {"mrow", "math"} and tag in {"mi", "mo"} and text in FUNCTIONS
        if row and [following.tag for following in parent[place + 1 : place + 2]] == ["mi"]:
            parent.insert(place + 1, ElementTree.Element("mspace", width="0.17em"))
        mend(child, display)


def mathml(latex: str, display: str) -> str:
    """The `<math>` of a formula. Raises ValueError for a command that is not known."""
    latex = ARGUMENT.sub(r"\\operatorname{arg\1}", latex)
    tree = ElementTree.fromstring(re.sub(r' xmlns="[^"]*"', "", convert(latex, display=display)))
    mend(tree, display)
    made = ElementTree.tostring(tree, encoding="unicode")
    unknown = re.search(r">\s*\\[A-Za-z]+", made)  # comes out as text
    if unknown:
        raise ValueError(
            f"no MathML for {unknown[0][1:].strip()} in {latex!r}; write it another way"
        )
    return made


def _visit(self: Any, node: nodes.Node, display: str, before: str, after: str) -> None:
    try:
        self.body.append(before + mathml(node.astext(), display) + after)
    except ValueError as error:
        SAID.warning(str(error), location=node)
    raise nodes.SkipNode


def inline(self: Any, node: nodes.Node) -> None:
    _visit(self, node, "inline", "", "")


def block(self: Any, node: nodes.Node) -> None:
    _visit(self, node, "block", '<div class="formula">', "</div>\n")


def keep_together(app: Any, doctree: nodes.document, docname: str) -> None:
    """Let no line begin with the comma behind a formula."""
    for formula in list(doctree.findall(nodes.math)):
        following = formula.next_node(descend=False, siblings=True)
        found = PUNCTUATION.match(following.astext()) if isinstance(following, nodes.Text) else None
        if found:
            parent = formula.parent
            parent.replace(following, nodes.Text(following.astext()[found.end() :]))
            together = nodes.inline("", "", classes=["together"])
            parent.replace(formula, together)
            together += [formula, nodes.Text(found[0])]


def setup(app: Any) -> dict[str, bool]:
    app.add_html_math_renderer(
        "mathml", inline_renderers=(inline, None), block_renderers=(block, None)
    )
    app.connect("doctree-resolved", keep_together)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
