"""The engine that runs a model's stages by onnxruntime, without PyTorch. PyTorch's, in `stages`,
has the same methods; `runtime.choose_engine` chooses.

onnxruntime runs graphs that `s2f export` wrote or that are shipped with the package.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import runtime
from s2f_utils.weights.compact import expanded

default_threads = 0  # set by `set_threads`; 0: OMP_NUM_THREADS or one per core


def threads_wanted() -> int:
    """What OMP_NUM_THREADS says, of its levels the first, as in "4,2"; 0: nothing."""
    first = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()
    return int(first) if first.isdecimal() else 0


def set_threads(num: int) -> None:
    """Set the number of threads per answer: PyTorch's, and that of engines opened afterwards."""
    global default_threads
    default_threads = num
    if runtime.has_engine(runtime.TORCH):
        import torch

        torch.set_num_threads(num)


class OnnxEngine:
    """Graphs by the names of their stages; each is loaded on first use.

    weights: the `.safetensors` files with the weights of graphs that have none themselves. threads:
    per answer; 0: as `default_threads`.
    """

    name, device = "onnx", "cpu"

    def __init__(
        self,
        files: Mapping[str, Path],
        weights: Mapping[str, Sequence[Path]] | None = None,
        threads: int = 0,
    ) -> None:
        self.files, self.weights = dict(files), dict(weights or {})
        self.threads = threads or default_threads or threads_wanted() or runtime.num_cores()
        self._sessions: dict[str, Any] = {}
        self._lock = threading.Lock()

    def has(self, stage: str) -> bool:
        """Whether there is such a stage."""
        return stage in self.files

    def run(self, stage: str, *given: np.ndarray, **named: np.ndarray) -> tuple[np.ndarray, ...]:
        """The stage's outputs, in its order, for its inputs, in its order or by name.
        Thread-safe.
        """
        session = self._session(stage)
        names = [one.name for one in session.get_inputs()]
        inputs = named or dict(zip(names, given, strict=True))
        inputs = {name: np.ascontiguousarray(one) for name, one in inputs.items()}
        return tuple(session.run(None, inputs))

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """The shape of each of a stage's inputs, without the batch; letters for free sizes."""
        return [tuple(one.shape[1:]) for one in self._session(stage).get_inputs()]

    @property
    def num_bytes(self) -> int:
        """How much the weights that are here take on disk; in memory, packed ones take two to four
        times that.
        """
        used = {*self.files.values(), *(path for paths in self.weights.values() for path in paths)}
        return sum(path.stat().st_size for path in used if path.is_file())

    def _session(self, stage: str) -> Any:
        with self._lock:
            if stage not in self.files:
                raise ValueError(f"this model has no graph {stage}.onnx: export the model again")
            if stage not in self._sessions:
                self._sessions[stage] = _loaded(
                    self.files[stage], self.weights.get(stage, ()), self.threads
                )
            return self._sessions[stage]


def _silent() -> Any:
    """onnxruntime without telemetry, which it sends for each session by default from 1.29 on."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # must be set before the import
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # in case other code has imported it before
    return onnxruntime


def _loaded(path: Path, weights: Sequence[Path], threads: int) -> Any:
    onnxruntime = _silent()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    # An arena would keep a gigabyte of a generator's features between answers, for a fifth of the
    # time of each.
    options.enable_cpu_mem_arena = False
    # Threads that spin while they wait would slow the next request.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        held = {one.name: expanded(one) for one in weights}
        if held:  # needed only until the session is made
            sizes = [one.nbytes for one in held.values()]
            options.add_external_initializers_from_files_in_memory(
                list(held), list(held.values()), sizes
            )
        return onnxruntime.InferenceSession(
            path.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # neither library has a common base exception
        reason = str(error).strip().splitlines()[0][:120]
        raise ValueError(
            f"{path}: cannot be run by onnxruntime ({reason}): export the model again"
        ) from None
