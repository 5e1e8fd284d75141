"""The reference of what users call: docstrings as they stand in the code, and tables of settings.

- Docstrings are plain text with `names` in backticks. An argument is a sentence that begins with
its name and a colon, as in "size_px: height and width.": these become a list, and what is returned
or raised a paragraph of its own.
- `.. settings:: CLASS` is the table of a pydantic model's fields: default, what is allowed, what it
means. With `:without: CLASS` fields that are as they are there are left out.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.ext.autodoc.mock import mock
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import signature, stringify_signature

CODE = re.compile(r"`+([^`]+)`+")
VALUE = re.compile(r'(?<!`)"([^"\s`]*)"(?!`)')
SENTENCE = r"(?:\A|(?<=[.;:?!…)”\"] ))"  # where a sentence may begin
OUTCOME = re.compile(SENTENCE + r"(?=(?:Raises?|Returns?) )")
NUMPY = re.compile(r"Parameters\n-+\n")
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
KINDS = {"boolean": "True or False", "integer": "whole", "number": "number", "string": "text"}


def as_rst(text: str) -> str:
    """Plain text with names in backticks, and values in quotes, as reStructuredText."""
    parts = CODE.split(VALUE.sub(r'`"\1"`', text))
    parts[0::2] = [re.sub(r"([\\*|_])", r"\\\1", part) for part in parts[0::2]]
    parts[1::2] = [f"``{part}``" for part in parts[1::2]]
    return "".join(parts)


def arguments_of(thing: Any) -> set[str]:
    """The names that a docstring may explain: arguments, or the fields of a class."""
    names = set(getattr(thing, "__annotations__", ())) | set(getattr(thing, "_fields", ()))
    with contextlib.suppress(TypeError, ValueError):  # not everything has a signature
        names |= set(inspect.signature(thing).parameters)
    return {name for name in names if name != "self"}


def split(paragraph: str, names: set[str]) -> Iterator[tuple[str, str]]:
    """A paragraph in parts: (the arguments that it explains, or "", text)."""
    one = "|".join(map(re.escape, sorted(names, key=len, reverse=True))) or r"(?!)"
    head = re.compile(rf"{SENTENCE}(`?(?:{one})`?(?:, `?(?:{one})`?)*): ")
    for part in OUTCOME.split(paragraph):
        parts = head.split(part)
        if parts[0].strip():
            yield "", parts[0].strip()
        for named, text in zip(parts[1::2], parts[2::2], strict=True):
            yield named.replace("`", ""), text.strip(" ;")


def listed(section: str) -> Iterator[tuple[str, str]]:
    """The arguments of a section as numpy writes them, each with its text."""
    for named, text in re.findall(r"(?m)^(\w+)\n((?:[ \t]+.*\n?)+)", NUMPY.sub("", section)):
        yield named, " ".join(text.split())


def mend(app: Any, what: str, name: str, thing: Any, options: Any, lines: list[str]) -> None:
    """A docstring as reStructuredText, its arguments as a list (an event of autodoc)."""
    if what == "module":
        return
    names, made, outcome = arguments_of(thing), [], []
    for paragraph in "\n".join(lines).strip().split("\n\n"):
        if NUMPY.match(paragraph):
            for named, text in listed(paragraph):
                made += [f"``{named}``", f"   {as_rst(text)}", ""]
            continue
        for named, text in split(" ".join(paragraph.split()), names):
            if named:
                made += [as_rst(re.sub(r"(\w+)", r"`\1`", named)), f"   {as_rst(text)}", ""]
            else:
                (outcome if OUTCOME.match(text) and made else made).extend([as_rst(text), ""])
    lines[:] = made + outcome


def end_of(text: str, start: int) -> int:
    """The place behind the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(text)):
        depth += (text[place] in "([{") - (text[place] in ")]}")
        if depth == 0:
            return place + 1
    return len(text)


def unwrapped(sig: str) -> str:
    """A signature with `T` for `Annotated[T, …]`, and `= Class()` for a long default."""
    for found in reversed(list(re.finditer(r"[~\w.]*Annotated\[", sig))):
        end = end_of(sig, found.end() - 1)
        inside = sig[found.end() : end - 1]
        kind = end_of(inside, inside.index("[")) if re.match(r"[\w.~]+\[", inside) else 0
        sig = sig[: found.start()] + inside[: inside.index(",", kind)] + sig[end:]
    for found in reversed(list(re.finditer(r"= [A-Z]\w*(?=\(\w+=)", sig))):
        sig = f"{sig[: found.end()]}(){sig[end_of(sig, found.end()) :]}"
    return sig


def shorten(app: Any, what: str, name: str, thing: Any, options: Any, sig: str, back: str) -> Any:
    """A signature without what only a computer reads (an event of autodoc)."""
    if hasattr(thing, "model_fields"):
        return "(**fields)", back  # which have a table
    if sig == "(*args: Any, **kwargs: Any)" and inspect.isclass(thing):  # below a stood-in class
        own = signature(thing.__init__, bound_method=True)
        sig = stringify_signature(own, show_return_annotation=False, unqualified_typehints=True)
    if sig:
        sig = re.sub(
            r"<factory>|<function <lambda>[^>]*>|PosixPath\('[^']*'\)", "...", unwrapped(sig)
        )
    return sig, back


def allowed(rule: Mapping[str, Any], live: Any) -> str:
    """What a field may be, in a few words, from its JSON schema: choices, limits, and limits while
    it is trained with.
    """
    if "enum" in rule:
        return ", ".join(f"`{value}`" if value else "empty" for value in rule["enum"])
    words = [KINDS.get(rule.get("type", ""), "")]
    words += [f"{sign} {rule[name]}" for name, sign in LIMITS.items() if name in rule]
    if live:
        words.append(f"while training {live.low:g} to {live.high:g}")
    return ", ".join(word for word in words if word)


def live_ranges(model: Any) -> dict[str, Any]:
    """The limits of the settings that may change during training; {} for what is not trained."""
    if not hasattr(model, "live_ranges"):
        return {}
    ranges = model().live_ranges()
    for name, field in model.model_fields.items():  # those that are 0 unless they are asked for
        for entry in field.metadata:
            if hasattr(entry, "low"):
                ranges[name] = entry
    return ranges


def default_of(field: Any) -> str:
    """A field's default, for a table."""
    value = field.get_default(call_default_factory=True)
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str) and value:
        return f"`{value}`"
    return str(value) if value not in ("", (), {}, None) else "–"


class Settings(SphinxDirective):
    """The table of a pydantic model's fields."""

    required_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        with mock(self.config.autodoc_mock_imports):
            model = found(self.arguments[0])
            known = found(self.options["without"]).model_fields if "without" in self.options else {}
            live = live_ranges(model)
            rules = model.model_json_schema()["properties"]
        rows = [["setting", "default", "allowed", "meaning"]]
        for name, field in model.model_fields.items():
            default = default_of(field)
            if name not in known or default != default_of(known[name]):
                rows.append(
                    [f"`{name}`", default, allowed(rules[name], live.get(name)), field.description]
                )
        lines = [
            ".. list-table::",
            "   :class: settings",
            "   :header-rows: 1",
            "   :widths: 24 14 24 38",
            "",
        ]
        for row in rows:
            for n, cell in enumerate(row):
                lines.append(f"   {'  ' if n else '* '}- {as_rst(cell or '')}")
        return self.parse_text_to_nodes("\n".join(lines))


def found(path: str) -> Any:
    """The class at this path."""
    module, _, name = path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def setup(app: Any) -> dict[str, bool]:
    app.add_directive("settings", Settings)
    app.connect("autodoc-process-docstring", mend)
    app.connect("autodoc-process-signature", shorten)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
