"""Tables in a notebook as HTML, which wraps words and not columns."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any


class Table:
    """Rows under heads; a page shows it as HTML, anything else as text."""

    def __init__(self, rows: Sequence[Sequence[Any]], head: Sequence[str], caption: str = "") -> None:
        self.rows, self.head, self.caption = [[_text(value) for value in row] for row in rows], list(head), caption

    def _repr_html_(self) -> str:
        caption = f"<caption>{html.escape(self.caption)}</caption>" if self.caption else ""
        head = "".join(f"<th>{html.escape(name)}</th>" for name in self.head)
        rows = "".join(f"<tr>{''.join(f'<td>{html.escape(v)}</td>' for v in row)}</tr>" for row in self.rows)
        return f"<table>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        lines = [self.head, *self.rows]
        widths = [max(len(line[k]) for line in lines) for k in range(len(self.head))]
        return "\n".join("  ".join(v.ljust(w) for v, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def table(rows: Sequence[Sequence[Any]] | Mapping[Any, Sequence[Any]], head: Sequence[str], caption: str = "") -> Table:
    """A table as a cell's last line. rows: of values, or {first value: the others}; floats are shown with three
    significant digits, other values as they print. Raises ValueError where a row is not as long as the head.
    """
    if isinstance(rows, Mapping):
        rows = [[name, *values] for name, values in rows.items()]
    for row in rows:
        if len(row) != len(head):
            raise ValueError(f"each row must have {len(head)} values, as the head has, got {len(row)}: {row!r}")
    return Table(rows, head, caption)


def _text(value: Any) -> str:
    if isinstance(value, float) or hasattr(value, "dtype"):
        return f"{float(value):,.3g}" if abs(float(value)) < 1000 else f"{float(value):,.0f}"
    return str(value)
