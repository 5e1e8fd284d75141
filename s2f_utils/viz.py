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


Shapes = Sequence[tuple[str, tuple[int, ...]]]


def psp_diagram(levels: Shapes, styles: Sequence[tuple[int, int]], layers: Shapes) -> Figure:
    """An encoder, its pyramid, its styles, and the generator that they steer, as a drawing with the shapes.

    levels: name and shape (C, H, W) of what goes in and of the encoder's maps, from fine to coarse. styles: for each
    style the place in `levels` that it is read from, and the place in `layers` that it steers. layers: name and shape
    of the generator's maps.
    """
    from matplotlib.figure import Figure

    tall = max(len(styles), len(layers)) + 1
    figure = Figure(figsize=(9, 0.42 * tall + 0.8), layout="constrained")
    axis = figure.add_subplot()
    places = {
        "encoder": _column(axis, 0.0, levels, tall, "C0"),
        "styles": _column(axis, 4.2, [(f"style {n}", ()) for n in range(len(styles))], tall, "C1"),
        "generator": _column(axis, 7.2, layers, tall, "C2"),
    }
    pairs = [((0.0, places["encoder"][n]), (0.0, places["encoder"][n + 1])) for n in range(len(levels) - 1)]
    pairs += [((7.2, places["generator"][n]), (7.2, places["generator"][n + 1])) for n in range(len(layers) - 1)]
    for (x, start), (_, end) in pairs:
        axis.annotate("", (x, end + 0.33), (x, start - 0.33), arrowprops={"arrowstyle": "->", "color": "0.4"})
    pyramid = sorted({level for level, _ in styles})
    for fine, coarse in zip(pyramid, pyramid[1:], strict=False):  # enlarged and added, from the coarsest up
        ends = (-1.1, places["encoder"][fine]), (-1.1, places["encoder"][coarse])
        curved = {"arrowstyle": "->", "color": "C0", "linestyle": "--", "connectionstyle": "arc3,rad=-0.6"}
        axis.annotate("", *ends, arrowprops=curved)
        axis.text(-1.75, np.mean([y for _, y in ends]), "×2, +", fontsize=8, color="C0", ha="center", va="center")
    for n, (level, layer) in enumerate(styles):
        y = places["styles"][n]
        for start, end, colour in (
            ((1.05, places["encoder"][level]), (3.75, y), "C0"),
            ((4.65, y), (6.2, places["generator"][layer]), "C1"),
        ):
            axis.annotate("", end, start, arrowprops={"arrowstyle": "->", "color": colour, "alpha": 0.6})
    for x, name in ((0.0, "encoder and pyramid"), (4.2, "styles, added to the mean style"), (7.2, "generator")):
        axis.text(x, tall - 0.2, name, ha="center", fontsize=9, weight="bold")
    axis.set(xlim=(-2.0, 8.4), ylim=(-0.3, tall + 0.2))
    axis.axis("off")
    return figure


def _column(axis: Any, x: float, boxes: Shapes, tall: int, colour: str) -> list[float]:
    """Boxes with name and shape from top to bottom; returns their heights."""
    step = (tall - 0.6) / max(1, len(boxes))
    heights = [tall - 0.6 - step * (n + 0.5) for n in range(len(boxes))]
    for y, (name, shape) in zip(heights, boxes, strict=True):
        text = f"{name}  {'×'.join(map(str, shape))}" if shape else name
        style = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": colour}
        axis.text(x, y, text, ha="center", va="center", fontsize=8, bbox=style)
    return heights
