"""The memory that a GPU's step is said to take (tests/memory_walk.py), beside a CPU's true peak."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.memory_walk import step_bytes

CASES = {
    "pix2pix": {"size_px": 128, "load_size_px": 128, "batch_size": 8, "precision": "float32"},
    "stylegan2": {"size_px": 64, "load_size_px": 64, "batch_size": 16, "precision": "float32"}
    | {"width": 128, "channel_multiplier": 1.0},
}
CPU_PEAK = """
import json, resource, sys
import psutil, torch
import s2f_studio.faces.method  # noqa: F401  its method is known by it
from s2f_utils import runtime
from s2f_utils.methods import METHODS
from s2f_utils.train.config import resolve
from tests.memory_walk import two_steps

method, changes = json.loads(sys.argv[1])
two_steps(METHODS[method](resolve(method, "fast").config, runtime.pick_precision(
    torch.device("cpu"), "float32")), 4)  # what is loaded once
before = psutil.Process().memory_info().rss
config = resolve(method, "full", changes).config
precision = runtime.pick_precision(torch.device("cpu"), "float32")
two_steps(METHODS[method](config, precision), config.batch_size)
print(1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="a process's peak is in KiB on Linux alone")
@pytest.mark.parametrize("method", CASES)
def test_the_walk_takes_the_memory_that_a_cpu_takes(method):
    """A processor's allocator and its convolutions take some more than the tensors."""
    arguments = [sys.executable, "-c", CPU_PEAK, json.dumps([method, CASES[method]])]
    answer = subprocess.run(arguments, capture_output=True, text=True, check=True)
    ratio = int(answer.stdout) / step_bytes(method, "full", **CASES[method])
    assert 0.9 < ratio < 1.7, ratio
