"""The progress bar of a training, as a callback."""

from __future__ import annotations

import sys
from typing import Any

from tqdm.auto import tqdm

from s2f_utils.training.state import TrainingRun


class ProgressBar:
    """Images seen, with a rate, the time left, and the newest losses; says how to go on after an interrupt."""

    def __init__(self, run: TrainingRun, shown: bool) -> None:
        self.bar = tqdm(
            total=run.total_images,
            initial=run.images_seen,
            desc=run.method,
            unit="image",
            disable=not shown,
            mininterval=1.0 if sys.stderr.isatty() else 10.0,
            dynamic_ncols=True,
        )

    def on_step(self, run: TrainingRun) -> None:
        """Move on, or back, to what was seen."""
        self.bar.total = run.total_images
        self.bar.update(run.images_seen - self.bar.n)

    def on_log(self, run: TrainingRun, row: dict[str, Any]) -> None:
        """The losses of the row."""
        losses = {name: f"{value:.3f}" for name, value in row.items() if name.startswith("loss")}
        self.bar.set_postfix(losses, refresh=False)

    def on_failure(self, run: TrainingRun, error: BaseException) -> None:
        """Leave the bar where it is."""
        self.bar.close()

    def on_end(self, run: TrainingRun, reason: str) -> None:
        """Leave the bar where it is."""
        self.bar.close()
        if reason == "interrupted":
            tqdm.write(
                f"interrupted after {run.images_seen:,} of {run.total_images:,} images; all is saved in {run.folder}."
                " To go on, run the same command or cell again",
                file=sys.stderr,
            )
