"""Stages run by onnxruntime, from a folder that `inference.export` wrote: PyTorch is not needed."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from s2f_utils import runtime
from s2f_utils.inference.engine import Engine

DESCRIPTION = "model.json"
FORMAT = 1


class EngineError(ValueError):
    """A folder that holds no model that can be run; the message says why."""


class OnnxEngine(Engine):
    """Graphs by the names of their stages; each is loaded when it is asked for first.

    threads: that one answer uses; 0: OMP_NUM_THREADS, or as many as there are cores.
    """

    name = "onnx"

    def __init__(self, files: Mapping[str, Path], threads: int = 0) -> None:
        self.files = dict(files)
        self.threads = threads or int(os.environ.get("OMP_NUM_THREADS") or runtime.num_cores())
        self._sessions: dict[str, Any] = {}
        self._lock = threading.Lock()

    def has(self, stage: str) -> bool:
        """As `Engine.has`."""
        return stage in self.files

    def run(self, stage: str, *given: np.ndarray) -> tuple[np.ndarray, ...]:
        """As `Engine.run`."""
        session = self._session(stage)
        names = [one.name for one in session.get_inputs()]
        return tuple(session.run(None, dict(zip(names, map(np.ascontiguousarray, given), strict=True))))

    def takes(self, stage: str) -> list[tuple[int | str, ...]]:
        """As `Engine.takes`."""
        return [tuple(one.shape[1:]) for one in self._session(stage).get_inputs()]

    @property
    def num_bytes(self) -> int:
        """As `Engine.num_bytes`: of the files."""
        return sum(path.stat().st_size for path in self.files.values())

    def _session(self, stage: str) -> Any:
        with self._lock:
            if stage not in self._sessions:
                self._sessions[stage] = _loaded(self.files[stage], self.threads)
            return self._sessions[stage]


def _loaded(path: Path, threads: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = threads, 3
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has no common base for what it raises
        reason = str(error).strip().splitlines()[0][:120]
        raise EngineError(f"{path}: cannot be run by onnxruntime ({reason}): export the model again") from None


def description(folder: str | Path) -> dict[str, Any]:
    """What the model.json of a folder says. Raises FileNotFoundError, or EngineError where it is none of ours."""
    path = Path(folder) / DESCRIPTION
    if not path.is_file():
        raise FileNotFoundError(f"{folder}: no {DESCRIPTION}: 's2f export' makes such folders")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        found = None
    if not isinstance(found, dict) or "stages" not in found:
        raise EngineError(f"{path}: is damaged, or of another program: export the model again")
    if found.get("format") != FORMAT:
        raise EngineError(f"{path}: is of format {found.get('format')}, this version reads {FORMAT}: export it again")
    missing = [name for name in found["stages"] if not (Path(folder) / f"{name}.onnx").is_file()]
    if missing:
        raise EngineError(f"{folder}: {missing[0]}.onnx is missing: copy the whole folder, or export the model again")
    return found
