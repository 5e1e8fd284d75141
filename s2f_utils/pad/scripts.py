"""The scripts and styles of a pad's page."""

from __future__ import annotations

import re
from pathlib import Path

STATIC = Path(__file__).with_name("static")
SCRIPTS = (
    "dom.js", "files.js", "line.js", "overlay.js", "paper.js", "settings.js", "sketch_pad.js", "strokes.js", "tools.js",
)  # fmt: skip
STYLES = ("sketch_pad.css",)


def joined(script: Path) -> str:
    """A script and all that it imports from beside it, as the one text that a notebook's widget takes.

    An import is one line, `import { name } from "./file.js";`, and renames nothing; names are unique over all files.
    """
    seen: set[Path] = set()

    def text_of(path: Path) -> str:
        if path in seen:
            return ""
        seen.add(path)
        text = path.read_text(encoding="utf-8")
        before = "".join(
            text_of(path.with_name(name)) for name in re.findall(r'^import .* from "\./(.*)";$', text, re.M)
        )
        own = re.sub(r"^import .*\n", "", text, flags=re.M)
        return before + (own if path == script else re.sub(r"^export ", "", own, flags=re.M))

    return text_of(script)
