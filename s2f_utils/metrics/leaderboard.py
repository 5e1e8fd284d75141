"""The leaderboard: saved outputs of several models, scored by every metric beside trivial
baselines.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tabulate

from s2f_utils import metrics, runtime
from s2f_utils.data import DataError, Manifest, Row
from s2f_utils.metrics import leaks, retrieval, structure
from s2f_utils.metrics.evaluation import NOT_MODELS, Evaluation, Scored, digest_of_pairs
from s2f_utils.metrics.registry import METRICS, check_names
from s2f_utils.pictures import images, viz

FILTERED, HAIR = "filtered", "hair"
FILTERED_SHARPNESS = 0.95
SHORT = (
    "ssim",
    "psnr",
    "l1",
    "fsim",
    "sharpness",
    "spectrum",
    "patch_auc",
    "rank1",
)  # the columns that are printed
HOW_TO_MAKE = (
    "make them with 's2f evaluate MODEL --data DATA', or name PNG files by the ids of the manifest"
)


def find_outputs(
    spec: str, ids: Sequence[str], direction: str = "sketch-to-photo", pairs: Sequence[Row] = ()
) -> list[Scored]:
    """The saved outputs in "PATH" or "NAME=PATH", one row for each inference mode, not yet scored.

    PATH is a run folder, whose newest evaluation in this direction, of these `pairs`, is taken, an
    evaluation's folder, or a folder of pictures by id. Raises DataError when there are no such
    outputs, some are missing, or they are JPEG files, whose compression would be scored.
    """
    name, equals, path_text = spec.partition("=")
    if not equals or Path(spec).exists():
        name, path_text = "", spec
    path, seed = Path(path_text), None
    if not path.is_dir():
        raise DataError(
            f"{path}: no such folder: give a run folder, or a folder of outputs, as PATH or NAME=PATH"
        )
    modes, facts = _modes(path, direction, digest_of_pairs(pairs, direction))
    if run := next(
        (folder for folder in (path, path.parent) if (folder / "config.json").is_file()), None
    ):
        name = name or re.sub(r"^\d{4}-", "", run.resolve().name)
        seed = (
            json.loads((run / "config.json").read_text(encoding="utf-8"))
            .get("config", {})
            .get("seed")
        )
    name, standing, rows = name or path.resolve().name, leaks.Standing.from_json(facts), []
    for mode in modes:
        label = f"{name}, {mode.name} mode" if len(modes) > 1 else name
        key = label if seed is None else f"{label}, seed {seed}"
        rows.append(
            Scored(
                key=key,
                label=label,
                seed=seed,
                standing=standing,
                name=name,
                files=_files(mode, ids),
            )
        )
    return rows


def _modes(path: Path, direction: str, digest: str) -> tuple[list[Path], dict[str, Any]]:
    """The folders of pictures, one for each inference mode, and their `metrics.json`."""

    def written(folder: Path) -> tuple[int, str]:
        file = folder / "metrics.json"
        return (file.stat().st_mtime_ns if file.is_file() else 0), folder.name

    refused = f"no outputs here: {HOW_TO_MAKE}"
    for folder in (*sorted(path.glob("evaluation*/"), key=written, reverse=True), path):
        file = folder / "metrics.json"
        facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        modes = sorted(p for p in (folder / "outputs").glob("*") if p.is_dir())
        if (
            not modes
            and not (folder / "config.json").is_file()
            and any(map(images.is_image_name, folder.iterdir()))
        ):
            modes = [folder]
        if modes and facts.get("direction", direction) != direction:
            refused = f"its outputs go {facts['direction']}, this leaderboard {direction}: choose with --direction"
        elif modes and digest and facts.get("pairs_sha256", digest) != digest:
            refused = f"its outputs were made of other pictures than these: {HOW_TO_MAKE}"
        elif modes:
            return modes, facts
    raise DataError(f"{path}: {refused}")


def _files(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    files = {name: folder / f"{name}.png" for name in ids}
    gone = [name for name, path in files.items() if not path.is_file()]
    if jpeg := [
        name
        for name in gone
        for s in (".jpg", ".jpeg", ".webp")
        if (folder / f"{name}{s}").is_file()
    ]:
        raise DataError(
            f"{folder}: {len(jpeg)} outputs are JPEG or WebP files: save PNG, compression would be scored"
        )
    if gone:
        example = f"such as {gone[0]}.png"
        raise DataError(
            f"{folder}: {len(gone)} of {len(ids)} outputs are missing ({example}): {HOW_TO_MAKE}"
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
    open_league: Sequence[str] = (),
    allow_seen: bool = False,
) -> Evaluation:
    """Score outputs, trivial rows and controls on a split; models from the highest SSIM down,
    unproven ones last.

    columns: metrics beside SSIM and those of sets; None: all that compare models. patch_seeds:
    repetitions of the patch test (0: left out). patch_steps: its length; None: the protocol's.
    open_league: names of models that are declared
    open. allow_seen: take models that were trained on pairs of the split, and mark them. Raises
    DataError as `evaluate`, without training pairs, and when outputs are of several sizes.
    """
    names = dict.fromkeys(
        ("ssim", *(metrics.group("all") if columns is None else columns), *metrics.group("sets"))
    )
    check_names(list(names))
    names = [name for name in names if patch_seeds or name != "patch_auc"]
    _check(entries, open_league)
    files = next((list(entry.files.values()) for entry in entries), ())
    size_px = (
        len(images.load_rgb(files[0])) if files else int(manifest.settings.get("size_px", 256))
    )
    board = Evaluation(manifest, split, direction, size_px)
    models = [dataclasses.replace(entry) for entry in entries]
    for row in models:
        if not allow_seen:
            row.standing.refuse_seen(row.key, split)
        if row.name in open_league and row.standing.league != leaks.OPEN:
            row.standing = dataclasses.replace(row.standing, league=leaks.OPEN, why="as was said")
        board.pictures[row.key] = _loaded(row, board.ids, size_px)
    trivial = board.trivial_rows()
    if not trivial:
        raise DataError(
            f"{manifest.path}: no training pairs: the rows that need no model are made from them"
        )
    control = _filtered_faithful([*models, *trivial], board)
    board.measure([*models, control, *trivial], names, seeds=patch_seeds, steps=patch_steps)
    hair = Scored(key=HAIR, label="hair alone (what went in, without its face)", kind="control")
    hair.standing = trivial[0].standing
    board.pictures[HAIR], bald = (
        retrieval.without_face(board.pictures[name]) for name in ("input", "truth")
    )
    board.measure([hair], [name for name in names if METRICS[name].question == "who"], truths=bald)
    board.missing |= {} if patch_seeds else {"patch_auc": "left out by --patch-seeds 0"}
    models.sort(key=lambda row: (not row.standing.is_proven, -row.mean("ssim")))
    board.rows = [*models, control, hair, *trivial]
    return board


def _check(entries: Sequence[Scored], open_league: Sequence[str]) -> None:
    keys, names = [entry.key for entry in entries], [entry.name for entry in entries]
    if twice := [key for key in keys if keys.count(key) > 1 or key in NOT_MODELS]:
        raise DataError(
            f"two rows would be called {twice[0]!r}: give each a name of its own, as NAME=PATH"
        )
    if unknown := [name for name in open_league if name not in names]:
        raise DataError(f"--open {unknown[0]}: no model of this name: {', '.join(names)}")


def _loaded(row: Scored, ids: Sequence[str], size_px: int) -> np.ndarray:
    """The outputs, uint8 (N, size_px, size_px, 3)."""
    pictures = [images.load_rgb(row.files[name]) for name in ids]
    if other := [picture.shape for picture in pictures if picture.shape[:2] != (size_px, size_px)]:
        raise DataError(
            f"{row.key}: outputs of {other[0][1]}x{other[0][0]} pixels, and the first are of {size_px}x{size_px}:"
            " a table compares squares of one size: score them apart"
        )
    return np.stack(pictures)


def _filtered_faithful(rows: Sequence[Scored], board: Evaluation) -> Scored:
    """The row of the highest SSIM among those softer than photos and proven, as sharp as the
    training photos; inside of the padding.
    """
    like = board.cut(board.training_pairs[1], board.training_rows)
    level = FILTERED_SHARPNESS * np.mean([structure.gradient(photo) for photo in like])
    truths, ssim = board.cut(board.pictures["truth"]), {}
    for row in (row for row in rows if row.standing.is_proven):
        if (
            np.mean([structure.gradient(picture) for picture in board.cut(board.pictures[row.key])])
            < level
        ):
            ssim[row.key] = (
                METRICS["ssim"].measure(board.cut(board.pictures[row.key]), truths).mean()
            )
    key = max(ssim, key=ssim.get, default="mean")
    source = next(row for row in rows if row.key == key)
    board.pictures[FILTERED] = board.pictures[key].copy()
    made = metrics.filtered(board.cut(board.pictures[key]), like, ratio=FILTERED_SHARPNESS)
    for place, picture in zip(board.cut(board.pictures[FILTERED]), made, strict=True):
        place[:] = picture
    label = f"filtered faithful ({source.label}, sharpened, with grain)"
    return Scored(
        key=FILTERED,
        label=label,
        kind="control",
        standing=leaks.Standing(source.standing.league, ""),
    )


def write(board: Evaluation, out: str | Path, *, gallery: int = 8) -> Path:
    """Write leaderboard.json, leaderboard.md, per_image.csv and faces.png into the folder `out`.

    gallery: faces on the contact sheet, evenly from the first model's worst to its best by SSIM.
    Returns the table.
    """
    out = Path(out)
    board.write_csv(out / "per_image.csv")
    runtime.write_json(
        out / "leaderboard.json", as_dict(board) | {"machine": runtime.machine_facts()}
    )
    order = np.argsort(board.rows[0].values["ssim"], kind="stable")
    chosen = order[
        np.unique(np.linspace(0, len(order) - 1, min(gallery, len(order))).round().astype(int))
    ]
    keys = ["input", *(row.key for row in board.rows if row.kind == "model"), "truth"]
    images.save(
        out / "faces.png", viz.sheet([board.pictures[key][chosen] for key in keys]), generated=True
    )
    with runtime.atomic_path(out / "leaderboard.md") as temporary:
        temporary.write_text(as_markdown(board, board.columns), encoding="utf-8")
    return out / "leaderboard.md"


def as_dict(board: Evaluation) -> dict[str, Any]:
    """Everything but the pictures, for JSON: means, intervals, and over seeds."""
    rows = []
    for row in board.rows:
        intervals = row.intervals()
        training = row.standing.as_json() | ({} if row.kind == "model" else {"seen": None})
        rows.append(
            {"key": row.key, "model": row.label, "kind": row.kind, **training, "seed": row.seed}
            | {
                name: _number(intervals[name].mean) if name in intervals else None
                for name in board.rows[0].values
            }
            | {name: _number(value) for name, value in row.figures.items()}
            | {
                "intervals": {
                    name: [_number(i.low), _number(i.high)] for name, i in intervals.items()
                }
            }
        )
    return {
        "data": board.manifest.path.resolve().parent.name,
        "split": board.split,
        "num_images": len(board.pairs),
        "size_px": board.size_px,
        "not_measured": board.missing,
        "retrieval_note": retrieval.CAVEAT,
        "seeds": over_seeds(board),
        "rows": rows,
    }


def _number(value: float) -> float | None:
    return round(float(value), 5) if np.isfinite(value) else None


def over_seeds(board: Evaluation) -> list[dict[str, Any]]:
    """Mean and standard deviation of every column over the seeds of a model that has several."""
    groups: dict[tuple[str, str], list[Scored]] = {}
    for row in board.rows:
        if row.kind == "model":
            groups.setdefault((row.label, row.standing.league), []).append(row)
    table = []
    for (label, league), rows in groups.items():
        if len(rows) > 1:
            means = {
                name: [row.figures.get(name, row.mean(name)) for row in rows]
                for name in board.columns
            }
            table.append(
                {"model": label, "league": league, "seeds": [row.seed for row in rows]}
                | {
                    c: {"mean": _number(np.mean(v)), "std": _number(np.std(v, ddof=1))}
                    for c, v in means.items()
                }
            )
    return table


def floor_note(area: float, label: str) -> str:
    """The patch test's floor, for below a table. label: of the row of true pictures of other
    people.
    """
    return f"The patch test's floor here is {area:.2f}, not 0.5: true pictures of other people have that (“{label}”)."


def as_markdown(board: Evaluation, columns: Sequence[str] = SHORT) -> str:
    """The table with these columns, why models are in their leagues, and what was not measured."""
    chosen, rows = [name for name in columns if name in board.columns], []
    for row in board.rows:
        label = f"{row.label} ({row.standing.text})" if row.standing.text else row.label
        rows.append(
            [
                label,
                row.standing.league,
                "" if row.seed is None else str(row.seed),
                *map(row.cell, chosen),
            ]
        )
    for group in over_seeds(board):
        cells = []
        for name in chosen:
            over, digits = group.get(name, {"mean": None}), METRICS[name].digits
            cells.append(
                "–"
                if over["mean"] is None
                else f"{over['mean']:.{digits}f} ± {over['std']:.{digits}f}"
            )
        rows.append(
            [f"**{group['model']}, {len(group['seeds'])} seeds**", group["league"], "", *cells]
        )
    headings = ["model", "league", "seed", *(METRICS[name].heading for name in chosen)]
    models, nearest = [row for row in board.rows if row.kind == "model"], board.row("nearest")
    notes = [
        f"{len(board.pairs)} images of the split “{board.split}”, {board.size_px} px; 95 % bootstrap intervals."
    ]
    notes += [
        f"{row.key}: {row.standing.league}: {row.standing.why}."
        for row in models
        if row.standing.why
    ]
    notes += [
        f"Not measured: {METRICS[name].heading}: {reason}."
        for name, reason in board.missing.items()
    ]
    notes += (
        [floor_note(nearest.mean("patch_auc"), nearest.label)]
        if "patch_auc" in nearest.values
        else []
    )
    table = tabulate.tabulate(rows, headings, tablefmt="github", disable_numparse=True)
    return "\n".join([table, "", *notes, retrieval.CAVEAT]) + "\n"
