"""Figures: sheets of pictures as arrays, and curves with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sheet(rows: Sequence[np.ndarray], gap_px: int = 4) -> np.ndarray:
    """Rows of pictures, each uint8 (N, H, W, 3), as one uint8 picture with white gaps; all of one size."""
    num = max(len(row) for row in rows)
    _, height, width, _ = rows[0].shape
    out = np.full((len(rows) * (height + gap_px) + gap_px, num * (width + gap_px) + gap_px, 3), 255, np.uint8)
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            top, left = gap_px + y * (height + gap_px), gap_px + x * (width + gap_px)
            out[top : top + height, left : left + width] = picture
    return out


def smooth(values: Sequence[float], half_life: float = 5.0) -> list[float]:
    """An exponential moving average over rows, corrected for its start, for drawing."""
    decay, mean, weight, out = 0.5 ** (1.0 / half_life), 0.0, 0.0, []
    for value in values:
        mean, weight = decay * mean + (1 - decay) * value, decay * weight + (1 - decay)
        out.append(mean / weight)
    return out


def loss_curves(rows: Sequence[Mapping[str, Any]], changes: Sequence[Mapping[str, Any]] = ()) -> Figure:
    """The losses of a run's log over images seen, raw and smoothed, with a mark for every live change; four a row."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(name for row in rows for name in row if name.startswith("loss_")))
    across = min(4, max(1, len(names)))
    down = max(1, -(-len(names) // across))
    figure = Figure(figsize=(3.6 * across, 2.6 * down), layout="constrained")
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(down, across, place)
        known = [row for row in rows if name in row]  # a loss of weight 0 may be left out
        x, y = [row["images"] for row in known], [row[name] for row in known]
        axes.plot(x, y, alpha=0.3, color="C0")
        axes.plot(x, smooth(y), color="C0")
        for change in changes:
            axes.axvline(change["images"], color="C1", linewidth=0.8, linestyle=":")
        axes.set(title=name, xlabel="images seen")
        axes.ticklabel_format(axis="x", style="sci", scilimits=(0, 4))
    return figure


def perception_distortion(points: Mapping[str, tuple[float, float, str]]) -> Figure:
    """Each answer as a point: SSIM across, the patch test's area downwards to 0.5, which is where photos are.

    points: {label: (ssim, patch_auc, kind)}, kind "model", "control" or "trivial" (Blau and Michaeli 2018).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), layout="constrained")
    axes = figure.add_subplot()
    colours = {"model": "C0", "control": "C1", "trivial": "C7"}
    for number, (label, (x, y, kind)) in enumerate(points.items(), start=1):
        short = label if len(label) < 50 else label[:48] + "…"
        axes.scatter(x, y, color=colours[kind], s=90, zorder=3, label=f"{number}  {short}")
        axes.annotate(str(number), (x, y), ha="center", va="center", color="white", fontsize=7, zorder=4)
    axes.axhline(0.5, color="C2", linewidth=0.8, linestyle=":")
    axes.set(xlabel="SSIM: nearer to the true photo →", ylabel="patch test: ↓ harder to tell from photos")
    axes.set_ylim(0.4, 1.05)
    axes.margins(x=0.1)
    axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7, frameon=False)
    return figure


def picture_grid(rows: Mapping[str, np.ndarray], scale: float = 1.4) -> Figure:
    """Named rows of pictures, each uint8 (N, H, W, 3), as a figure with the names at the left."""
    from matplotlib.figure import Figure

    num = max(len(pictures) for pictures in rows.values())
    figure = Figure(figsize=(scale * num, scale * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), num, squeeze=False)
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        for place, axis in enumerate(line):
            axis.set_xticks([])
            axis.set_yticks([])
            for side in axis.spines.values():
                side.set_visible(False)
            if place < len(pictures):
                axis.imshow(pictures[place])
        line[0].set_ylabel(name, fontsize=9)
    return figure
