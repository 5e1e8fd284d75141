"""Which engine runs a model's stages: PyTorch, or onnxruntime, which needs no PyTorch."""

from __future__ import annotations

import importlib.util

from s2f_utils import runtime
from s2f_utils.inference.engine import EngineError

TORCH, ONNX = "torch", "onnx"
ENGINES = ("auto", TORCH, ONNX)
NEEDS = {
    TORCH: f"PyTorch, for models of your own, published ones, and training: pip install '{runtime.EVERYTHING}'",
    ONNX: "onnxruntime: pip install onnxruntime",
}


def is_there(engine: str) -> bool:
    """Whether an engine's package is installed."""
    return importlib.util.find_spec({TORCH: "torch", ONNX: "onnxruntime"}[engine]) is not None


def chosen(engine: str = "auto", device: str = "auto", *, has_graphs: bool = True) -> str:
    """The engine that a model is run by: the one asked for, or, with "auto", PyTorch on a GPU, and on a CPU
    onnxruntime, the faster one for the usual answers (docs/onnx.md), if the model has graphs.

    Raises ValueError for another engine, and for onnxruntime on a GPU; EngineError where its package is missing.
    """
    device = str(device)
    if engine not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, got {engine!r}")
    if engine == ONNX and device not in ("auto", "cpu"):
        raise ValueError(f"onnxruntime computes on the CPU here: leave device {device} out, or take engine {TORCH}")
    if engine == "auto":
        engine = ONNX if has_graphs and is_there(ONNX) and not on_gpu(device) else TORCH
    if not is_there(engine):
        raise EngineError(f"this needs {NEEDS[engine]}")
    return engine


def on_gpu(device: str = "auto") -> bool:
    """Whether a device, as `runtime.pick_device` names it, is a GPU. Raises ValueError for one that is not there."""
    device = str(device)
    if device == "cpu" or (device == "auto" and not is_there(TORCH)):
        return False
    if not is_there(TORCH):
        raise EngineError(f"device {device!r} needs {NEEDS[TORCH]}")
    return runtime.pick_device(device).type != "cpu"


def set_threads(num: int) -> None:
    """So many threads for one answer, of every engine, from now on."""
    from s2f_studio.engines import engine_onnx

    engine_onnx.usual_threads = num
    if is_there(TORCH):
        import torch

        torch.set_num_threads(num)
