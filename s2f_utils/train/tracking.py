"""Trackers: callbacks that send losses, samples and live values to Weights & Biases or TensorBoard.
A tracker's failure is reported once, and training continues without it.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from s2f_utils import runtime
from s2f_utils.pictures import images
from s2f_utils.train.live import Change
from s2f_utils.train.log import lost_images

ID_FILE = "wandb-id.txt"  # in the run folder
WANDB_OPTIONS = {  # the installed version's known ones are used
    "console": "off",  # printed output is not uploaded: it is mostly a progress bar
    "silent": True,
    "disable_git": True,  # no address or changes of the surrounding repository
    "finish_timeout": 300.0,  # seconds; the rest stays in the run folder
    "finish_timeout_raises": True,
}


class Tracker:
    """Sends the log's entries to another program, at each event of `loop.train`;
    its x axis is images seen.

    A subclass opens (`_open`), feeds (`_send`) and closes (`_close`) that program, and may raise
    any exception.
    """

    title = package = ""  # the program's name in messages, and the package that it needs

    def __init__(self) -> None:
        self.handle: Any = None  # the open program's handle; it stays open between chunks
        self.failed = False

    def on_start(self, run: Any) -> None:
        if self.handle is None:
            self._attempt(run, "start", lambda: setattr(self, "handle", self._open(run)))
        if run.images_seen == 0:  # a resumed run has already sent this step
            self.on_log(run, {})

    def on_log(self, run: Any, row: dict[str, Any]) -> None:
        values = row | {f"live/{name}": value for name, value in run.live.values().items()}
        self._attempt(run, "log", lambda: self._send(run, values))

    def on_change(self, run: Any, change: Change) -> None:
        self._attempt(
            run, "log", lambda: self._send(run, {f"live/{change.name}": float(change.new)})
        )

    def on_sample(self, run: Any, path: Path) -> None:
        scores = {f"samples/{name}": value for name, value in run.scores.items()}
        self._attempt(run, "log", lambda: self._send(run, scores, path))

    def on_end(self, run: Any, reason: str) -> None:
        if reason == "chunk":
            return
        if self.handle is not None:
            self._attempt(
                run, "write everything", lambda: self._close(self.handle, reason == "failure")
            )
        self.handle, self.failed = None, False

    def on_failure(self, run: Any, error: BaseException) -> None:
        self.on_end(run, "failure")

    def _attempt(self, run: Any, what: str, action: Callable[[], Any]) -> None:
        """Run an action of the other program;
        the first failure is reported, and later actions are skipped.
        """
        if self.failed:
            return
        try:
            action()
        except Exception as error:
            self.failed = True
            why = str(error).strip().partition("\n")[0] or type(error).__name__
            if isinstance(error, ModuleNotFoundError) and error.name == self.package:
                why = f"it is not installed: pip install {self.package}"
            run.log.problem(f"{self.title}: could not {what}: {why}; training goes on without it")
            handle, self.handle = self.handle, None
            with contextlib.suppress(Exception):
                self._close(handle, True)


class WandbTracker(Tracker):
    """One W&B run per run folder: resumed training continues under the id in `wandb-id.txt`."""

    title, package = "Weights & Biases", "wandb"

    def _open(self, run: Any) -> Any:
        import wandb

        id_file = run.folder / ID_FILE
        if not id_file.exists():
            with runtime.atomic_path(id_file) as temporary:
                # `secrets`: training's random numbers stay as they are.
                temporary.write_text(secrets.token_hex(4) + "\n", encoding="utf-8")
        self.lost_images = lost_images(run.folder)
        described = facts(run)
        options = {
            name: value
            for name, value in WANDB_OPTIONS.items()
            if name in wandb.Settings.model_fields
        }
        without_login = "WANDB_MODE" not in os.environ and not is_logged_in()
        if without_login:  # with init(mode=…) alone, wandb looks up a telemetry host even offline
            os.environ["WANDB_MODE"] = "offline"
        mode = os.environ.get("WANDB_MODE", "online")
        try:
            handle = self._init(run, mode, described, options, id_file)
        finally:
            if without_login:
                del os.environ["WANDB_MODE"]
        handle.define_metric("*", step_metric="images")
        if getattr(handle, "offline", False):  # then asking for its address warns
            why = ", as there is no login" if without_login else ""
            place = f"offline{why}; 'wandb sync {Path(handle.dir).parent}' uploads it"
        else:
            place = handle.url or "disabled by WANDB_MODE"
        tqdm.write(f"Weights & Biases: run {handle.id}, {place}", file=sys.stderr)
        return handle

    def _init(
        self, run: Any, mode: str, described: dict[str, Any], options: dict[str, Any], id_file: Path
    ) -> Any:
        import wandb

        return wandb.init(
            project=os.environ.get("WANDB_PROJECT", "sketch-to-face"),
            name=os.environ.get("WANDB_NAME", run.folder.name),
            id=id_file.read_text(encoding="utf-8").strip(),
            resume="allow" if mode == "online" else None,  # else it warns
            reinit="finish_previous",  # a cell stopped between chunks leaves one open
            dir=str(run.folder),
            config=described.pop("settings") | described,
            allow_val_change=True,
            settings=wandb.Settings(**options),
            mode=mode,
        )

    def _send(self, run: Any, values: dict[str, Any], sheet: Path | None = None) -> None:
        if sheet is not None:
            import wandb

            values = values | {
                "samples/sheet": wandb.Image(str(sheet), caption=f"{run.images_seen:,} images")
            }
        # W&B drops a step below the last one; its x axis is "images" in any case.
        step = run.images_seen + self.lost_images
        self.handle.log({"images": run.images_seen, **values}, step=step)

    def _close(self, handle: Any, failed: bool) -> None:
        handle.finish(exit_code=int(failed))


def is_logged_in() -> bool:
    """Whether a W&B key is available without a prompt: in the environment or in ~/.netrc."""
    from requests.utils import get_netrc_auth

    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    return get_netrc_auth(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")) is not None


class TensorBoardTracker(Tracker):
    """Event files in a run's folder `tensorboard`;
    resumed training adds another file to the same curves.
    """

    title, package = "TensorBoard", "tensorboard"

    def _open(self, run: Any) -> Any:
        from torch.utils.tensorboard import SummaryWriter

        folder = run.folder / "tensorboard"
        folder.mkdir(exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass  # a read-only folder fails here, not in the writer's thread
        if any(folder.glob("events.out.tfevents.*")):
            # Their names begin with the time in seconds, and they are read in this order.
            time.sleep(1.0)
        purge_from = run.images_seen + 1 if run.images_seen else 0  # image 0 is sent again
        writer = SummaryWriter(str(folder), purge_step=purge_from)
        for title, group in facts(run).items():
            lines = [f"| {name} | {value} |" for name, value in group.items()]
            writer.add_text(
                title, "\n".join(["| name | value |", "| --- | --- |", *lines]), run.images_seen
            )
        writer.flush()
        tqdm.write(
            f"TensorBoard: 'tensorboard --logdir {run.folder}' shows this run", file=sys.stderr
        )
        return writer

    def _send(self, run: Any, values: dict[str, Any], sheet: Path | None = None) -> None:
        if sheet is not None:
            self.handle.add_image(
                "samples/sheet", images.load_rgb(sheet), run.images_seen, dataformats="HWC"
            )
        for name, value in values.items():
            if name != "images":  # the axis
                self.handle.add_scalar(name, value, run.images_seen)
        self.handle.flush()  # a kill loses nothing, and failures appear here

    def _close(self, handle: Any, failed: bool) -> None:
        handle.close()


def facts(run: Any) -> dict[str, dict[str, Any]]:
    """The settings, the values chosen on this machine, and facts about the machine."""
    chosen = {"length_images": run.total_images, "num_pictures": len(run.rows)}
    chosen |= {"device": run.precision.device.type, "number_format": run.precision.name}
    settings = {"method": run.method, **run.config.model_dump()}
    return {"settings": settings, "run": chosen, "machine": runtime.machine_facts()}


TRACKERS: dict[str, type[Tracker]] = {"wandb": WandbTracker, "tensorboard": TensorBoardTracker}
