"""What settings mean: the comments beside the fields of the dataclasses that hold them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import textwrap
import tokenize


def meanings(kind: type) -> dict[str, str]:
    """What each field of a dataclass means: name → the comment beside it, in the order of the fields.

    Where a class declares a field anew, its comment (mostly why the value is another) follows the one of the class that
    the field comes from. "" where none says anything. Raises OSError where there is no source to read.
    """
    said: dict[str, list[str]] = {field.name: [] for field in dataclasses.fields(kind)}
    for base in filter(dataclasses.is_dataclass, reversed(kind.__mro__)):
        for name, comment in _comments(base).items():
            if name in said:  # or it is no field, but a class variable
                said[name].append(comment)
    return {name: "; ".join(comments) for name, comments in said.items()}


def _comments(kind: type) -> dict[str, str]:
    """The comments at the ends of the fields that this class itself declares."""
    source = textwrap.dedent(inspect.getsource(kind))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    said = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    fields = [node for node in ast.parse(source).body[0].body if isinstance(node, ast.AnnAssign)]
    return {field.target.id: said[field.end_lineno] for field in fields if field.end_lineno in said}
