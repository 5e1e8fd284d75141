"""The files that training writes, and how it ends: failed writes are reported, a diverged state is
not saved, and if memory runs out the error says what to reduce.
"""

from __future__ import annotations

import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import torch

from s2f_utils import metrics
from s2f_utils.pictures import images, viz
from s2f_utils.runtime import distributed, what_to_do
from s2f_utils.train.data import sample_pictures
from s2f_utils.train.errors import MemoryFullError, NotSavedError, is_out_of_memory
from s2f_utils.train.state import TrainingRun

SOON_S, SHARE = 60.0, 0.01  # between two saves at least; of the time, that early saves may take
LAUNCHER_S = 30.0  # torchrun forwards a Ctrl-C that its processes have already received


def attempt(run: TrainingRun, what: str, action: Callable[[], Any]) -> None:
    """Run an action that writes; if it fails (a full disk, or an output that is no picture), report
    it and continue.
    """
    try:
        os.stat(run.folder)  # a missing folder, as of an unmounted Drive, is not created elsewhere
        action()
    except OSError as error:
        why = what_to_do(error, run.folder)
    except images.ImageError as error:  # NaN or infinity
        why = str(error)
    else:
        return
    run.log.problem(f"could not {what} at image {run.images_seen}: {why}; training goes on")


def is_save_due(run: TrainingRun) -> bool:
    """Whether to write the resume file: `save_every_s` after the last time, or earlier where that
    costs little.
    """
    early = max(SOON_S, run.save_took_s / SHARE)
    return time.monotonic() - run.last_save >= min(run.config.save_every_s, early)


def save(run: TrainingRun, notify: Callable[..., None], *, at_end: bool = False) -> None:
    """Write the resume file and the generators. A full disk is reported, and training continues; at
    its end it raises NotSavedError.
    """
    run.mean_losses()  # a diverged state is not saved
    run.last_save = time.monotonic()
    try:
        run.save()
    except OSError as error:
        last = ", the last" if at_end else ""
        text = (
            f"could not save at image {run.images_seen}{last}: {what_to_do(error, run.folder)}; "
            f"{run.last_saved}"
        )
        if not at_end:
            run.log.problem(f"{text}; training goes on")
            return
        text += ". Then, in a notebook, call train(run): it saves this session's state"
        run.log.event("problem", message=text)
        raise NotSavedError(error.errno, text) from error
    run.save_took_s = time.monotonic() - run.last_save
    run.log.event("save", images=run.images_seen)
    notify("on_save", run.resume_path)


def write_sheet(run: TrainingRun) -> Path:
    """Write the sheet of samples: always the same inputs (never from the test set), the answers,
    and the ground truth. Log its scores (`run.scores`). Uses no random numbers. Raises
    TrainingDiverged as `run.check_finite`, and ImageError for an answer with NaN or infinity.
    """
    run.check_finite()
    sketches, photos = sample_pictures(run.samples)
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    a, b = (run.precision.images(images.to_tensor(side)) for side in (a, b))
    with torch.no_grad(), run.precision.autocast():
        samples = run.model.samples(a, b, run.generators)
    rows = {name: images.to_uint8(pictures.float()) for name, pictures in samples.items()}
    run.scores = {}
    if run.samples.paired:
        values = metrics.measure(rows["fake_b"], rows["b"], ("ssim", "psnr", "mse", "l1"))
        run.scores = {name: round(value.mean().item(), 4) for name, value in values.items()}
    path = run.folder / "samples" / f"{run.images_seen:08d}.png"
    images.save(path, viz.sheet(list(rows.values())), generated=True)
    run.log.event("sample", images=run.images_seen, file=f"samples/{path.name}", **run.scores)
    return path


def finish(run: TrainingRun, notify: Callable[..., None], reason: str) -> None:
    """Write the last row of the log and, except after a chunk, the state;
    NotSavedError if that fails.
    """
    if reason == "done" and run.sums:
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
