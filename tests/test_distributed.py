"""Two processes of torchrun train as one: the same pictures, the same losses, one run folder, and
they end together.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
import torch

from s2f_utils.networks import checkpoints
from s2f_utils.train.log import read_log
from tests.test_expect import drawn, people  # noqa: F401  (fixtures)

ROOT = Path(__file__).resolve().parents[1]
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
LENGTH = {"batch_size": 6, "total_images": 30, "num_samples": 2, "log_every_images": 6}
SIZE = {"size_px": 32, "load_size_px": 34}
SETTINGS = {
    "pix2pix": LENGTH
    | SIZE
    | {
        "base_filters": 4,
        "disc_filters": 4,
        "disc_layers": 1,
        "norm": "instance",
        "rotate_deg": 10.0,
        "shift_px": 2.0,
        "elastic": 0.02,
        "ema_half_life_images": 6.0,
    },
    "cyclegan": LENGTH
    | SIZE
    | {
        "base_filters": 4,
        "disc_filters": 4,
        "num_blocks": 1,
        "disc_layers": 1,
        "pool_size": 4,
        "dropout": 0.3,
    },
    "faithful": LENGTH
    | {
        "size_px": 32,
        "load_size_px": 32,
        "widths": "16,24",
        "fine": "8,8",
        "blocks": 1,
        "dropout": 0.2,
        "shift_px": 2.0,
    },
    "stylegan2": {
        "batch_size": 8,
        "total_images": 40,
        "num_samples": 2,
        "log_every_images": 8,
        "size_px": 32,
        "load_size_px": 32,
        "style_dim": 8,
        "num_mlp": 2,
        "width": 8,
        "r1_every": 2,
        "path_every": 2,
        "ada_images": 50.0,
    },
    "expect": {
        "batch_size": 4,
        "total_images": 8,
        "num_samples": 2,
        "log_every_images": 4,
        "widths": "8,16,16,24",
    },
}


def command(num: int, *arguments: object) -> list[str]:
    torchrun = (
        ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(num)]
        if num > 1
        else []
    )
    return [sys.executable, *torchrun, *map(str, arguments)]


def run(num: int, *arguments: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        command(num, *arguments),
        env=ENV,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def do_jobs(num: int, jobs: Sequence[Mapping[str, Any]], place: Path) -> None:
    """Let so many processes do these jobs of `distributed_worker.py`, whose runs go into the folder
    `place`.
    """
    place.mkdir(exist_ok=True)
    text = json.dumps([{"runs": str(place), "float64": True, **job} for job in jobs], default=str)
    (place / "jobs.json").write_text(text, encoding="utf-8")
    done = run(num, "tests/distributed_worker.py", place / "jobs.json")
    assert done.returncode == 0, done.stderr[-3000:]


def folder_of(place: Path, name: str) -> Path:
    (folder,) = place.glob(f"[0-9]*-{name}")
    return folder


def state_of(place: Path, name: str) -> dict[str, Any]:
    return checkpoints.load_torch_file(folder_of(place, name) / "resume.pt")


def largest_difference(one: Mapping[str, Mapping], other: Mapping[str, Mapping]) -> float:
    """Between the weights of two sets of networks."""
    pairs = [(v, other[net][name]) for net, tensors in one.items() for name, v in tensors.items()]
    return max(
        float((v.double() - w.double()).abs().max()) for v, w in pairs if v.is_floating_point()
    )


def losses_of(folder: Path) -> list[dict[str, float]]:
    rows, _ = read_log(folder)
    return [
        {name: value for name, value in row.items() if name.startswith("loss_")} for row in rows
    ]


@pytest.fixture(scope="module")
def jobs(faces_manifest, drawn):  # noqa: F811
    """One of each kind of batch-dependent method, in float64; one in float32."""
    manifests = {"expect": drawn}
    jobs = {
        name: {
            "name": name,
            "method": name,
            "settings": settings,
            "manifest": manifests.get(name, faces_manifest),
        }
        for name, settings in SETTINGS.items()
    }
    jobs["float32"] = jobs["pix2pix"] | {"name": "float32", "float64": False}
    jobs["pix2pix"] |= {"move": {"lambda_l1": 7.0, "lr_d": 1e-3}}
    return jobs


@pytest.fixture(scope="module")
def trained(jobs, tmp_path_factory):
    """The folders in which one and two processes did these jobs."""
    places = {num: tmp_path_factory.mktemp(f"processes-{num}") for num in (1, 2)}
    for num, place in places.items():
        # float32 first: float64 is switched on for good
        do_jobs(num, sorted(jobs.values(), key=lambda job: job["name"] != "float32"), place)
    return places


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SETTINGS))
def test_two_processes_learn_what_one_learns(trained, name):
    one, two = (state_of(trained[num], name) for num in (1, 2))
    assert two["images_seen"] == one["images_seen"] and set(two["nets"]) == set(one["nets"])
    assert largest_difference(one["nets"], two["nets"]) < 1e-8
    assert largest_difference(one["ema"], two["ema"]) < 1e-8 if one["ema"] else not two["ema"]
    assert torch.equal(one["rng"]["torch"], two["rng"]["torch"])
    rows, others = (losses_of(folder_of(trained[num], name)) for num in (1, 2))
    assert len(rows) == len(others) > 1
    for row, other in zip(rows, others, strict=True):
        assert other == pytest.approx(row, rel=1e-5)


@pytest.mark.slow
def test_in_float32_the_losses_agree_to_1e_5(trained):
    rows, others = (losses_of(folder_of(trained[num], "float32")) for num in (1, 2))
    for row, other in zip(rows, others, strict=True):
        assert len(row) == 3 and other == pytest.approx(row, rel=1e-5)


@pytest.mark.slow
def test_rank_zero_alone_leaves_the_files_of_one_process(trained):
    one, two = (folder_of(trained[num], "pix2pix") for num in (1, 2))
    files = [sorted(str(p.relative_to(f)) for p in f.rglob("*") if p.is_file()) for f in (one, two)]
    assert files[0] == files[1]
    assert json.loads((two / "config.json").read_text())["ranks"] == 2
    events = [[e["event"] for e in read_log(f)[1]] for f in (one, two)]
    assert events[0] == events[1]


@pytest.mark.slow
def test_under_a_time_budget_ranks_learn_at_one_rate(jobs, tmp_path):
    """Rank zero alone counts the time; the workers compare their weights at the end."""
    budget = {"time_budget_s": 2.0, "total_images": 10**6, "constant_share": 0.0}
    job = jobs["pix2pix"] | {"settings": SETTINGS["pix2pix"] | budget}
    do_jobs(2, [job], tmp_path)
    rows, _ = read_log(folder_of(tmp_path, "pix2pix"))
    assert rows[-1]["lr_g"] < 0.2 * rows[0]["lr_g"]


@pytest.mark.slow
def test_a_run_of_two_processes_goes_on_in_one(trained, jobs, tmp_path):
    job = jobs["cyclegan"]
    do_jobs(2, [job | {"stop_at": 12}], tmp_path)
    assert state_of(tmp_path, "cyclegan")["images_seen"] == 12
    do_jobs(1, [job | {"resume": "auto"}], tmp_path)
    whole, resumed = state_of(trained[1], "cyclegan"), state_of(tmp_path, "cyclegan")
    assert (
        resumed["images_seen"] == 30 and largest_difference(whole["nets"], resumed["nets"]) < 1e-8
    )


# How they end, and what they refuse


def train_command(manifest: Path, runs: Path, **changes: object) -> list[object]:
    """`s2f train` of a small network, for long enough to be disturbed."""
    settings = {
        "total_images": 100_000,
        "batch_size": 4,
        "base_filters": 4,
        "disc_filters": 4,
        "save_every_s": 1.0,
    }
    settings |= {"size_px": 32, "load_size_px": 34, "disc_layers": 1, **changes}
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return [
        "-m",
        "s2f_studio",
        "train",
        "pix2pix",
        "--data",
        manifest,
        "--profile",
        "fast",
        "--runs",
        runs,
        "--name",
        "run",
        "--no-scores",
        "--device",
        "cpu",
        *sets,
    ]


@pytest.fixture()
def training(faces_manifest, tmp_path):
    """A training of two processes that has saved once: torchrun's process, its workers by rank, and
    the run.
    """
    process = subprocess.Popen(
        command(2, *train_command(faces_manifest, tmp_path)),
        env=ENV,
        cwd=ROOT,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    deadline = time.monotonic() + 90
    while not (
        saved := [p for p in tmp_path.glob("*-run/log.jsonl") if '"event": "save"' in p.read_text()]
    ):
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.1)
    workers = [
        p for p in psutil.Process(process.pid).children() if "s2f_studio" in " ".join(p.cmdline())
    ]
    yield process, sorted(workers, key=lambda p: int(p.environ()["RANK"])), saved[0].parent
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)


# A worker that is left holds on the same way, whichever it is; rank 0 alone writes files.
@pytest.mark.parametrize("number", [pytest.param(0, marks=pytest.mark.slow), 1])
def test_a_rank_that_dies_ends_the_other_with_an_error(training, number):
    process, workers, folder = training
    workers[number].kill()
    process.communicate(timeout=60)
    assert process.returncode != 0 and not any(p.is_running() for p in workers)
    state = checkpoints.load_torch_file(folder / "resume.pt")
    assert state["images_seen"] > 0 and not list(folder.rglob("*.part"))
    assert len(list(folder.parent.glob("*-run"))) == 1


def test_ctrl_c_finishes_the_step_saves_and_ends_both(training):
    process, workers, folder = training
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: torchrun and both workers get it
    _, err = process.communicate(timeout=60)
    assert not any(p.is_running() for p in workers)
    seen = checkpoints.load_torch_file(folder / "resume.pt")["images_seen"]
    assert err.count("interrupted after") == 1 and f"interrupted after {seen:,}" in err
    assert read_log(folder)[1][-1]["reason"] == "interrupted"
