"""Weights & Biases, where a run asks for it (`tracker="wandb"`): losses, samples, live changes, settings, machine."""

from __future__ import annotations

import contextlib
import netrc
import os
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from s2f_utils import runtime
from s2f_utils.training.tracker import Tracker, facts, reason

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


class WandbTracker(Tracker):
    """Keeps one W&B run for one run folder.

    It is opened when training begins, stays open between chunks, and is finished when training ends, is interrupted or
    fails. Training that is resumed goes on in the W&B run of the same id, which lies in the run folder
    (`wandb-id.txt`). With `track_checkpoints` the generators are uploaded with every save.
    """

    title = "Weights & Biases"
    package = "wandb"

    def on_sample(self, run: Any, path: Path) -> None:
        """The sheet, and its scores."""

        def send() -> None:
            import wandb

            sheet = wandb.Image(str(path), caption=f"{run.images_seen:,} images")
            scores = {f"samples/{name}": value for name, value in run.scores.items()}
            self.handle.log({"samples/sheet": sheet, **scores}, step=run.images_seen)

        self._attempt(run, "send samples", send)

    def on_save(self, run: Any, path: Path) -> None:
        """The generators as an artifact, if that is asked for; resume.pt is large, and stays here."""

        def send() -> None:
            import wandb

            artifact = wandb.Artifact(f"{self.handle.id}-generator", type="model", metadata={"images": run.images_seen})
            for file in sorted(path.parent.glob("generator*.safetensors")):
                artifact.add_file(str(file))
            self.handle.log_artifact(artifact)

        if run.config.track_checkpoints:
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
            self.handle = _init(run, run_id)
        _open_runs[self.handle.id] = self.handle
        self.handle.define_metric("*", step_metric="images")
        if getattr(self.handle, "offline", False):
            why = ", as there is no login" if offline else ""
            place = f"offline{why}; 'wandb sync {Path(self.handle.dir).parent}' uploads it"
        else:
            place = self.handle.url or "disabled by WANDB_MODE"
        tqdm.write(f"Weights & Biases: run {self.handle.id}, {place}", file=sys.stderr)

    def _send(self, run: Any, values: dict[str, Any]) -> None:
        self.handle.log({"images": run.images_seen, **values}, step=run.images_seen)

    def _finish(self, run: Any, exit_code: int) -> None:
        wandb_run, self.handle = self.handle, None
        if wandb_run is not None:
            _open_runs.pop(wandb_run.id, None)
            if self.failed:
                with contextlib.suppress(Exception):  # said already
                    wandb_run.finish(exit_code=1)
            self._attempt(run, "upload everything ('wandb sync' does)", lambda: wandb_run.finish(exit_code=exit_code))
        self.failed = False


def _init(run: Any, run_id: str) -> Any:
    """W&B's own run, online where that is possible."""
    import wandb

    known = getattr(wandb.Settings, "model_fields", OPTIONS)
    options = {
        "project": os.environ.get("WANDB_PROJECT", PROJECT),
        "name": os.environ.get("WANDB_NAME", run.folder.name),
        "id": run_id,
        "resume": "allow",
        "dir": str(run.folder),
        "config": facts(run),
        "allow_val_change": True,
        "settings": wandb.Settings(**{name: value for name, value in OPTIONS.items() if name in known}),
    }
    mode = os.environ.get("WANDB_MODE", "online")
    try:
        return wandb.init(**options, mode=mode)
    except Exception as error:  # no network, a wrong key: what is kept offline can be uploaded later
        if mode != "online":
            raise
        run.log.problem(f"Weights & Biases: could not start online: {reason(error)}; it goes on offline")
        options["id"] = _id_of(run.folder, fresh=True)  # the other is in use by what could not start
        with _environment(WANDB_MODE="offline"):
            return wandb.init(**options, mode="offline")


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
