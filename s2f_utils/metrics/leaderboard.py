"""The leaderboard: saved outputs of several models,
scored by every metric beside trivial baselines.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tabulate

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest
from s2f_utils.data.stores import complete, sha256_of_pairs
from s2f_utils.metrics import retrieval, structure
from s2f_utils.metrics.evaluation import NOT_MODELS, Evaluation, Scored, load_outputs, output_file
from s2f_utils.metrics.registry import METRICS, check_names
from s2f_utils.pictures import images, viz

FILTERED = "filtered"
HAIR = "hair"
FILTERED_SHARPNESS = 0.95
# The columns that are printed unasked.
SHORT = ("ssim", "psnr", "l1", "fsim", "sharpness", "spectrum", "patch_auc", "rank1")
HOW_TO_MAKE = (
    "make them with 's2f evaluate MODEL --data DATA', or name PNG files by the ids of the manifest"
)
LOSSY = (".jpg", ".jpeg", ".webp")


def find_outputs(
    spec: str, manifest: Manifest, split: str = "test", direction: str = "sketch-to-photo"
) -> list[Scored]:
    """The saved outputs in "PATH" or "NAME=PATH", one row for each inference mode, not yet scored.

    PATH is a run folder, whose newest evaluation in this direction, on this split of the data set,
    is taken, an evaluation's folder, or a folder of pictures by id. Raises DataError when there are
    no such outputs, some are missing, or they are JPEG files, whose compression would be scored.
    """
    name, equals, path_text = spec.partition("=")
    if not equals or Path(spec).exists():
        name, path_text = "", spec
    path = Path(path_text)
    if not path.is_dir():
        raise DataError(
            f"{path}: no such folder: give a run folder, or a folder of outputs, as PATH or"
            " NAME=PATH"
        )
    pairs = complete(manifest.split(split), direction)
    wanted = {"data": manifest.path.resolve().parent.name, "split": split, "direction": direction}
    modes, facts = _modes(path, wanted, sha256_of_pairs(pairs, direction))
    seed = None
    for folder in (path.parent, path):
        config = folder / "config.json"
        if config.is_file():
            seed = json.loads(config.read_text(encoding="utf-8")).get("config", {}).get("seed")
            name = name or re.sub(r"^\d{4}-", "", folder.resolve().name)
    name = name or path.resolve().name
    rows = []
    for mode in modes:
        label = f"{name}, {mode.name} mode" if len(modes) > 1 else name
        key = label if seed is None else f"{label}, seed {seed}"
        files = _files(mode, [pair.id for pair in pairs])
        rows.append(
            Scored(
                key=key,
                label=label,
                seed=seed,
                trained_on=facts.get("trained_on", ""),
                name=name,
                files=files,
                load=functools.partial(load_outputs, files),
            )
        )
    return rows


def _modes(path: Path, wanted: Mapping[str, str], sha256: str) -> tuple[list[Path], dict[str, Any]]:
    """The folders of pictures, one for each inference mode, and their `metrics.json`.

    wanted: what that file must say of the data, the split and the direction; sha256: and of the
    pictures of the split. What it does not say is not asked.
    """
    refused = f"no outputs here: {HOW_TO_MAKE}"
    evaluations = sorted(path.glob("evaluation*/"), key=_time_and_name, reverse=True)
    for folder in (*evaluations, path):
        file = folder / "metrics.json"
        facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        modes = _folders_of_pictures(folder)
        if not modes:
            continue
        other = [key for key in wanted if facts.get(key, wanted[key]) != wanted[key]]
        if not other and facts.get("pictures_sha256", sha256) == sha256:
            return modes, facts
        if not other:
            refused = f"its outputs are of other pictures than this leaderboard: {HOW_TO_MAKE}"
            continue
        found = ", ".join(f"{key} {facts[key]}" for key in other)
        needed = ", ".join(f"{key} {wanted[key]}" for key in other)
        refused = f"its outputs are of {found}, this leaderboard is of {needed}: {HOW_TO_MAKE}"
    raise DataError(f"{path}: {refused}")


def _time_and_name(folder: Path) -> tuple[int, str]:
    """When an evaluation was written, for sorting."""
    file = folder / "metrics.json"
    return (file.stat().st_mtime_ns if file.is_file() else 0), folder.name


def _folders_of_pictures(folder: Path) -> list[Path]:
    modes = sorted(path for path in (folder / "outputs").glob("*") if path.is_dir())
    is_run = (folder / "config.json").is_file()
    if not modes and not is_run and any(images.is_image_name(path) for path in folder.iterdir()):
        return [folder]
    return modes


def _files(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    """The PNG file of each id."""
    files = {name: output_file(folder, name) for name in ids}
    missing = [name for name, path in files.items() if not path.is_file()]
    num_lossy = 0
    for name in missing:
        num_lossy += any(files[name].with_suffix(suffix).is_file() for suffix in LOSSY)
    if num_lossy:
        raise DataError(
            f"{folder}: {num_lossy} outputs are JPEG or WebP files: save PNG, compression would be"
            " scored"
        )
    if missing:
        raise DataError(
            f"{folder}: {len(missing)} of {len(ids)} outputs are missing"
            f" (such as {missing[0]}.png): {HOW_TO_MAKE}"
        )
    return files


def build(
    entries: Sequence[Scored],
    manifest: Manifest,
    *,
    split: str = "test",
    columns: Sequence[str] | None = None,
    patch_seeds: int = 1,
    patch_steps: int | None = None,
    direction: str = "sketch-to-photo",
) -> Evaluation:
    """Score outputs, trivial rows and controls on a split; models from the highest SSIM down, those
    of unknown training last.

    columns: metrics beside SSIM and those of sets; None: all that compare models. patch_seeds:
    repetitions of the patch test (0: left out). patch_steps: its length; None: the protocol's.
    Raises DataError as `evaluate`, without training pairs, and when outputs are of several sizes.
    """
    names = _metric_names(columns, patch_seeds)
    _check_keys(entries)
    board = Evaluation(manifest, split, direction, _size_px(entries, manifest))
    models = [dataclasses.replace(entry) for entry in entries]
    for row in models:
        _check_sizes(row, board.size_px)
    trivial = board.trivial_rows()
    if not trivial:
        raise DataError(
            f"{manifest.path}: no training pairs: the rows that need no model are made from them"
        )
    options = {"seeds": patch_seeds, "steps": patch_steps}
    board.measure([*models, *trivial], names, **options)
    filtered = _filtered_faithful([*models, *trivial], board)
    board.measure([filtered], names, **options)
    hair = Scored(key=HAIR, label="hair alone (what went in, without its face)", kind="control")
    hair.trained_on = trivial[0].trained_on
    hair.load = functools.partial(retrieval.without_face, board.inputs)
    of_identity = [name for name in names if METRICS[name].question == "who"]
    board.measure([hair], of_identity, truths=retrieval.without_face(board.truths))
    if not patch_seeds:
        board.missing["patch_auc"] = "left out by --patch-seeds 0"
    models.sort(key=lambda row: (not row.trained_on, -row.mean("ssim")))
    board.rows = [*models, filtered, hair, *trivial]
    return board


def _metric_names(columns: Sequence[str] | None, patch_seeds: int) -> list[str]:
    if columns is None:
        columns = metrics.group("all")
    names = list(dict.fromkeys(("ssim", *columns, *metrics.group("sets"))))
    check_names(names)
    return [name for name in names if patch_seeds or name != "patch_auc"]


def _check_keys(entries: Sequence[Scored]) -> None:
    keys = [entry.key for entry in entries]
    for key in keys:
        if keys.count(key) > 1 or key in NOT_MODELS:
            raise DataError(
                f"two rows would be called {key!r}: give each a name of its own, as NAME=PATH"
            )


def _size_px(entries: Sequence[Scored], manifest: Manifest) -> int:
    """The side of the first model's outputs."""
    for entry in entries:
        for path in entry.files.values():
            return len(images.load_rgb(path))
    return int(manifest.settings.get("size_px") or 256)  # of raw pictures it is unknown


def _check_sizes(row: Scored, size_px: int) -> None:
    for path in row.files.values():
        height, width = images.load_rgb(path).shape[:2]
        if (height, width) != (size_px, size_px):
            raise DataError(
                f"{row.key}: outputs of {width}x{height} pixels, and the first are of"
                f" {size_px}x{size_px}: a table compares squares of one size: score them apart"
            )


def _filtered_faithful(rows: Sequence[Scored], board: Evaluation) -> Scored:
    """The row of the highest SSIM among those softer than photos and of known training, sharpened
    like the training photos; inside of the padding. rows: measured.
    """
    like = board.cut(board.training_pairs[1], board.training_rows)
    level = FILTERED_SHARPNESS * _mean_gradient(like)
    source = next(row for row in rows if row.key == "mean")
    softer = []
    for row in rows:
        if row.trained_on and _mean_gradient(board.cut(row.load())) < level:
            softer.append(row)
    if softer:
        source = max(softer, key=lambda row: row.mean("ssim"))

    def load() -> np.ndarray:
        pictures = source.load().copy()
        sharpened = metrics.filtered(board.cut(pictures), like, ratio=FILTERED_SHARPNESS)
        for place, picture in zip(board.cut(pictures), sharpened, strict=True):
            place[:] = picture
        return pictures

    return Scored(
        key=FILTERED,
        label=f"filtered faithful ({source.label}, sharpened, with grain)",
        kind="control",
        trained_on=source.trained_on,
        load=load,
    )


def _mean_gradient(pictures: metrics.registry.Pictures) -> float:
    return float(np.mean([structure.gradient(picture) for picture in pictures]))


def write(board: Evaluation, out: str | Path, *, gallery: int = 8) -> Path:
    """Write leaderboard.md and faces.png into the folder `out`.

    gallery: faces on the contact sheet, evenly from the first model's worst to its best by SSIM.
    Returns the table.
    """
    out = Path(out)
    order = np.argsort(board.rows[0].values["ssim"], kind="stable")
    places = np.linspace(0, len(order) - 1, min(gallery, len(order))).round().astype(int)
    chosen = order[np.unique(places)]
    sheet = [board.inputs[chosen]]
    sheet += [row.load()[chosen] for row in board.rows if row.kind == "model"]
    sheet.append(board.truths[chosen])
    images.save(out / "faces.png", viz.sheet(sheet), generated=True)
    with runtime.atomic_path(out / "leaderboard.md") as temporary:
        temporary.write_text(as_markdown(board, board.columns), encoding="utf-8")
    return out / "leaderboard.md"


def floor_note(area: float, label: str) -> str:
    """The patch test's floor, for below a table.
    label: of the row of true pictures of other people.
    """
    return (
        f"The patch test's floor here is {area:.2f}, not 0.5: true pictures of other people have"
        f" that (“{label}”)."
    )


def as_markdown(board: Evaluation, columns: Sequence[str] = SHORT) -> str:
    """The table with these columns, and below it what was not measured."""
    names = [name for name in columns if name in board.columns]
    rows = []
    for row in board.rows:
        seed = "" if row.seed is None else str(row.seed)
        cells = [row.cell(name) for name in names]
        rows.append([row.label, row.trained_on or "unknown", seed, *cells])
    rows += _rows_over_seeds(board, names)
    headings = ["model", "trained on", "seed", *[METRICS[name].heading for name in names]]
    table = tabulate.tabulate(rows, headings, tablefmt="github", disable_numparse=True)
    return "\n".join([table, "", *_notes(board), retrieval.CAVEAT]) + "\n"


def _rows_over_seeds(board: Evaluation, names: Sequence[str]) -> list[list[str]]:
    """Mean and standard deviation over the seeds of each model that has several."""
    groups: dict[tuple[str, str], list[Scored]] = {}
    for row in board.rows:
        if row.kind == "model":
            groups.setdefault((row.label, row.trained_on), []).append(row)
    table = []
    for (label, trained_on), rows in groups.items():
        if len(rows) > 1:
            cells = [_cell_over_seeds(rows, name) for name in names]
            table.append([f"**{label}, {len(rows)} seeds**", trained_on or "unknown", "", *cells])
    return table


def _cell_over_seeds(rows: Sequence[Scored], name: str) -> str:
    values = [row.figures.get(name, row.mean(name)) for row in rows]
    if not np.isfinite(values).all():
        return "–"
    digits = METRICS[name].digits
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def _notes(board: Evaluation) -> list[str]:
    notes = [
        f"{len(board.pairs)} images of the split “{board.split}”, {board.size_px} px; 95 %"
        f" bootstrap intervals over its people ({len(set(board.people))})."
    ]
    for name, reason in board.missing.items():
        notes.append(f"Not measured: {METRICS[name].heading}: {reason}.")
    nearest = board.row("nearest")
    if "patch_auc" in nearest.values:
        notes.append(floor_note(nearest.mean("patch_auc"), nearest.label))
    return notes
