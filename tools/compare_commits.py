"""Run an old and a new commit at fixed seeds, and say of each item whether both give the same, to the last bit.

`python tools/compare_commits.py OLD [NEW]`; NEW is the working tree if left out. For refactorings; with the project's
interpreter. Each side has one thread and takes four to five minutes of processor time; both run at once, on two cores.

Both sides are reached by their command lines alone, so that modules may move. Where a command or a flag has changed,
adapt the tables below. All inputs are OLD's: drawn faces, example drawings, trained and interrupted runs. So one fault
of NEW shows in one item, and NEW has to read what OLD has written. What OLD made is kept in --work (0.6 GB), and a
later comparison with it runs NEW alone; what NEW made is kept until then.
"""

from __future__ import annotations

import argparse
import fcntl
import fnmatch
import hashlib
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors import safe_open

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT_S = 300.0  # of one command

# Commands, as after `python -m`. {item}: the item's own folder; old/NAME: what OLD left in the folder of item NAME.
TRAIN = (
    "s2f_utils train {method} --data old/faces --profile fast --device cpu --runs {item} --name run --no-report"
    " --set check_memory=false --set batch_size=4"
)
METHODS = {  # what each takes beside that
    "pix2pix": "",
    "cyclegan": "--set pool_size=6",
    "cgan": "",
    "faithful": "",
    "realistic": "--init old/train-faithful/0001-run",
    "stylegan2": "--set r1_every=2 --set path_every=2 --set ada_images=100",
    "psp": "--init faces-64 --set mixing=0.5",
    "restore": "--set r1_every=2",
}
# kind of item → settings, and the methods that have none of it: two refuse to accumulate, others autocast alike
KINDS = {
    "train": ("precision=float32 total_images=12 log_every_images=4 sample_every_images=12", ()),
    "parts": ("precision=float32 total_images=4 accumulate=2", ("cyclegan", "stylegan2")),
    "bfloat16": ("precision=bfloat16 total_images=8 log_every_images=4", ("cyclegan", "cgan", "faithful", "restore")),
    "half": ("precision=float32 total_images=120 log_every_images=24 sample_every_images=60", ()),
}
TRANSLATE = "s2f_utils translate --device cpu --out {item}"
FACES = "s2f_utils faces --device cpu --out {item} --num 4 --seed 5"
ENHANCE = "s2f_utils enhance --device cpu --out {item} --seed 2 old/large/photos/face-00000.png"
EVALUATE = "s2f_utils evaluate --device cpu --out {item} --data old/faces --metrics all"
PAIRS = "data_prep pairs old/large {item} --workers 1 --size 128 --align face"
DATA = {
    "faces": "data_prep synthetic {item} --num 24 --size 64 --workers 1",
    "large": "data_prep synthetic {item} --num 3 --size 256 --seed 1 --workers 1",
    "pairs": f"{PAIRS} --detector none --fallback centre --style pencil,xdog,contour",
    "pairs-found": f"{PAIRS} --clean",  # needs the face detector
}
USES = {
    "translate-sheet": f"{TRANSLATE} old/examples/glasses.png old/examples/curls.png",
    "translate-options": f"{TRANSLATE} old/examples/beard.png --detail 1 --variations 2 --seed 7 --clean always"
    " --frame person --eyes 95,120,160,120 --mouth 128,180",
    "translate-faithful": f"{TRANSLATE} sketch-to-photo-faithful old/examples/hat.png",
    "translate-to-sketch": f"{TRANSLATE} photo-to-sketch old/large/photos/face-00000.png --align",
    "translate-run": f"{TRANSLATE} old/train-pix2pix/0001-run old/examples/child.png --fit pad",
    "translate-run-paper": f"{TRANSLATE} old/train-pix2pix/0001-run old/examples/child.png --mode paper --seed 4",
    "translate-run-sheet": f"{TRANSLATE} old/train-realistic/0001-run old/examples/child.png --detail 0.7 --seed 4",
    "faces-by-chance": f"{FACES} faces-64",
    "faces-by-chance-run": f"{FACES} old/train-stylegan2/0001-run --psi 1",
    "faces-sketch": f"{FACES} sketch-to-face-64 old/faces/sketches/face-00001.png",
    "faces-map": f"{FACES} map-to-face-64 old/faces/masks/face-00002.png --layers middle --strength 0.8",
    "faces-run": f"{FACES} old/train-psp/0001-run old/faces/sketches/face-00003.png",
    "enhance": f"{ENHANCE} --restorer restorer-256 --aligned --strength 0.8 --faces",
    "enhance-run": f"{ENHANCE} --restorer old/train-restore/0001-run --aligned --upscale 2",
    "enhance-found": f"{ENHANCE} --restorer restorer-256",  # needs the face detector
    "evaluate": f"{EVALUATE} old/train-pix2pix/0001-run --mode deterministic --mode paper",
    "evaluate-back": f"{EVALUATE} old/train-cyclegan/0001-run --direction photo-to-sketch",
}
WEIGHTS = "s2f_utils weights"  # says where the library lies, and which published weights are here
EXAMPLES = "s2f_utils/**/examples"  # the drawings that come along, wherever OLD has them
NOT_HERE = "weights are not here"  # a command that fails with these words in OLD and in NEW is skipped

# What is not the same in two runs of one commit, or says only which commit it was.
IGNORED_KEYS = {"time", "seconds", "spent_s", "images_per_second", "seconds_per_image"}
IGNORED_KEYS |= {"machine", "versions", "drawing_digest", "config", "made_by", "times_scored"}
IGNORED_FILES = {"config.json", "report.html", "times-scored.jsonl"}
Values = Mapping[str, np.ndarray | str]  # what a file holds, by name


@dataclass(frozen=True)
class Item:
    """One command and the folder that it fills, which has the item's name.

    start: the item of OLD whose folder it begins with. interrupted: it gets Ctrl-C at its first losses; in OLD only.
    """

    name: str
    command: str
    start: str = ""
    interrupted: bool = False

    @property
    def needs(self) -> set[str]:
        """The items of OLD that it reads."""
        return {self.start, *re.findall(r"old/([\w-]+)", self.command)} - {"", "examples"}


def table() -> list[Item]:
    """All items; what one needs stands before it."""
    items = [Item(name, command.format(item=name)) for name, command in DATA.items()]
    for kind, (settings, without) in KINDS.items():
        for method in (m for m in METHODS if m not in without):
            flags = " ".join([METHODS[method], *(f"--set {setting}" for setting in settings.split())])
            name, again, command = f"{kind}-{method}", f"resume-{method}", f"{TRAIN} {flags}"
            items.append(Item(name, command.format(item=name, method=method), interrupted=kind == "half"))
            if kind == "half":
                command += f" --resume {again}/0001-run"
                items.append(Item(again, command.format(item=again, method=method), start=name))
    return items + [Item(name, command.format(item=name)) for name, command in USES.items()]


@dataclass
class Side:
    """A commit: its files in `tree`; `root` is where its commands run and leave a folder for each item."""

    tree: Path
    root: Path
    problems: dict[str, str] = field(default_factory=dict)  # why an item could not be made; "" where it could
    done: dict[str, threading.Event] = field(default_factory=dict)

    def begin(self, command: str, **options: Any) -> subprocess.Popen:
        """Start a command of this tree, with one thread, offline, on the CPU."""
        env = {name: value for name, value in os.environ.items() if name != "S2F_PROFILE"}
        env |= dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "S2F_OFFLINE"), "1")
        env |= {"PYTHONPATH": str(self.tree), "PYTHONSAFEPATH": "1", "PYTHONHASHSEED": "0", "CUDA_VISIBLE_DEVICES": ""}
        argv = [sys.executable, "-m", *shlex.split(command)]
        return subprocess.Popen(argv, cwd=self.root, env=env, start_new_session=True, **options)

    def make(self, item: Item, stop: threading.Event) -> str:
        """Run the item's command unless its results are here already; "" or what went wrong."""
        out, log, finished = (self.root / f"{item.name}{suffix}" for suffix in ("", ".log", ".done"))
        if finished.exists():
            return ""
        shutil.rmtree(out, ignore_errors=True)
        if item.start:
            shutil.copytree(self.root / "old" / item.start, out)
        end, sent = time.monotonic() + TIMEOUT_S, False
        with open(log, "wb") as file:
            process = self.begin(item.command, stdout=file, stderr=subprocess.STDOUT)
            while process.poll() is None:
                if stop.is_set() or time.monotonic() > end:
                    process.kill()
                if item.interrupted and not sent and any('"loss_' in p.read_text() for p in out.glob("*/log.jsonl")):
                    process.send_signal(signal.SIGINT)
                    sent = True
                time.sleep(0.02)
        if process.returncode != (130 if item.interrupted else 0):
            said = log.read_text(errors="replace").strip().splitlines() or [""]
            told = next((line for line in said if NOT_HERE in line), said[-1])
            return f"exit status {process.returncode}: {told[-300:]}"
        finished.touch()
        return ""

    def run(self, items: Sequence[Item], old: Side, stop: threading.Event) -> None:
        """Make the items one after the other, each when what it reads is there."""
        try:
            for item in items:
                for name in item.needs:
                    old.done[name].wait()
                if stop.is_set():
                    break
                missing = [name for name in item.needs if old.problems.get(name, "not run")]
                self.problems[item.name] = f"OLD has no {missing[0]}" if missing else self.make(item, stop)
                self.done[item.name].set()
        finally:
            for event in self.done.values():
                event.set()


def git(*args: str, **env: str) -> str:
    """What git says about this repository."""
    return subprocess.check_output(["git", *args], cwd=ROOT, env={**os.environ, **env}, text=True).strip()


def write_tree(commit: str | None, folder: Path) -> Path:
    """The files of a commit, or of the working tree as it is now (None), in `folder`, complete or absent."""
    if folder.is_dir():
        return folder
    part = Path(tempfile.mkdtemp(prefix=".tree-", dir=folder.parent))
    if commit is None:
        index = {"GIT_INDEX_FILE": str(part / "index")}  # the person's own index stays as it is
        git("add", "--all", **index)
        commit = git("write-tree", **index)
    git("archive", f"--output={part / 'all.zip'}", commit)
    shutil.unpack_archive(part / "all.zip", part)
    return part.rename(folder)


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, np.ndarray | str]]:
    """Arrays and words of nested mappings and lists, by their path; what is to be ignored is left out."""
    if isinstance(value, list | tuple) and not all(isinstance(v, int | float) for v in value):
        value = dict(enumerate(value))
    if isinstance(value, Mapping):
        for name, inside in value.items():
            if name not in IGNORED_KEYS:
                yield from leaves(inside, f"{key}/{name}" if key else str(name))
    elif isinstance(value, list | tuple | int | float):
        yield key, np.asarray(value, np.float64)
    elif isinstance(value, torch.Tensor):  # NumPy has no bfloat16, and float32 holds it exactly
        yield key, (value.float() if value.dtype == torch.bfloat16 else value).detach().numpy()
    else:
        yield key, str(value)


def read_file(path: Path) -> Values:
    """What a file holds, as arrays and words by name."""
    if path.suffix == ".safetensors":
        with safe_open(path, framework="pt", device="cpu") as file:
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
            header = {k: json.loads(v) if v[:1] == "{" else v for k, v in (file.metadata() or {}).items()}
        return dict(leaves({"header": header, **weights}))
    if path.suffix == ".pt":
        return dict(leaves(torch.load(path, map_location="cpu", weights_only=True)))
    if path.suffix == ".png":
        with Image.open(path) as picture:
            return {"pixels": np.asarray(picture), **{f"text {key}": value for key, value in picture.text.items()}}
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".jsonl":
        return dict(leaves([json.loads(line) for line in text.splitlines()]))
    return dict(leaves(json.loads(text))) if path.suffix == ".json" else {"text": text}


def read_folder(folder: Path) -> dict[str, Values]:
    """What the files below a folder hold, by name."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in IGNORED_FILES)
    return {path.relative_to(folder).as_posix(): read_file(path) for path in paths}


def digest(files: Mapping[str, Values]) -> str:
    """A fingerprint of all names and values."""
    total = hashlib.sha256()
    for name, values in sorted(files.items()):
        for key, value in sorted(values.items()):
            is_text = isinstance(value, str)
            total.update(f"{name} {key} {'' if is_text else (value.dtype, value.shape)}\n".encode())
            total.update(value.encode() if is_text else value.tobytes())
    return total.hexdigest()[:12]


def difference(old: np.ndarray | str | None, new: np.ndarray | str | None) -> float | str | None:
    """None where both are the same to the last bit; else the largest absolute difference, or words.

    0.0 where only the sign of a zero differs; infinite where one is NaN and the other is not.
    """
    if old is None or new is None:
        return "only in NEW" if old is None else "only in OLD"
    if isinstance(old, str) or isinstance(new, str):
        return None if str(old) == str(new) else f"{str(old)[:40]!r} → {str(new)[:40]!r}"
    if (old.shape, old.dtype) != (new.shape, new.dtype):
        return f"{old.dtype} {old.shape} → {new.dtype} {new.shape}"
    if old.tobytes() == new.tobytes():
        return None
    with np.errstate(invalid="ignore"):
        apart = np.abs(np.subtract(old, new, dtype=np.float64))
    same = (old == new) | ((old != old) & (new != new))  # infinities, and NaN, that both have
    return float(np.where(same, 0.0, np.where(np.isnan(apart), math.inf, apart)).max())


def compare_files(old: Mapping[str, Values], new: Mapping[str, Values]) -> dict[str, dict[str, float | str]]:
    """What differs between the files of an item: file → value's name → difference; {} where nothing does."""
    found: dict[str, dict[str, float | str]] = {}
    for name in sorted({*old, *new}):
        if name not in old or name not in new:
            found[name] = {"": "only in OLD" if name in old else "only in NEW"}
            continue
        keys = dict.fromkeys([*old[name], *new[name]])
        apart = {key: difference(old[name].get(key), new[name].get(key)) for key in keys}
        found[name] = {key: value for key, value in apart.items() if value is not None}
    return {name: values for name, values in found.items() if values}


def described(apart: Mapping[str, float | str]) -> str:
    """What differs in a file: the largest difference, and the first two that are no numbers."""
    numbers = {key: value for key, value in apart.items() if not isinstance(value, str)}
    words = [f"{key} {value}".strip() for key, value in apart.items() if isinstance(value, str)]
    parts = words[:2] + ([f"{len(words) - 2} more like that"] if words[2:] else [])
    if numbers:
        at = max(numbers, key=numbers.get)
        parts.insert(0, f"largest difference {numbers[at]:.3g} at {at}, {len(numbers)} entries differ")
    return ", ".join(parts)


def judge(name: str, old: Side, new: Side) -> dict[str, Any]:
    """An item's result: its status, its fingerprints, what differs by file, and all that in a line."""
    why = {"OLD": old.problems.get(name, "not run"), "NEW": new.problems.get(name, "not run")}
    if any(why.values()):
        status = "skipped" if all(NOT_HERE in problem for problem in why.values()) else "failed"
        return {"status": status, "line": "; ".join(f"{side}: {problem}" for side, problem in why.items() if problem)}
    files = [read_folder(side.root / name) for side in (old, new)]
    digests, apart = [digest(held) for held in files], compare_files(*files)
    shown = [f"{file}: {described(values)}" for file, values in apart.items()]
    shown = shown[:4] + ([f"{len(shown) - 4} more files"] if shown[4:] else [])
    line = " → ".join(dict.fromkeys(digests)) + "".join(f"; {text}" for text in shown)
    return {"status": "differs" if apart else "equal", "line": line, "digests": digests, "files": apart}


def set_up(old_commit: str, new_commit: str | None, work: Path) -> tuple[Side, Side]:
    """Both sides; old/ in both folders is OLD's. RuntimeError where a command line does not reach its tree."""
    shutil.rmtree(work / "new", ignore_errors=True)
    (work / "new").mkdir()
    new = Side(write_tree(new_commit, work / "new" / "tree"), work / "new")
    old = Side(write_tree(old_commit, work / f"tree-{old_commit}"), work)
    for side in (new, old):
        listed = side.begin(WEIGHTS, stdout=subprocess.PIPE, stderr=subprocess.STDOUT).communicate()[0].decode()
        if str(side.tree) not in listed:
            raise RuntimeError(f"`python -m {WEIGHTS}` does not reach {side.tree}: {listed[-300:]}")
    # What OLD made is used again where the commands, the environment, and the published weights at hand are the same.
    facts = [table(), sys.version, torch.__version__, np.__version__, re.findall(r"^(\S+):.*not here", listed, re.M)]
    key = hashlib.sha256(repr(facts).encode()).hexdigest()
    old.root = work / f"old-{old_commit[:12]}-{key[:12]}"
    shutil.copytree(next(old.tree.glob(EXAMPLES)), old.root / "examples", dirs_exist_ok=True)
    for side in (new, old):
        (side.root / "old").unlink(missing_ok=True)
        (side.root / "old").symlink_to(old.root)
    return old, new


def compare(old: Side, new: Side, pattern: str) -> dict[str, Any]:
    """Run the items of such a name on both sides at once, and print and return each one's result."""
    items = table()
    for_new = [item for item in items if fnmatch.fnmatch(item.name, pattern) and not item.interrupted]
    names = {item.name for item in for_new}
    for item in reversed(items):
        names |= item.needs if item.name in names else set()
    for_old = [item for item in items if item.name in names]
    old.done, new.done = ({item.name: threading.Event() for item in items} for items in (for_old, for_new))
    stop, results = threading.Event(), {}
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(side.run, items, old, stop) for side, items in ((old, for_old), (new, for_new))]
        try:
            for name in new.done:
                old.done[name].wait()
                new.done[name].wait()
                results[name] = judge(name, old, new)
                print("{:<20} {status}: {line}".format(name, **results[name]), flush=True)
        finally:
            stop.set()
        for side in both:
            side.result()
    return results


def main(arguments: list[str] | None = None) -> int:
    """Command line; exit status 0 where all is equal, 1 where something differs or could not be run."""
    work = Path(tempfile.gettempdir()) / "s2f-compare"
    parser = argparse.ArgumentParser(prog="compare_commits", description=__doc__.partition("\n")[0])
    parser.add_argument("old", metavar="OLD", help="commit")
    parser.add_argument("new", metavar="NEW", nargs="?", help="commit (default: the working tree as it is)")
    parser.add_argument("--only", default="*", metavar="PATTERN", help="items, such as 'train-*' (default: all)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results here, too")
    parser.add_argument("--work", type=Path, default=work, metavar="DIR", help=f"for OLD's results (default: {work})")
    options = parser.parse_args(arguments)
    began, work = time.monotonic(), options.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    commits = [git("rev-parse", "--verify", f"{c}^{{commit}}") if c else None for c in (options.old, options.new)]
    with open(work / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # where another comparison is at work in this folder, it is waited for
        old, new = set_up(*commits, work)
        results = compare(old, new, options.only)
    counts, seconds = Counter(result["status"] for result in results.values()), round(time.monotonic() - began)
    if options.json:
        facts = {"old": commits[0], "new": commits[1], "seconds": seconds, "counts": counts, "items": results}
        options.json.write_text(json.dumps(facts, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    said = ", ".join(f"{number} {status}" for status, number in counts.items()) or "no item has such a name"
    print(f"{options.old} and {options.new or 'the working tree'}: {said}; {seconds} s; in {old.root} and {new.root}")
    return 0 if counts["equal"] and not counts["differs"] + counts["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
