"""Weights & Biases, where a run asks for it (`tracker="wandb"`): losses, samples, live changes, settings, machine."""

from __future__ import annotations

import contextlib
import netrc
import os
import secrets
import sys
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

from tqdm.auto import tqdm

from s2f_utils import runtime
from s2f_utils.training.tracker import Tracker, facts

PROJECT = "sketch-to-face"  # unless WANDB_PROJECT is set
ID_FILE = "wandb-id.txt"
OPTIONS = {  # those that the installed version knows are used
    "console": "off",  # what is printed stays here: a progress bar is not worth uploading
    "silent": True,
    "disable_git": True,  # no address and no changes of whatever repository training is started in
    "finish_timeout": 300.0,  # seconds; what is not uploaded by then stays in the run folder
    "finish_timeout_raises": True,
}


class WandbTracker(Tracker):
    """Keeps one W&B run for one run folder: training that is resumed goes on in the W&B run of the same id, which lies
    in the run folder (`wandb-id.txt`). With `track_checkpoints` the generators are uploaded with every save.
    """

    title = "Weights & Biases"
    package = "wandb"

    def on_save(self, run: Any, path: Path) -> None:
        """The generators as an artifact, if that is asked for; resume.pt is large, and stays here."""
        if run.config.track_checkpoints:
            self._attempt(run, "send a checkpoint", lambda: self._send_generators(run))

    def _send_generators(self, run: Any) -> None:
        import wandb

        artifact = wandb.Artifact(f"{self.handle.id}-generator", type="model", metadata={"images": run.images_seen})
        with mock.patch.dict(os.environ, WANDB_DATA_DIR=str(run.folder / "wandb")):  # where copies for uploading lie
            for file in sorted(run.folder.glob("generator*.safetensors")):
                artifact.add_file(str(file))
            self.handle.log_artifact(artifact)

    def _open(self, run: Any) -> Any:
        import wandb

        id_file = run.folder / ID_FILE
        if not id_file.exists():
            with runtime.atomic_path(id_file) as temporary:
                temporary.write_text(secrets.token_hex(4) + "\n", encoding="utf-8")  # no random number of training's
        described = facts(run)
        known = getattr(wandb.Settings, "model_fields", OPTIONS)
        settings = wandb.Settings(**{name: value for name, value in OPTIONS.items() if name in known})
        offline = "WANDB_MODE" not in os.environ and not is_logged_in()
        # `mode` alone would not do: without the variable, wandb looks a telemetry host up even offline.
        with mock.patch.dict(os.environ, {"WANDB_MODE": "offline"} if offline else {}):
            handle = wandb.init(
                project=os.environ.get("WANDB_PROJECT", PROJECT),
                name=os.environ.get("WANDB_NAME", run.folder.name),
                id=id_file.read_text(encoding="utf-8").strip(),
                resume="allow",
                reinit="finish_previous",  # a cell that was stopped in the middle of its chunks left one open
                dir=str(run.folder),
                config={**described.pop("settings"), **described},
                allow_val_change=True,
                settings=settings,
                mode=os.environ.get("WANDB_MODE", "online"),
            )
        handle.define_metric("*", step_metric="images")
        place = handle.url or "disabled by WANDB_MODE"
        if getattr(handle, "offline", False):
            why = ", as there is no login" if offline else ""
            place = f"offline{why}; 'wandb sync {Path(handle.dir).parent}' uploads it"
        tqdm.write(f"Weights & Biases: run {handle.id}, {place}", file=sys.stderr)
        return handle

    def _send(self, run: Any, values: dict[str, Any], sheet: Path | None = None) -> None:
        if sheet is not None:
            import wandb

            values = values | {"samples/sheet": wandb.Image(str(sheet), caption=f"{run.images_seen:,} images")}
        self.handle.log({"images": run.images_seen, **values}, step=run.images_seen)

    def _close(self, handle: Any, failed: bool) -> None:
        handle.finish(exit_code=int(failed))


def is_logged_in() -> bool:
    """Whether there is a W&B key to be found without asking: in the environment or in ~/.netrc."""
    if os.environ.get("WANDB_API_KEY") or os.environ.get("WANDB_IDENTITY_TOKEN_FILE"):
        return True
    host = urlsplit(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).netloc
    with contextlib.suppress(OSError, netrc.NetrcParseError):
        return netrc.netrc(os.environ.get("NETRC") or Path("~/.netrc").expanduser()).authenticators(host) is not None
    return False
