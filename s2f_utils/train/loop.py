"""The one training loop, from top to bottom: what to do next, batch, step, averages, log, samples,
save; and how it ends.

Lengths and intervals are counted in images, so that they survive another batch size. Nothing in a
step waits for the device. Under torchrun each rank steps on its share of the batch; rank zero reads
live values, logs, samples and saves.
"""

from __future__ import annotations

import dataclasses
import math
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, NamedTuple

import torch
from tqdm.auto import tqdm

from s2f_utils.methods.method import Context, Step
from s2f_utils.runtime import distributed, tuned
from s2f_utils.train import MemoryFullError, is_out_of_memory
from s2f_utils.train.data import make_batch
from s2f_utils.train.saving import attempt, is_save_due, save, write_generators, write_sheet
from s2f_utils.train.state import TrainingRun

FEW_EPOCHS = 10  # from here on the learning rates' factor changes once an epoch, as published
LAUNCHER_S = 30.0  # torchrun forwards a Ctrl-C that its processes have already received


def train(
    run: TrainingRun,
    *,
    callbacks: Sequence[Any] = (),
    step: Step | None = None,
    max_seconds: float | None = None,
    progress: bool = True,
) -> str:
    """Train until `run.total_images` have been seen.

    run: of `open_run`. step: a function `step(model, batch, ctx)` in place of the method's own
    (notebooks define theirs in a cell). max_seconds: train for so long, then return "chunk"; call
    it again to continue. progress: whether to show a bar.

    Returns why it ended: "done", "stopped", "interrupted", "chunk". Ctrl-C, or an interrupted
    kernel, finishes the step, saves, and returns "interrupted". Raises TrainingDiverged if a loss
    is not finite, and MemoryFullError if memory runs out: the state is saved, the message says what
    to do, and the same call continues. After a training on a CPU the process goes on keeping up to
    a gigabyte of freed memory (glibc alone).

    callbacks: objects with any of these methods, which are called in the training's own thread.
    on_start(run): training starts or resumes. on_step(run): a step is done.
    on_log(run, row): a row with the mean losses since the previous row was written to log.jsonl.
    on_change(run, change): a live value or a command changed (`live.Change`); the next step uses
    it. on_sample(run, path): a sheet was written; `run.scores` are its scores, if there is ground
    truth. on_save(run, path): the resume file was written. on_idle(run): training is paused; about
    twenty times a second. on_end(run, reason): training has ended, with the reason that `train`
    returns. on_failure(run, error): training fails with this exception, which is raised afterwards;
    no further callback follows.
    """
    model, live, config, is_first = run.model, run.live, run.config, distributed.is_rank_zero()
    step = step or type(model).step
    callbacks = [*run.trackers, *callbacks] if is_first else []
    log_every = config.log_every_images or max(config.batch_size, run.total_images // 200)
    # With a time budget the number of images is unknown: rows and sheets are then also written by
    # time.
    row_parts = 200 if config.time_budget_s and not config.log_every_images else 0
    sheet_parts = 20 if config.time_budget_s and not config.sample_every_images else 0
    until = math.inf if max_seconds is None else time.monotonic() + max_seconds
    for net in model.nets.values():
        net.train()
    if is_first:
        run.hold()

    def notify(event: str, *details: Any) -> None:
        for callback in callbacks:
            getattr(callback, event, lambda *_: None)(run, *details)

    bar = tqdm(
        total=run.total_images,
        initial=run.images_seen,
        desc=run.method,
        unit="image",
        dynamic_ncols=True,
        mininterval=1.0 if sys.stderr.isatty() else 10.0,
        disable=not (progress and is_first),
    )
    with (
        bar,
        failures_reported(run, notify),
        tuned(run.precision.device),
        interruptible() as interrupted,
    ):
        notify("on_start")
        if is_first and run.images_seen == 0:
            write_samples(run, notify)
        reason, steps, clock, done = "", 0, time.monotonic(), run.share_done
        while not reason:
            began = time.monotonic()
            # What to do next. Changed live values and commands apply from this step on, on all
            # ranks.
            decision = decide(run, notify, interrupted, steps, until) if is_first else None
            reason, num = agree(run, decision)
            if reason and is_first:
                finish(run, notify, reason)
            if num == 0:  # the end, or a pause, in which samples and the state may be asked for
                if is_first and not reason:
                    carry_out(run, notify)
                clock = time.monotonic()
                continue

            # A batch: pairs, jittered on the device, in [-1, 1].
            with distributed.local_batch(num // distributed.world_size()) as share:
                batch = make_batch(run, num, share)

                # The method's step, at the live learning rates times the schedule.
                set_rates(run)
                ctx = Context(
                    live,
                    run.precision,
                    scaler=run.scaler,
                    images_seen=run.images_seen,
                    steps=run.steps,
                )
                losses = ctx.values(step(model, batch, ctx))
                losses = distributed.mean_losses(losses, run.precision.device)
            images_before, done_before = run.images_seen, done
            run.images_seen += num
            run.steps += 1
            done = run.share_done
            steps += 1

            # Averages of the generators' weights.
            for ema in run.ema.values():
                ema.update(num, run.images_seen)
            if not is_first:
                continue

            # A row of the log: the mean losses since the previous row.
            now = time.monotonic()
            run.seconds += now - clock
            clock = now
            run.losses.add(losses, num)
            is_row_due = passes_multiple(images_before, run.images_seen, log_every)
            if is_row_due or ends_part(done_before, done, row_parts):
                notify("on_log", row := run.write_row())
                bar.set_postfix(
                    {k: f"{v:.3f}" for k, v in row.items() if k.startswith("loss")}, refresh=False
                )

            # A sheet of samples, and the state from which training can resume.
            is_sheet_due = passes_multiple(images_before, run.images_seen, live["sample_every"])
            is_sheet_due |= ends_part(done_before, done, sheet_parts)
            if carry_out(run, notify, sample=is_sheet_due, state=is_save_due(run)):
                clock = time.monotonic()

            # Snapshots of the generators.
            if done < 1 and ends_part(done_before, done, config.num_snapshots + 1):
                attempt(
                    run,
                    "keep a snapshot",
                    lambda: write_generators(run, "snapshots", f"-{run.images_seen:08d}"),
                )
            notify("on_step")
            run.spend(time.monotonic() - began)
            bar.total = run.total_images
            bar.update(run.images_seen - bar.n)
    if reason != "chunk":
        run.release()
    notify("on_end", reason)
    if reason == "interrupted" and is_first:
        text = (
            f"interrupted after {run.images_seen:,} of {run.total_images:,} images; all is saved "
            f"in {run.folder}"
        )
        tqdm.write(f"{text}. To go on, run the same command or cell again", file=sys.stderr)
    return reason


def passes_multiple(before: int, images: int, every: float) -> bool:
    """Whether a step from `before` to `images` passes a multiple of `every` images; of 0, never."""
    return every > 0 and before // int(every) != images // int(every)


def ends_part(before: float, done: float, parts: int) -> bool:
    """Whether a step between these shares of a training, from 0 to 1, ends one of so many equal
    parts of it.
    """
    rounding = 1e-9  # a sum of shares may be just below a part's end
    return int(parts * before + rounding) != int(parts * done + rounding)


def set_rates(run: TrainingRun) -> None:
    """Give a run's optimisers the learning rates of its next step: the live values times the
    schedule's factor, and times the share that a method reserves for lazy regularisation.
    """
    factor = lr_factor(run)
    for name, opt in run.model.optimizers.items():
        run.rates[name] = run.live[name] * factor
        for group in opt.param_groups:
            group["lr"] = run.rates[name] * group.get("lr_share", 1.0)


def lr_factor(run: TrainingRun) -> float:
    """The factor for a run's next step: 1 at first, then linearly towards 0.

    Of a run, `share_done` is from 0, before the first step, to 1, by images or by the time budget,
    whichever ends first; `images_seen`, `total_images` and `epoch_images` count images.
    """
    constant_share = run.config.constant_share
    if run.config.time_budget_s:
        return decay_by_share(run.share_done, constant_share)
    return decay_by_epoch(run.images_seen, run.total_images, constant_share, run.epoch_images)


def decay_by_epoch(
    images_seen: int, total_images: int, constant_share: float, epoch_images: int
) -> float:
    """The factor after `images_seen` images of a training of `total_images`.

    As in pix2pix's code, it is 1 - max(0, epoch + 1 - constant epochs) / (decaying epochs + 1),
    with epochs counted from 0, and changes once an epoch. In trainings of fewer than `FEW_EPOCHS`
    it changes more often: the shorter the training, the nearer it is to a straight line.
    constant_share: of the training, before the factor falls. epoch_images: images of an epoch.
    """
    if constant_share >= 1:
        return 1.0
    shortened = min(1.0, total_images / (epoch_images * FEW_EPOCHS))
    period = epoch_images * shortened**2  # images between two changes
    periods = total_images / period
    constant = periods * constant_share
    falling = max(0.0, images_seen // period + 1 - constant)
    return max(0.0, 1.0 - falling / (periods - constant + 1))


def decay_by_share(share_done: float, constant_share: float) -> float:
    """The factor after this share of a training, from 0 to 1: 1, then a straight line to 0."""
    if constant_share >= 1:
        return 1.0
    return min(1.0, (1 - share_done) / (1 - constant_share))


class Decision(NamedTuple):
    """What a training does next.

    reason: why it ends, as `train` returns it; "" to go on. num: images in the next step of all
    ranks; 0: no step, for it ends or is paused.
    """

    reason: str
    num: int = 0


def decide(
    run: TrainingRun,
    notify: Callable[..., None],
    interrupted: threading.Event,
    steps: int,
    until: float,
) -> Decision:
    """Apply what widgets, callbacks or controls.json changed since the last step, and return what
    to do next.

    steps: steps done in this chunk, which ends after the time `until`, once a step is done or
    during a pause.
    """
    live, is_over = run.live, time.monotonic() >= until
    if run.images_seen >= run.total_images:
        return Decision("done")
    if is_over and steps:
        return Decision("chunk")
    for change in live.poll():
        run.log.event("change", images=run.images_seen, **dataclasses.asdict(change))
        notify("on_change", change)
    if problem := live.take_problem():
        run.log.problem(problem)
    if interrupted.is_set():
        return Decision("interrupted")
    if live.asked("stop"):
        return Decision("stopped")
    if live.asked("pause") and not live.asked("step"):
        time.sleep(0.05)
        notify("on_idle")
        return Decision("chunk" if is_over else "")
    live.done("step")
    num = min(round(live["batch_size"]), run.longest_images - run.images_seen)
    num += -num % distributed.world_size()  # all ranks have the same share
    return Decision("", num)


def agree(run: TrainingRun, decision: Decision | None) -> Decision:
    """Broadcast rank zero's decision, pace, live values and random generator's state to all
    ranks.
    """
    if distributed.world_size() == 1:
        return decision
    state = run.total_images, run.spent_s, run.live.values(), torch.get_rng_state()
    decision, (total_images, spent_s, values, generator) = distributed.broadcast((decision, state))
    if not distributed.is_rank_zero():
        run.total_images, run.spent_s = total_images, spent_s
        run.live.load_state_dict(values)
        torch.set_rng_state(generator)
    return decision


def carry_out(
    run: TrainingRun, notify: Callable[..., None], *, sample: bool = False, state: bool = False
) -> bool:
    """Write a sheet of samples and the state, where they are due or asked for; whether any was."""
    live = run.live
    sample |= live.asked("sample")
    state |= live.asked("save")
    if sample:
        live.done("sample")
        write_samples(run, notify)
    if state:
        live.done("save")
        save(run, notify)
    return sample or state


def write_samples(run: TrainingRun, notify: Callable[..., None]) -> None:
    """Write a sheet of samples, if possible, and call the callbacks with its path."""
    if path := attempt(run, "write a sample sheet", lambda: write_sheet(run)):
        notify("on_sample", path)


def finish(run: TrainingRun, notify: Callable[..., None], reason: str) -> None:
    """Write the last row of the log and, except after a chunk, the state;
    NotSavedError if that fails.
    """
    if reason == "done" and run.losses.sums:
        notify("on_log", run.write_row())
    if reason == "chunk":
        run.mean_losses()
    else:
        run.live.done("pause")
        run.live.done("stop")
        run.live.poll()
        save(run, notify, at_end=True)
    run.log.event("end", images=run.images_seen, reason=reason, seconds=round(run.seconds, 2))


@contextmanager
def failures_reported(run: TrainingRun, notify: Callable[..., None]) -> Iterator[None]:
    """Within the block, callbacks get the exception that ends training; if memory runs out, the
    state is saved, and MemoryFullError says what to reduce.
    """
    try:
        yield
    except BaseException as error:
        if not is_out_of_memory(error):
            run.release()
            notify("on_failure", error)
            raise
        message = str(error).rpartition("Allocator: ")[2].partition("\n")[0].partition(". ")[0]
        traceback.clear_frames(error.__traceback__)  # releases the tensors that fill the memory
    else:
        return
    for opt in run.model.optimizers.values():
        opt.zero_grad(set_to_none=True)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    with suppress(RuntimeError, MemoryError):  # no memory even for that, or a diverged state
        if distributed.is_rank_zero():
            save(run, notify)
    if distributed.is_rank_zero():
        run.log.event("out of memory", images=run.images_seen, message=message)
    batch = round(run.live["batch_size"])
    fits = run.model.batch_of_16gb
    known = ""
    if 0 < fits < batch:
        known = f"; with the settings of full, batch_size={fits} fits 16 GB (docs/training.md)"
    full = MemoryFullError(
        f"out of memory after {run.images_seen:,} images ({message}): choose a smaller batch "
        f"than {batch}"
        f" (--set batch_size=…), or a smaller size_px{known}; {run.last_saved}. In a notebook:"
        f" run.live.set('batch_size', {max(1, batch // 2)}, 'cell'), then train(run) again"
    )
    run.release()
    notify("on_failure", full)
    raise full from None


@contextmanager
def interruptible() -> Iterator[threading.Event]:
    """Within the block, a first Ctrl-C (or SIGTERM) sets the event,
    so that a step is finished before saving.
    """
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
