"""Notebook controls for faces by their styles: how many layers come from chance, how strongly, how varied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from s2f_utils.pictures import images, viz

if TYPE_CHECKING:
    from torch import Tensor

    from s2f_utils.inference.styles import StyleModel

NUM = 8
LEAST_WIDE_PX = 96  # of a face as shown


def face_sliders(model: StyleModel, own: Tensor, given: np.ndarray) -> Any:
    """Sliders over the answers to one drawing, (1, L, D) of `StyleModel.encode`: strength, layers, truncation, seeds.

    given: what was encoded, uint8 (S, S, 3), shown first. The widget's `faces` are the answers, uint8 (8, S, S, 3).
    """
    import ipywidgets

    last, layers = model.num_layers - 1, model.open_layers
    box = ipywidgets.VBox()
    box.strength = ipywidgets.FloatSlider(value=1.0, min=0.0, max=1.0, step=0.05, description="mixing strength")
    box.layers = ipywidgets.IntRangeSlider(
        value=(layers.start, last), min=0, max=last, description="layers from chance"
    )
    box.psi = ipywidgets.FloatSlider(value=1.0, min=0.0, max=1.0, step=0.05, description="truncation")
    box.seed = ipywidgets.IntSlider(value=0, min=0, max=200, description="seed")
    box.noise = ipywidgets.IntSlider(value=-1, min=-1, max=50, description="noise (-1: stored)")
    controls = [box.strength, box.layers, box.psi, box.seed, box.noise]
    for control in controls:
        control.continuous_update = False  # an answer takes a moment: one when the slider is let go
        control.style.description_width = "initial"
    wide = max(LEAST_WIDE_PX, min(model.size_px, 256))
    shown = ipywidgets.Image(format="png", width=(NUM // 2 + 1) * wide)
    note = ipywidgets.HTML(f"<small>{images.GENERATED_NOTE}</small>")
    box.children = [*controls, shown, note]
    first = images.resize(given, model.size_px, "stretch")[None]

    def draw(_change: object = None) -> None:
        start, stop = box.layers.value
        found = model.variants(
            own, NUM, seed=box.seed.value, strength=box.strength.value, layers=range(start, stop + 1), psi=box.psi.value
        )
        box.faces = model.decode(found, noise=None if box.noise.value < 0 else box.noise.value)
        alone = model.decode(own)
        rows = [np.concatenate([first, box.faces[: NUM // 2]]), np.concatenate([alone, box.faces[NUM // 2 :]])]
        shown.value = images.png_of(viz.sheet(rows))

    for control in controls:
        control.observe(draw, names="value")
    draw()
    return box
