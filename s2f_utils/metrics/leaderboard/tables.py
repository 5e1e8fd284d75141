"""The leaderboard's files: JSON with means, intervals and differences, Markdown, every image's values, and pictures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import metrics, runtime
from s2f_utils.metrics import retrieval
from s2f_utils.metrics.leaderboard.board import FILTERED, Leaderboard
from s2f_utils.metrics.scored import Scored, write_csv
from s2f_utils.pictures import images, viz

SHORT = ("ssim", "psnr", "l1", "fsim", "sharpness", "spectrum", "patch_auc", "rank1")  # the columns that are printed
PAIRED = ("ssim", "psnr", "l1", "patch_auc")  # the columns of differences between rows


def write(board: Leaderboard, out: str | Path, *, gallery: int = 8) -> Path:
    """Write leaderboard.json, leaderboard.md, per_image.csv and faces.png into the folder `out`; returns the table's
    path.

    gallery: how many faces the contact sheet has, evenly from the first model's worst to its best by SSIM (0: none).
    Its rows are what went in, each model's outputs in the order of the table, and the truth.
    """
    out = Path(out)
    write_csv(out / "per_image.csv", board.rows, board.ids, board.columns)
    runtime.write_json(out / "leaderboard.json", as_dict(board) | {"machine": runtime.machine_facts()})
    if gallery:
        order = np.argsort(board.rows[0].values["ssim"], kind="stable")
        chosen = order[np.unique(np.linspace(0, len(order) - 1, min(gallery, len(order))).round().astype(int))]
        keys = ["input", *(row.key for row in board.rows if row.kind == "model"), "truth"]
        sheet = viz.sheet([np.stack([board.pictures[key][n] for n in chosen]) for key in keys])
        images.save(out / "faces.png", sheet, generated=True)
    with runtime.atomic_path(out / "leaderboard.md") as temporary:
        temporary.write_text(as_markdown(board, (*board.columns, *board.numbers)), encoding="utf-8")
    return out / "leaderboard.md"


def as_dict(board: Leaderboard) -> dict[str, Any]:
    """Everything but the pictures, for JSON: means, intervals, paired differences, seeds taken together."""
    rows = []
    for row in board.rows:
        intervals = {column: row.interval(column) for column in board.columns}
        training = row.standing.as_json() | ({} if row.kind == "model" else {"seen": None})
        rows.append(
            {"key": row.key, "model": row.label, "kind": row.kind, **training, "seed": row.seed}
            | {c: _number(i.mean) if i else None for c, i in intervals.items()}
            | {k: _number(v) if isinstance(v, float) else v for k, v in row.figures.items()}
            | {"intervals": {c: [_number(i.low), _number(i.high)] for c, i in intervals.items() if i}}
            | {"paired": paired(board, row)}
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


def paired(board: Leaderboard, row: Scored) -> dict[str, dict[str, list[float | None]]]:
    """For a model, its mean difference to the first model, to ridge and to the control, with intervals."""
    if row.kind != "model":
        return {}
    others = {"best": next(r for r in board.rows if r.kind == "model")}
    others |= {key: r for key in ("ridge", FILTERED) for r in board.rows if r.key == key}
    found = {}
    for name, other in others.items():
        if other is not row:
            gaps = {c: row.minus(other, c) for c in PAIRED if c in row.values and c in other.values}
            found[name] = {c: [_number(gap.mean), _number(gap.low), _number(gap.high)] for c, gap in gaps.items()}
    return found


def over_seeds(board: Leaderboard) -> list[dict[str, Any]]:
    """Models that are there with several seeds: mean and standard deviation of every column over the seeds."""
    groups: dict[tuple[str, str], list[Scored]] = {}
    for row in board.rows:
        if row.kind == "model":
            groups.setdefault((row.label, row.standing.league), []).append(row)
    found = []
    for (label, league), rows in groups.items():
        if len(rows) > 1:
            means = {c: [row.mean(c) for row in rows] for c in board.columns}
            found.append(
                {"model": label, "league": league, "seeds": [row.seed for row in rows]}
                | {c: {"mean": _number(np.mean(v)), "std": _number(np.std(v, ddof=1))} for c, v in means.items()}
            )
    return found


def floor_note(board: Leaderboard) -> str:
    """A sentence about the floor of the patch test; "" where it was not measured."""
    row = next((row for row in board.rows if row.key == "nearest" and "patch_auc" in row.values), None)
    return floor_told(row.mean("patch_auc"), row.label) if row else ""


def floor_told(area: float, label: str) -> str:
    """What a reader of a table has to know of the patch test's floor. label: of the row of true pictures of others."""
    return f"The patch test's floor here is {area:.2f}, not 0.5: true pictures of other people have that (“{label}”)."


def _seeds_cell(group: dict[str, Any], column: str) -> str:
    found, digits = group.get(column, {"mean": None}), metrics.METRICS[column].digits
    return "–" if found["mean"] is None else f"{found['mean']:.{digits}f} ± {found['std']:.{digits}f}"


def as_markdown(board: Leaderboard, columns: Sequence[str] = SHORT) -> str:
    """The table with the columns that matter most, what put models into their leagues, and what was not measured."""
    import tabulate

    chosen = [c for c in columns if c in (*board.columns, *board.numbers)]
    models, rows = [row for row in board.rows if row.kind == "model"], []
    for row in board.rows:
        label = f"{row.label} ({row.standing.text})" if row.standing.text else row.label
        rows.append([label, row.standing.league, "" if row.seed is None else str(row.seed), *map(row.cell, chosen)])
    for group in over_seeds(board):
        label = f"**{group['model']}, {len(group['seeds'])} seeds**"
        rows.append([label, group["league"], "", *(_seeds_cell(group, c) for c in chosen)])
    headings = ["model", "league", "seed", *(metrics.METRICS[c].heading for c in chosen)]
    notes = [f"{len(board.ids)} images of the split “{board.split}”, {board.size_px} px; 95 % bootstrap intervals."]
    notes += [f"{row.key}: {row.standing.league}: {row.standing.why}." for row in models if row.standing.why]
    notes += [f"Not measured: {metrics.METRICS[name].heading}: {reason}." for name, reason in board.missing.items()]
    notes += filter(None, [floor_note(board), retrieval.CAVEAT])
    table = tabulate.tabulate(rows, headings, tablefmt="github", disable_numparse=True)
    return "\n".join([table, "", *notes]) + "\n"
