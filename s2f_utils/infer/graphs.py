"""Models run by onnxruntime from their graphs: those of a folder that `s2f export` wrote, or the
shipped ones.

PyTorch is not needed; on a CPU with onnxruntime this is the default path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from s2f_utils import weights
from s2f_utils.infer.enhance import Restorer
from s2f_utils.infer.onnx_engine import OnnxEngine
from s2f_utils.infer.styles import StyleModel
from s2f_utils.infer.translator import Translator
from s2f_utils.networks.info import (
    DESCRIPTION,
    ModelInfo,
    UnknownNetworkError,
    description_file,
)
from s2f_utils.runtime import ONNX, TORCH, choose_engine, has_engine

FORMAT = 4
KINDS = {kind.__name__: kind for kind in (Translator, StyleModel)}
RESTORER = Restorer.__name__
M = TypeVar("M", bound=Translator)


def open_model(
    model: str | Path,
    device: str,
    engine: str,
    *,
    direction: str | None,
    name: str,
) -> Translator | None:
    """As `infer.load`; None if PyTorch is to run the model.

    Raises UnknownNetworkError for a restorer, WeightsError where the generator that it needs cannot
    be had, and ValueError without graphs, for a direction that is not the model's, and for a model
    that is none of the library's.
    """
    file = description_file(model)
    description = read_description(file) if file.is_file() else None
    if runs_by_torch(file, engine, device, has_graphs=_suits_auto(description)):
        return None
    model_class = _model_class(model, description)
    if model_class is StyleModel and _needs_generator(description):
        weights.generator()  # fetched now if it is not here, or what to do is said
    return by_graphs(model_class, model, file, description, direction, name)


def _needs_generator(description: Mapping[str, Any] | None) -> bool:
    """Whether graphs with this description take weights from the pretrained generator's file."""
    stages = description["stages"].values() if description else ()
    name = weights.entry_of(weights.GENERATOR).file_name
    return any(name in stage.get("weights", ()) for stage in stages)


def by_graphs(
    model_class: type[M],
    model: str | Path,
    file: Path,
    description: Mapping[str, Any] | None,
    direction: str | None,
    name: str,
) -> M:
    """A model of this class that its graphs run. file: which describes them. Raises ValueError
    without graphs, and for a direction that is not the model's.
    """
    if description is None:
        raise ValueError(
            f"{model}: has no graphs: write them where PyTorch is ('s2f export {model} FOLDER')"
        )
    if direction not in (None, description["direction"]):
        raise ValueError(
            f"{model}: goes {description['direction']}, not {direction}: leave the direction out"
        )
    graphs = _engine(description, file)
    info = _info_in(description, name or str(model))
    return model_class(graphs, info, files=_weights_of(graphs, file))


def runs_by_torch(file: Path, engine: str, device: str, *, has_graphs: bool) -> bool:
    """Whether PyTorch is to run the model that this file describes: never one of a folder of
    graphs.
    """
    engine = ONNX if file.name == DESCRIPTION else engine
    return choose_engine(engine, device, has_graphs=has_graphs) == TORCH


def _suits_auto(description: Mapping[str, Any] | None) -> bool:
    """Whether engine "auto" may take the graphs: they do all that the model can, which graphs of
    styles do not, for PyTorch alone fits styles; or there is no PyTorch.
    """
    if description is None:
        return False
    return description["kind"] != StyleModel.__name__ or not has_engine(TORCH)


def _model_class(model: str | Path, description: Mapping[str, Any] | None) -> type[Translator]:
    """The class of a model with this description. Raises as `open_model`."""
    kind = description["kind"] if description else Translator.__name__
    if kind == RESTORER:
        raise UnknownNetworkError(
            f"{model}: is a GFPGAN, which restores photos: use it with 's2f enhance'"
        )
    if kind not in KINDS:
        raise ValueError(
            f"{model}: is a {kind}, which is none of this library's models: open it with the"
            " package that exported it, or export it again"
        )
    return KINDS[kind]


def _weights_of(graphs: OnnxEngine, file: Path) -> tuple[Path, ...]:
    """The shipped files with the weights of a shipped model's graphs, the model's own first. file:
    which describes the graphs.
    """
    paths = {path for held in graphs.weights.values() for path in held}
    folders = file.parent.parent, weights.SHIPPED_FOLDER
    shipped = [path for path in paths if path.parent in folders]
    return tuple(sorted(shipped, key=lambda path: (path.stem != file.stem, path.name)))


def open_restorer(restorer: str | Path, device: str, engine: str) -> Restorer | None:
    """As `restorers.load`; None if PyTorch runs it.

    Raises ValueError without graphs, or UnknownNetworkError for another model.
    """
    file = description_file(restorer)
    if runs_by_torch(file, engine, device, has_graphs=file.is_file()):
        return None
    if not file.is_file():
        raise ValueError(
            f"{restorer}: has no graphs: write them with 's2f export {restorer} FOLDER'"
        )
    description = read_description(file)
    if description["kind"] != RESTORER:
        network = description["network"]
        raise UnknownNetworkError(f"{restorer}: is a {network}, which restores no faces")
    return Restorer(_engine(description, file), _info_in(description, str(restorer)))


def _info_in(description: Mapping[str, Any], name: str) -> ModelInfo:
    """What `Model.info` says of a model whose graphs have this description."""
    meta = description["meta"]
    return ModelInfo(
        name=name,
        network=description["network"],
        direction=description["direction"],
        supports=frozenset(description["knows"]),
        size_px=description["size_px"],
        layout=description["layout"],
        fit=description.get("fit", "stretch"),
        method=meta.get("method", ""),
        mix_from=int(meta.get("mix_from", 0)),
        trained=meta.get("trained", ""),
        data=meta.get("training_data", ""),
        licence=meta.get("terms", ""),
    )


def read_description(file: Path) -> dict[str, Any]:
    """Read a model's description. Raises FileNotFoundError, or ValueError if it is not ours."""
    if not file.is_file():
        raise FileNotFoundError(f"{file.parent}: no {file.name}: 's2f export' makes such folders")
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        description = None
    if not isinstance(description, dict) or "stages" not in description:
        raise ValueError(f"{file}: is damaged, or of another program: export the model again")
    if description.get("format") != FORMAT:
        raise ValueError(
            f"{file}: is of format {description.get('format')}, this version reads {FORMAT}: export"
            " it again"
        )
    names = map(graph_file, description["stages"].items())
    missing = [name for name in names if not file.with_name(name).is_file()]
    if missing:
        raise ValueError(
            f"{file.parent}: {missing[0]} is missing: copy the whole folder, or export the model"
            " again"
        )
    return description


def graph_file(stage: tuple[str, Mapping[str, Any]]) -> str:
    """The name of a stage's file. stage: its name, and its entry in the description."""
    name, entry = stage
    return entry.get("file", f"{name}.onnx")


def _engine(description: Mapping[str, Any], file: Path) -> OnnxEngine:
    """The engine for a description's graphs; the weights of shipped ones are in other files."""
    own = description["stages"]
    graphs = {stage: file.with_name(graph_file((stage, one))) for stage, one in own.items()}
    held = {
        stage: [weights_of_graph(file, name) for name in one.get("weights", ())]
        for stage, one in own.items()
    }
    return OnnxEngine(graphs, held)


def weights_of_graph(file: Path, name: str) -> Path:
    """A file of weights that a graph needs: beside the graphs, in the folder above, among the
    library's, or the generator's, wherever it is on this machine, or will be. file: which describes
    the graphs.
    """
    for folder in (file.parent, file.parent.parent, weights.SHIPPED_FOLDER):
        path = folder / name
        if path.is_file():
            return path
    if name == weights.entry_of(weights.GENERATOR).file_name:
        found = weights.find(weights.GENERATOR) if weights.has_generator() else None
        return found or weights.cache_folder() / name
    return path
