"""Widgets leave a picture of themselves; tables are HTML."""

from __future__ import annotations

import io
from base64 import b64decode

import numpy as np
import pytest
from PIL import Image

from s2f_utils.notebook import stills, table
from s2f_utils.pictures import images

pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")


def ink(picture):
    return float((picture < 200).any(axis=2).mean())


def test_a_slider_says_its_label_and_value(monkeypatch):
    import ipywidgets

    said = []
    monkeypatch.setattr(
        stills, "text_line", lambda text: said.append(text) or np.zeros((30, 30, 3), np.uint8)
    )
    for widget in (
        ipywidgets.FloatSlider(value=0.2, min=0.0, max=1.0, description="detail"),
        ipywidgets.IntRangeSlider(value=(4, 9), max=10, description="layers"),
        ipywidgets.FileUpload(description="Upload"),
    ):
        stills.drawn(widget)
    assert said == ["detail: 0.2", "layers: 4 to 9"]


def test_a_box_is_drawn_with_what_is_in_it_and_without_what_is_hidden():
    import ipywidgets

    red = np.zeros((40, 60, 3), np.uint8) + np.uint8([200, 0, 0])
    shown = ipywidgets.Image(value=images.png_of(red), format="png")
    box = stills.box_class()([ipywidgets.IntSlider(3), ipywidgets.HTML("<b>told</b>"), shown])
    whole = stills.drawn(box)
    assert whole.shape[1] == stills.WIDE_PX
    assert (whole == [200, 0, 0]).all(axis=2).sum() == 38 * 58  # the rest is its thin edge
    shown.layout.display = "none"
    assert stills.drawn(box).shape[0] == whole.shape[0] - 40 - stills.GAP_PX
    assert ink(stills.drawn(ipywidgets.HTML("<b>told</b>"))) > 0
    assert ink(stills.drawn(ipywidgets.HTML("<b></b>"))) == 0


def test_the_output_holds_both_forms(monkeypatch):
    import ipywidgets

    published = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **options: published.append((data, options))
    )
    red = np.zeros((40, 60, 3), np.uint8) + np.uint8([200, 0, 0])
    box = stills.box_class()([ipywidgets.Image(value=images.png_of(red), format="png")])
    box._ipython_display_()
    ((data, options),) = published
    assert options["raw"] and data[stills.VIEW]["model_id"] == box.model_id
    with Image.open(io.BytesIO(b64decode(data["image/jpeg"]))) as picture:
        assert picture.width == stills.WIDE_PX
    stills.show(box, None)
    assert "image/jpeg" not in published[1][0] and stills.VIEW in published[1][0]


def test_a_table_is_html_and_text():
    made = table(
        {"U-Net": [0.76543, 12], "a <b>": [1234.5, 999.7]},
        ["network", "SSIM", "n"],
        "held-out faces",
    )
    page = made._repr_html_()
    assert "<caption>held-out faces</caption>" in page and "<td>0.765 </td><td>12   </td>" in page
    assert "a &lt;b&gt;" in page and "1,234 </td><td>1,000" in page
    assert repr(made).splitlines()[0].split() == ["network", "SSIM", "n"]
    with pytest.raises(ValueError, match="3 values"):
        table([[1, 2]], ["a", "b", "c"])
