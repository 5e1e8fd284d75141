"""The studio's kinds of models and their stages, if PyTorch runs them (onnxruntime:
`export.exported`).
"""

from __future__ import annotations

from pathlib import Path

from torch import nn

from s2f_studio.drawings.mesh import FACE_PX
from s2f_studio.faces.expecting import ExpectModel, RenderModel
from s2f_studio.faces.stages import expect, lay
from s2f_studio.render import stage as render
from s2f_utils import runtime, weights
from s2f_utils.infer.finding import find_generator
from s2f_utils.infer.stages import Kind, stages_of
from s2f_utils.infer.translator import LARGER


def expected_by(model: str | Path) -> str | Path:
    """The model of the average face for a rendering one: the file beside it, or the shipped one."""
    beside = find_generator(model).with_name("expected.safetensors")
    return beside if beside.is_file() else weights.EXPECT


def _expected(
    net: nn.Module, precision: runtime.Precision, _model: str | Path
) -> dict[str, nn.Module]:
    laid = {"lay": lay.Laid(FACE_PX), "lay_large": lay.Laid(LARGER * FACE_PX)}
    settled = {"guide": expect.Guided(), "settle": expect.Settled()}
    return {"expect": expect.Expected(precision.prepare(net), precision.images)} | settled | laid


def _rendered(
    net: nn.Module, precision: runtime.Precision, model: str | Path
) -> dict[str, nn.Module]:
    own = {
        "render": render.Rendered(precision.prepare(net), precision.images),
        "finish": render.Finished(),
    }
    return own | stages_of(expected_by(model), precision)


KINDS = [
    Kind(
        lambda net: net.name == "expect", ExpectModel, _expected, aligned=True, precision="float32"
    ),
    Kind(
        lambda net: net.name == "render",
        RenderModel,
        _rendered,
        aligned=True,
        precision="float32",
        beside=lambda model: (find_generator(expected_by(model)),),
    ),
]
