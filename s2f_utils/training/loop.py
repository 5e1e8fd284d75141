"""The one training loop: live values, a batch, the method's step, then log, samples, snapshots and saves.

Lengths and intervals are counted in images, so that they survive another batch size. Nothing in a step waits for the
device; losses are read back when a row of the log is due.
"""

from __future__ import annotations

import dataclasses
import math
import os
import signal
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from s2f_utils.data.stores import PairedData, PhotoData, UnpairedData
from s2f_utils.metrics import on_device
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images, viz
from s2f_utils.training.accumulate import in_parts
from s2f_utils.training.augment import crop_and_flip
from s2f_utils.training.live import Change, LiveValues
from s2f_utils.training.run import MOST_SETBACKS, TrainingRun

RUNAWAY = 1000.0  # times its median (or 1, if that is less), and a loss has run away
REMEMBERED = 20  # rows of the log in that median
Step = Callable[[Any, Tensor, Tensor, LiveValues], dict[str, Tensor]]


class TrainingDiverged(RuntimeError):
    """A loss became NaN or infinite, or ran away; the message names it and the last good checkpoint."""


class NotSavedError(OSError):
    """The state at a training's end could not be written; `strerror` says why, where, and what to do."""


class Callback:
    """What can be done at the events of a run; override what is wanted. Called in the training's own thread."""

    def on_start(self, run: TrainingRun) -> None:
        """Training begins, or goes on."""

    def on_step(self, run: TrainingRun) -> None:
        """A step is done."""

    def on_log(self, run: TrainingRun, row: dict[str, Any]) -> None:
        """A row with the mean losses since the last one was written to log.jsonl."""

    def on_change(self, run: TrainingRun, change: Change) -> None:
        """A live value or a command changed; the next step obeys."""

    def on_sample(self, run: TrainingRun, path: Path) -> None:
        """A sheet of samples was written; `run.scores` are its scores, where there are true pictures."""

    def on_save(self, run: TrainingRun, path: Path) -> None:
        """The resume file was written."""

    def on_idle(self, run: TrainingRun) -> None:
        """Training is paused; called about twenty times a second."""

    def on_end(self, run: TrainingRun, reason: str) -> None:
        """Training has ended; `reason` is what `train` returns."""

    def on_failure(self, run: TrainingRun, error: BaseException) -> None:
        """Training ends by an exception, which is raised after this; nothing else is called."""


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
    """
    report = _Reporter(run, callbacks, progress)
    until = math.inf if max_seconds is None else time.monotonic() + max_seconds
    for net in run.model.nets.values():
        net.train()

    with report, _interruptible() as interrupted:
        report.start()
        if run.images_seen == 0:
            report.sample()
        if run.config.on_divergence == "back" and not run.resume_path.exists():
            report.save(run.lr_factor())  # something to go back to
        while True:
            try:
                reason = _steps(run, step or type(run.model).step, report, interrupted, until)
                break
            except TrainingDiverged as error:
                if run.config.on_divergence != "back" or not report.go_back(error):
                    raise
    report.tell("on_end", reason)
    if reason == "interrupted":
        tqdm.write(
            f"interrupted after {run.images_seen:,} of {run.total_images:,} images; all is saved in {run.folder}. To go"
            " on, run the same command or cell again",
            file=sys.stderr,
        )
    return reason


def _steps(run: TrainingRun, step: Step, report: _Reporter, interrupted: threading.Event, until: float) -> str:
    """Step after step, until training ends, or the clock says `until`; returns why."""
    config, live, model = run.config, run.live, run.model
    step = in_parts(step, config.accumulate) if config.accumulate > 1 else step
    reason = "done"
    while run.images_seen < run.total_images:
        # Take up what widgets, callbacks or controls.json changed since the last step.
        repeated = run.repeat_changes()
        for change in live.poll():
            if change.name not in repeated:  # somebody moved it: what was to be repeated is no longer wanted
                run.planned = [planned for planned in run.planned if planned.name != change.name]
            run.log.event("change", images=run.images_seen, **dataclasses.asdict(change))
            report.tell("on_change", change)
        if problem := live.take_problem():
            run.log.problem(problem)
        if live.asked("stop") or interrupted.is_set():
            reason = "interrupted" if interrupted.is_set() else "stopped"
            break
        if live.asked("pause") and not live.asked("step"):
            report.idle()
            if time.monotonic() >= until:
                reason = "chunk"
                break
            continue
        live.done("step")

        # A batch of pairs, jittered on the device, in [-1, 1].
        num = min(round(live["batch_size"]), run.total_images - run.images_seen)
        a, b = make_batch(run, num)

        # The method's step, at the live learning rates times the schedule.
        factor = run.lr_factor()
        for name, opt in model.optimizers.items():
            for group in opt.param_groups:
                group["lr"] = live[name] * factor
        losses = step(model, a, b, live)
        before, run.images_seen = run.images_seen, run.images_seen + num
        for ema in run.ema.values():
            ema.update(num, run.images_seen)

        # What is due: log, samples, snapshots, save.
        report.step(losses, num)
        if _crosses(report.log_every, before, run.images_seen):
            report.log(factor)
        if _crosses(int(live["sample_every"]), before, run.images_seen) or live.asked("sample"):
            live.done("sample")
            report.attempt("write a sample sheet", report.sample)
        if any(before < at <= run.images_seen for at in run.snapshots_at()):
            report.attempt("keep a snapshot", report.snapshot)
        if time.monotonic() - run.last_save >= config.save_every_s or live.asked("save"):
            live.done("save")
            report.save(factor)
        report.tell("on_step")
        if time.monotonic() >= until and run.images_seen < run.total_images:
            reason = "chunk"
            break

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


def make_batch(run: TrainingRun, num: int) -> tuple[Tensor, Tensor]:
    """The next `num` pictures of both domains as the networks see them: input a and target b, (num, 3, H, W) each, in
    [-1, 1]; where the method learns without pairs, sketches a and photos b, each changed at random for itself; where it
    learns from photos alone, these as both.
    """
    config = run.config
    sketches, photos = run.data.batch_at(run.images_seen, num, config.copies, config.seed)  # uint8, load_size_px

    def jitter(sketches: Tensor, photos: Tensor) -> tuple[Tensor, Tensor]:
        sketches, photos = crop_and_flip(sketches, photos, config.size_px, config.flip)
        return run.affine(images.to_tensor(sketches), images.to_tensor(photos), run.live["augment"])

    if run.model.data == "pairs":
        sketches, photos = jitter(sketches, photos)
    elif run.model.data == "photos":
        sketches = photos = jitter(photos, photos[:, :0])[0]
    else:
        sketches, photos = (jitter(side, side[:, :0])[0] for side in (sketches, photos))
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    return run.precision.images(a), run.precision.images(b)


def _crosses(every: int, before: int, after: int) -> bool:
    return every > 0 and before // every != after // every


@contextmanager
def _interruptible() -> Iterator[threading.Event]:
    """Within the block, a first Ctrl-C (or SIGTERM) sets the event, so that a step is finished before saving."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event
        return

    def ask(number: int, frame: Any) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Reporter:
    """Keeps the loop readable: mean losses, progress bar, log rows, sample sheets, saves, callbacks, the clock."""

    def __init__(self, run: TrainingRun, callbacks: Sequence[Any], progress: bool) -> None:
        self.run = run
        self.callbacks = (*run.trackers, *callbacks)
        self.log_every = run.config.log_every_images or max(run.config.batch_size, run.total_images // 200)
        self.bar = tqdm(
            total=run.total_images,
            initial=run.images_seen,
            desc=run.method,
            unit="image",
            disable=not progress,
            mininterval=1.0 if sys.stderr.isatty() else 10.0,
            dynamic_ncols=True,
        )
        self.recent: dict[str, deque[float]] = {}  # the last rows' means, by loss
        self.clock = time.monotonic()
        self.row_start = (self.clock, run.images_seen)

    def __enter__(self) -> _Reporter:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self.bar.close()
        if error is not None:
            self.tell("on_failure", error)

    def start(self) -> None:
        self.tell("on_start")
        self.clock = time.monotonic()  # what callbacks prepare is no training time
        self.row_start = (self.clock, self.run.images_seen)

    def tell(self, event: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event, lambda *_: None)(self.run, *args)

    def idle(self) -> None:
        time.sleep(0.05)
        self.tell("on_idle")
        now = time.monotonic()
        self.row_start = (self.row_start[0] + now - self.clock, self.row_start[1])  # a pause is no training time
        self.clock = now

    def step(self, losses: dict[str, Tensor], num: int) -> None:
        sums, nums = self.run.sums, self.run.nums
        for name, value in losses.items():
            sums[name] = sums[name] + value * num if name in sums else value * num
            nums[name] = nums.get(name, 0) + num
        now = time.monotonic()
        self.run.seconds += now - self.clock
        self.clock = now
        self.bar.update(num)

    def means(self, remember: bool) -> dict[str, float]:
        """The mean losses since the last row, read back; stop if one is not finite or has run away."""
        run = self.run
        if not run.sums:
            return {}
        sums = torch.stack([total.to(run.model.precision.device) for total in run.sums.values()]).tolist()
        means = {name: total / run.nums[name] for name, total in zip(run.sums, sums, strict=True)}
        if broken := [problem for name, value in means.items() if (problem := self._problem(name, value, remember))]:
            run.sums, run.nums = {}, {}  # with another learning rate the same session may go on
            raise self._diverged(broken)
        return means

    def log(self, factor: float, *, partial: bool = False) -> None:
        """Write the row of mean losses. One of part of an interval stands for the time being: when training goes on,
        the whole interval's row takes its place.
        """
        run, means = self.run, self.means(remember=not partial)
        if not means:
            return
        now = time.monotonic()
        elapsed, seen = now - self.row_start[0], run.images_seen - self.row_start[1]
        run.images_per_second = seen / elapsed if elapsed > 0 else 0.0
        rates = {name: run.live[name] * factor for name in run.model.optimizers}
        row = {"images": run.images_seen, "epoch": run.epoch(), **means, **rates}
        row |= {"images_per_second": round(run.images_per_second, 3), "seconds": round(run.seconds, 2)}
        run.log.row(row | {"partial": True} if partial else row)
        self.bar.set_postfix({name: f"{value:.3f}" for name, value in means.items()}, refresh=False)
        if not partial:
            run.sums, run.nums, self.row_start = {}, {}, (now, run.images_seen)
        self.tell("on_log", row)

    def _problem(self, name: str, value: float, remember: bool) -> str:
        """What is wrong with the mean of a loss, if anything."""
        if not math.isfinite(value):
            return f"{name} became NaN or infinite"
        recent = self.recent.setdefault(name, deque(maxlen=REMEMBERED))
        if len(recent) >= 5 and value > RUNAWAY * max(1.0, statistics.median(recent)):
            return f"{name} ran away to {value:.3g}, from {statistics.median(recent):.3g}"
        if remember:
            recent.append(value)
        return ""

    def go_back(self, error: TrainingDiverged) -> bool:
        """Take up the last good state with half the learning rates; False where that was done often enough."""
        run, at = self.run, self.run.images_seen
        if run.setbacks >= MOST_SETBACKS:
            run.log.problem(f"went back {run.setbacks} times already, which did not help")
            return False
        rates = run.go_back()
        self.recent = {}
        self.clock = time.monotonic()
        self.row_start = (self.clock, run.images_seen)
        self.bar.reset(run.total_images)
        self.bar.update(run.images_seen)
        run.log.event("resume", images=run.images_seen)
        run.log.event("setback", images=run.images_seen, at=at, number=run.setbacks, **rates)
        halved = ", ".join(f"{name} {value:.3g}" for name, value in rates.items())
        run.log.problem(
            f"{str(error).partition(':')[0]}: back to image {run.images_seen}, setback {run.setbacks} of"
            f" {MOST_SETBACKS}, with half the learning rates ({halved})"
        )
        self.save(run.lr_factor())
        return True

    def _diverged(self, what: list[str]) -> TrainingDiverged:
        run = self.run
        saved = f"the last good state is {run.resume_path}" if run.resume_path.exists() else "nothing was saved yet"
        run.log.event("diverged", images=run.images_seen, what=what)
        return TrainingDiverged(
            f"{', '.join(what)} before image {run.images_seen}: lower the learning rate, use precision=float32, or let"
            f" training go back by itself (on_divergence=back); {saved}"
        )

    def sample(self) -> None:
        """Write the sheet of fixed sketches, outputs and truths, and log their scores; draws nothing at random.

        The pictures are validation pairs where there are some, else training pictures: never the test set.
        """
        run, samples = self.run, self.run.samples
        if isinstance(samples, PhotoData):
            sketches = photos = samples.photos.batch(range(len(samples)))
        elif isinstance(samples, UnpairedData):
            num = min(len(samples.sketches), len(samples.photos))
            sketches, photos = samples.sketches.batch(range(num)), samples.photos.batch(range(num))
        else:
            sketches, photos = samples.batch(range(len(samples)))
        a, b = (sketches, photos) if run.to_photo else (photos, sketches)
        a, b = (run.precision.images(images.to_tensor(side)) for side in (a, b))
        with torch.no_grad():
            rows = run.model.samples(a, b, run.generators)
        run.scores = {}
        if isinstance(samples, PairedData):
            found = on_device.measure(*(on_device.to_grey_levels(rows[name]) for name in ("fake_b", "b")))
            run.scores = {name: round(values.mean().item(), 4) for name, values in found.items()}
        path = run.folder / "samples" / f"{run.images_seen:08d}.png"
        images.save(path, viz.sheet([images.to_uint8(row) for row in rows.values()]), generated=True)
        run.log.event("sample", images=run.images_seen, file=f"samples/{path.name}", **run.scores)
        if run.images_seen and run.scores.get(run.config.keep_best, -math.inf) > run.best:
            score = run.scores[run.config.keep_best]
            self.attempt("keep the best generator", lambda: run.keep_best(score))
        self.clock = time.monotonic()
        self.tell("on_sample", path)

    def save(self, factor: float, *, must_work: bool = False) -> None:
        """Write the resume file; a full disk on the way is reported and training goes on, at the end it is raised."""
        run = self.run
        if must_work and run.images_seen >= run.total_images:
            self.log(factor)
        else:
            self.means(remember=False)  # a state that has diverged is not worth keeping
        run.last_save = time.monotonic()
        try:
            if must_work:
                run.save()
            elif not self.attempt("save", run.save):
                return
        except FloatingPointError as error:
            raise self._diverged([str(error)]) from None
        except OSError as error:
            text = f"could not save at image {run.images_seen}, the last: {checkpoints.what_to_do(error, run.folder)};"
            text += f" {self._last_saved()}. In a notebook call train(run) then: it saves what this session holds"
            run.log.event("problem", message=text)
            raise NotSavedError(error.errno, text) from error
        run.log.event("save", images=run.images_seen)
        self.clock = time.monotonic()
        self.tell("on_save", run.resume_path)

    def snapshot(self) -> None:
        """Keep the generators as they are now, beside the last ones."""
        run = self.run
        for direction, net in run.generators.items():
            name = "generator" if direction == run.config.direction else f"generator-{direction}"
            path = run.folder / "snapshots" / f"{name}-{run.images_seen:08d}.safetensors"
            checkpoints.save_generator(path, net, run.meta(direction))

    def attempt(self, what: str, action: Callable[[], Any]) -> bool:
        """Do something that writes; where that fails (a full disk), say so and go on. Returns whether it worked."""
        try:
            os.stat(self.run.folder)  # one that is gone, as an unmounted Drive's, is not made anew elsewhere
            action()
        except OSError as error:
            why = checkpoints.what_to_do(error, self.run.folder)
            saved = f"; {self._last_saved()}" if what == "save" else ""
            self.run.log.problem(f"could not {what} at image {self.run.images_seen}: {why}{saved}; training goes on")
            return False
        return True

    def _last_saved(self) -> str:
        """What a resume would take up."""
        if not checkpoints.states_of(self.run.resume_path):
            return "nothing was saved yet"
        return f"what was saved at image {self.run.saved_at} is still there"
