"""A model by its graphs, which onnxruntime runs: those of a folder that `s2f export` wrote, or those that come along.

PyTorch is not needed. `open_model` and `open_restorer` are what `s2f_utils.inference` asks for.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from s2f_studio.engines import choice
from s2f_studio.engines.engine_onnx import DESCRIPTION, OnnxEngine, described_in, description, graph_of
from s2f_studio.faces.expecting import ExpectModel, RenderModel
from s2f_studio.faces.portraying import PortraitModel
from s2f_utils import weights
from s2f_utils.inference.engine import EngineError
from s2f_utils.inference.restorers import Restorer
from s2f_utils.inference.styles import StyleModel
from s2f_utils.inference.translator import DetailModel, Model, Translator
from s2f_utils.models.card import UnknownNetworkError

KINDS = {kind.__name__: kind for kind in (Translator, DetailModel, ExpectModel, RenderModel, PortraitModel, StyleModel)}
RESTORER = "Restorer"
SHARED = "look"  # the finder's stage: those that come along are served by one (`understanding.finder`)


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


def is_exported(model: str | Path) -> bool:
    """Whether this is such a folder."""
    return (Path(model) / DESCRIPTION).is_file()


def has_graphs(name: str | Path) -> bool:
    """Whether a model comes along, by this name, as graphs."""
    return _shipped(name).is_file()


def is_all(name: str | Path) -> bool:
    """Whether the graphs of a model that comes along do all that its network does: styles are fitted with gradients,
    which PyTorch alone has.
    """
    return has_graphs(name) and described_in(_shipped(name))["kind"] != StyleModel.__name__


def load_exported(model: str | Path, *, name: str = "", at_once: int = 1) -> Translator:
    """The model that answers from a folder, or, by its name, one that comes along, by onnxruntime on the CPU. name,
    at_once: as in `load`.

    Raises FileNotFoundError, EngineError, or UnknownNetworkError for a restorer.
    """
    told, engine = _opened(model)
    if told["kind"] == RESTORER:
        raise UnknownNetworkError(f"{model}: is a GFPGAN, which restores photos: use it with 's2f enhance'")
    if told["kind"] not in KINDS:
        raise EngineError(f"{model}: is a {told['kind']}, which this version does not know: export the model again")
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
        files=_networks(model, engine),
    )


def restorer_parts(model: str | Path) -> tuple[str, OnnxEngine, int, dict[str, Any]]:
    """Name, engine, size and facts of a restorer in a folder, or that comes along. Raises as `load_exported`, and
    UnknownNetworkError for a model that restores nothing.
    """
    told, engine = _opened(model)
    if told["kind"] != RESTORER:
        raise UnknownNetworkError(f"{model}: is a {told['network']}, which restores no faces")
    return str(model), engine, told["size_px"], dict(told["meta"])


def _networks(model: str | Path, engine: OnnxEngine) -> tuple[Path, ...]:
    """The files of a model that comes along, its own first; of an exported folder nobody says them."""
    used = {path for paths in engine.weights.values() for path in paths if path.parent == weights.SHIPPED_FOLDER}
    first = weights.RENDER if str(model) == weights.DEFAULT else str(model)
    return tuple(sorted(used, key=lambda path: (path.stem != first, path.name)))


def _shipped(name: str | Path) -> Path:
    return weights.GRAPHS / f"{name}.json"


def _opened(model: str | Path) -> tuple[dict[str, Any], OnnxEngine]:
    """What the description of a model says, and its engine; one that comes along keeps its weights elsewhere."""
    comes_along = not is_exported(model) and has_graphs(model)
    told, folder = (described_in(_shipped(model)), weights.GRAPHS) if comes_along else (description(model), Path(model))
    own = {stage: one for stage, one in told["stages"].items() if not comes_along or stage != SHARED}
    graphs = {stage: folder / graph_of(stage, one) for stage, one in own.items()}
    held = {stage: [_weights_in(folder, name) for name in one.get("weights", ())] for stage, one in own.items()}
    return told, OnnxEngine(graphs, held)


def _weights_in(folder: Path, name: str) -> Path:
    beside = folder / name
    return beside if beside.is_file() else folder.parent / name
