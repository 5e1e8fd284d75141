"""Saving a run while it trains, and how training ends: what cannot be written is reported, a state that has diverged is
not kept, and where memory runs out the error says what to lower.
"""

from __future__ import annotations

import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from s2f_utils.models import checkpoints
from s2f_utils.runtime import distributed, what_to_do
from s2f_utils.training.errors import MemoryFullError, NotSavedError, TrainingDiverged, is_out_of_memory, ways_out
from s2f_utils.training.state import TrainingRun

MOST_SETBACKS = 3  # times that a training goes back to its last good state by itself


def attempt(run: TrainingRun, what: str, action: Callable[[], Any]) -> bool:
    """Do something that writes; where that fails (a full disk), say so and go on. Returns whether it worked."""
    try:
        os.stat(run.folder)  # one that is gone, as an unmounted Drive's, is not made anew elsewhere
        action()
    except OSError as error:
        why = what_to_do(error, run.folder)
        saved = f"; {last_saved(run)}" if what == "save" else ""
        run.log.problem(f"could not {what} at image {run.images_seen}: {why}{saved}; training goes on")
        return False
    return True


def save(run: TrainingRun, notify: Callable[..., None]) -> None:
    """Write the resume file and the generators; a full disk is reported, and training goes on."""
    run.mean_losses()  # a state that has diverged is not worth keeping
    run.last_save = time.monotonic()
    if attempt(run, "save", run.save):
        run.log.event("save", images=run.images_seen)
        notify("on_save", run.resume_path)


def finish(run: TrainingRun, notify: Callable[..., None], reason: str) -> None:
    """The last row of the log, and, but for a chunk, the state; NotSavedError where that cannot be written."""
    if row := run.write_row(run.lr_factor(), partial=reason != "done"):
        notify("on_log", row)
    if reason != "chunk":
        for command in ("pause", "stop"):
            run.live.set(command, False, "loop")
            run.live.done(command)
        run.live.poll()
        run.live.write_controls()
        try:
            run.save()
        except OSError as error:
            text = f"could not save at image {run.images_seen}, the last: {what_to_do(error, run.folder)};"
            text += f" {last_saved(run)}. In a notebook call train(run) then: it saves what this session holds"
            run.log.event("problem", message=text)
            raise NotSavedError(error.errno, text) from error
        run.log.event("save", images=run.images_seen)
        notify("on_save", run.resume_path)
    run.log.event("end", images=run.images_seen, reason=reason, seconds=round(run.seconds, 2))


def go_back(run: TrainingRun, error: TrainingDiverged, notify: Callable[..., None]) -> None:
    """Take up the last good state with half the learning rates; raises the error where that is not asked for, or was
    done often enough.
    """
    at, setbacks = run.images_seen, run.setbacks + 1
    if run.config.on_divergence != "back":
        raise error
    if setbacks > MOST_SETBACKS:
        run.log.problem(f"went back {run.setbacks} times already, which did not help")
        raise error
    run.load_state_dict(checkpoints.load_torch_file(run.resume_path))
    run.setbacks, run.went_back = setbacks, True
    for name in run.model.optimizers:
        run.live.set(name, max(run.live.ranges[name].low, run.live[name] / 2), "setback")
    run.live.write_controls()
    rates = {name: run.live[name] for name in run.model.optimizers}
    run.log.event("resume", images=run.images_seen)
    run.log.event("setback", images=run.images_seen, at=at, number=setbacks, **rates)
    halved = ", ".join(f"{name} {value:.3g}" for name, value in rates.items())
    run.log.problem(
        f"{str(error).partition(':')[0]}: back to image {run.images_seen}, setback {setbacks} of {MOST_SETBACKS}, with"
        f" half the learning rates ({halved})"
    )
    run.start_row()
    save(run, notify)


@contextmanager
def failures_reported(run: TrainingRun, notify: Callable[..., None]) -> Iterator[None]:
    """Within the block, callbacks are told what ends training, and an end of the memory is MemoryFullError."""
    try:
        yield
    except BaseException as error:
        if not is_out_of_memory(error):
            notify("on_failure", error)
            raise
        traceback.clear_frames(error.__traceback__)  # their tensors are what memory is full of
        full = _memory_full(run, str(error), notify)
        notify("on_failure", full)
        raise full from None


def _memory_full(run: TrainingRun, said: str, notify: Callable[..., None]) -> MemoryFullError:
    """The error that says what to lower; what was trained is saved before it."""
    for opt in run.model.optimizers.values():
        opt.zero_grad(set_to_none=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    said = said.rpartition("Allocator: ")[2].partition("\n")[0].partition(". ")[0]
    failed = ""
    try:
        if distributed.is_rank_zero():
            save(run, notify)
    except (RuntimeError, MemoryError):  # no memory even for that, or nothing worth keeping
        failed = "this could not be saved: "
    run.log.event("out of memory", images=run.images_seen, message=said)
    batch = round(run.live["batch_size"])
    return MemoryFullError(
        f"out of memory after {run.images_seen:,} images ({said}):"
        f" {ways_out(batch, run.config.accumulate, run.model.accumulates)}; {failed}{last_saved(run)}. In a notebook:"
        f" run.live.set('batch_size', {max(1, batch // 2)}, 'cell'), then train(run) again"
    )


def last_saved(run: TrainingRun) -> str:
    """What a resume would take up, in words."""
    if not checkpoints.states_of(run.resume_path):
        return "nothing was saved yet"
    return f"what was saved at image {run.saved_at} is still there"
