"""The command line: `python -m data_prep pairs SRC OUT`, `python -m data_prep synthetic OUT`."""

from __future__ import annotations

import argparse
import sys

from data_prep.errors import DataPrepError, explain
from data_prep.layouts import LAYOUTS, expected_trees
from data_prep.pairs import make_pairs
from data_prep.synthetic_set import make_synthetic

EXIT_ERROR, EXIT_STOPPED = 2, 130

_ABOUT = """Raw pictures in, a data set out: OUT/photos, OUT/sketches (OUT/masks) and OUT/manifest.csv.

The manifest is written last: a folder that has one is complete. A run that was stopped goes on where it
stopped when the same command is given again."""

_PAIRS_EXAMPLES = """\
  python -m data_prep pairs downloads/CUFS data/cufs
  python -m data_prep pairs my_pictures data/mine --sketches drawings --photos portraits --val-share 0.1
  python -m data_prep pairs facades data/facades --layout ab --sketch-side right --dry-run
"""
_SYNTHETIC_EXAMPLES = """\
  python -m data_prep synthetic data/faces
  python -m data_prep synthetic data/faces --num 500 --size 128 --seed 1
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        print(f"data_prep: {message} (see '{self.prog} --help')", file=sys.stderr)
        raise SystemExit(EXIT_ERROR)


def build_parser() -> argparse.ArgumentParser:
    """The parser of the two commands."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="python -m data_prep",
        description=_ABOUT,
        epilog=f"examples:\n{_SYNTHETIC_EXAMPLES}{_PAIRS_EXAMPLES}",
        formatter_class=raw,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    _add_pairs(commands)
    _add_synthetic(commands)
    return parser


def _add_pairs(commands: argparse._SubParsersAction) -> None:
    pairs = commands.add_parser(
        "pairs",
        help="sketches and photos that belong together, as folders or side by side",
        description="Find the pairs in SRC, divide them by people, and write them as square pictures to OUT.",
        epilog=f"layouts:\n{_indented(expected_trees())}\n\nexamples:\n{_PAIRS_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    pairs.add_argument("src", metavar="SRC", help="folder with the pictures")
    pairs.add_argument("out", metavar="OUT", help="new folder for the data set")
    where = pairs.add_argument_group("what lies where")
    where.add_argument("--layout", choices=list(LAYOUTS), help="how SRC is laid out (default: recognised)")
    where.add_argument("--sketches", metavar="DIR", help="the folder of sketches, in SRC or anywhere")
    where.add_argument("--photos", metavar="DIR", help="the folder of photos, in SRC or anywhere")
    where.add_argument(
        "--sketch-side",
        choices=["left", "right"],
        default="left",
        help="the sketch's half of AB images (default: left)",
    )
    where.add_argument("--strict", action="store_true", help="a picture without a partner is an error")
    square = pairs.add_argument_group("making them square")
    square.add_argument("--size", type=int, default=256, metavar="S", help="height and width in pixels (default: 256)")
    square.add_argument(
        "--fit",
        choices=["stretch", "pad"],
        default="stretch",
        help="stretch to the square (the protocol's track A), or centre on black (track B) (default: stretch)",
    )
    split = pairs.add_argument_group("dividing them (a split that SRC brings is kept)")
    split.add_argument(
        "--test-share",
        type=float,
        metavar="X",
        help="share of the people for testing (default: 0.2 if SRC has no split)",
    )
    split.add_argument(
        "--val-share",
        type=float,
        metavar="X",
        help="share for validation, of the training people if SRC has a split (default: none)",
    )
    split.add_argument(
        "--identity",
        metavar="REGEX",
        help="its first group, in a photo's name, names the person, e.g."
        " '^([^_]+)_' (default: every pair is another person)",
    )
    split.add_argument("--seed", type=int, default=0, metavar="K", help="another seed, another split (default: 0)")
    _add_common(pairs)


def _add_synthetic(commands: argparse._SubParsersAction) -> None:
    synthetic = commands.add_parser(
        "synthetic",
        help="drawn faces: photo, pencil sketch and label map, nothing to download",
        description="Draw faces to OUT: the last tenth for testing, the twentieth before it for validation.",
        epilog=f"examples:\n{_SYNTHETIC_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    synthetic.add_argument("out", metavar="OUT", help="new folder for the data set")
    synthetic.add_argument("--num", type=int, metavar="N", help="how many faces (default: the profile's)")
    synthetic.add_argument("--size", type=int, metavar="S", help="height and width in pixels (default: the profile's)")
    synthetic.add_argument("--seed", type=int, default=0, metavar="K", help="another seed, other faces (default: 0)")
    synthetic.add_argument(
        "--profile", choices=["demo", "fast", "full"], help="number and size (default: $S2F_PROFILE, else demo)"
    )
    _add_common(synthetic)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=int, metavar="N", help="processes (default: one a core)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be done, write nothing")


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 2 for an error (one line on stderr says which), 130 for Ctrl-C."""
    try:
        options = vars(build_parser().parse_args(arguments))
        command, size_px = options.pop("command"), options.pop("size")
        run = {"pairs": make_pairs, "synthetic": make_synthetic}[command]
        run(**options, size_px=size_px)
        return 0
    except DataPrepError as error:
        print(f"data_prep: {error}", file=sys.stderr)
    except OSError as error:
        print(f"data_prep: {explain(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("data_prep: stopped: the same command goes on where this one stopped", file=sys.stderr)
        return EXIT_STOPPED
    return EXIT_ERROR


if __name__ == "__main__":
    raise SystemExit(main())
