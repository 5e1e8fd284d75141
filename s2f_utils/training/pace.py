"""Keeping a training within its time budget, whatever the machine does meanwhile, and off a core that others took."""

from __future__ import annotations

import statistics
import time
from collections import deque

import torch

from s2f_utils.training.state import TrainingRun

WINDOW = 0.1  # of the budget: the speed is that of this time
LEAST_WINDOW_S = 3.0
EVERY = 0.01  # of the budget: the length is planned anew
TOLD = 0.1  # change of the planned length that the log is told


class Pace:
    """How long a training with a time budget becomes, planned anew as it runs: from its speed of late, with all that it
    spends on sheets of samples, scores and saves. Without a budget nothing is changed.
    """

    def __init__(self, run: TrainingRun) -> None:
        self.run, self.budget = run, run.config.time_budget_s
        self.marks: deque[tuple[float, int]] = deque([(run.spent_s, run.images_seen)])
        self.planned_at, self.told = run.spent_s, run.total_images
        self.save_s = 0.0  # that the last save took
        self.threads = Threads(run) if self.budget and run.precision.device.type == "cpu" else None

    def look(self, seconds: float) -> None:
        """After a step that took so many seconds."""
        run = self.run
        if not self.budget:
            return
        if self.threads:
            self.threads.look(seconds)
        self.marks.append((run.spent_s, run.images_seen))
        since = run.spent_s - max(LEAST_WINDOW_S, WINDOW * self.budget)
        while len(self.marks) > 2 and self.marks[1][0] < since:
            self.marks.popleft()
        left = self.budget - run.spent_s - self.save_s
        if left > 0 and run.spent_s - self.planned_at < EVERY * self.budget:
            return
        self.planned_at = run.spent_s
        (then, before), (now, seen) = self.marks[0], self.marks[-1]
        speed = (seen - before) / max(1e-6, now - then)
        run.total_images = min(run.longest_images, max(seen, int(seen + max(0.0, left) * speed)))
        if run.total_images == seen:  # the time is up before the plan was
            run.share_done = 1.0
        if abs(run.total_images - self.told) > TOLD * self.told:
            self.told = run.total_images
            run.log.event("plan", images=seen, total_images=run.total_images)

    def end(self) -> None:
        """Give the threads back."""
        if self.threads:
            self.threads.end()


class Threads:
    """All threads, or half of them, whichever is faster: two that wait for one another beside a busy process take
    several times as long as one. Now and then the other number is tried for two steps; at once where two steps take
    three times their median.
    """

    TRIED, MANY = 2, 3.0  # steps of a trial; times its median, and a step is slow
    FIRST_AFTER, WAIT_S, LONGEST_S = 8, 15.0, 120.0  # steps before the first trial; seconds to the next

    def __init__(self, run: TrainingRun) -> None:
        self.most = torch.get_num_threads()
        self.now = self.most
        self.cycle = run.model.cycle
        self.steps: deque[float] = deque(maxlen=max(16, 2 * self.cycle))  # seconds, with as many threads as now
        self.trial: list[float] | None = None  # seconds, with the other number
        self.slow, self.wait, self.next_trial = 0, self.WAIT_S, 0.0

    @property
    def other(self) -> int:
        return max(1, self.most // 2) if self.now == self.most else self.most

    def look(self, seconds: float) -> None:
        """After a step that took so many seconds."""
        if self.most == 1:
            return
        if self.trial is not None:
            self.trial.append(seconds)
            if len(self.trial) > self.TRIED:  # the first warms up
                self._decide(min(self.trial[1:]))
            return
        usual = statistics.median(self.steps) if len(self.steps) >= self.FIRST_AFTER else None
        self.steps.append(seconds)
        if usual is None:
            return
        self.slow = self.slow + 1 if seconds > self.MANY * usual else 0
        if self.slow >= 2 or time.monotonic() >= self.next_trial:
            self.slow, self.trial = 0, []
            torch.set_num_threads(self.other)

    def _decide(self, seconds: float) -> None:
        recent = list(self.steps)[-max(4, self.cycle) :]
        self.trial = None
        if seconds < 0.9 * statistics.median(recent):
            self.now = self.other
            self.steps.clear()
            self.wait = self.WAIT_S
        else:
            torch.set_num_threads(self.now)
            self.wait = min(self.LONGEST_S, 2 * self.wait)
        self.next_trial = time.monotonic() + self.wait

    def end(self) -> None:
        """As many threads as before."""
        torch.set_num_threads(self.most)
