"""TensorBoard, where a run asks for it (`tracker="tensorboard"`): losses, samples, live changes, settings, machine."""

from __future__ import annotations

import contextlib
import sys
import tempfile
import time
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from s2f_utils.pictures import images
from s2f_utils.training.tracker import Tracker, facts

FOLDER = "tensorboard"  # in the run folder
EVENT_FILES = "events.out.tfevents.*"  # then the second in which the file was begun


class TensorBoardTracker(Tracker):
    """Keeps one set of curves for one run folder, as event files in its folder `tensorboard`.

    A file is open from the beginning of training to its end, between chunks too. Training that goes on, or goes back by
    itself, begins another file, whose first event says from which image on the files before it no longer count.
    """

    title = "TensorBoard"
    package = "tensorboard"

    def __init__(self) -> None:
        super().__init__()
        self.newest = 0  # images seen when something was written last

    def on_log(self, run: Any, row: dict[str, Any]) -> None:
        """The row, but not one of part of an interval: it would stand beside the whole interval's, which follows."""
        if not run.sums:
            super().on_log(run, {name: value for name, value in row.items() if name != "images"})

    def on_sample(self, run: Any, path: Path) -> None:
        """The sheet, and its scores."""

        def send() -> None:
            self._follow(run)
            self.handle.add_image("samples/sheet", images.load_rgb(path), run.images_seen, dataformats="HWC")
            self._send(run, {f"samples/{name}": value for name, value in run.scores.items()})

        self._attempt(run, "send samples", send)

    def on_save(self, run: Any, path: Path) -> None:
        """Where training went back, what it had written past this point counts no longer."""
        self._attempt(run, "go back", lambda: self._follow(run))

    def on_end(self, run: Any, reason: str) -> None:
        """Close the file; between two chunks it stays open."""
        if reason != "chunk":
            self._close(run)

    def on_failure(self, run: Any, error: BaseException) -> None:
        """Close the file."""
        self._close(run)

    def _open(self, run: Any) -> None:
        self._begin(run, run.images_seen + 1 if run.images_seen else 0)  # training from image 0 repeats that, too
        for name, text in _tables(facts(run)).items():
            self.handle.add_text(name, text, run.images_seen)
        self.handle.flush()
        tqdm.write(f"TensorBoard: 'tensorboard --logdir {run.folder}' shows this run", file=sys.stderr)

    def _begin(self, run: Any, purge_from: int) -> None:
        """A new event file; what is in those before it for this image and later ones is no longer shown."""
        writer_class = _summary_writer()
        if self.handle is not None:
            self.handle.close()
        folder = run.folder / FOLDER
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):  # what cannot be written to says so here, not in the writer's thread
            pass
        _wait_for_a_later_name(folder)
        self.handle = writer_class(str(folder), purge_step=purge_from)
        _silence_thread(self.handle)
        self.newest = run.images_seen

    def _follow(self, run: Any) -> None:
        """Begin another file if training went back since the last time."""
        if run.images_seen < self.newest:
            self._begin(run, run.images_seen + 1)
        self.newest = run.images_seen

    def _send(self, run: Any, values: dict[str, Any]) -> None:
        self._follow(run)
        for name, value in values.items():
            self.handle.add_scalar(name, value, run.images_seen)
        self.handle.flush()  # a kill loses nothing, and what fails does so here

    def _close(self, run: Any) -> None:
        writer, self.handle = self.handle, None
        if writer is not None:
            if self.failed:
                with contextlib.suppress(Exception):  # said already
                    writer.close()
            self._attempt(run, "write everything", writer.close)
        self.failed = False


def _summary_writer() -> Any:
    """The class of PyTorch. With TensorFlow it would load that, which takes seconds and prints warnings."""
    import tensorboard

    without_tensorflow = f"{tensorboard.__name__}.compat.notf"  # TensorBoard's own switch: a module that is there
    sys.modules.setdefault(without_tensorflow, types.ModuleType(without_tensorflow))
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter


def _silence_thread(writer: Any) -> None:
    """The writer's thread hands on what it raises, to be told here; it need not print a traceback as well."""
    with contextlib.suppress(AttributeError):
        writer.file_writer.event_writer._async_writer._worker._invoke_excepthook = lambda *_: None


def _wait_for_a_later_name(folder: Path) -> None:
    """Wait, a second at most, until a new event file's name comes after all others': they are read in this order."""
    newest = max((int(path.name.split(".")[3]) for path in folder.glob(EVENT_FILES)), default=0)
    if newest <= time.time() < newest + 1:
        time.sleep(newest + 1 - time.time())


def _tables(known: Mapping[str, Any]) -> dict[str, str]:
    """Settings as tables in Markdown, as TensorBoard shows them; what is a dictionary has a table of its own."""
    groups = {"settings": {name: value for name, value in known.items() if not isinstance(value, dict)}}
    groups |= {name: value for name, value in known.items() if isinstance(value, dict)}
    head = ["| name | value |", "| --- | --- |"]
    return {
        title: "\n".join([*head, *(f"| {name} | {value} |" for name, value in group.items())])
        for title, group in groups.items()
    }
