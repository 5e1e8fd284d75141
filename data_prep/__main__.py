"""The command line: `python -m data_prep pairs SRC OUT`, `python -m data_prep synthetic OUT`."""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields
from typing import Any

from data_prep.check import run_doctor
from data_prep.errors import DataPrepError, printable
from data_prep.fetch.download import fetch_set
from data_prep.layouts import LAYOUTS, expected_trees
from data_prep.layouts.layout import SIDES
from data_prep.layouts.split_list import published
from data_prep.make.clean import clean_drawings
from data_prep.make.pairs import make_pairs
from data_prep.make.recipe import ALIGN, BACKGROUNDS, STYLES, Recipe
from data_prep.make.synthetic_set import PROFILES, make_synthetic
from data_prep.make.unpaired import make_unpaired
from data_prep.make.with_landmarks import make_shaped
from data_prep.messages import indented
from s2f_utils.pictures import images
from s2f_utils.pictures.faces import DETECTORS, FALLBACKS, METHODS
from s2f_utils.runtime import what_to_do, what_to_install
from s2f_utils.weights import WeightsError

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
# the options that several commands have
_SHARED: dict[str, dict[str, Any]] = {
    "--sketches": {"metavar": "DIR", "help": "the folder of sketches, in the source or anywhere"},
    "--photos": {"metavar": "DIR", "help": "the folder of photos, in the source or anywhere"},
    "--sketch-side": {
        "choices": SIDES,
        "default": "left",
        "help": "the sketch's half of AB images (default: left)",
    },
    "--size": {
        "type": int,
        "default": 256,
        "metavar": "S",
        "dest": "size_px",
        "help": "height and width in pixels (default: 256)",
    },
    "--fit": {
        "choices": images.FITS,
        "help": "stretch to the square (the protocol's track A), or centre on black (track B) (default: stretch, where"
        " all have one shape)",
    },
    "--zoom": {
        "type": float,
        "default": 1.0,
        "metavar": "Z",
        "help": "above 1: less around the face (default: 1)",
    },
    "--fallback": {
        "choices": FALLBACKS,
        "default": "none",
        "help": "where no face is found: none, leave the pair out (default); cascade, a simpler detector; centre,"
        " guess",
    },
    "--detector": {
        "choices": DETECTORS,
        "default": "yunet",
        "help": "none: go by --points and --fallback alone (default: yunet, fetched at its first use)",
    },
    "--clean": {
        "action": "store_true",
        "help": "the sketches are photographed or scanned paper: even it out, clear the rim",
    },
    "--test-share": {"type": float, "metavar": "X"},
    "--val-share": {"type": float, "metavar": "X"},
    "--seed": {
        "type": int,
        "default": 0,
        "metavar": "K",
        "help": "another seed, another split (default: 0)",
    },
    "--workers": {"type": int, "metavar": "N", "help": "processes (default: one a core)"},
    "--scheduler": {
        "dest": "workers",
        "metavar": "ADDRESS",
        "help": "work on the Dask cluster of this scheduler instead: HOST:PORT, or its file (.json); see docs/data.md",
    },
    "--dry-run": {"action": "store_true", "help": "say what would be done, write nothing"},
}


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        print(f"data_prep: {message} (see '{self.prog} --help')", file=sys.stderr)
        raise SystemExit(EXIT_ERROR)


def _share(parser: argparse._ActionsContainer, *names: str, **other: Any) -> None:
    """Give a command options of `_SHARED`; other: what is different about them in this command."""
    for name in names:
        parser.add_argument(name, **_SHARED[name] | other)


def _share_workers(parser: argparse._ActionsContainer) -> None:
    """Give a command the options that say who does the work: one of them counts."""
    _share(parser.add_mutually_exclusive_group(), "--workers", "--scheduler")


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `run` of what it returns is the function that does the work."""
    raw = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="python -m data_prep",
        description=_ABOUT,
        epilog=f"examples:\n{_SYNTHETIC_EXAMPLES}{_PAIRS_EXAMPLES}",
        formatter_class=raw,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    own = (_add_synthetic, _add_shaped)
    for add in (_add_pairs, _add_unpaired, *own, _add_clean, _add_doctor, _add_download):
        add(commands)
    return parser


def _add_pairs(commands: argparse._SubParsersAction) -> None:
    pairs = commands.add_parser(
        "pairs",
        help="sketches and photos that belong together, as folders or side by side",
        description="Find the pairs in SRC, divide them by people, and write them as square pictures to OUT.",
        epilog=f"layouts:\n{indented(expected_trees(), 2)}\n\nexamples:\n{_PAIRS_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    pairs.add_argument(
        "src",
        metavar="SRC",
        nargs="+",
        help="folder or zip archive with the pictures; several become one set; LAYOUT:SRC names the layout of one",
    )
    pairs.add_argument("out", metavar="OUT", help="new folder for the data set")
    where = pairs.add_argument_group("what lies where")
    _add_where(where)
    _add_square(pairs.add_argument_group("making them square"))
    _add_looks(pairs.add_argument_group("changing how they look"))
    split = pairs.add_argument_group("dividing them (a split that SRC brings is kept)")
    _share(
        split,
        "--test-share",
        help="share of the people for testing (default: 0.2 if SRC has no split)",
    )
    _share(
        split,
        "--val-share",
        help="share for validation, of the training people if SRC has a split (default: none)",
    )
    split.add_argument(
        "--identity",
        metavar="REGEX",
        help="its first group, in a photo's name, names the person, e.g."
        " '^([^_]+)_' (default: every pair is another person)",
    )
    split.add_argument(
        "--split-list",
        metavar="LIST",
        help=f"the split of a CSV file of lines 'train,NAME', or of a paper: {', '.join(published())}",
    )
    _share(split, "--seed")
    split.add_argument(
        "--drop-leaks",
        action="store_true",
        help="leave out training pairs whose photo is in another split, too",
    )
    _share_workers(pairs)
    _share(pairs, "--dry-run")
    pairs.set_defaults(run=_pairs)


def _add_where(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--layout", choices=list(LAYOUTS), help="how the source is laid out (default: recognised)"
    )
    _share(group, "--sketches", "--photos", "--sketch-side")


def _add_square(group: argparse._ActionsContainer) -> None:
    _share(group, "--size", "--fit")
    group.add_argument(
        "--align",
        choices=ALIGN,
        default="none",
        help="face: find it, turn it upright, cut it out; crop: cut the same part out of all; none: the whole picture"
        " (default)",
    )
    group.add_argument(
        "--crop",
        type=float,
        nargs=4,
        metavar=("L", "T", "R", "B"),
        help="the part for --align crop, as shares from 0 to 1",
    )
    _share(group, "--zoom")
    group.add_argument(
        "--method",
        choices=METHODS,
        default="similarity",
        help="similarity: the five landmarks to their mean places (default); ffhq: the published FFHQ rule",
    )
    group.add_argument(
        "--each",
        action="store_true",
        help="align photo and sketch each by its own face, not both by the photo's",
    )
    _share(group, "--fallback", "--detector")
    group.add_argument(
        "--points",
        metavar="CSV",
        help="hand-given eyes and mouths: name, left_eye_x, ... mouth_y (name: file name, or its path in SRC)",
    )


def _add_looks(group: argparse._ActionsContainer) -> None:
    group.add_argument(
        "--style",
        type=_styles,
        action="extend",
        default=[],
        metavar="STYLES",
        dest="styles",
        help=f"make sketches from the photos: one style or several with commas, of {', '.join(STYLES)}",
    )
    group.add_argument(
        "--background",
        choices=BACKGROUNDS,
        default="keep",
        help="paint what is behind the person white: by label maps, by GrabCut, or by the package rembg",
    )
    _share(group, "--clean")


def _styles(text: str) -> list[str]:
    """ "pencil,xdog" → ["pencil", "xdog"]."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in names if name not in STYLES]
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"{text!r}: the styles are {', '.join(STYLES)}")
    return names


def _add_unpaired(commands: argparse._SubParsersAction) -> None:
    unpaired = commands.add_parser(
        "unpaired",
        help="sketches and photos of different people, for CycleGAN",
        description="Write the pictures of two folders as a data set without pairs, which 's2f train cyclegan' learns"
        " from. Where they are pairs, use 'pairs': training keeps them apart, and scores need them.",
    )
    unpaired.add_argument(
        "sketches", metavar="SKETCHES", help="folder or zip archive with the sketches"
    )
    unpaired.add_argument("photos", metavar="PHOTOS", help="folder or zip archive with the photos")
    unpaired.add_argument("out", metavar="OUT", help="new folder for the data set")
    _share(unpaired, "--size", "--fit")
    unpaired.add_argument(
        "--align",
        choices=["none", "face"],
        default="none",
        help="face: find it, turn it upright, cut it out",
    )
    _share(unpaired, "--zoom")
    _share(unpaired, "--fallback", help="where no face is found")
    _share(unpaired, "--detector", help="none: go by --fallback alone")
    _share(unpaired, "--clean")
    _share(unpaired, "--val-share", help="of each side, for the sheets of samples (default: 0.1)")
    _share(unpaired, "--test-share", help="kept apart altogether (default: none)")
    _share(unpaired, "--seed")
    _share_workers(unpaired)
    _share(unpaired, "--dry-run")
    unpaired.set_defaults(run=_unpaired)


def _add_synthetic(commands: argparse._SubParsersAction) -> None:
    synthetic = commands.add_parser(
        "synthetic",
        help="drawn faces: photo, pencil sketch and label map, nothing to download",
        description="Draw faces to OUT: the last tenth for testing, the twentieth before it for validation.",
        epilog=f"examples:\n{_SYNTHETIC_EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    synthetic.add_argument("out", metavar="OUT", help="new folder for the data set")
    synthetic.add_argument(
        "--num", type=int, metavar="N", help="how many faces (default: the profile's)"
    )
    _share(
        synthetic,
        "--size",
        default=None,
        help="height and width in pixels (default: the profile's)",
    )
    _share(synthetic, "--seed", help="another seed, other faces (default: 0)")
    synthetic.add_argument(
        "--profile",
        choices=sorted(PROFILES),
        help="number and size (default: $S2F_PROFILE, else demo)",
    )
    _share_workers(synthetic)
    _share(synthetic, "--dry-run")
    synthetic.set_defaults(run=make_synthetic)


def _add_shaped(commands: argparse._SubParsersAction) -> None:
    shaped = commands.add_parser(
        "shaped",
        help="find the points in pairs of your own, for 'expect' and 'render'",
        description="Find the points of the faces in the pairs of the data set DATA, whose faces are aligned, by our"
        " own landmark finder, and write the set with them to OUT: what 's2f finetune' learns from.",
    )
    shaped.add_argument("data", metavar="DATA", help="a data set that 'pairs' made")
    shaped.add_argument("out", metavar="OUT", help="new folder for the data set")
    _share_workers(shaped)
    _share(shaped, "--dry-run")
    shaped.set_defaults(run=make_shaped)


def _add_clean(commands: argparse._SubParsersAction) -> None:
    clean = commands.add_parser(
        "clean",
        help="clean up photographed or scanned drawings",
        description="Straighten the sheet, even out shadow and paper, stretch the contrast, clear the rim: every"
        " picture of SRC becomes a PNG in OUT.",
    )
    clean.add_argument("src", metavar="SRC", help="folder or zip archive with drawings")
    clean.add_argument("out", metavar="OUT", help="new folder")
    clean.add_argument(
        "--strength",
        type=float,
        default=1.0,
        metavar="X",
        help="of the contrast, 0.25 to 4 (default: 1)",
    )
    _share_workers(clean)
    _share(clean, "--dry-run")
    clean.set_defaults(run=clean_drawings)


def _add_doctor(commands: argparse._SubParsersAction) -> None:
    doctor = commands.add_parser(
        "doctor",
        help="what is wrong with a data set, and how to mend it",
        description="Look for faults in a data set (a folder with a manifest.csv) or in a source as 'pairs' takes it."
        " The exit code is 0 when training may start, 1 when it should not, 2 for an error.",
    )
    doctor.add_argument(
        "src", metavar="DATA", help="data set, or folder or zip archive with pictures"
    )
    _add_where(doctor)
    doctor.add_argument(
        "--json", metavar="FILE", dest="json_file", help="write all findings as JSON"
    )
    doctor.add_argument(
        "--html",
        metavar="FILE",
        dest="html_file",
        help="write a page with pictures of the findings",
    )
    doctor.add_argument(
        "--fix", metavar="OUT", help="write a mended copy of the set into this new folder"
    )
    doctor.add_argument(
        "--drop-doubtful",
        action="store_true",
        help="with --fix: leave out pairs with any other finding, too",
    )
    _share(doctor, "--dry-run", help="with --fix: say what would be written, write nothing")
    _share_workers(doctor)
    doctor.set_defaults(run=run_doctor)


def _add_download(commands: argparse._SubParsersAction) -> None:
    download = commands.add_parser(
        "download",
        usage="python -m data_prep download [NAME [OUT]] [OPTION ...]",
        help="data sets by name: fetched and checked, or where to get them",
        description="Fetch a data set; its terms are shown first. Without a name, list them.",
    )
    download.add_argument("name", nargs="?", metavar="NAME", help="name of the set")
    download.add_argument(
        "out", nargs="?", metavar="OUT", default=argparse.SUPPRESS, help="folder for it, as --out"
    )
    download.add_argument("--out", metavar="DIR", help="folder for it (default: data/raw/NAME)")
    download.add_argument(
        "--sets",
        type=lambda names: names.split(","),
        metavar="A,B",
        help="of open-portraits, these",
    )
    download.add_argument(
        "--from", dest="source", metavar="DIR", help="folder with open portraits (DIR/SET/FILE)"
    )
    _share(download, "--dry-run", help="show the terms and the page, fetch nothing")
    download.set_defaults(run=fetch_set)


def _pairs(*, crop: list[float] | None, styles: list[str], **options: Any) -> None:
    if crop and options["align"] != "crop":
        raise DataPrepError("--crop belongs to --align crop: give that, too")
    options |= {"crop": tuple(crop or Recipe.crop), "styles": tuple(dict.fromkeys(styles))}
    make_pairs(recipe=_recipe(options), **options)


def _unpaired(**options: Any) -> None:
    make_unpaired(recipe=_recipe(options), **options)


def _recipe(options: dict[str, Any]) -> Recipe:
    """The recipe of the options that say how a picture is made; they are taken out of the others."""
    return Recipe(
        **{field.name: options.pop(field.name) for field in fields(Recipe) if field.name in options}
    )


def main(arguments: list[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 or 2 for an error (one line on stderr says which),
    130 for Ctrl-C.
    """
    try:
        options = vars(build_parser().parse_args(arguments))
        code = options.pop("run")(**options)
        return code if isinstance(code, int) else 0
    except (DataPrepError, images.ImageError) as error:
        print(f"data_prep: {error}", file=sys.stderr)
        return getattr(error, "exit_code", EXIT_ERROR)
    except OSError as error:
        print(f"data_prep: {printable(what_to_do(error))}", file=sys.stderr)
    except ImportError as error:
        print(f"data_prep: {what_to_install(error)}", file=sys.stderr)
    except MemoryError:
        print(
            "data_prep: not enough memory: close other programs, or give fewer --workers",
            file=sys.stderr,
        )
    except WeightsError as error:
        print(f"data_prep: {error}", file=sys.stderr)
    except KeyboardInterrupt:
        whole = {"doctor"} & set(arguments or sys.argv[1:])  # these begin anew
        goes_on = "" if whole else ": the same command goes on where this one stopped"
        print(f"data_prep: stopped{goes_on}", file=sys.stderr)
        return EXIT_STOPPED
    return EXIT_ERROR


if __name__ == "__main__":
    raise SystemExit(main())
