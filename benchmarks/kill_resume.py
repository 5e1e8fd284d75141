"""A training that is killed (SIGKILL) at twenty random moments, beside one that nobody disturbed: equal bit for bit?

`python benchmarks/kill_resume.py` (some 10 minutes on two cores). pix2pix, 64 px, on the CPU, or with `--device cuda`
on a GPU, where cuDNN's and cuBLAS' kernels are held to those that always give the same; with everything on: live
changes written into controls.json from outside, batches in parts, averaged weights, augmentation, three kept states,
the best generator, sheets of samples, saving every second, Weights & Biases offline where it is installed. A third of
the kills wait for a save and hit the middle of it; some hit while the run is opened. The undisturbed training is made
afterwards, with the live changes at the images where the log says that they were obeyed. Compared are, at every resume
and every 40 images: weights, averages, optimisers, the random generator; at the end also the rows of the log, scores of
samples, live changes and values, and the kept files. Writes results/kill_resume.json.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import util
from pathlib import Path
from typing import Any

import common
import kept
from kill_compare import Digests, Repeat, compare, lines

from s2f_utils import runtime
from s2f_utils.data import read_manifest
from s2f_utils.models import checkpoints
from s2f_utils.training import config
from s2f_utils.training.live import COMMANDS
from s2f_utils.training.loop import train
from s2f_utils.training.run import TrainingRun, open_run
from s2f_utils.training.tracking import read_log

SETTINGS: dict[str, Any] = {
    "size_px": 64, "load_size_px": 68, "base_filters": 8, "disc_filters": 8, "batch_size": 4, "accumulate": 2,
    "total_images": 100_000, "constant_share": 0.0, "ema_half_life_images": 200.0, "rotate_deg": 10.0, "shift_px": 2.0,
    "keep_last": 3, "keep_best": "ssim", "num_samples": 2, "sample_every_images": 200, "log_every_images": 20,
    "save_every_s": 1.0, "precision": "float32",
}  # fmt: skip
EDITS = {"lr_g": (5e-5, 4e-4), "lr_d": (5e-5, 4e-4), "lambda_l1": (20.0, 100.0), "augment": (0.0, 1.5)}
DIGESTS = "digests.jsonl"
CHILD = ("DATA", "RUNS", "TRACKER", "PART", "DEVICE")


def begin(data: str, runs: str, tracker: str, device: str, resume: str = "auto", **changes: Any) -> TrainingRun:
    """Open the run, or take it up."""
    if device != "cpu":
        import torch

        torch.backends.cudnn.deterministic = True
        torch.use_deterministic_algorithms(True, warn_only=True)
    resolved = config.resolve("pix2pix", "full", SETTINGS | {"tracker": tracker} | changes)
    return open_run(resolved, read_manifest(data), runs, device=device, resume=resume, progress=False)


def child(data: str, runs: str, tracker: str, part: str, device: str) -> None:
    """What is killed."""
    run = begin(data, runs, tracker, device)
    train(run, callbacks=[Digests(Path(runs) / DIGESTS, int(part))], progress=False)


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


def disturbed(
    data: str, runs: Path, tracker: str, device: str, num_kills: int, chance: random.Random
) -> list[dict[str, Any]]:
    """Train, edit and kill so many times, then once more to a clean end; what happened at each kill."""
    began, kills = time.monotonic(), []
    kinds = [("saving", "any", "any", "saving", "any", "opening")[n % 6] for n in range(num_kills)] + ["end"]
    for part, kind in enumerate(kinds):
        before = {p: len(list(lines(p / "log.jsonl"))) for p in runs.iterdir() if p.is_dir()}
        command = [sys.executable, __file__, "--child", data, str(runs), tracker, str(part), device]
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


def judge(kills: list[dict[str, Any]], found: list[dict[str, Any]], expected: dict[int, str], end: int) -> int:
    """Say of each kill where the training went on, what it lost, and whether its digests are the expected ones; how
    many states were compared in all.
    """
    compared = set()
    for kill in kills:
        part = kill.pop("part")
        after = [e for e in found if e["part"] > part]
        begun = next((e["images"] for e in after if e["what"] == "start"), None)
        kill["resumed_at"] = begun
        kill["lost_images"] = None if begun is None else max(0, (kill["reached"] or 0) - begun)
        # What counts is the training up to where the next kill's resume began: past it, what was lost may have known
        # nothing yet of an edit that was obeyed from there on.
        kept = end
        next_part = [e for e in after if e["part"] == min(e["part"] for e in after)] if after else []
        if next_part:
            starts = (e["images"] for e in after if e["part"] > next_part[0]["part"] and e["what"] == "start")
            kept = next(starts, end)
        states = [e for e in next_part if e["images"] <= kept]
        kill["states_compared"] = len(states)
        compared |= {(e["part"], e["what"], e["images"]) for e in states}
        kill["equal"] = bool(states) and all(expected.get(e["images"]) == e["digest"] for e in states)
    return len(compared)


def outcome(data: str, runs: Path, place: Path, device: str, kills: list[dict[str, Any]]) -> dict[str, Any]:
    """Make the undisturbed training, and hold the killed one against it."""
    folder = newest(runs)
    rows, events = read_log(folder)
    changes = [e for e in events if e["event"] == "change" and e["name"] not in COMMANDS]
    found = [e for e in lines(runs / DIGESTS) if e["folder"] == folder.name]
    end = checkpoints.load_torch_file(folder / "resume.pt")["images_seen"]

    whole = begin(data, str(place / "whole"), "none", device, resume="never", save_every_s=1e9, keep_last=1)
    at = frozenset(e["images"] for e in found)
    train(whole, callbacks=[Digests(place / DIGESTS, 0, at), Repeat(changes, end)], progress=False)
    expected = {e["images"]: e["digest"] for e in lines(place / DIGESTS)}
    compared = judge(kills, found, expected, end)
    return {
        "settings": dict(SETTINGS),
        "images": end,
        "live_changes": len(changes),
        "kills": kills,
        "kills_in_the_middle_of_saving": sum(bool(kill["half_written"]) for kill in kills),
        "images_of_a_second": round(end / max(row["seconds"] for row in rows), 1),
        "states_compared": compared,
        "equal_at_the_end": compare(folder, whole.folder),
    }


def main() -> None:
    """Kill, resume, compare, and write results/kill_resume.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the edits")
    parser.add_argument("--device", choices=["cpu", "cuda", "auto"], default="cpu")
    parser.add_argument("--no-wandb", action="store_true")
    parser.add_argument("--no-write", action="store_true", help="print the results only")
    parser.add_argument("--child", nargs=5, metavar=CHILD, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        child(*args.child)
        return
    args.device = runtime.pick_device(args.device).type
    import data_prep

    os.environ["WANDB_MODE"] = "offline"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # without it cuBLAS may give another sum each time
    tracker = "wandb" if util.find_spec("wandb") and not args.no_wandb else "none"
    with tempfile.TemporaryDirectory() as place:
        data = str(data_prep.make_synthetic(Path(place) / "faces", num=24, size_px=64, progress=False))
        runs = Path(place) / "runs"
        runs.mkdir()
        kills = disturbed(data, runs, tracker, args.device, args.kills, random.Random(args.seed))
        results = outcome(data, runs, Path(place), args.device, kills)
    results["settings"] |= {"tracker": tracker}
    if args.no_write:
        print(json.dumps(results))
    alike = all([*results["equal_at_the_end"].values(), *(kill["equal"] for kill in kills)])
    path = kept.path_of("kill_resume") if args.device == "cuda" else common.RESULTS / "kill_resume.json"
    if not args.no_write:
        kept.write(path, kept.code_of(__file__), results, alike)
        print(path.read_text(encoding="utf-8"))
    if not alike:
        raise SystemExit("not equal")


def table(found: dict[str, Any]) -> str:
    """How often a training was killed, and whether it went on as if nothing had been."""
    r = found["results"]
    kinds = {"saving": "while it was saved", "any": "at any moment", "opening": "while the run was opened"}
    rows = []
    for kind, words in kinds.items():
        kills = [kill for kill in r["kills"] if kill["kind"] == kind]
        if not kills:
            continue
        lost = [kill["lost_images"] for kill in kills]
        middle, equal = (sum(bool(kill[name]) for kill in kills) for name in ("half_written", "equal"))
        rows.append([words, str(len(kills)), str(middle), f"{statistics.median(lost):g}, at most {max(lost)}"])
        rows[-1].append(f"{equal} of {len(kills)}")
    header = ["killed", "times", "a file was half written", "images trained anew", "resumed bit for bit"]
    end = r["equal_at_the_end"]
    where = f"On {common.machine_of(found)}:\n\n" if found["machine"]["gpu"] != "none" else ""
    return (
        where
        + common.markdown(header, rows)
        + f"\n\n{r['images']:,} images in the end, {r['live_changes']} live changes obeyed;"
        + f" saved every {r['settings']['save_every_s']:g} s, at"
        + f" {r['images_of_a_second']:g} images a second. {r['states_compared']} states were compared."
        + f" Equal at the end: {', '.join(name for name, same in end.items() if same)}"
        + (f". Not equal: {', '.join(n for n, same in end.items() if not same)}." if not all(end.values()) else ".")
    )


TABLES = {"kills": table}


if __name__ == "__main__":
    main()
