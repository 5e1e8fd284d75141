"""A run of a notebook, trained by several processes of this machine: one for each GPU, started by torch's launcher.

`train_on(run, 2)` stands in for `training.loop.train(run)`: the notebook goes on polling its page, its sliders act on
all ranks, and at the end the run is where they left it. On the command line, torchrun itself does:
`torchrun --nproc-per-node 2 -m s2f_utils train …`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from tqdm.auto import tqdm

from s2f_utils import runtime
from s2f_utils.models import checkpoints
from s2f_utils.runtime import ranks
from s2f_utils.training.errors import TrainingDiverged
from s2f_utils.training.method import Step
from s2f_utils.training.state import TrainingRun

LOOK_EVERY_S = 0.1
END_S = 60.0  # for the ranks to finish their step and to save


def train_on(
    run: TrainingRun,
    num_ranks: int = 0,
    *,
    device: str = "auto",
    callbacks: Sequence[Any] = (),
    step: Step | None = None,
    max_seconds: float | None = None,
    progress: bool = True,
) -> str:
    """Train a run on several processes of this machine; arguments and result else as of `training.loop.train`.

    num_ranks: 0 for one on each GPU. device: theirs; open the run itself with device="cpu", so that it takes no memory
    of a GPU meanwhile. Of the callbacks, on_step is called when a row of the log is there, on_idle some ten times a
    second. A step of a cell is sent by cloudpickle. Raises RankFailedError with the reason where a rank ends before its
    time, TrainingDiverged where a loss did; what was saved last is still there.
    """
    num_ranks = num_ranks or _num_gpus()
    if not run.resume_path.exists():
        run.save()
    with tempfile.TemporaryDirectory() as place:
        job = {"method": run.method, "folder": str(run.folder.resolve()), "config": vars(run.config), "device": device}
        job |= {"max_seconds": max_seconds, "step": step and str(_sent(step, Path(place) / "step.pickle"))}
        words = Path(place) / "stderr.txt"
        follower = Follower(run, callbacks, progress)
        with open(words, "w", encoding="utf-8") as stderr, _started(num_ranks, job, Path(place), stderr) as process:
            interrupted = follower.follow(process)
        said = words.read_text(encoding="utf-8", errors="replace")
    return follower.take_up(process.returncode, said, interrupted)


def _num_gpus() -> int:
    import torch

    num = torch.cuda.device_count()
    if num < 2:
        raise ValueError(f"there are {num} GPUs here: say how many ranks are to train, or use train(run)")
    return num


def _sent(step: Step, path: Path) -> Path:
    try:
        import cloudpickle
    except ImportError:
        raise ImportError(
            "a step of your own reaches other processes by cloudpickle: pip install cloudpickle"
        ) from None
    path.write_bytes(cloudpickle.dumps(step))
    return path


@contextlib.contextmanager
def _started(num_ranks: int, job: dict[str, Any], place: Path, stderr: IO[str]) -> Iterator[subprocess.Popen]:
    """The ranks at work; whatever happens in the block, no process is left after it."""
    (place / "job.json").write_text(json.dumps(job), encoding="utf-8")
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num_ranks)]
    threads = os.environ.get("OMP_NUM_THREADS") or str(max(1, runtime.num_cores() // num_ranks))
    process = subprocess.Popen(
        [sys.executable, *launcher, "-m", "s2f_utils.training.launch", str(place / "job.json")],
        stdout=subprocess.DEVNULL, stderr=stderr, env={**os.environ, "OMP_NUM_THREADS": threads},
        start_new_session=True,  # an interrupted kernel tells them itself
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(END_S)
        if process.poll() is None:
            process.kill()
            process.wait()


class Follower:
    """What the ranks write into the run's folder, told to callbacks; what callbacks change, written for the ranks."""

    def __init__(self, run: TrainingRun, callbacks: Sequence[Any], progress: bool) -> None:
        self.run, self.callbacks = run, callbacks
        self.log = run.folder / "log.jsonl"
        self.read = self.log.stat().st_size if self.log.exists() else 0  # bytes
        self.events: list[dict[str, Any]] = []
        self.bar = tqdm(
            total=run.total_images, initial=run.images_seen, desc=run.method, unit="image", disable=not progress
        )

    def tell(self, event: str, *args: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event, lambda *_: None)(self.run, *args)

    def follow(self, process: subprocess.Popen) -> bool:
        """Until the ranks end; whether by an interrupt of this process."""
        live, interrupted = self.run.live, False
        self.tell("on_start")
        while process.poll() is None:
            try:
                time.sleep(LOOK_EVERY_S)
                self._look()
                self.tell("on_idle")
                live.poll()  # writes controls.json, which rank 0 reads
            except KeyboardInterrupt:
                if interrupted:
                    raise
                interrupted = True
                live.set("stop", True, "interrupt")
                live.poll()
        self._look()
        return interrupted

    def _look(self) -> None:
        """Take in what is new in the log; a line that is half written comes the next time."""
        if not self.log.exists():
            return
        with open(self.log, "rb") as file:
            file.seek(self.read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        for line in whole.splitlines():
            with contextlib.suppress(ValueError):
                self._take_in(json.loads(line))

    def _take_in(self, entry: dict[str, Any]) -> None:
        run, event = self.run, entry.get("event")
        run.images_seen = max(run.images_seen, entry.get("images", 0))
        self.bar.update(run.images_seen - self.bar.n)
        if event is None:
            run.images_per_second, run.seconds = entry["images_per_second"], entry["seconds"]
            self.tell("on_log", entry)
            self.tell("on_step")
            return
        self.events.append(entry)
        if event == "sample":
            run.scores = {name: value for name, value in entry.items() if isinstance(value, float)}
            self.tell("on_sample", run.folder / entry["file"])
        elif event == "save":
            self.tell("on_save", run.resume_path)
        elif event == "plan":
            run.total_images = self.bar.total = entry["total_images"]

    def take_up(self, code: int, said: str, interrupted: bool) -> str:
        """The run as the ranks left it, and why they ended; raises what ended them before their time."""
        run = self.run
        self.bar.close()
        for command in ("pause", "stop"):
            run.live.set(command, False, "launch")
        run.live.poll()
        run.load_state_dict(checkpoints.newest_of(run.resume_path))
        if code:
            words = re.findall(r"s2f: (.*)", said) or said.strip().splitlines()[-1:] or ["the ranks ended"]
            diverged = any(entry["event"] == "diverged" for entry in self.events)
            error = (TrainingDiverged if diverged else ranks.RankFailedError)(words[0])
            self.tell("on_failure", error)
            raise error
        ends = [entry["reason"] for entry in self.events if entry["event"] == "end"]
        reason = "interrupted" if interrupted else ends[-1]
        self.tell("on_end", reason)
        return reason


def work(job: dict[str, Any]) -> None:
    """What each rank does."""
    import pickle

    from s2f_utils.data import read_manifest
    from s2f_utils.training.config import Resolved, find_method
    from s2f_utils.training.loop import train
    from s2f_utils.training.run import open_run

    folder, device = Path(job["folder"]), ranks.device_name(job["device"])
    facts = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    resolved = Resolved(job["method"], find_method(job["method"]).settings(**job["config"]))
    step = pickle.loads(Path(job["step"]).read_bytes()) if job["step"] else None  # written by the notebook itself
    with ranks.joined(runtime.pick_device(device)):
        run = open_run(resolved, read_manifest(facts["data"]), resume=folder, device=device, progress=False)
        train(run, step=step, max_seconds=job["max_seconds"], progress=False)


def main() -> int:
    """`python -m s2f_utils.training.launch JOB`, under torch's launcher."""
    try:
        work(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")))
    except Exception as error:
        if not ranks.is_said_elsewhere(error):
            text = str(error).replace("\n", " ") or type(error).__name__
            print(f"s2f: {ranks.prefix()}{text}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
