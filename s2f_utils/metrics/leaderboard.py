"""The leaderboard: several models' saved outputs, measured by every metric beside the answers that need no model.

It is computed from the pictures alone, so that whoever has them gets the same table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import metrics, runtime
from s2f_utils.data.datasets import DataError, Manifest
from s2f_utils.metrics import distribution, retrieval, structure
from s2f_utils.metrics.evaluation import (
    MAX_TRAIN_FOR_TRIVIAL,
    inside_padding,
    load_pairs,
    refuse_leaks,
    trivial_labels,
    trivial_outputs,
)
from s2f_utils.pictures import images

FILTERED, HAIR = "filtered", "hair"
FILTERED_SHARPNESS = 0.95
PATCH_COLUMN = "patch_auc"
RETRIEVAL_COLUMNS = ("rank1", "rank5", "mrr")
MIN_FOR_PATCHES = 10  # people: with fewer, a fold has one
SET_COLUMNS = ("fid", "kid")
HEADINGS = {
    PATCH_COLUMN: ("patch AUC → 0.5", 3),
    "rank1": ("rank-1 ↑", 2),
    "rank5": ("rank-5 ↑", 2),
    "mrr": ("MRR ↑", 3),
    "fid": ("FID ↓", 1),
    "kid": ("KID ↓", 4),
}
SHORT = ("ssim", "psnr", "l1", "fsim", "sharpness", "spectrum", PATCH_COLUMN, "rank1")  # the columns of the Markdown
PAIRED = ("ssim", "psnr", "l1", PATCH_COLUMN)


@dataclass(frozen=True)
class Entry:
    """Saved outputs: the model's name, its league, seed and inference mode ("" when there is one), {id: PNG}."""

    name: str
    league: str
    seed: int | None
    mode: str
    files: Mapping[str, Path]

    @property
    def label(self) -> str:
        """The name, with the inference mode where there are several."""
        return f"{self.name}, {self.mode} mode" if self.mode else self.name


@dataclass
class Row:
    """One line of the table.

    kind: "model", "control" (filtered faithful, hair alone) or "trivial". values: {column: float64 (N,)}, one value an
    image. details: what is not a mean over images: FID and KID, the power spectrum by octave, the patch test by fold
    and seed.
    """

    key: str
    label: str
    kind: str
    league: str = ""
    seed: int | None = None
    values: dict[str, np.ndarray] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    def mean(self, column: str) -> float:
        """The mean over the images that have a value; NaN where the column was not measured."""
        interval = self.interval(column)
        return interval.mean if interval else float("nan")

    def interval(self, column: str) -> metrics.Interval | None:
        """The 95 % interval over images, None where the column was not measured."""
        found = self.values.get(column, np.empty(0))
        return None if np.isnan(found).all() else metrics.bootstrap_mean(found)


@dataclass
class Leaderboard:
    """All rows, models from the highest SSIM down, and what they were measured on."""

    rows: list[Row]
    ids: list[str]
    split: str
    data: str
    league: str
    size_px: int
    columns: list[str]
    missing: dict[str, str]
    pictures: dict[str, Sequence[np.ndarray]] = field(repr=False, default_factory=dict)

    def row(self, key: str) -> Row:
        """The row of this key. KeyError if there is none."""
        return {row.key: row for row in self.rows}[key]


def find_outputs(spec: str, ids: Sequence[str], direction: str = "sketch-to-photo") -> list[Entry]:
    """The saved outputs that "PATH" or "NAME=PATH" names: a run folder, an evaluation's folder, or pictures by id.

    One entry for each inference mode; of a run that learned both directions, those of `direction`. Name and seed come
    from the run's `config.json` where there is one; a run that began with the weights of another data set is in the
    league "open". Raises DataError when there are no outputs, when some are missing or go the other way, or when they
    are JPEG files, whose blocks and blurs would be scored too.
    """
    given, equals, path_text = spec.partition("=")
    if not equals or Path(spec).exists():
        given, path_text = "", spec
    path = Path(path_text)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder: give a run folder, or a folder of outputs, as PATH or NAME=PATH")
    folder, modes = _find_folder(path, ids, direction)
    run = _run_facts(path)
    name = given or run.get("name") or path.resolve().name
    return [
        Entry(name, run.get("league", ""), run.get("seed"), place.name if len(modes) > 1 else "", _files(place, ids))
        for place in modes or [folder]
    ]


def _find_folder(path: Path, ids: Sequence[str], direction: str) -> tuple[Path, list[Path]]:
    """The folder of outputs and its inference modes; of a run's evaluations the first that goes this way and has all
    of the pictures.
    """
    found, other_way = [], ""
    for folder in (*sorted(p / "outputs" for p in path.glob("evaluation*")), path / "outputs", path):
        if not folder.is_dir():
            continue
        named = folder.name == "outputs"
        modes = sorted(p for p in folder.iterdir() if p.is_dir() and any(p.glob("*.png"))) if named else []
        if not modes and not any(images.is_image_name(p) for p in folder.iterdir() if p.is_file()):
            continue
        facts = folder.parent / "metrics.json"
        known = json.loads(facts.read_text(encoding="utf-8")).get("direction") if named and facts.is_file() else None
        if known not in (None, direction):
            other_way = known
            continue
        found.append((folder, modes))
    if found:
        whole = [
            (f, modes) for f, modes in found if all((p / f"{i}.png").is_file() for p in modes or [f] for i in ids[:1])
        ]
        return (whole or found)[0]
    if other_way:
        raise DataError(
            f"{path}: its outputs go {other_way}, this leaderboard {direction}: choose with --direction, or make others"
            f" with 's2f evaluate {path} --data DATA --direction {direction}'"
        )
    raise DataError(f"{path}: no outputs here: make them with 's2f evaluate {path} --data DATA'")


def _files(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    found = {}
    for name in ids:
        path = folder / f"{name}.png"
        if path.is_file():
            found[name] = path
    gone = [name for name in ids if name not in found]
    if not gone:
        return found
    jpeg = [name for name in gone if any((folder / f"{name}{s}").is_file() for s in (".jpg", ".jpeg", ".webp"))]
    if jpeg:
        raise DataError(
            f"{folder}: {len(jpeg)} outputs are JPEG or WebP files: save them as PNG, compression would be scored, too"
        )
    raise DataError(
        f"{folder}: {len(gone)} of {len(ids)} outputs are missing (such as {gone[0]}.png): translate the whole split"
        " with 's2f evaluate', and name the pictures by the ids of the manifest"
    )


def _run_facts(path: Path) -> dict[str, Any]:
    for folder in (path, path.parent):
        if (folder / "config.json").is_file():
            run = json.loads((folder / "config.json").read_text(encoding="utf-8"))
            name = re.sub(r"^\d{4}-", "", folder.resolve().name)
            return {"name": name, "seed": run.get("config", {}).get("seed"), "league": _league_of(run)}
    return {}


def _league_of(run: Mapping[str, Any]) -> str:
    """ "open" for a run that began with weights of other data, "" for one that began anew or with a run on its own."""
    begun_from = [b for b in (run.get("init"), run.get("config", {}).get("detail_init")) if b]
    return "open" if any(_league_of_model(model, run) == "open" for model in begun_from) else ""


def _league_of_model(model: str, run: Mapping[str, Any]) -> str:
    place = Path(model)
    config = (place if place.is_dir() else place.parent) / "config.json"
    if not config.is_file():
        return "open"
    first = json.loads(config.read_text(encoding="utf-8"))
    return _league_of(first) if first.get("data") == run.get("data") else "open"


def build(
    entries: Sequence[Entry],
    manifest: Manifest,
    *,
    split: str = "test",
    columns: Sequence[str] = metrics.ALL_METRICS,
    patch_seeds: int = 1,
    patch_steps: int | None = None,
    direction: str = "sketch-to-photo",
    open_league: Sequence[str] = (),
    say: Callable[[str], object] = lambda text: None,
) -> Leaderboard:
    """Measure entries, trivial rows and controls on a split.

    columns: metrics of `metrics.METRICS`, SSIM in any case. patch_seeds: how often the patch test is repeated (0:
    left out). patch_steps: its length; None: the protocol's. open_league: names of models that saw other data. say:
    called with what is being measured. Raises DataError when the split or the training split is empty, when outputs
    are of several sizes, or when a test image is among the training images.
    """
    pairs = manifest.split(split)
    if not pairs:
        raise DataError(f"{manifest.path}: no pairs in the split {split!r}: choose another with --split")
    if not manifest.split("train"):
        raise DataError(f"{manifest.path}: no training pairs: the rows that need no model are made from them")
    refuse_leaks(manifest, split)
    ids, people = [pair.id for pair in pairs], [pair.identity for pair in pairs]
    made = {}
    for entry in entries:
        key = _free_key(_key(entry), made)
        made[key] = (entry, np.stack([images.load_rgb(entry.files[name]) for name in ids]))
    sizes = {pictures.shape[1:3] for _, pictures in made.values()}
    size_px = next(iter(sizes))[0] if sizes else int(manifest.settings.get("size_px", 256))
    if sizes - {(size_px, size_px)}:
        shown = ", ".join(f"{w}x{h}" for h, w in sorted(sizes))
        raise DataError(f"outputs are of {shown} pixels: a table compares squares of one size; score them apart")
    inputs, truths = load_pairs(pairs, size_px, direction)
    boxes = [images.read_content_box(pair.photo) for pair in pairs]
    train = manifest.split("train")
    own = f"{len(train)}-only"

    def cut(pictures):
        return inside_padding(pictures, boxes, size_px, manifest)

    names = list(dict.fromkeys(("ssim", *columns)))  # rows and galleries are sorted by it
    missing = metrics.not_measured(names, *np.asarray(cut(truths)[0]).shape[:2])
    rows: list[Row] = []
    shown: dict[str, Sequence[np.ndarray]] = {"input": inputs, "truth": truths}
    unknown = [name for name in open_league if name not in {entry.name for entry, _ in made.values()}]
    if unknown:
        raise DataError(f"--open {unknown[0]}: no model of this name: {', '.join(e.name for e, _ in made.values())}")
    for key, (entry, pictures) in made.items():
        league = "open" if entry.name in open_league else entry.league or own
        rows.append(Row(key, entry.label, "model", league, entry.seed))
        shown[key] = pictures
    trivial = trivial_outputs(manifest, split, inputs, size_px, direction)
    for key, pictures in trivial.items():
        rows.append(Row(key, trivial_labels(direction)[key], "trivial", own))
        shown[key] = pictures
    for row in rows:
        say(f"{row.label}: {len(names)} metrics")
        row.values = metrics.measure(cut(shown[row.key]), cut(truths), names)
    control = _filtered_faithful(rows, shown, manifest, direction)
    control.values = metrics.measure(cut(shown[FILTERED]), cut(truths), names)
    rows.append(control)
    board = Leaderboard(rows, ids, split, manifest.path.parent.name, own, size_px, [], missing, shown)
    _add_spectra(board, cut)
    _add_retrieval(board, cut, say)
    _add_sets(board, cut, say)
    if patch_seeds:
        _add_patch_tests(board, cut, people, patch_seeds, patch_steps, say)
    order = {"model": 0, "control": 1, "trivial": 2}
    board.rows.sort(key=lambda r: (order[r.kind], -r.mean("ssim") if r.kind == "model" else 0))
    measured = {column for row in board.rows for column in row.values}
    board.columns = [c for c in (*names, PATCH_COLUMN, *RETRIEVAL_COLUMNS) if c in measured]
    return board


def _filtered_faithful(rows: Sequence[Row], shown: dict, manifest: Manifest, direction: str) -> Row:
    """The softer-than-photos answer of the highest SSIM, sharpened to the sharpness of the training photos."""
    train = manifest.split("train")[:MAX_TRAIN_FOR_TRIVIAL]
    _, like = load_pairs(train, shown["truth"].shape[1], direction)
    level = np.mean([structure.gradient(p) for p in like])
    soft = [r for r in rows if np.mean([structure.gradient(p) for p in shown[r.key]]) < FILTERED_SHARPNESS * level]
    source = max(soft, key=lambda r: r.mean("ssim"), default=None) or next(r for r in rows if r.key == "mean")
    shown[FILTERED] = metrics.filtered(shown[source.key], like, ratio=FILTERED_SHARPNESS)
    return Row(FILTERED, f"filtered faithful ({source.label}, sharpened, with grain)", "control", source.league)


def _key(entry: Entry) -> str:
    return entry.label if entry.seed is None else f"{entry.label}, seed {entry.seed}"


def _free_key(key: str, taken: Mapping[str, object]) -> str:
    number, free = 2, key
    while free in taken:
        free, number = f"{key} ({number})", number + 1
    return free


def _add_spectra(board: Leaderboard, cut) -> None:
    """The mean over images of the power spectrum's error by octave, in dB, from the finest."""
    truths = cut(board.pictures["truth"])
    if min(truths[0].shape[:2]) < structure.SPECTRUM_SIDE_PX:
        return
    for row in board.rows:
        pictures = cut(board.pictures[row.key])
        found = [structure.spectrum_db(*pair) for pair in zip(pictures, truths, strict=True)]
        row.details["spectrum_db"] = [round(float(v), 3) for v in np.mean(found, axis=0)]


def _add_retrieval(board: Leaderboard, cut, say) -> None:
    """Ranks of the true photo in the gallery of all true photos, and the row of the hair alone."""
    say("retrieval")
    gallery = retrieval.features(cut(board.pictures["truth"]))
    for row in board.rows:
        row.values |= retrieval.scores(retrieval.ranks(retrieval.features(cut(board.pictures[row.key])), gallery))
    hair = Row(HAIR, "hair alone (what went in, without its face)", "control", board.league)
    board.pictures[HAIR] = retrieval.without_face(board.pictures["input"])
    bald = retrieval.without_face(board.pictures["truth"])
    found = [retrieval.features(cut(pictures)) for pictures in (board.pictures[HAIR], bald)]
    hair.values = retrieval.scores(retrieval.ranks(*found))
    board.rows.append(hair)


def _add_sets(board: Leaderboard, cut, say) -> None:
    reason = distribution.missing()
    if reason:
        board.missing |= dict.fromkeys(SET_COLUMNS, reason)
        return
    true = distribution.features(cut(board.pictures["truth"]))
    for row in board.rows:
        if row.key != HAIR:
            say(f"{row.label}: FID, KID of {len(true)} images")
            row.details |= distribution.compare(distribution.features(cut(board.pictures[row.key])), true)


def _add_patch_tests(board: Leaderboard, cut, people, seeds: int, steps: int | None, say) -> None:
    truths = cut(board.pictures["truth"])
    if len(set(people)) < MIN_FOR_PATCHES or min(min(t.shape[:2]) for t in truths) < metrics.PATCH_PX:
        board.missing[PATCH_COLUMN] = (
            f"needs {MIN_FOR_PATCHES} people and pictures of at least {metrics.PATCH_PX} px"
        )  # fmt: skip
        return
    options = {} if steps is None else {"num_steps": steps}
    for row in board.rows:
        if row.key == HAIR:
            continue
        say(f"{row.label}: patch test")
        tests = [
            metrics.patch_test(cut(board.pictures[row.key]), truths, people, seed=k, **options) for k in range(seeds)
        ]
        row.values[PATCH_COLUMN] = np.mean([test.per_image for test in tests], axis=0)
        row.details["patch_test"] = {
            "auc_by_seed": [round(test.auc, 4) for test in tests],
            "std_over_folds": round(float(np.mean([test.spread for test in tests])), 4),
        }


# --- what is written ---


def heading(column: str) -> str:
    """A column's name, with its unit and an arrow towards better."""
    return HEADINGS[column][0] if column in HEADINGS else metrics.METRICS[column].heading


def digits(column: str) -> int:
    """How many decimals a column is printed with."""
    return HEADINGS[column][1] if column in HEADINGS else metrics.METRICS[column].digits


def as_dict(board: Leaderboard) -> dict[str, Any]:
    """Everything but the pictures, for JSON: means, intervals, paired differences, seeds taken together."""
    rows = []
    for row in board.rows:
        intervals = {column: row.interval(column) for column in board.columns}
        rows.append(
            {"key": row.key, "model": row.label, "kind": row.kind, "league": row.league, "seed": row.seed}
            | {c: _number(i.mean) if i else None for c, i in intervals.items()}
            | {k: _number(v) if isinstance(v, float) else v for k, v in row.details.items()}
            | {"intervals": {c: [_number(i.low), _number(i.high)] for c, i in intervals.items() if i}}
            | {"paired": _paired(board, row)}
        )
    return {
        "data": board.data,
        "split": board.split,
        "num_images": len(board.ids),
        "size_px": board.size_px,
        "not_measured": board.missing,
        "retrieval_note": retrieval.CAVEAT,
        "seeds": over_seeds(board),
        "rows": rows,
    }


def _number(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None


def _paired(board: Leaderboard, row: Row) -> dict[str, dict[str, list[float | None]]]:
    """For a model, its mean difference to the best model (by SSIM), to ridge and to the control, with intervals."""
    if row.kind != "model":
        return {}
    best = next(r for r in board.rows if r.kind == "model")
    found = {}
    for name, other in (("best", best), ("ridge", None), (FILTERED, None)):
        if other is None:
            other = next((r for r in board.rows if r.key == name), None)
        if other is None or other is row:
            continue
        columns = [c for c in PAIRED if c in row.values and c in other.values]
        found[name] = {}
        for column in columns:
            gap = metrics.paired_difference(row.values[column], other.values[column])
            found[name][column] = [_number(gap.mean), _number(gap.low), _number(gap.high)]
    return found


def over_seeds(board: Leaderboard) -> list[dict[str, Any]]:
    """Models that are there with several seeds: mean and standard deviation of every column over the seeds."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in board.rows:
        if row.kind == "model":
            groups.setdefault((row.label, row.league), []).append(row)
    found = []
    for (label, league), rows in groups.items():
        if len(rows) > 1:
            means = {c: [row.mean(c) for row in rows] for c in board.columns}
            found.append(
                {"model": label, "league": league, "seeds": [row.seed for row in rows]}
                | {c: {"mean": _number(np.mean(v)), "std": _number(np.std(v, ddof=1))} for c, v in means.items()}
            )
    return found


def cell(row: Row, column: str) -> tuple[str, str]:
    """A value and its interval as text; a dash where there is none."""
    interval = row.interval(column)
    if interval is None:
        return "–", ""
    places = digits(column)
    return f"{interval.mean:.{places}f}", f"[{interval.low:.{places}f}, {interval.high:.{places}f}]"


def as_markdown(board: Leaderboard, columns: Sequence[str] = SHORT) -> str:
    """The table with the columns that matter most, and what was not measured."""
    chosen = [c for c in columns if c in board.columns]
    lines = ["| model | league | seed | " + " | ".join(heading(c) for c in chosen) + " |"]
    lines.append("| --- | --- | --- |" + " --- |" * len(chosen))
    for row in board.rows:
        cells = [" ".join(filter(None, cell(row, c))) for c in chosen]
        seed = "" if row.seed is None else str(row.seed)
        lines.append(f"| {row.label} | {row.league} | {seed} | " + " | ".join(cells) + " |")
    for group in over_seeds(board):
        cells = [f"{group[c]['mean']:.{digits(c)}f} ± {group[c]['std']:.{digits(c)}f}" for c in chosen]
        lines.append(
            f"| **{group['model']}, {len(group['seeds'])} seeds** | {group['league']} | | {' | '.join(cells)} |"
        )
    notes = [f"{len(board.ids)} images of the split “{board.split}”, {board.size_px} px; 95 % bootstrap intervals."]
    notes += [f"Not measured: {heading(name)}: {reason}." for name, reason in board.missing.items()]
    notes.append(retrieval.CAVEAT)
    return "\n".join([*lines, "", *notes]) + "\n"


def write(board: Leaderboard, out: str | Path, *, gallery: int = 24) -> Path:
    """Write leaderboard.json, .md, .html and per_image.csv into the folder `out`; returns the page's path.

    gallery: pictures of each model that are shown, evenly from its worst to its best by SSIM.
    """
    import csv

    from s2f_utils.metrics import leaderboard_page

    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    with (
        runtime.atomic_path(out / "per_image.csv") as temporary,
        open(temporary, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(["row", "id", *board.columns])
        for row in board.rows:
            for place, name in enumerate(board.ids):
                found = (row.values[c][place] if c in row.values else np.nan for c in board.columns)
                writer.writerow([row.key, name, *("" if np.isnan(v) else f"{v:.6g}" for v in found)])
    facts = as_dict(board) | {"machine": runtime.machine_facts()}
    for name, text in (
        ("leaderboard.json", json.dumps(facts, indent=1, ensure_ascii=False) + "\n"),
        ("leaderboard.md", as_markdown(board)),
    ):
        with runtime.atomic_path(out / name) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return leaderboard_page.write(board, out / "leaderboard.html", gallery=gallery)
