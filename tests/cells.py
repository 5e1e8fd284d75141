"""What a notebook's cells define, without running the rest of them."""

from __future__ import annotations

import ast
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"


def define(names: Collection[str], notebook: str, defined: dict[str, Any]) -> dict[str, Any]:
    """The functions, classes and constants (in capitals) of a notebook with these names, added to
    what their code needs.
    """
    for cell in json.loads((NOTEBOOKS / notebook).read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        for node in ast.parse("".join(cell["source"])).body:
            target = getattr(node, "targets", [node])[0]
            constant = getattr(target, "id", "")
            name = constant if constant.isupper() else getattr(node, "name", "")
            if name in names:
                exec(ast.unparse(node), defined)
    return defined
