"""Stages that are built at their first use, and flags that belong to the whole process."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from torch import nn

from s2f_utils.infer.stages import TorchEngine


class Doubled(nn.Module):
    inputs = {"x": ("float32", "N")}

    def forward(self, x):
        return 2 * x


def test_threads_that_ask_at_once_build_a_stage_once():
    built = []

    def build() -> nn.Module:
        built.append(threading.get_ident())
        time.sleep(0.05)
        return Doubled()

    engine = TorchEngine({"double": build})
    assert engine.num_bytes == 0
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(lambda n: engine.run("double", np.full(2, n, np.float32))[0], range(4))
        )
    assert [answer.tolist() for answer in answers] == [[2 * n] * 2 for n in range(4)]
    assert len(built) == 1


def test_a_cpus_answer_leaves_cudnns_flags_alone():
    """They belong to the whole process: a training on a GPU may set them at the same time."""
    seen = []

    class Watching(Doubled):
        def forward(self, x):
            seen.append(torch.backends.cudnn.deterministic)
            return super().forward(x)

    before = torch.backends.cudnn.deterministic
    TorchEngine({"watch": Watching()}).run("watch", np.zeros(1, np.float32))
    assert seen == [before] and torch.backends.cudnn.deterministic == before
