"""A training that is killed (SIGKILL) at twenty random moments, beside one that nobody disturbed: equal bit for bit?

`python benchmarks/kill_resume.py` (some 10 minutes on two cores). pix2pix, 64 px, on the CPU, with everything on: live
changes written into controls.json from outside, batches in parts, averaged weights, augmentation, three kept states,
the best generator, sheets of samples, saving every second, Weights & Biases offline where it is installed. A third of
the kills wait for a save and hit the middle of it; some hit while the run is opened. The undisturbed training is made
afterwards, with the live changes at the images where the log says that they were obeyed. Compared are, at every resume
and every 40 images: weights, averages, optimisers, the random generator; at the end also the rows of the log, scores of
samples, live changes and values, and the kept files. No live change that a step once obeyed may be lost. Writes
results/kill_resume.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import util
from pathlib import Path
from typing import Any

import common
import torch

from s2f_utils.data import read_manifest
from s2f_utils.models import checkpoints
from s2f_utils.training import config
from s2f_utils.training.live import COMMANDS
from s2f_utils.training.loop import Callback, train
from s2f_utils.training.run import TrainingRun, open_run
from s2f_utils.training.tracking import read_log

SETTINGS: dict[str, Any] = {
    "size_px": 64, "load_size_px": 68, "base_filters": 8, "disc_filters": 8, "batch_size": 4, "accumulate": 2,
    "total_images": 100_000, "constant_share": 0.0, "ema_half_life_images": 200.0, "rotate_deg": 10.0, "shift_px": 2.0,
    "keep_last": 3, "keep_best": "ssim", "num_samples": 2, "sample_every_images": 200, "log_every_images": 20,
    "save_every_s": 1.0, "precision": "float32", "check_memory": False,
}  # fmt: skip
EVERY = 40  # images between two digests
EDITS = {"lr_g": (5e-5, 4e-4), "lr_d": (5e-5, 4e-4), "lambda_l1": (20.0, 100.0), "augment": (0.0, 1.5)}
DIGESTS = "digests.jsonl"


def digest(run: TrainingRun) -> str:
    """A checksum of everything that the next steps depend on, beside data and live values."""
    hashed = hashlib.sha256(torch.get_rng_state().numpy().tobytes())
    states = [net.state_dict() for net in run.model.nets.values()] + [ema.net.state_dict() for ema in run.ema.values()]
    states += [slot for opt in run.model.optimizers.values() for slot in opt.state_dict()["state"].values()]
    for state in states:
        for name in sorted(state):
            hashed.update(torch.as_tensor(state[name]).contiguous().numpy().tobytes())
    return hashed.hexdigest()


class Digests(Callback):
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


class Repeat(Callback):
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


def begin(data: str, runs: str, tracker: str, resume: str = "auto", **changes: Any) -> TrainingRun:
    """Open the run, or take it up."""
    resolved = config.resolve("pix2pix", "full", SETTINGS | {"tracker": tracker} | changes)
    return open_run(resolved, read_manifest(data), runs, device="cpu", resume=resume, progress=False)


def child(data: str, runs: str, tracker: str, part: str) -> None:
    """What is killed."""
    run = begin(data, runs, tracker)
    train(run, callbacks=[Digests(Path(runs) / DIGESTS, int(part))], progress=False)


def lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file of JSON lines that somebody may have been killed over."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
        try:
            yield json.loads(line)
        except ValueError:
            continue


def newest(runs: Path) -> Path | None:
    """The newest run folder."""
    return max((p for p in runs.iterdir() if p.is_dir()), default=None)


def edit(folder: Path, chance: random.Random) -> None:
    """Change a live value as a person does, in controls.json."""
    path = folder / "controls.json"
    name, (low, high) = chance.choice(list(EDITS.items()))
    changes = {name: round(chance.uniform(low, high), 7)}
    if chance.random() < 0.25:
        changes = {"batch_size": chance.choice([2, 4, 6])}
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return
    spare = path.with_suffix(".edited")
    spare.write_text(json.dumps(held | changes), encoding="utf-8")
    os.replace(spare, path)


def half_written(folder: Path | None) -> list[str]:
    """Files that somebody is writing, or was killed over."""
    return sorted(p.name for p in folder.glob(".*.part")) if folder else []


def disturbed(data: str, runs: Path, tracker: str, num_kills: int, chance: random.Random) -> list[dict[str, Any]]:
    """Train, edit and kill so many times, then once more to a clean end; what happened at each kill."""
    began, kills = time.monotonic(), []
    kinds = [("saving", "any", "any", "saving", "any", "opening")[n % 6] for n in range(num_kills)] + ["end"]
    for part, kind in enumerate(kinds):
        before = {p: len(list(lines(p / "log.jsonl"))) for p in runs.iterdir() if p.is_dir()}
        command = [sys.executable, __file__, "--child", data, str(runs), tracker, str(part)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, stderr=subprocess.DEVNULL)
        if kind == "opening":
            time.sleep(chance.uniform(1.0, 8.0))
        else:
            if "training goes on" not in process.stdout.readline():
                raise SystemExit(f"part {part} did not begin")
            until = time.monotonic() + chance.uniform(1.5, 6.0)
            while time.monotonic() < until:
                time.sleep(chance.uniform(0.1, 1.5))
                edit(newest(runs), chance)
        if kind == "end":
            process.send_signal(signal.SIGINT)
        if kind == "saving":
            folder, deadline = newest(runs), time.monotonic() + 60
            while not half_written(folder) and time.monotonic() < deadline:
                time.sleep(0.0005)
            time.sleep(chance.choice([0.0, 0.0, chance.uniform(0, 0.05)]))
        if kind != "end":
            process.kill()
        process.wait(timeout=120)
        folder = newest(runs)
        row = {"kind": kind, "second": round(time.monotonic() - began, 1), "half_written": half_written(folder)}
        told = list(lines(folder / "log.jsonl"))[before.get(folder, 0) :] if folder else []
        kills.append(row | {"part": part, "reached": told[-1]["images"] if told else None})  # None: nothing done yet
        print(kills[-1], flush=True)
    return kills[:-1]


def tensors_of(state: Any, path: str = "") -> dict[str, torch.Tensor]:
    """All tensors and numbers in a saved state, by their place; not the clock's."""
    if isinstance(state, dict):
        found = {}
        for key, value in state.items():
            if key not in ("seconds", "config", "data_ids"):
                found |= tensors_of(value, f"{path}/{key}")
        return found
    if isinstance(state, list | tuple):
        return tensors_of(dict(enumerate(state)), path)
    return {path: torch.as_tensor(state)} if isinstance(state, torch.Tensor | int | float) else {}


def same_tensors(one: Any, other: Any) -> bool:
    """Whether two saved states are equal bit for bit."""
    a, b = tensors_of(one), tensors_of(other)
    return len(a) > 0 and set(a) == set(b) and all(torch.equal(a[name], b[name]) for name in a)


def lost_changes(folder: Path) -> list[dict[str, Any]]:
    """Live changes that a step once obeyed and that are not in the log's last word, unless somebody moved the same
    value anew before it came to them again.
    """
    told = [e for e in lines(folder / "log.jsonl") if e.get("event") == "change" and e["name"] not in COMMANDS]
    kept = {(e["images"], e["name"], e["new"]) for e in read_log(folder)[1] if e["event"] == "change"}
    return [
        e
        for number, e in enumerate(told)
        if (e["images"], e["name"], e["new"]) not in kept
        and not any(o["name"] == e["name"] and o["images"] <= e["images"] for o in told[number + 1 :])
    ]


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


def main() -> None:
    """Kill, resume, compare, and write results/kill_resume.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the edits")
    parser.add_argument("--no-wandb", action="store_true")
    parser.add_argument("--no-write", action="store_true", help="print the results only")
    parser.add_argument("--child", nargs=4, metavar=("DATA", "RUNS", "TRACKER", "PART"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    import data_prep

    os.environ["WANDB_MODE"] = "offline"
    tracker = "wandb" if util.find_spec("wandb") and not args.no_wandb else "none"
    with tempfile.TemporaryDirectory() as place:
        data = str(data_prep.make_synthetic(Path(place) / "faces", num=24, size_px=64, progress=False))
        runs = Path(place) / "runs"
        runs.mkdir()
        kills = disturbed(data, runs, tracker, args.kills, random.Random(args.seed))
        folder = newest(runs)
        rows, events = read_log(folder)
        changes = [e for e in events if e["event"] == "change" and e["name"] not in COMMANDS]
        found = [e for e in lines(runs / DIGESTS) if e["folder"] == folder.name]
        end = checkpoints.load_torch_file(folder / "resume.pt")["images_seen"]

        whole = begin(data, str(Path(place) / "whole"), "none", resume="never", save_every_s=1e9, keep_last=1)
        at = frozenset(e["images"] for e in found)
        train(whole, callbacks=[Digests(Path(place) / DIGESTS, 0, at), Repeat(changes, end)], progress=False)
        expected = {e["images"]: e["digest"] for e in lines(Path(place) / DIGESTS)}
        compared = set()
        for kill in kills:
            part = kill.pop("part")
            after = [e for e in found if e["part"] > part]
            begun = next((e["images"] for e in after if e["what"] == "start"), None)
            kill["resumed_at"] = begun
            kill["lost_images"] = None if begun is None else max(0, (kill["reached"] or 0) - begun)
            # What counts is the training up to where the next kill's resume began: past it, what was lost may have
            # known nothing yet of an edit that was obeyed from there on.
            kept = end
            next_part = [e for e in after if e["part"] == min(e["part"] for e in after)] if after else []
            if next_part:
                starts = (e["images"] for e in after if e["part"] > next_part[0]["part"] and e["what"] == "start")
                kept = next(starts, end)
            states = [e for e in next_part if e["images"] <= kept]
            kill["states_compared"] = len(states)
            compared |= {(e["part"], e["what"], e["images"]) for e in states}
            kill["equal"] = bool(states) and all(expected.get(e["images"]) == e["digest"] for e in states)
        results = {
            "settings": SETTINGS | {"tracker": tracker},
            "images": end,
            "live_changes": len(changes),
            "live_changes_lost": len(lost_changes(folder)),
            "kills": kills,
            "kills_in_the_middle_of_saving": sum(bool(kill["half_written"]) for kill in kills),
            "images_of_a_second": round(end / max(row["seconds"] for row in rows), 1),
            "states_compared": len(compared),
            "equal_at_the_end": compare(folder, whole.folder),
        }
    if args.no_write:
        print(json.dumps(results))
    else:
        common.write("kill_resume", results)
    if results["live_changes_lost"] or not all(
        [*results["equal_at_the_end"].values(), *(kill["equal"] for kill in kills)]
    ):
        raise SystemExit("not equal")


if __name__ == "__main__":
    main()
