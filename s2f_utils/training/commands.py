"""What a training does next: changed live values, pause, stop, Ctrl-C, and the end of its time."""

from __future__ import annotations

import dataclasses
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from s2f_utils.runtime import distributed
from s2f_utils.training.state import TrainingRun

LAUNCHER_S = 30.0  # torchrun passes a Ctrl-C on that its processes have had already


@dataclass(frozen=True)
class Decision:
    """What all ranks do next: end for a reason, or step on `num` images (0: wait), with rank zero's values."""

    reason: str
    num: int
    factor: float  # of the learning rates
    total_images: int
    live: dict[str, float]
    rng: torch.Tensor  # of torch's generator on the CPU, from which all draw
    went_back: bool  # rank zero took up an older state

    def apply(self, run: TrainingRun) -> None:
        """Take up rank zero's values, and its state where that has gone back."""
        if self.went_back:
            run.follow()
            run.went_back = False
        if not distributed.is_rank_zero():
            run.live.load_state_dict(self.live)
            run.total_images = self.total_images
            torch.set_rng_state(self.rng)


def decide(
    run: TrainingRun, notify: Callable[..., None], interrupted: threading.Event, until: float, steps: int
) -> Decision:
    """Take up what widgets, callbacks or controls.json changed since the last step, and decide what comes next.

    until: the time at which training ends as a chunk, after a step at least. A pause waits for a moment.
    """
    live, reason, num = run.live, "", 0
    if run.images_seen >= run.total_images:
        reason = "done"
    elif steps and time.monotonic() >= until:
        reason = "chunk"
    else:
        for change in live.poll():
            run.log.event("change", images=run.images_seen, **dataclasses.asdict(change))
            notify("on_change", change)
        if problem := live.take_problem():
            run.log.problem(problem)
        if interrupted.is_set() or live.asked("stop"):
            reason = "interrupted" if interrupted.is_set() else "stopped"
        elif live.asked("pause") and not live.asked("step"):
            time.sleep(0.05)
            notify("on_idle")
            reason = "chunk" if time.monotonic() >= until else ""
        else:
            live.done("step")
            num = min(round(live["batch_size"]), run.total_images - run.images_seen)
            num += -num % distributed.world_size()  # all ranks have the same share
    rng = torch.get_rng_state()
    return Decision(reason, num, run.lr_factor(), run.total_images, live.values(), rng, run.went_back)


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Within the block, a first Ctrl-C (or SIGTERM) sets the event, so that a step is finished before saving."""
    event, asked_at = threading.Event(), 0.0
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def ask(number: int, frame: Any) -> None:
        nonlocal asked_at
        if not event.is_set():
            asked_at = time.monotonic()
        elif time.monotonic() - asked_at > (LAUNCHER_S if distributed.world_size() > 1 else 0):
            raise KeyboardInterrupt
        event.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
