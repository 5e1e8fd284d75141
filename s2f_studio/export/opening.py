"""Models and restorers that onnxruntime runs, as `s2f_utils.inference` asks for them."""

from __future__ import annotations

from pathlib import Path

from s2f_studio.engines import choice
from s2f_studio.export.exported import has_graphs, is_all, is_exported, load_exported, restorer_parts
from s2f_utils.inference.asking import Model
from s2f_utils.inference.engine import EngineError
from s2f_utils.inference.restorers import Restorer


def open_model(
    model: str | Path, device: str, engine: str, *, direction: str | None, values: str, at_once: int, name: str
) -> Model | None:
    """As `inference.load`; None where PyTorch runs the model. Raises EngineError, and ValueError for a direction that
    is not the model's.
    """
    comes_along = has_graphs(model) and values == "signed"
    usual = comes_along and (is_all(model) or not choice.is_there(choice.TORCH))
    wanted = choice.chosen(choice.ONNX if is_exported(model) else engine, device, has_graphs=usual)
    if wanted == choice.TORCH:
        return None
    if not (is_exported(model) or comes_along):
        raise EngineError(f"{model}: has no graphs: write them where PyTorch is ('s2f export {model} FOLDER')")
    found = load_exported(model, name=name or str(model), at_once=at_once)
    if direction not in (None, found.direction):
        raise ValueError(f"{model}: goes {found.direction}, not {direction}: leave the direction out")
    return found


def open_restorer(restorer: str | Path, device: str, engine: str) -> Restorer | None:
    """As `restorers.load`; None where PyTorch runs it. Raises EngineError."""
    comes_along = has_graphs(restorer)
    wanted = choice.chosen(choice.ONNX if is_exported(restorer) else engine, device, has_graphs=comes_along)
    if wanted == choice.TORCH:
        return None
    if not (is_exported(restorer) or comes_along):
        raise EngineError(f"{restorer}: has no graphs: write them with 's2f export {restorer} FOLDER'")
    return Restorer(*restorer_parts(restorer))
