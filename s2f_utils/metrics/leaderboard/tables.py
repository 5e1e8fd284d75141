"""The leaderboard as tables: for JSON, with means, intervals and differences, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from s2f_utils import metrics
from s2f_utils.metrics import retrieval
from s2f_utils.metrics.leaderboard.board import FILTERED, Leaderboard, Row

SHORT = ("ssim", "psnr", "l1", "fsim", "sharpness", "spectrum", "patch_auc", "rank1")  # the columns of the Markdown
PAIRED = ("ssim", "psnr", "l1", "patch_auc")  # the columns of differences between rows


def as_dict(board: Leaderboard) -> dict[str, Any]:
    """Everything but the pictures, for JSON: means, intervals, paired differences, seeds taken together."""
    rows = []
    for row in board.rows:
        intervals = {column: row.interval(column) for column in board.columns}
        rows.append(
            {"key": row.key, "model": row.label, "kind": row.kind, "league": row.league, "league_because": row.why}
            | {"seed": row.seed, "seen": row.seen.as_json() if row.seen else None}
            | {c: _number(i.mean) if i else None for c, i in intervals.items()}
            | {k: _number(v) if isinstance(v, float) else v for k, v in row.details.items()}
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


def paired(board: Leaderboard, row: Row) -> dict[str, dict[str, list[float | None]]]:
    """For a model, its mean difference to the first model, to ridge and to the control, with intervals."""
    if row.kind != "model":
        return {}
    others = {"best": next(r for r in board.rows if r.kind == "model")}
    others |= {key: r for key in ("ridge", FILTERED) for r in board.rows if r.key == key}
    found = {}
    for name, other in others.items():
        if other is row:
            continue
        columns = [c for c in PAIRED if c in row.values and c in other.values]
        gaps = {c: row.minus(other, c) for c in columns}
        found[name] = {c: [_number(gap.mean), _number(gap.low), _number(gap.high)] for c, gap in gaps.items()}
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


def floor(board: Leaderboard) -> float | None:
    """The patch test's area of true pictures of other people; None where it was not measured."""
    row = next((row for row in board.rows if row.key == "nearest"), None)
    return row.mean("patch_auc") if row and "patch_auc" in row.values else None


def floor_note(board: Leaderboard) -> str:
    """A sentence about the floor of the patch test; "" where there is none."""
    area = floor(board)
    return "" if area is None else floor_told(area, board.row("nearest").label)


def floor_told(area: float, label: str) -> str:
    """What a reader of a table has to know of the patch test's floor. label: of the row of true pictures of others."""
    return f"The patch test's floor here is {area:.2f}, not 0.5: true pictures of other people have that (“{label}”)."


def named(row: Row) -> list[str]:
    """A row's first cells: its model, league and seed."""
    return [row.shown, row.league, "" if row.seed is None else str(row.seed)]


def remarks(board: Leaderboard) -> list[str]:
    """What puts models into the leagues "open" and "unknown", and whose pictures are the true ones, a line each."""
    models = [row for row in board.rows if row.kind == "model"]
    leagues = [f"{row.key}: {row.league}: {row.why}" for row in models if row.why]
    truth = board.pictures.get("truth")
    true = [
        f"{row.key}: its pictures are the true ones: no model's"
        for row in models
        if truth is not None and np.array_equal(board.pictures[row.key], truth)
    ]
    return leagues + true


def cell(row: Row, column: str) -> str:
    """A mean and its interval as text; a dash where there is none, no interval for a number of the whole set."""
    digits = metrics.METRICS[column].digits
    if column in row.details:
        return f"{row.details[column]:.{digits}f}"
    interval = row.interval(column)
    return interval.text(digits) if interval else "–"


def seeds_cell(group: dict[str, Any], column: str) -> str:
    """Mean and standard deviation of a group of `over_seeds` as text; a dash where there is none."""
    mean, std, digits = group[column]["mean"], group[column]["std"], metrics.METRICS[column].digits
    return "–" if mean is None else f"{mean:.{digits}f} ± {std:.{digits}f}"


def as_markdown(board: Leaderboard, columns: Sequence[str] = SHORT) -> str:
    """The table with the columns that matter most, and what was not measured."""
    import tabulate

    chosen = [c for c in columns if c in board.columns]
    rows = [[*named(row), *(cell(row, c) for c in chosen)] for row in board.rows]
    for group in over_seeds(board):
        label = f"**{group['model']}, {len(group['seeds'])} seeds**"
        rows.append([label, group["league"], "", *(seeds_cell(group, c) for c in chosen)])
    headings = ["model", "league", "seed", *(metrics.METRICS[c].heading for c in chosen)]
    notes = [f"{len(board.ids)} images of the split “{board.split}”, {board.size_px} px; 95 % bootstrap intervals."]
    notes += [f"{line}." for line in remarks(board)]
    notes += [f"Not measured: {metrics.METRICS[name].heading}: {reason}." for name, reason in board.missing.items()]
    notes += filter(None, [floor_note(board), retrieval.CAVEAT])
    table = tabulate.tabulate(rows, headings, tablefmt="github", disable_numparse=True)
    return "\n".join([table, "", *notes]) + "\n"
