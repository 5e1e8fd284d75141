"""What a training panel is made of: its sliders, lines of text, and the picture that it leaves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from s2f_utils.notebook import stills
from s2f_utils.pictures import images, viz
from s2f_utils.training.live import Range

WIDTH = "27em"  # of a slider with its label


def make_slider(limits: Range, value: float, label: str, label_width: str, whole: bool = False) -> Any:
    """A slider for one live value, logarithmic where its range says so; it reports when it is let go.

    label_width: of the part that the label takes, as in CSS. whole: it counts something.
    """
    import ipywidgets

    layout, style = ipywidgets.Layout(width=WIDTH, max_width="99%"), {"description_width": label_width}
    common = {"description": label, "continuous_update": False, "layout": layout, "style": style}
    if limits.log and limits.low > 0:
        low, high = math.log10(limits.low), math.log10(limits.high)
        step, shape = (high - low) / 200, ",.0f" if whole else ".2"
        return ipywidgets.FloatLogSlider(value, base=10, min=low, max=high, step=step, readout_format=shape, **common)
    step, shape = (1.0, ".0f") if whole else ((limits.high - limits.low) / 200, ".4")
    return ipywidgets.FloatSlider(value, min=limits.low, max=limits.high, step=step, readout_format=shape, **common)


def progress_text(images_seen: int, total_images: int, images_per_second: float | None) -> str:
    """One line: images seen of all, images a second, time left."""
    text = f"{images_seen:,} of {total_images:,} images"
    if not images_per_second:
        return text
    minutes, seconds = divmod(round(max(0, total_images - images_seen) / images_per_second), 60)
    left = f"{minutes // 60} h {minutes % 60:02d} min" if minutes >= 60 else f"{minutes}:{seconds:02d}"
    return f"{text} · {images_per_second:.3g} images/s · {left} left"


def memory_text(device: Any) -> str:
    """One line: the memory that training takes, and what is free; of the GPU, where it runs on one."""
    import psutil

    gb = 1e9
    if device.type == "cuda":
        import torch

        free, total = torch.cuda.mem_get_info(device)
        most = torch.cuda.max_memory_allocated(device)
        return f"GPU memory: {most / gb:.1f} GB at most, {free / gb:.1f} of {total / gb:.1f} GB free"
    used = psutil.Process().memory_info().rss
    return f"memory: {used / gb:.1f} GB, {psutil.virtual_memory().available / gb:.1f} GB free"


def still_of(panel: Any) -> np.ndarray:
    """A panel's sliders, curves and newest samples as they are now, uint8 (H, W, 3)."""
    run = panel.run
    parts = [
        _slider_row(panel.labels.get(name, name), panel.live.ranges[name], panel.live[name]) for name in panel.names
    ]
    parts.append(stills.text_line(f"{run.images_seen:,} of {run.total_images:,} images"))
    if panel.rows:
        changes = [event for event in panel.events if event["event"] == "change"]
        parts.append(stills.figure(viz.loss_curves(panel.rows, changes)))
    if panel.sheets:
        newest = panel.sheets[-1]
        parts.append(stills.text_line(f"samples at {int(newest.stem):,} images"))
        parts.append(stills.fitted(images.load_rgb(newest)))
    return stills.stacked(parts)


def _slider_row(label: str, limits: Range, value: float) -> np.ndarray:
    along = math.log10 if limits.log and limits.low > 0 else float
    low, high = along(limits.low), along(limits.high)
    share = (along(min(max(value, limits.low), limits.high)) - low) / ((high - low) or 1)
    return stills.slider_row(label, [share], f"{value:.4g}")
