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
        return self._as("html").replace("<table>", f"<table>{caption}", 1)

    def __repr__(self) -> str:
        return self._as("plain")

    def _as(self, form: str) -> str:
        import tabulate

        return tabulate.tabulate(self.rows, self.head, tablefmt=form, disable_numparse=True)


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
