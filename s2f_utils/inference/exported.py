"""A model from the folder that `inference.export` wrote; PyTorch is not needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s2f_utils.inference.engine_onnx import DESCRIPTION, EngineError, OnnxEngine, description
from s2f_utils.inference.expecting import ChoosingModel, ExpectModel, RenderModel
from s2f_utils.inference.styles import StyleModel
from s2f_utils.inference.translator import DetailModel, Translator
from s2f_utils.models.about import UnknownNetworkError

KINDS = {kind.__name__: kind for kind in (Translator, DetailModel, ExpectModel, RenderModel, ChoosingModel, StyleModel)}
RESTORER = "Restorer"


def is_exported(model: str | Path) -> bool:
    """Whether this is such a folder."""
    return (Path(model) / DESCRIPTION).is_file()


def load_exported(folder: str | Path, *, name: str = "", at_once: int = 1) -> Translator:
    """The model that answers from a folder, by onnxruntime on the CPU. name, at_once: as in `load`.

    Raises FileNotFoundError or EngineError.
    """
    told = description(folder)
    if told["kind"] == RESTORER:
        raise UnknownNetworkError(f"{folder}: is a GFPGAN, which restores photos: use it with 's2f enhance'")
    if told["kind"] not in KINDS:
        raise EngineError(f"{folder}: is a {told['kind']}, which this version does not know: export the model again")
    engine = _engine(folder, told)
    return KINDS[told["kind"]](
        engine,
        told["network"],
        frozenset(told["knows"]),
        direction=told["direction"],
        size_px=told["size_px"],
        fit=told["fit"],
        meta=dict(told["meta"]),
        name=name or told["name"],
        layout=told["layout"],
        at_once=at_once,
    )


def restorer_parts(folder: str | Path) -> tuple[str, OnnxEngine, int, dict[str, Any]]:
    """Name, engine, size and facts of a restorer in a folder. Raises as `load_exported`, and UnknownNetworkError for a
    model that restores nothing.
    """
    told = description(folder)
    if told["kind"] != RESTORER:
        raise UnknownNetworkError(f"{folder}: is a {told['network']}, which restores no faces")
    return str(folder), _engine(folder, told), told["size_px"], dict(told["meta"])


def _engine(folder: str | Path, told: dict[str, Any]) -> OnnxEngine:
    return OnnxEngine({stage: Path(folder) / f"{stage}.onnx" for stage in told["stages"]})
