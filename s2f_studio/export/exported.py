"""Models run by onnxruntime from their graphs: those of a folder that `s2f export` wrote, or the
shipped ones.

PyTorch is not needed. `s2f_utils.infer` calls `open_model` and `open_restorer`; on a CPU with
onnxruntime this is the default path.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from s2f_studio.engines import running
from s2f_utils import weights
from s2f_utils.infer.engine import EngineError
from s2f_utils.infer.loading import model_classes
from s2f_utils.infer.restorers import Restorer
from s2f_utils.infer.styles import StyleModel
from s2f_utils.infer.translator import Model, Translator
from s2f_utils.networks.info import ModelInfo, UnknownNetworkError

DESCRIPTION = "model.json"  # of a folder's graphs; for shipped ones, the model's name with .json
FORMAT = 1
RESTORER = "Restorer"
SHARED = "look"  # the finder's stage: all shipped models share one (`understanding.finder`)


def open_model(
    model: str | Path,
    device: str,
    engine: str,
    *,
    direction: str | None,
    values: str,
    at_once: int,
    name: str,
) -> Model | None:
    """As `inference.load`; None if PyTorch is to run the model.

    Raises EngineError, UnknownNetworkError for a restorer, and ValueError for a direction that is
    not the model's.
    """
    file = description_file(model)
    is_exported = file.name == DESCRIPTION
    spec = (
        read_description(file) if file.is_file() and (is_exported or values == "signed") else None
    )
    does_all = (
        spec is not None and spec["kind"] != StyleModel.__name__
    )  # styles are fitted by PyTorch alone
    usual = does_all or (spec is not None and not running.is_there(running.TORCH))
    wanted = running.choose_engine(
        running.ONNX if is_exported else engine, device, has_graphs=usual
    )
    if wanted == running.TORCH:
        return None
    if spec is None:
        raise EngineError(
            f"{model}: has no graphs: write them where PyTorch is ('s2f export {model} FOLDER')"
        )
    if spec["kind"] == RESTORER:
        raise UnknownNetworkError(
            f"{model}: is a GFPGAN, which restores photos: use it with 's2f enhance'"
        )
    kinds = {kind.__name__: kind for kind in (Translator, *model_classes().values())}
    if spec["kind"] not in kinds:
        raise EngineError(
            f"{model}: is a {spec['kind']}, which this version does not know: export the model"
            " again"
        )
    if direction not in (None, spec["direction"]):
        raise ValueError(
            f"{model}: goes {spec['direction']}, not {direction}: leave the direction out"
        )
    graphs = _engine(spec, file)
    used = {
        path
        for paths in graphs.weights.values()
        for path in paths
        if path.parent == weights.SHIPPED_FOLDER
    }
    own_first = sorted(used, key=lambda path: (path.stem != file.stem, path.name))
    info = _info_of(spec, name or str(model))
    return kinds[spec["kind"]](graphs, info, at_once, files=tuple(own_first))


def open_restorer(restorer: str | Path, device: str, engine: str) -> Restorer | None:
    """As `restorers.load`; None if PyTorch runs it. Raises EngineError, or UnknownNetworkError for
    another model.
    """
    file = description_file(restorer)
    engine = running.ONNX if file.name == DESCRIPTION else engine
    if running.choose_engine(engine, device, has_graphs=file.is_file()) == running.TORCH:
        return None
    if not file.is_file():
        raise EngineError(
            f"{restorer}: has no graphs: write them with 's2f export {restorer} FOLDER'"
        )
    spec = read_description(file)
    if spec["kind"] != RESTORER:
        raise UnknownNetworkError(f"{restorer}: is a {spec['network']}, which restores no faces")
    return Restorer(_engine(spec, file), _info_of(spec, str(restorer)))


def _info_of(spec: Mapping[str, Any], name: str) -> ModelInfo:
    """The description of a model whose graphs are described by `spec`."""
    meta = spec["meta"]
    return ModelInfo(
        name=name,
        network=spec["network"],
        direction=spec["direction"],
        supports=frozenset(spec["knows"]),
        size_px=spec["size_px"],
        layout=spec["layout"],
        fit=spec.get("fit", "stretch"),
        method=meta.get("method", ""),
        mix_from=int(meta.get("mix_from", 0)),
        trained=meta.get("trained", ""),
        data=meta.get("training_data", ""),
        licence=meta.get("terms", ""),
    )


def description_file(model: str | Path) -> Path:
    """The file that describes a model's graphs, which are beside it: in the model's folder, or else
    the shipped model's of this name; it may not exist.
    """
    name = weights.RENDER if str(model) == weights.DEFAULT else str(model)
    own = Path(model) / DESCRIPTION
    return own if own.is_file() else weights.GRAPHS / f"{name}.json"


def read_description(file: Path) -> dict[str, Any]:
    """Read a model's description. Raises FileNotFoundError, or EngineError if it is not ours."""
    if not file.is_file():
        raise FileNotFoundError(f"{file.parent}: no {file.name}: 's2f export' makes such folders")
    try:
        spec = json.loads(file.read_text(encoding="utf-8"))
    except ValueError:
        spec = None
    if not isinstance(spec, dict) or "stages" not in spec:
        raise EngineError(f"{file}: is damaged, or of another program: export the model again")
    if spec.get("format") != FORMAT:
        raise EngineError(
            f"{file}: is of format {spec.get('format')}, this version reads {FORMAT}: export it"
            " again"
        )
    missing = [
        name
        for name in map(graph_file, spec["stages"].items())
        if not file.with_name(name).is_file()
    ]
    if missing:
        raise EngineError(
            f"{file.parent}: {missing[0]} is missing: copy the whole folder, or export the model"
            " again"
        )
    return spec


def graph_file(stage: tuple[str, Mapping[str, Any]]) -> str:
    """The name of a stage's file. stage: its name, and its entry in the description."""
    name, said = stage
    return said.get("file", f"{name}.onnx")


def _engine(spec: Mapping[str, Any], file: Path) -> running.OnnxEngine:
    """The engine for a description's graphs; the weights of shipped ones are in other files."""
    own = {
        stage: one
        for stage, one in spec["stages"].items()
        if file.name == DESCRIPTION or stage != SHARED
    }
    graphs = {stage: file.with_name(graph_file((stage, one))) for stage, one in own.items()}
    held = {
        stage: [_weights_beside(file, name) for name in one.get("weights", ())]
        for stage, one in own.items()
    }
    return running.OnnxEngine(graphs, held)


def _weights_beside(file: Path, name: str) -> Path:
    beside = file.with_name(name)
    return beside if beside.is_file() else file.parent.parent / name
