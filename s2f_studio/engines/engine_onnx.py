"""Stages run by onnxruntime, from graphs that `export.writing` wrote, or that come along: PyTorch is not needed."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import runtime
from s2f_utils.inference.engine import Engine, EngineError
from s2f_utils.weights.compact import expanded

HINT = "hint"  # colours, which graphs of realistic took that earlier versions exported; NaN: none
usual_threads = 0  # `choice.set_threads`; 0: OMP_NUM_THREADS, or as many as there are cores


class OnnxEngine(Engine):
    """Graphs by the names of their stages; each is loaded when it is asked for first.

    weights: the `.safetensors` files that have a graph's weights, where it has none itself. threads: that one answer
    uses; 0: as `usual_threads`.
    """

    name = "onnx"

    def __init__(
        self, files: Mapping[str, Path], weights: Mapping[str, Sequence[Path]] | None = None, threads: int = 0
    ) -> None:
        self.files, self.weights = dict(files), dict(weights or {})
        self.threads = threads or usual_threads or int(os.environ.get("OMP_NUM_THREADS") or runtime.num_cores())
        self._sessions: dict[str, Any] = {}
        self._lock = threading.Lock()

    def has(self, stage: str) -> bool:
        """As `Engine.has`."""
        return stage in self.files

    def run(self, stage: str, *given: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `Engine.run`."""
        session = self._session(stage)
        names = [one.name for one in session.get_inputs()]
        if len(names) == len(given) + 1 and names[-1] == HINT:
            given = (*given, np.full((len(given[0]), 3, 4, 4), np.nan, np.float32))  # none
        return tuple(session.run(None, dict(zip(names, map(np.ascontiguousarray, given), strict=True))))

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """As `Engine.takes`."""
        return [tuple(one.shape[1:]) for one in self._session(stage).get_inputs()]

    @property
    def num_bytes(self) -> int:
        """As `Engine.num_bytes`: of the files; what is packed in them takes two to four times as much."""
        used = {*self.files.values(), *(path for paths in self.weights.values() for path in paths)}
        return sum(path.stat().st_size for path in used)

    def _session(self, stage: str) -> Any:
        with self._lock:
            if stage not in self._sessions:
                self._sessions[stage] = _loaded(self.files[stage], self.weights.get(stage, ()), self.threads)
            return self._sessions[stage]


def _silent() -> Any:
    """onnxruntime, told to send nothing: from 1.29 on it tells its makers of each session, unless that is said."""
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # is read when it is loaded
    import onnxruntime

    onnxruntime.disable_telemetry_events()  # where somebody else has loaded it before
    return onnxruntime


def _loaded(path: Path, weights: Sequence[Path], threads: int) -> Any:
    onnxruntime = _silent()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # threads that wait would hold up the next
    try:
        held = {one.name: expanded(one) for one in weights}
        if held:  # read while the session is made, and no longer
            sizes = [one.nbytes for one in held.values()]
            options.add_external_initializers_from_files_in_memory(list(held), list(held.values()), sizes)
        return onnxruntime.InferenceSession(path.read_bytes(), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # neither onnxruntime nor safetensors has a common base for what it raises
        reason = str(error).strip().splitlines()[0][:120]
        raise EngineError(f"{path}: cannot be run by onnxruntime ({reason}): export the model again") from None
