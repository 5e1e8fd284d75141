"""What a killed training of kill_resume.py is compared by: digests on its way, and what is in its folder at the end."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import common  # noqa: F401  (puts the clone first)
import torch

from s2f_utils.models import checkpoints
from s2f_utils.training.live import COMMANDS
from s2f_utils.training.run import TrainingRun
from s2f_utils.training.tracking import read_log

EVERY = 40  # images between two digests


def digest(run: TrainingRun) -> str:
    """A checksum of everything that the next steps depend on, beside data and live values."""
    hashed = hashlib.sha256(torch.get_rng_state().numpy().tobytes())
    states = [net.state_dict() for net in run.model.nets.values()] + [ema.net.state_dict() for ema in run.ema.values()]
    states += [slot for opt in run.model.optimizers.values() for slot in opt.state_dict()["state"].values()]
    for state in states:
        for name in sorted(state):
            hashed.update(torch.as_tensor(state[name]).cpu().contiguous().numpy().tobytes())
    return hashed.hexdigest()


class Digests:
    """Writes a digest down where training begins or goes on, every 40 images, and at the images that are asked for."""

    def __init__(self, path: Path, part: int, at: frozenset[int] = frozenset()) -> None:
        self.path, self.part, self.at, self.before = path, part, at, 0

    def on_start(self, run: TrainingRun) -> None:
        """The state as it was taken up."""
        self.before = run.images_seen
        self._write(run, "start")
        print(f"training goes on at image {run.images_seen}", flush=True)  # W&B, which comes first, is ready

    def on_step(self, run: TrainingRun) -> None:
        """The state after a step."""
        if run.images_seen // EVERY > self.before // EVERY or run.images_seen in self.at:
            self._write(run, "step")
        self.before = run.images_seen

    def _write(self, run: TrainingRun, what: str) -> None:
        entry = {"folder": run.folder.name, "part": self.part, "what": what, "images": run.images_seen}
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(json.dumps(entry | {"digest": digest(run)}) + "\n")


class Repeat:
    """Makes given live changes at given images, and stops at the end."""

    def __init__(self, changes: list[dict[str, Any]], end: int) -> None:
        self.changes, self.end = changes, end

    def on_start(self, run: TrainingRun) -> None:
        """Those before the first step."""
        self.on_step(run)

    def on_step(self, run: TrainingRun) -> None:
        """Those of the next step."""
        for change in self.changes:
            if change["images"] == run.images_seen:
                run.live.set(change["name"], change["new"], change["source"])
        if run.images_seen == self.end:
            run.live.set("stop", True, "benchmark")


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file of JSON lines that somebody may have been killed over."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def tensors_of(state: Any, path: str = "") -> dict[str, torch.Tensor]:
    """All tensors and numbers in a saved state, by their place; not the clock's."""
    if isinstance(state, dict):
        found = {}
        for key, value in state.items():
            if key not in ("seconds", "spent_s", "config", "data_ids"):
                found |= tensors_of(value, f"{path}/{key}")
        return found
    if isinstance(state, list | tuple):
        return tensors_of(dict(enumerate(state)), path)
    return {path: torch.as_tensor(state)} if isinstance(state, torch.Tensor | int | float) else {}


def same_tensors(one: Any, other: Any) -> bool:
    """Whether two saved states are equal bit for bit."""
    a, b = tensors_of(one), tensors_of(other)
    return len(a) > 0 and set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def compare(folder: Path, whole: Path) -> dict[str, bool]:
    """The killed run's folder against the undisturbed one's, at the end."""
    equal = {}
    states = [checkpoints.load_torch_file(f / "resume.pt") for f in (folder, whole)]
    equal["final state"] = same_tensors(*states)
    for name in ("generator", "generator-best"):
        equal[name] = same_tensors(
            *(checkpoints.load_network(f / f"{name}.safetensors")[0].state_dict() for f in (folder, whole))
        )
    rows, events = zip(*(read_log(f) for f in (folder, whole)), strict=True)
    clockless = [[{k: v for k, v in row.items() if "second" not in k} for row in part] for part in rows]
    equal["rows of the log"] = clockless[0] == clockless[1] and len(clockless[0]) > 0

    def told(part: list[dict[str, Any]], kind: str, *names: str) -> list[list[Any]]:
        found = [[e.get(name) for name in names] for e in part if e["event"] == kind and e.get("name") not in COMMANDS]
        return sorted(found, key=str)

    equal["scores of samples"] = (
        len({str(told(p, "sample", "images", "ssim", "psnr", "mse", "l1")) for p in events}) == 1
    )
    equal["live changes"] = len({str(told(p, "change", "images", "name", "new")) for p in events}) == 1
    return equal
