"""TensorBoard, where a run asks for it (`tracker="tensorboard"`): losses, samples, live changes, settings, machine."""

from __future__ import annotations

import sys
import tempfile
import time
import types
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from s2f_utils.pictures import images
from s2f_utils.training.tracker import Tracker, facts

FOLDER = "tensorboard"  # in the run folder


class TensorBoardTracker(Tracker):
    """Keeps one set of curves for one run folder, as event files in its folder `tensorboard`.

    Training that goes on, or goes back by itself, begins another file, whose first event says from which image on the
    files before it no longer count.
    """

    title = "TensorBoard"
    package = "tensorboard"
    newest = 0  # images seen when something was written last

    def on_log(self, run: Any, row: dict[str, Any]) -> None:
        """The row, but not one of part of an interval: it would stand beside the whole interval's, which follows."""
        if not run.sums:
            super().on_log(run, {name: value for name, value in row.items() if name != "images"})

    def _open(self, run: Any) -> Any:
        writer = _writer(run, run.images_seen + 1 if run.images_seen else 0)  # training from image 0 repeats that, too
        for title, group in facts(run).items():
            lines = [f"| {name} | {value} |" for name, value in group.items()]
            writer.add_text(title, "\n".join(["| name | value |", "| --- | --- |", *lines]), run.images_seen)
        writer.flush()
        self.newest = run.images_seen
        tqdm.write(f"TensorBoard: 'tensorboard --logdir {run.folder}' shows this run", file=sys.stderr)
        return writer

    def _send(self, run: Any, values: dict[str, Any], sheet: Path | None = None) -> None:
        if run.images_seen < self.newest:  # training went back
            self.handle.close()
            self.handle = _writer(run, run.images_seen + 1)
        self.newest = run.images_seen
        if sheet is not None:
            self.handle.add_image("samples/sheet", images.load_rgb(sheet), run.images_seen, dataformats="HWC")
        for name, value in values.items():
            self.handle.add_scalar(name, value, run.images_seen)
        self.handle.flush()  # a kill loses nothing, and what fails does so here

    def _close(self, handle: Any, failed: bool) -> None:
        handle.close()


def _writer(run: Any, purge_from: int) -> Any:
    """A new event file; what is in those before it for this image and later ones is no longer shown."""
    import tensorboard

    # TensorBoard's own switch, a module that is there: else it loads TensorFlow, which takes seconds.
    without_tensorflow = f"{tensorboard.__name__}.compat.notf"
    sys.modules.setdefault(without_tensorflow, types.ModuleType(without_tensorflow))
    from torch.utils.tensorboard import SummaryWriter

    folder = run.folder / FOLDER
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):  # what cannot be written to says so here, not in the writer's thread
        pass
    if any(folder.glob("events.out.tfevents.*")):
        time.sleep(1.0)  # their names begin with the second, and they are read in this order
    return SummaryWriter(str(folder), purge_step=purge_from)
