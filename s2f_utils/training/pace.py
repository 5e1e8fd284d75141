"""Keeping a training within its time budget, whatever the machine does meanwhile."""

from __future__ import annotations

import statistics
import time
from collections import deque

import torch

from s2f_utils import runtime
from s2f_utils.runtime import distributed
from s2f_utils.training.method import Method
from s2f_utils.training.settings import TrainConfig
from s2f_utils.training.state import TrainingRun

WINDOW = 0.1  # of the budget: the speed is that of this time
LEAST_WINDOW_S = 3.0
EVERY = 0.01  # of the budget: the length is planned anew


class Pace:
    """A callback that plans how long a training with a time budget becomes, anew as it runs: from its speed of late,
    with all that it spends on sheets of samples, scores and saves, but without pauses.
    """

    def __init__(self, run: TrainingRun) -> None:
        self.budget = run.config.time_budget_s
        self.marks: deque[tuple[float, int]] = deque([(run.spent_s, run.images_seen)])
        self.planned_at = run.spent_s
        self.clock = time.monotonic()

    def on_idle(self, run: TrainingRun) -> None:
        """A pause, and what callbacks prepare, is no training time."""
        self.clock = time.monotonic()

    on_start = on_idle

    def on_step(self, run: TrainingRun) -> None:
        """Count what was spent."""
        now = time.monotonic()
        run.spent_s += now - self.clock
        self.clock = now
        self.plan(run)

    def plan(self, run: TrainingRun) -> None:
        """Set the run's length by its speed of late."""
        if not self.budget:
            return
        self.marks.append((run.spent_s, run.images_seen))
        since = run.spent_s - max(LEAST_WINDOW_S, WINDOW * self.budget)
        while len(self.marks) > 2 and self.marks[1][0] < since:
            self.marks.popleft()
        left = self.budget - run.spent_s - run.save_s
        if left > 0 and run.spent_s - self.planned_at < EVERY * self.budget:
            return
        self.planned_at = run.spent_s
        (then, before), (now, seen) = self.marks[0], self.marks[-1]
        speed = (seen - before) / max(1e-6, now - then)
        run.total_images = min(run.longest_images, max(seen, int(seen + max(0.0, left) * speed)))
        if run.total_images == seen:  # the time is up before the plan was
            run.share_done = 1.0


def images_in_time(kind: type[Method], config: TrainConfig, precision: runtime.Precision, num_steps: int = 8) -> int:
    """How many images are likely to fit into the time budget, from a few steps of a throw-away model."""
    model, seconds = kind(config, precision), []
    sides = (model.given_channels, config.size_px), (model.target_channels, config.size_px * model.target_scale)
    with runtime.tuned(precision.device):
        for _ in range(3 + max(num_steps, model.cycle)):
            began = time.monotonic()
            with distributed.local_batch(config.batch_size // distributed.world_size()) as share:
                num = share.stop - share.start
                a, b = (torch.zeros(num, channels, px, px, device=precision.device) for channels, px in sides)
                a, b = precision.images(a), precision.images(b)
                losses = model.step(a, b, model.live_values())
            float(sum(losses.values()))  # reading a value waits for the device
            seconds.append(time.monotonic() - began)
    usual = statistics.median if model.cycle == 1 else statistics.mean
    per_step = 1.1 * usual(seconds[3:])  # a tenth more for data, log, samples and saves
    return distributed.broadcast(max(config.batch_size, int(config.time_budget_s / per_step) * config.batch_size))
