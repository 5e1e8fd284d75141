"""A run's curves as SVG text, for a panel that draws them again every second.

`viz.curves` shows the same with matplotlib, which takes 0.3 s of processor time for each picture of six axes; this
takes a few thousandths. Lines and letters have the page's own colour, so that light and dark themes both fit.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Sequence

from s2f_utils.pictures import viz

WIDTH, HEIGHT = 260, 150  # of a chart, in its own units
LEFT, RIGHT, TOP, BOTTOM = 38, 8, 32, 20  # margins
MOST_POINTS = 300  # of a line; more would not be seen
COLOUR = "#e0711c"  # of the lines: 3:1 and more against white and against JupyterLab's dark grey
Points = Sequence[tuple[float, float]]


def draw(rows: viz.Entries, events: viz.Entries = (), *, log: bool = False) -> str:
    """A chart for every loss, and for SSIM and PSNR of the samples, over images seen: raw (thin) and smoothed (bold).

    rows, events: as `tracking.read_log` gives them. Live changes are numbered marks, told below. log: losses on a
    logarithmic scale (nearly linear around 0 where one is 0 or less). Returns HTML that holds one SVG a chart; they
    wrap to the width that there is. Empty where nothing was logged.
    """
    names = [name for name in viz.curve_names(rows, events) if name.startswith("loss_") or name in ("ssim", "psnr")]
    if not rows or not names:
        return ""
    end = float(max(entry["images"] for entry in (rows[-1], *events)))
    marks = viz.change_marks(events, viz.MARK_GAP * end)
    charts = "".join(_chart(name, rows, events, marks, end, log) for name in names)
    told = " · ".join(f"<b>{n}</b> {html.escape(text)}" for n, (_, text) in enumerate(marks, start=1))
    grid = "display:grid;grid-template-columns:repeat(auto-fit,minmax(min(210px,100%),1fr));gap:2px 8px"
    note = f'<div style="font-size:12px;line-height:1.4">{told}</div>' if told else ""
    return f'<div style="{grid}">{charts}</div>{note}'


def _chart(
    name: str, rows: viz.Entries, events: viz.Entries, marks: Sequence[tuple[float, str]], end: float, log: bool
) -> str:
    is_score = name in viz.SCORES
    entries = [entry for entry in events if entry.get("event") == "sample"] if is_score else rows
    points = [(float(entry["images"]), float(entry[name])) for entry in entries if name in entry]
    points = [point for point in points if math.isfinite(point[1])]
    if not points:
        return ""
    scale, ticks = _scale([y for _, y in points], log and not is_score)
    across = (WIDTH - LEFT - RIGHT) / max(end, 1.0)

    def place(point: tuple[float, float]) -> tuple[float, float]:
        return LEFT + across * point[0], TOP + (HEIGHT - TOP - BOTTOM) * (1 - scale(point[1]))

    parts = [_text(LEFT - 5, place((0, value))[1] + 3.5, text, "end") for value, text in ticks]
    parts += [_line(LEFT, y, WIDTH - RIGHT, y, 'opacity=".18"') for y in (place((0, value))[1] for value, _ in ticks)]
    parts += [
        _text(LEFT + across * at, HEIGHT - 6, text, "end" if at > 0.95 * end else "middle")
        for at, text in _linear_ticks(0.0, end, 4, viz.thousands)
    ]
    for number, (at, _) in enumerate(marks, start=1):
        x = LEFT + across * at
        parts += [_line(x, TOP, x, HEIGHT - BOTTOM, 'opacity=".6" stroke-dasharray="3 3"'), _text(x, TOP - 4, number)]
    if is_score:
        parts.append(_path(map(place, points), 'stroke-width="1.8"'))
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.2" fill="{COLOUR}"/>' for x, y in map(place, points)]
    else:
        smooth = list(zip((x for x, _ in points), viz.smooth([y for _, y in points]), strict=True))
        parts.append(_path(map(place, _thinned(points)), 'stroke-width=".8" opacity=".55"'))
        parts.append(_path(map(place, _every_few(smooth)), 'stroke-width="2"'))
        if len(points) == 1:
            x, y = place(points[0])
            parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" fill="{COLOUR}"/>')
    title = f"{viz.SCORES.get(name, name.removeprefix('loss_') + ' loss')}: {points[-1][1]:.3g}"
    label = f'role="img" aria-label="{html.escape(title)} after {end:.0f} images"'
    style = "width:100%;max-width:340px;font:11px sans-serif"
    heading = f'<text x="{LEFT}" y="13" font-size="12" font-weight="bold">{html.escape(title)}</text>'
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" style="{style}" fill="currentColor" stroke="none" {label}>'
        f"{heading}{''.join(parts)}</svg>"
    )


def _scale(values: Sequence[float], log: bool) -> tuple[Callable[[float], float], list[tuple[float, str]]]:
    """A function from values to [0, 1] upwards, and ticks: values with their texts."""
    low, high = min(values), max(values)
    if not log:
        room = 0.04 * (high - low) or 0.05 * abs(high) or 1.0
        low, high = low - room, high + room
        return lambda value: (value - low) / (high - low), _linear_ticks(low, high, 3)
    if low > 0:
        bend, back = math.log10, lambda place: 10.0**place
    else:
        unit = min((abs(value) for value in values if value), default=1.0)
        bend, back = lambda value: math.asinh(value / unit), lambda place: unit * math.sinh(place)
    bottom, top = bend(low), bend(high)
    room = 0.04 * (top - bottom) or 0.05
    bottom, top = bottom - room, top + room
    at = [back(bottom + (top - bottom) * share) for share in (0.08, 0.36, 0.64, 0.92)]
    return lambda value: (bend(value) - bottom) / (top - bottom), [(value, f"{value:.2g}") for value in at]


def _linear_ticks(
    low: float, high: float, most: int, tell: Callable[[float], str] = lambda value: f"{value:g}"
) -> list[tuple[float, str]]:
    """At most so many round values within the limits, evenly spaced."""
    rough = (high - low) / most
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(ten * part for part in (1, 2, 2.5, 5, 10) if ten * part >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [(n * step, tell(float(f"{n * step:.6g}"))) for n in range(first, last + 1)]


def _thinned(points: Points) -> Points:
    """The same line with fewer points: of each stretch its lowest and its highest."""
    if len(points) <= MOST_POINTS:
        return points
    size = -(-2 * len(points) // MOST_POINTS)
    kept: list[tuple[float, float]] = []
    for start in range(0, len(points), size):
        part = points[start : start + size]
        kept += sorted({min(part, key=lambda point: point[1]), max(part, key=lambda point: point[1])})
    return kept


def _every_few(points: Points) -> Points:
    """Every nth point, so that few are left, with the last one."""
    return points[::-1][:: -(-len(points) // MOST_POINTS)][::-1]


def _path(points: object, style: str) -> str:
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{line}" fill="none" stroke="{COLOUR}" stroke-linejoin="round" {style}/>'


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="currentColor" stroke-width=".8" {style}/>'


def _text(x: float, y: float, text: object, anchor: str = "middle") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{html.escape(str(text))}</text>'
