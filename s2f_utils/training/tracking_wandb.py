"""Weights & Biases, where a run asks for it (`tracker="wandb"`): losses, samples, live changes, settings, machine.

log.jsonl is written in any case; what goes wrong here is said once, and training goes on.
"""

from __future__ import annotations

import contextlib
import dataclasses
import netrc
import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from s2f_utils import runtime

if TYPE_CHECKING:
    from s2f_utils.training.live import Change

PROJECT = "sketch-to-face"  # unless WANDB_PROJECT is set
ID_FILE = "wandb-id.txt"
OPTIONS = {  # those that the installed version knows are used
    "console": "off",  # what is printed stays here: a progress bar is not worth uploading
    "silent": True,
    "disable_git": True,  # no address and no changes of whatever repository training is started in
    "reinit": "create_new",  # other W&B runs of the same process go on
    "finish_timeout": 300.0,  # seconds; what is not uploaded by then stays in the run folder
    "finish_timeout_raises": True,
}
_open_runs: dict[str, Any] = {}  # by id: one that was left in the middle of its chunks is finished before it is resumed


class WandbTracker:
    """A callback of the training loop that keeps one W&B run for one run folder.

    The steps of the W&B run are images seen. It is opened when training begins, stays open between chunks, and is
    finished when training ends, is interrupted or fails. Training that is resumed goes on in the W&B run of the same
    id, which lies in the run folder (`wandb-id.txt`). `checkpoints`: the generators are uploaded with every save.
    """

    def __init__(self, checkpoints: bool = False) -> None:
        self.checkpoints = checkpoints
        self.run: Any = None  # of W&B, while it is open
        self.failed = False

    def on_start(self, run: Any) -> None:
        """Open the W&B run, unless it still is."""
        if self.run is None:
            self._attempt(run, "start", lambda: self._open(run))
        if run.images_seen == 0:  # later, this step is there already
            self._log(run, _live(run))

    def on_log(self, run: Any, row: dict[str, Any]) -> None:
        """The row, with the live values beside it."""
        self._log(run, row | _live(run))

    def on_change(self, run: Any, change: Change) -> None:
        """The new value; commands count as 0 and 1."""
        self._log(run, {f"live/{change.name}": float(change.new)})

    def on_sample(self, run: Any, path: Path) -> None:
        """The sheet, and its scores."""

        def send() -> None:
            import wandb

            sheet = wandb.Image(str(path), caption=f"{run.images_seen:,} images")
            scores = {f"samples/{name}": value for name, value in run.scores.items()}
            self.run.log({"samples/sheet": sheet, **scores}, step=run.images_seen)

        self._attempt(run, "send samples", send)

    def on_save(self, run: Any, path: Path) -> None:
        """The generators as an artifact, if that is asked for; resume.pt is large, and stays here."""

        def send() -> None:
            import wandb

            artifact = wandb.Artifact(f"{self.run.id}-generator", type="model", metadata={"images": run.images_seen})
            for file in sorted(path.parent.glob("generator*.safetensors")):
                artifact.add_file(str(file))
            self.run.log_artifact(artifact)

        if self.checkpoints:
            with _environment(WANDB_DATA_DIR=str(run.folder / "wandb")):  # where the copies for uploading lie
                self._attempt(run, "send a checkpoint", send)

    def on_end(self, run: Any, reason: str) -> None:
        """Finish the W&B run; between two chunks it stays open."""
        if reason != "chunk":
            self._finish(run, 0)

    def on_failure(self, run: Any, error: BaseException) -> None:
        """Finish the W&B run as a failed one."""
        self._finish(run, 1)

    def _open(self, run: Any) -> None:
        offline = "WANDB_MODE" not in os.environ and not is_logged_in()
        # `mode` alone would not do: without the variable, wandb looks a telemetry host up even offline.
        with _environment(**{"WANDB_MODE": "offline"} if offline else {}):
            run_id = _id_of(run.folder)
            if run_id in _open_runs:
                _open_runs.pop(run_id).finish()
            self.run = _init(run, run_id)
        _open_runs[self.run.id] = self.run
        self.run.define_metric("*", step_metric="images")
        if getattr(self.run, "offline", False):
            why = ", as there is no login" if offline else ""
            place = f"offline{why}; 'wandb sync {Path(self.run.dir).parent}' uploads it"
        else:
            place = self.run.url or "disabled by WANDB_MODE"
        tqdm.write(f"Weights & Biases: run {self.run.id}, {place}", file=sys.stderr)

    def _log(self, run: Any, values: dict[str, Any]) -> None:
        self._attempt(run, "log", lambda: self.run.log({"images": run.images_seen, **values}, step=run.images_seen))

    def _attempt(self, run: Any, what: str, action: Callable[[], None]) -> None:
        """Do something with W&B; the first thing that fails is said, and the last that is tried in this training."""
        if self.failed:
            return
        try:
            action()
        except Exception as error:
            self.failed = True
            run.log.problem(f"Weights & Biases: could not {what}: {_reason(error)}; training goes on without it")

    def _finish(self, run: Any, exit_code: int) -> None:
        wandb_run, self.run = self.run, None
        if wandb_run is not None:
            _open_runs.pop(wandb_run.id, None)
            if self.failed:
                with contextlib.suppress(Exception):  # said already
                    wandb_run.finish(exit_code=1)
            self._attempt(run, "upload everything ('wandb sync' does)", lambda: wandb_run.finish(exit_code=exit_code))
        self.failed = False


def _init(run: Any, run_id: str) -> Any:
    """W&B's own run, online where that is possible."""
    try:
        import wandb
    except ModuleNotFoundError as error:
        if error.name != "wandb":
            raise
        raise RuntimeError("it is not installed: pip install wandb") from None

    known = getattr(wandb.Settings, "model_fields", OPTIONS)
    options = {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": os.environ.get("WANDB_NAME", run.folder.name),
        "id": run_id,
        "resume": "allow",
        "dir": str(run.folder),
        "config": _facts(run),
        "allow_val_change": True,
        "settings": wandb.Settings(**{name: value for name, value in OPTIONS.items() if name in known}),
    }
    mode = os.environ.get("WANDB_MODE", "online")
    try:
        return wandb.init(**options, mode=mode)
    except Exception as error:  # no network, a wrong key: what is kept offline can be uploaded later
        if mode != "online":
            raise
        run.log.problem(f"Weights & Biases: could not start online: {_reason(error)}; it goes on offline")
        options["id"] = _id_of(run.folder, fresh=True)  # the other is in use by what could not start
        with _environment(WANDB_MODE="offline"):
            return wandb.init(**options, mode="offline")


def _reason(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__


def is_logged_in() -> bool:
    """Whether there is a W&B key to be found without asking: in the environment or in ~/.netrc."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    own_host = urlsplit(os.environ.get("WANDB_BASE_URL", "")).netloc
    names = [os.environ["NETRC"]] if os.environ.get("NETRC") else ["~/.netrc", "~/_netrc"]
    for path in (Path(name).expanduser() for name in names):
        with contextlib.suppress(OSError, netrc.NetrcParseError):
            hosts = netrc.netrc(path).hosts
            return any(host == own_host or host.endswith((".wandb.ai", ".forge.coreweave.com")) for host in hosts)
    return False


@contextlib.contextmanager
def _environment(**values: str) -> Iterator[None]:
    """Within the block, these environment variables are set; then they are as before."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _id_of(folder: Path, fresh: bool = False) -> str:
    """The id of a folder's W&B run: the one that it has, or a new one, written down."""
    path = folder / ID_FILE
    if fresh or not path.exists():
        with runtime.atomic_path(path) as temporary:
            temporary.write_text(secrets.token_hex(4) + "\n", encoding="utf-8")  # draws from no generator of training
    return path.read_text(encoding="utf-8").strip()


def _facts(run: Any) -> dict[str, Any]:
    """The configuration that W&B shows: settings, what became of them on this machine, and the machine."""
    chosen = {"length_images": run.total_images, "num_pictures": len(run.data_ids), "device": run.precision.device.type}
    chosen |= {"number_format": run.precision.name}
    return {
        "method": run.method,
        **dataclasses.asdict(run.config),
        "run": chosen,
        "machine": runtime.machine_facts(),
    }


def _live(run: Any) -> dict[str, float]:
    return {f"live/{name}": value for name, value in run.live.values().items()}
