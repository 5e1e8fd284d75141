"""The one training loop: live values, a batch, the method's step, then log, samples, snapshots and saves.

Several processes run it together where torchrun starts them (`runtime.ranks`): each steps on its share of the batch.

Lengths and intervals are counted in images, so that they survive another batch size. Nothing in a step waits for the
device; losses are read back when a row of the log is due.
"""

from __future__ import annotations

import dataclasses
import math
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from s2f_utils.pictures import images
from s2f_utils.runtime import ranks, sent, tuned
from s2f_utils.training.augment import crop_and_flip
from s2f_utils.training.errors import TrainingDiverged, is_out_of_memory
from s2f_utils.training.method import Step
from s2f_utils.training.reporter import Reporter
from s2f_utils.training.state import TrainingRun

LAUNCHER_S = 30.0  # torchrun passes a Ctrl-C on that its processes have had already


def train(
    run: TrainingRun,
    *,
    callbacks: Sequence[Any] = (),
    step: Step | None = None,
    max_seconds: float | None = None,
    progress: bool = True,
) -> str:
    """Train until `run.total_images` have been seen; returns why it ended: "done", "stopped", "interrupted", "chunk".

    `step(model, a, b, live)` replaces the method's own step (notebooks define theirs in a cell). With `max_seconds`
    it returns "chunk" after that time; calling it again goes on. Ctrl-C, or an interrupted kernel, finishes the step,
    saves, and returns "interrupted". When a loss is no longer finite, or a thousand times what it was, it raises
    TrainingDiverged, or, with `on_divergence="back"`, goes on from the last good state with half the learning rates.
    Where memory runs out it saves, and raises MemoryFullError, which says what to do; calling it again goes on.

    callbacks: objects with any of these methods, which are called in the training's own thread.
    on_start(run): training begins, or goes on. on_step(run): a step is done.
    on_log(run, row): a row with the mean losses since the last one was written to log.jsonl.
    on_change(run, change): a live value or a command changed (`live.Change`); the next step obeys.
    on_sample(run, path): a sheet was written; `run.scores` are its scores, where there are true pictures.
    on_save(run, path): the resume file was written. on_idle(run): training is paused; about twenty times a second.
    on_end(run, reason): training has ended, for the reason that is returned.
    on_failure(run, error): training ends by this exception, which is raised after it; nothing else is called.
    """
    if not ranks.is_first():
        callbacks, progress = (), False
    report = Reporter(run, callbacks, progress)
    until = math.inf if max_seconds is None else time.monotonic() + max_seconds
    for net in run.model.nets.values():
        net.train()

    with report, tuned(run.precision.device), _interruptible() as interrupted:
        with _memory_told(run, report):
            ranks.first(partial(_begin, run, report))
        while True:
            try:
                with _memory_told(run, report):
                    reason = _steps(run, step or type(run.model).step, report, interrupted, until)
                break
            except TrainingDiverged as error:
                if run.config.on_divergence != "back" or not ranks.first(partial(report.go_back, error)):
                    raise
                run.follow()
    report.tell("on_end", reason)
    if reason == "interrupted" and ranks.is_first():
        tqdm.write(
            f"interrupted after {run.images_seen:,} of {run.total_images:,} images; all is saved in {run.folder}. To go"
            " on, run the same command or cell again",
            file=sys.stderr,
        )
    return reason


def _begin(run: TrainingRun, report: Reporter) -> None:
    report.start()
    if run.images_seen == 0:
        report.sample()
    if run.config.on_divergence == "back" and not run.resume_path.exists():
        report.save(run.lr_factor())  # something to go back to


@contextmanager
def _memory_told(run: TrainingRun, report: Reporter) -> Iterator[None]:
    """Within the block, an end of the memory is MemoryFullError, and what was trained is saved before it."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        for opt in run.model.optimizers.values():
            opt.zero_grad(set_to_none=True)
        traceback.clear_frames(error.__traceback__)  # their tensors are what memory is full of
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        raise report.memory_full(error) from None


@dataclass(frozen=True)
class Order:
    """What rank 0 tells the others to do next: a step on so many images, at these values and learning rates."""

    num: int
    factor: float
    live: dict[str, float]
    total_images: int
    rng: Tensor  # of torch's generator on the CPU, from which all draw


def _steps(run: TrainingRun, step: Step, report: Reporter, interrupted: threading.Event, until: float) -> str:
    """Step after step, until training ends, or the clock says `until`; returns why. With several ranks, the first does
    what stands between two steps, and the others what it orders.
    """
    model, done = run.model, None
    while True:
        if ranks.any_asks(interrupted.is_set()):
            interrupted.set()
        order = ranks.first(partial(_between, run, report, done, interrupted, until))
        done = None
        if isinstance(order, str):
            return order
        if order is None:  # paused
            continue
        _obey(run, order)

        with ranks.batch(order.num) as where:
            # A batch of pairs, jittered on the device, in [-1, 1].
            a, b = make_batch(run, order.num, where)

            # The method's step, at the live learning rates times the schedule, and a share where a method says one.
            for name, opt in model.optimizers.items():
                for group in opt.param_groups:
                    group["lr"] = run.live[name] * order.factor * group.get("lr_share", 1.0)
            losses = model.learn(step, a, b, run.live, run.config.accumulate)
        run.count(order.num)
        for ema in run.ema.values():
            ema.update(order.num, run.images_seen)
        done = losses, order


def _between(
    run: TrainingRun,
    report: Reporter,
    done: tuple[dict[str, Tensor], Order] | None,
    interrupted: threading.Event,
    until: float,
) -> Order | str | None:
    """What stands between two steps: what is due after the last one, what was changed, and what comes next: a step, the
    end and its reason, or nothing, while training is paused.
    """
    live = run.live
    if done is not None:
        _do_what_is_due(run, report, *done)
        if time.monotonic() >= until and run.images_seen < run.total_images:
            return _end(run, report, "chunk")
    if run.images_seen >= run.total_images:
        return _end(run, report, "done")
    _take_up_changes(run, report)
    if live.asked("stop") or interrupted.is_set():
        return _end(run, report, "interrupted" if interrupted.is_set() else "stopped")
    if live.asked("pause") and not live.asked("step"):
        report.idle()
        return _end(run, report, "chunk") if time.monotonic() >= until else None
    live.done("step")
    num = min(round(live["batch_size"]), run.total_images - run.images_seen)
    return Order(num, run.lr_factor(), live.values(), run.total_images, torch.get_rng_state())


def _obey(run: TrainingRun, order: Order) -> None:
    if ranks.is_first():
        return
    run.live.load_state_dict(order.live)
    run.total_images = order.total_images
    torch.set_rng_state(order.rng)


def _do_what_is_due(run: TrainingRun, report: Reporter, losses: dict[str, Tensor], order: Order) -> None:
    """After a step: log, samples, snapshots, save."""
    live, before = run.live, run.images_seen - order.num
    report.step(losses, order.num)
    if _crosses(report.log_every, before, run.images_seen):
        report.log(order.factor)
    if _crosses(int(live["sample_every"]), before, run.images_seen) or live.asked("sample"):
        live.done("sample")
        report.attempt("write a sample sheet", report.sample)
    if any(before < at <= run.images_seen for at in run.snapshots_at()):
        report.attempt("keep a snapshot", report.snapshot)
    if time.monotonic() - run.last_save >= run.config.save_every_s or live.asked("save"):
        live.done("save")
        report.save(order.factor)
    report.tell("on_step")


def _end(run: TrainingRun, report: Reporter, reason: str) -> str:
    live = run.live
    if reason != "done":
        report.log(run.lr_factor(), partial=True)
    if reason != "chunk":
        for command in ("pause", "stop"):
            live.set(command, False, "loop")
            live.done(command)
        live.poll()
        live.write_controls()
        report.save(run.lr_factor(), must_work=True)
    run.log.event("end", images=run.images_seen, reason=reason, seconds=round(run.seconds, 2))
    return reason


def _take_up_changes(run: TrainingRun, report: Reporter) -> None:
    """Take up what widgets, callbacks or controls.json changed since the last step."""
    for change in run.live.poll():
        run.log.event("change", images=run.images_seen, **dataclasses.asdict(change))
        report.tell("on_change", change)
    if problem := run.live.take_problem():
        run.log.problem(problem)


def make_batch(run: TrainingRun, num: int, share: slice = slice(None)) -> tuple[Tensor, Tensor]:
    """The next `num` pictures of both domains as the networks see them: input a and target b, (num, 3, H, W) each, in
    [-1, 1]; where the method learns without pairs, sketches a and photos b, each changed at random for itself; where it
    learns from photos alone, these as both (a on the CPU, where it is `from_cpu`). share: those that are wanted here.
    """
    config = run.config
    sketches, photos = run.data.batch_at(run.images_seen, num, config.copies, config.seed, share)  # uint8, load_size_px

    def jitter(sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        sketches, photos = crop_and_flip(sketches, photos, config.size_px, config.flip)
        return run.affine(images.to_tensor(sketches), images.to_tensor(photos), run.live["augment"])

    if run.model.data == "shaped":
        sketches, photos = images.to_tensor(sketches), images.to_tensor(photos)
    elif run.model.data == "pairs":
        sketches, photos = jitter(sketches, photos)
    elif run.model.data == "photos":
        sketches = photos = jitter(photos, photos[:, :0])[0]
    else:
        sketches, photos = (jitter(side, side[:, :0])[0] for side in (sketches, photos))
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    if run.model.data == "pairs":
        a = run.input_jitter(a, run.live["augment"])
    a, b = run.precision.images(a), run.precision.images(b)
    return a, sent(b, run.precision.device)


def _crosses(every: int, before: int, after: int) -> bool:
    return every > 0 and before // every != after // every


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Within the block, a first Ctrl-C (or SIGTERM) sets the event, so that a step is finished before saving."""
    event, asked_at = threading.Event(), 0.0
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def ask(number: int, frame: Any) -> None:
        nonlocal asked_at
        if not event.is_set():
            asked_at = time.monotonic()
        elif time.monotonic() - asked_at > (LAUNCHER_S if ranks.size() > 1 else 0):
            raise KeyboardInterrupt
        event.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
