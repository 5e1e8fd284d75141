"""What a training tells while it runs: progress bar, log rows, sample sheets, saves, callbacks, the clock."""

from __future__ import annotations

import math
import os
import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from s2f_utils.data.stores import Pairs
from s2f_utils.metrics import on_device
from s2f_utils.models import checkpoints
from s2f_utils.pictures import images, viz
from s2f_utils.runtime import ranks, what_to_do
from s2f_utils.training.data import sample_pictures
from s2f_utils.training.errors import MemoryFullError, NotSavedError, TrainingDiverged, ways_out
from s2f_utils.training.pace import Pace
from s2f_utils.training.state import MOST_SETBACKS, TrainingRun

RUNAWAY = 1000.0  # times its median (or 1, if that is less), and a loss has run away
REMEMBERED = 20  # rows of the log in that median


class Reporter:
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
        self.clock = time.monotonic()  # of steps
        self.row_start = (self.clock, run.images_seen)
        pace = Pace(run)
        self.callbacks = (*self.callbacks, pace)

    def __enter__(self) -> Reporter:
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
        self.bar.total = self.run.total_images
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
        sketches, photos = sample_pictures(samples)
        a, b = (sketches, photos) if run.to_photo else (photos, sketches)
        a, b = (run.precision.images(images.to_tensor(side)) for side in (a, b))
        with torch.no_grad():
            rows = run.model.samples(a, b, run.generators)
        run.scores = {}
        if isinstance(samples, Pairs):
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
            text = f"could not save at image {run.images_seen}, the last: {what_to_do(error, run.folder)};"
            text += f" {self._last_saved()}. In a notebook call train(run) then: it saves what this session holds"
            run.log.event("problem", message=text)
            raise NotSavedError(error.errno, text) from error
        run.log.event("save", images=run.images_seen)
        self.clock = time.monotonic()
        run.save_s = self.clock - run.last_save
        self.tell("on_save", run.resume_path)

    def snapshot(self) -> None:
        """Keep the generators as they are now, beside the last ones."""
        run = self.run
        for direction, net in run.generators.items():
            name = "generator" if direction == run.config.direction else f"generator-{direction}"
            path = run.folder / "snapshots" / f"{name}-{run.images_seen:08d}.safetensors"
            checkpoints.save_generator(path, net, run.meta(direction), run.learned_from)

    def attempt(self, what: str, action: Callable[[], Any]) -> bool:
        """Do something that writes; where that fails (a full disk), say so and go on. Returns whether it worked."""
        try:
            os.stat(self.run.folder)  # one that is gone, as an unmounted Drive's, is not made anew elsewhere
            action()
        except OSError as error:
            why = what_to_do(error, self.run.folder)
            saved = f"; {self._last_saved()}" if what == "save" else ""
            self.run.log.problem(f"could not {what} at image {self.run.images_seen}: {why}{saved}; training goes on")
            return False
        return True

    def memory_full(self, error: BaseException) -> MemoryFullError:
        """The error that says that memory ran out, and what to do; saves before it what was trained."""
        run, said = self.run, str(error).rpartition("Allocator: ")[2].partition("\n")[0].partition(". ")[0]
        batch = round(run.live["batch_size"])
        saved = self._last_saved()
        if ranks.is_first():
            try:
                self.save(run.lr_factor())
                saved = self._last_saved()
            except (RuntimeError, MemoryError, FloatingPointError):  # no memory even for that, or nothing worth keeping
                saved = f"this could not be saved: {saved}"
        run.log.event("out of memory", images=run.images_seen, message=said)
        ways = ways_out(batch, run.config.accumulate, run.model.accumulates)
        return MemoryFullError(
            f"out of memory after {run.images_seen:,} images ({said}): {ways}; {saved}. In a notebook:"
            f" run.live.set('batch_size', {max(1, batch // 2)}, 'cell'), then train(run) again"
        )

    def _last_saved(self) -> str:
        """What a resume would take up."""
        if not checkpoints.states_of(self.run.resume_path):
            return "nothing was saved yet"
        return f"what was saved at image {self.run.saved_at} is still there"
