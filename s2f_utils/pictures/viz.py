"""Figures: sheets of pictures as arrays, and curves with matplotlib."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sheet(rows: Sequence[Sequence[np.ndarray]], gap_px: int = 4) -> np.ndarray:
    """Rows of pictures, uint8 (H, W, 3) each, as one uint8 picture with white gaps;
    all of one size.
    """
    num = max(len(row) for row in rows)
    height, width, _ = rows[0][0].shape
    down = len(rows) * (height + gap_px) + gap_px
    across = num * (width + gap_px) + gap_px
    out = np.full((down, across, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top = gap_px + y * (height + gap_px)
            left = gap_px + x * (width + gap_px)
            out[top : top + height, left : left + width] = picture
    return out


KEPT = 0.87  # of the old mean by each row of `smooth`: five rows later a row weighs half


def smooth(values: Sequence[float]) -> list[float]:
    """An exponential moving average over rows, corrected for its start, as TensorBoard draws it."""
    mean = 0.0
    weight = 0.0
    out = []
    for value in values:
        mean = KEPT * mean + (1 - KEPT) * value
        weight = KEPT * weight + (1 - KEPT)
        out.append(mean / weight)
    return out


Entries = Sequence[Mapping[str, Any]]
Mark = tuple[float, str, str]  # where it is on the x axis, its colour and text
X_NAMES = {"images": "images seen", "seconds": "seconds of training", "epoch": "epochs"}
MARK_GAP = 0.03  # share of the x axis within which live changes become one mark
SCORES = {
    "ssim": "SSIM of the samples ↑",
    "psnr": "PSNR of the samples, dB ↑",
    "mse": "MSE of the samples ↓",
    "l1": "L1 of the samples ↓",
}


def curve_names(rows: Entries, events: Entries = ()) -> list[str]:
    """What a run's log has curves of: losses, other columns of its rows, scores of its samples."""
    columns: dict[str, None] = {}
    for row in rows:
        columns |= dict.fromkeys(name for name in row if name not in X_NAMES)
    samples = _samples(events)
    scores = [name for name in SCORES if any(name in sample for sample in samples)]
    return sorted(columns, key=lambda name: not name.startswith("loss_")) + scores


def _samples(events: Entries) -> list[Mapping[str, Any]]:
    return [event for event in events if event.get("event") == "sample"]


def curves(
    runs: Mapping[str, tuple[Entries, Entries]],
    *,
    only: Sequence[str] = (),
    x: str = "images",
    log: bool = False,
) -> Figure:
    """The curves of runs, an axis for each, raw (thin) and smoothed (bold),
    and marks where live values changed.

    runs: {label: (rows, events)} of `train.log.read_log`. only: of `curve_names`; none: every loss,
    SSIM and PSNR. x: "images", "seconds" or "epoch". log: losses on a logarithmic scale (symmetric
    around 0 where one is 0 or less).
    """
    from matplotlib.figure import Figure

    names = list(only) or _losses_and_scores(runs)
    down = max(1, -(-len(names) // 4))
    across = max(1, -(-len(names) // down))
    figure = Figure(figsize=(3.6 * across, 2.6 * down), layout="constrained")
    every = list(figure.subplots(down, across, squeeze=False).flat)
    for axes in every[len(names) :]:
        axes.remove()
    panels = dict(zip(names, every, strict=False))
    end = 0.0
    for rows, _ in runs.values():
        end = max([end, *(row.get(x, 0) for row in rows)])
    marks: list[Mark] = []
    for number, (rows, events) in enumerate(runs.values()):
        along = _along(rows, x)
        for name, axes in panels.items():
            _draw_curve(axes, name, rows, events, along, f"C{number}")
        colour = f"C{number}" if len(runs) > 1 else "0.35"
        for at, text in change_marks(events, MARK_GAP * end, along):
            marks.append((at, colour, text))
    marks.sort(key=lambda mark: mark[0])
    for place, (name, axes) in enumerate(panels.items()):
        _dress(axes, name, marks, log and name not in SCORES)
        if place + across >= len(names):  # nothing below it
            axes.set_xlabel(X_NAMES[x], fontsize=9)
    _name_runs(figure, list(runs), across)
    if marks:
        figure.supxlabel(_legend_of_marks(marks, 65 * across), fontsize=7.5, color="0.3")
    return figure


def _losses_and_scores(runs: Mapping[str, tuple[Entries, Entries]]) -> list[str]:
    """Every loss of the runs, SSIM and PSNR."""
    known: dict[str, None] = {}
    for rows, events in runs.values():
        known |= dict.fromkeys(curve_names(rows, events))
    return [name for name in known if name.startswith("loss_") or name in ("ssim", "psnr")]


def _name_runs(figure: Figure, labels: Sequence[str], across: int) -> None:
    from matplotlib.lines import Line2D

    if len(labels) == 1:
        figure.suptitle(labels[0], fontsize=10)
        return
    lines = [Line2D([], [], color=f"C{number}", linewidth=2) for number in range(len(labels))]
    figure.legend(
        lines, labels, loc="outside upper center", ncols=across, fontsize=8, frameon=False
    )


def _legend_of_marks(marks: Sequence[Mark], width: int) -> str:
    notes = []
    for number, (_, _, text) in enumerate(marks, start=1):
        notes.append(f"{number}: {text}".replace(" ", "\u00a0"))
    legend = "live changes   " + "   ".join(notes)
    return textwrap.fill(legend, width, break_long_words=False)


def _along(rows: Entries, x: str) -> Callable[[float], float]:
    """From images seen to the x axis, between the rows of the log in a straight line."""
    images = [0, *(row["images"] for row in rows)]
    places = [0, *(row.get(x, 0) for row in rows)]
    return lambda seen: float(np.interp(seen, images, places))


def _draw_curve(
    axes: Any,
    name: str,
    rows: Entries,
    events: Entries,
    along: Callable[[float], float],
    colour: str,
) -> None:
    """A column of the rows, raw and smoothed, or a score of the samples."""
    entries = _samples(events) if name in SCORES else rows
    known = [entry for entry in entries if name in entry]  # a loss of weight 0 may be left out
    x = [along(entry["images"]) for entry in known]
    y = [entry[name] for entry in known]
    if name in SCORES:
        axes.plot(x, y, linewidth=1.8, marker=".", markersize=5, color=colour, gid="raw")
        return
    marker = "." if len(y) < 2 else ""
    axes.plot(x, y, alpha=0.35, linewidth=0.8, marker=marker, color=colour, gid="raw")
    axes.plot(x, smooth(y), linewidth=1.8, color=colour, gid="smoothed")


def change_marks(
    events: Entries, gap: float, along: Callable[[float], float] = float
) -> list[tuple[float, str]]:
    """Changes of live values, [(x, "lr_g 0.0002 → 0.0001")], merged within `gap`. along: from
    images seen to x.
    """
    groups: list[tuple[float, dict[str, tuple[float, float]]]] = []
    for event in events:
        if event.get("event") != "change" or isinstance(event["new"], bool):  # commands are none
            continue
        at = along(event["images"])
        if not groups or at - groups[-1][0] > gap:
            groups.append((at, {}))
        _, changed = groups[-1]
        first = changed.get(event["name"], (event["old"], 0.0))[0]
        changed[event["name"]] = (first, event["new"])
    marks = []
    for at, changed in groups:
        texts = [f"{name} {old:.3g} → {new:.3g}" for name, (old, new) in changed.items()]
        marks.append((at, ", ".join(texts)))
    return marks


def _dress(axes: Any, name: str, marks: Sequence[tuple[float, Any, str]], log: bool) -> None:
    """Title, scale, grid, and a numbered line for each mark."""
    from matplotlib.ticker import EngFormatter

    if log:
        least = min([1.0, *(min(line.get_ydata(), default=1.0) for line in axes.lines)])
        axes.set_yscale("log" if least > 0 else "symlog")
    for number, (at, colour, _) in enumerate(marks, start=1):
        axes.axvline(at, color=colour, linewidth=0.7, linestyle="--", zorder=1, gid="mark")
        axes.text(
            at,
            1.0,
            number,
            transform=axes.get_xaxis_transform(),
            color=colour,
            fontsize=7,
            ha="center",
        )
    axes.set_title(SCORES.get(name, name), fontsize=10, pad=12 if marks else 4)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.tick_params(labelsize=8)
    axes.grid(alpha=0.25, linewidth=0.5)


def picture_grid(
    rows: Mapping[str, np.ndarray], scale: float = 1.4, *, columns: Sequence[str] = ()
) -> Figure:
    """Rows of pictures, uint8 (N, H, W, 3), with their names at the left,
    and those of the columns above.
    """
    from matplotlib.figure import Figure

    num = max(len(pictures) for pictures in rows.values())
    figure = Figure(figsize=(scale * num, scale * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), num, squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for place, axis in enumerate(line):
            axis.set_xticks([])
            axis.set_yticks([])
            # White paper has an edge.
            axis.spines[:].set(visible=place < len(pictures), color="0.8", linewidth=0.6)
            if place < len(pictures):
                axis.imshow(pictures[place])
        line[0].set_ylabel(name, fontsize=9)
    for axis, column in zip(axes[0], columns, strict=False):
        axis.set_title(column, fontsize=9)
    return figure


def titled(pictures: Sequence[tuple[str, np.ndarray]], across: int = 6) -> Figure:
    """Pictures, (title, (H, W, 3) or (H, W) in greys), so many across a notebook's column."""
    from matplotlib.figure import Figure

    down = -(-len(pictures) // across)
    lines = max(title.count("\n") for title, _ in pictures) + 1
    tall = max(picture.shape[0] / picture.shape[1] for _, picture in pictures)
    height = down * (9.2 / across * tall + 0.2 * lines)
    figure = Figure(figsize=(9.2, height), dpi=90, layout="constrained")
    axes = figure.subplots(down, across, squeeze=False).flat
    for place, axis in enumerate(axes):
        axis.axis("off")
        if place < len(pictures):
            limits = {"vmin": 0, "vmax": 255} if pictures[place][1].dtype == np.uint8 else {}
            axis.imshow(pictures[place][1], cmap="gray", **limits)
            axis.set_title(pictures[place][0], fontsize=10)
    return figure
