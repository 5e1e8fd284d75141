"""Models as ONNX: a folder with a graph for each stage, and model.json, which says how they are put
together.

Any program with onnxruntime can run the graphs; ours answers from such a folder without PyTorch
(`s2f_utils.infer.onnx_engine`).
"""

from __future__ import annotations

import logging
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from s2f_utils import runtime
from s2f_utils.infer.graphs import DESCRIPTION, FORMAT
from s2f_utils.infer.landmarks import finder
from s2f_utils.infer.stages import TorchEngine
from s2f_utils.infer.translator import Model
from s2f_utils.networks.info import ModelInfo, made_by
from s2f_utils.pictures import images

OPSET = 20
BATCH, MOST = 2, 1024  # traced with; at most
# Numbers; constants that are smaller are worked out beforehand, and weights stay as they are
LARGE = 4096
NO_GRAPH = ("paper",)  # answers by chance, from torch's own generator


def export(model: Model, out: str | Path) -> Path:
    """Write a model, or a restorer, into the new folder `out`: a graph for each stage,
    and model.json. Returns the folder.

    Raises ValueError for a model that has no stages, ImportError with what to install,
    FileExistsError where the folder holds something, and OSError; nothing is left half written.
    """
    check_installed()
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out}: holds something already: choose a new folder")
    stages = stages_of(model)
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        folder = Path(temporary) / "model"
        folder.mkdir()
        for name, stage in stages.items():
            graph = graph_of(stage, _said_of(model, name))
            (folder / f"{name}.onnx").write_bytes(graph.SerializeToString())
        runtime.write_json(folder / DESCRIPTION, described(model, stages))
        if out.is_dir():
            out.rmdir()
        shutil.move(folder, out)
    return out


def stages_of(model: Model) -> dict[str, nn.Module]:
    """All stages that a model's graphs are made of.

    Raises ValueError for one that PyTorch does not run on the CPU.
    """
    engine = getattr(model, "engine", None)
    if not isinstance(engine, TorchEngine):
        raise ValueError(f"{model.info.name}: is exported already")
    if engine.device != "cpu":
        raise ValueError(
            f"{model.info.name}: graphs are written on the CPU: load it with device='cpu'"
        )
    stages = {name: engine.stage(name) for name in engine.stages if name not in NO_GRAPH}
    if "likely" in model.info.supports:  # it has to be understood what is drawn
        stages = finder("torch").stages | stages
    return stages


def check_installed() -> None:
    """Raise ImportError, with what to install, where the packages that write ONNX are missing."""
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ImportError(f"writing ONNX needs {error.name}: pip install onnx onnxscript") from None


def described(model: Model, stages: Mapping[str, nn.Module]) -> dict[str, Any]:
    """What model.json says: what the model is, and what each stage takes and gives."""
    facts = model.info
    return {
        "format": FORMAT,
        "kind": type(model).__name__,
        "name": facts.name,
        "network": facts.network or "gfpgan",
        "fit": facts.fit,
        "direction": facts.direction,
        "reads": facts.reads,
        "makes": made_by(facts.direction),
        "size_px": facts.size_px,
        "layout": facts.layout,
        "knows": sorted(facts.supports),
        "meta": _notes(facts),
        "note": images.GENERATED_NOTE,
        "stages": described_stages(stages),
    }


def described_stages(stages: Mapping[str, nn.Module]) -> dict[str, dict[str, Any]]:
    """What each stage takes and gives, as model.json says it."""
    return {
        name: {
            "takes": {key: list(kind) for key, kind in stage.inputs.items()},
            "gives": list(stage.outputs),
        }
        for name, stage in stages.items()
    }


def _said_of(model: Model, stage: str) -> dict[str, str]:
    """What a graph's metadata say."""
    facts = model.info
    about = {
        "model": facts.name,
        "stage": stage,
        "reads": facts.reads,
        "makes": made_by(facts.direction),
    }
    return about | _notes(facts) | {"note": images.GENERATED_NOTE}


def _notes(info: ModelInfo) -> dict[str, str]:
    """The training of a model, and the terms of its use, as far as known."""
    notes = {
        "method": info.method,
        "trained": info.trained,
        "mix_from": str(info.mix_from or ""),
        "training_data": info.data,
        "terms": info.licence or "; ".join(info.terms or ()),
    }
    return {name: text for name, text in notes.items() if text}


def graph_of(stage: nn.Module, said: Mapping[str, str]) -> Any:
    """A stage as an `onnx.ModelProto`, of any batch, and of any size where the network allows that.

    Raises ValueError where it cannot be written.
    """
    from onnxscript import optimizer

    stage = stage.eval()
    levels = {
        name: logging.getLogger(name).level
        for name in ("onnx_ir", "onnxscript", "torch.onnx", "torch.export")
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in levels:
            logging.getLogger(name).setLevel(logging.ERROR)
        try:
            program = _exported(stage)
        finally:
            for name, level in levels.items():
                logging.getLogger(name).setLevel(level)
        optimizer.inline(program.model)
        optimizer.fold_constants(program.model, input_size_limit=LARGE, output_size_limit=LARGE)
        optimizer.remove_unused_nodes(program.model)
    graph = program.model_proto
    for key, value in said.items():
        graph.metadata_props.add(key=key, value=value)
    for node in graph.graph.node:  # where in the code each came from
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*graph.graph.value_info, *graph.graph.input, *graph.graph.output):
        del value.metadata_props[:]
    return graph


def _exported(stage: nn.Module) -> torch.onnx.ONNXProgram:
    multiple = max(getattr(stage.net, "multiple_px", 1), 1) if hasattr(stage, "net") else 1
    traced = max(2 * multiple, 64)  # not once `multiple`: what is one pixel inside would stay one
    num = getattr(stage, "batch", BATCH)  # a stage may take one alone
    batch = None if num == 1 else torch.export.Dim("N", min=1, max=MOST)
    blocks = {name: torch.export.Dim(f"{name}_blocks", min=1, max=MOST) for name in ("H", "W", "S")}
    for free in (True, False):
        given, dims = [], []
        for kind, *shape in stage.inputs.values():
            sizes = [traced if isinstance(n, str) else n for n in shape]
            given.append(torch.zeros((num, *sizes), dtype=getattr(torch, kind)))
            own = {0: batch}
            for place, n in enumerate(shape):
                if isinstance(n, str) and free:
                    own[place + 1] = multiple * blocks[n] if multiple > 1 else blocks[n]
            dims.append(own)
        try:
            return torch.onnx.export(
                stage,
                tuple(given),
                dynamo=True,
                input_names=list(stage.inputs),
                output_names=list(stage.outputs),
                dynamic_shapes=tuple(dims),
                opset_version=OPSET,
                verbose=False,
                external_data=False,
                optimize=False,
            )
        except Exception as error:  # the exporter raises nearly anything
            if not free:
                reason = str(error).strip().splitlines()[0][:200]
                raise ValueError(
                    f"{type(stage).__name__}: cannot be written as ONNX ({reason})"
                ) from error
    raise AssertionError
