"""Print the lines of code by room: `make size`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("s2f_utils", "s2f_studio", "data_prep", "s2f_series", "tools", "tests", "benchmarks")
SUFFIXES = {".py", ".js", ".css", ".html", ".sh"}


def lines_by_room(folder: Path) -> Counter[str]:
    """Lines of code below a folder, by its subfolders; "" for the files in it."""
    rooms: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.suffix in SUFFIXES and path.is_file():
            inside = path.relative_to(folder).parts
            room = inside[0] if len(inside) > 1 else ""
            rooms[room] += len(path.read_text(encoding="utf-8").splitlines())
    return rooms


def main() -> None:
    """Print a table."""
    for name in FOLDERS:
        rooms = lines_by_room(ROOT / name)
        print(f"{name:24} {rooms.total():7,}")
        for room, num_lines in sorted(rooms.items()):
            print(f"  {room or '(files)':22} {num_lines:7,}")
    words = sum(len(path.read_text("utf-8").split()) for path in (ROOT / "docs").glob("*.md"))
    print(f"{'docs, words':24} {words:7,}")


if __name__ == "__main__":
    main()
