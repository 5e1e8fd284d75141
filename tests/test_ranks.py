"""Several processes train as one: the same pictures, the same numbers, one folder; and they end together."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch

from s2f_utils import models
from s2f_utils.data import read_manifest
from s2f_utils.models import checkpoints
from s2f_utils.runtime import ranks
from s2f_utils.runtime.ranks import shares
from s2f_utils.training.errors import TrainingDiverged
from s2f_utils.training.launch import train_on
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run
from s2f_utils.training.tracking import read_log
from tests.test_expect import drawn, people  # noqa: F401  (fixtures)
from tests.test_render import folder  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
WORKER = ROOT / "benchmarks" / "ranks_worker.py"
ENV = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
LENGTH = {"batch_size": 6, "total_images": 27, "num_samples": 2, "log_every_images": 6}
PIX2PIX = LENGTH | {
    "size_px": 32, "load_size_px": 34, "base_filters": 4, "disc_filters": 4, "disc_layers": 1, "norm": "instance",
    "rotate_deg": 10.0, "shift_px": 2.0, "elastic": 0.02, "ema_half_life_images": 6.0,
}  # fmt: skip
CYCLEGAN = LENGTH | {
    "size_px": 32, "load_size_px": 34, "base_filters": 4, "disc_filters": 4, "num_blocks": 1, "disc_layers": 1,
    "pool_size": 4, "dropout": 0.3,
}  # fmt: skip
FAITHFUL = LENGTH | {
    "size_px": 32, "load_size_px": 32, "widths": "16,24", "fine": "8,8", "blocks": 1, "hint_share": 0.5,
    "dropout": 0.2, "shift_px": 2.0,
}  # fmt: skip
STYLEGAN2 = {
    "batch_size": 8, "total_images": 32, "num_samples": 2, "log_every_images": 8, "size_px": 32, "load_size_px": 32,
    "style_dim": 8, "num_mlp": 2, "width": 8, "r1_every": 2, "path_every": 2, "ada_images": 50.0,
}  # fmt: skip


def command(
    num: int, *arguments: object, launcher: tuple[str, ...] = ("--standalone",), always: bool = False
) -> list[str]:
    """A command line of so many ranks; of one, without a launcher, unless it is always wanted."""
    if num == 1 and not always:
        return [sys.executable, *map(str, arguments)]
    torchrun = [sys.executable, "-m", "torch.distributed.run", *launcher, "--nproc-per-node", str(num)]
    return [*torchrun, *map(str, arguments)]


def start(num: int, *arguments: object, **options) -> subprocess.Popen:
    given = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "env": ENV, "cwd": ROOT}
    return subprocess.Popen(command(num, *arguments), **(given | options))


def work(num: int, jobs: list[dict], place: Path) -> None:
    """So many ranks do these jobs."""
    file = place / f"jobs-{num}.json"
    file.write_text(json.dumps([{"runs": str(place), **job} for job in jobs], default=str), encoding="utf-8")
    done = subprocess.run(command(num, WORKER, file), capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def folder_of(place: Path, name: str) -> Path:
    (found,) = place.glob(f"[0-9]*-{name}")
    return found


def state_of(place: Path, name: str) -> dict:
    return checkpoints.load_torch_file(folder_of(place, name) / "resume.pt")


def apart(one: dict, other: dict) -> float:
    """How far the weights of two states are apart at most."""
    pairs = [(v, other[net][k]) for net, tensors in one.items() for k, v in tensors.items()]
    return max(float((v.double() - w.double()).abs().max()) for v, w in pairs if v.is_floating_point())


@pytest.fixture(scope="module")
def jobs(faces_manifest, drawn, folder, tmp_path_factory):  # noqa: F811
    """Jobs in float64, and one in float32."""
    torch.manual_seed(0)
    begun = models.build("render", widths=(8, 12, 16))
    begun.components.data.copy_(torch.randn_like(begun.components) / 30)
    init = tmp_path_factory.mktemp("begun") / "render.safetensors"
    checkpoints.save_generator(init, begun, {"direction": "sketch-to-photo", "size_px": 256})
    shaped = {"batch_size": 5, "total_images": 8, "num_samples": 2, "log_every_images": 5}
    expected = ",".join(str(folder / f"expect-{fold}.safetensors") for fold in range(2))
    render = {"expected_by": expected, "widths": "8,12,16", "judge_widths": "8,12,16", "r1_every": 2}
    faces = {"manifest": faces_manifest, "double": True}
    sheets = {"manifest": drawn, "double": True}
    return [
        {"name": "single", "method": "pix2pix", "settings": PIX2PIX, "manifest": faces_manifest},
        {"name": "pix2pix", "method": "pix2pix", "settings": PIX2PIX, **faces},
        {"name": "parts", "method": "pix2pix", "settings": PIX2PIX | {"accumulate": 2, "dropout": 0.0}, **faces},
        {"name": "cyclegan", "method": "cyclegan", "settings": CYCLEGAN, **faces},
        {"name": "faithful", "method": "faithful", "settings": FAITHFUL, **faces},
        {"name": "stylegan2", "method": "stylegan2", "settings": STYLEGAN2, **faces},
        {"name": "expect", "method": "expect", "settings": shaped | {"widths": "8,16,16,24"}, **sheets},
        {"name": "render", "method": "render", "settings": shaped | render, "init": init,
         **sheets},
    ]  # fmt: skip


@pytest.fixture(scope="module")
def trained(jobs, tmp_path_factory):
    """Where 1, 2 and 4 ranks left what they made of these jobs."""
    places = {}
    for num in (1, 2, 4):
        places[num] = tmp_path_factory.mktemp(f"ranks-{num}")
        work(num, jobs, places[num])
    return places


@pytest.mark.parametrize("num", [2, 4])
@pytest.mark.parametrize("name", ["pix2pix", "parts", "cyclegan", "faithful", "expect", "render", "stylegan2"])
def test_several_ranks_end_with_the_weights_of_one(trained, name, num):
    one, several = (state_of(trained[n], name) for n in (1, num))
    assert several["images_seen"] == one["images_seen"] and set(several["nets"]) == set(one["nets"])
    assert apart(one["nets"], several["nets"]) < 1e-8
    assert apart(one["ema"], several["ema"]) < 1e-8
    assert torch.equal(one["rng"]["torch"], several["rng"]["torch"])


@pytest.mark.parametrize("num", [2, 4])
def test_in_float32_the_first_gradients_and_the_losses_agree(trained, num):
    """Not the weights: a bias before a norm has only rounding for a gradient, and Adam makes a step of it."""
    one, several = (folder_of(trained[n], "single") for n in (1, num))
    first, theirs = (torch.load(f / "first.pt", weights_only=True)["first"] for f in (one, several))
    for name, slopes in first.items():
        assert float((slopes - theirs[name]).norm() / slopes.norm()) < 1e-5
    rows, others = (read_log(f)[0] for f in (one, several))
    losses = [name for name in rows[0] if name.startswith("loss_")]
    assert len(rows) == len(others) == 5 and len(losses) == 3
    for row, other in zip(rows, others, strict=True):
        assert {n: other[n] for n in losses} == pytest.approx({n: row[n] for n in losses}, rel=1e-3)


def test_rank_0_alone_leaves_the_files_of_one_process(trained):
    one, two = (folder_of(trained[n], "single") for n in (1, 2))
    files = [sorted(str(p.relative_to(f)) for p in f.rglob("*") if p.is_file()) for f in (one, two)]
    assert files[0] == files[1]
    assert json.loads((two / "config.json").read_text())["ranks"] == 2
    events = [[e["event"] for e in read_log(f)[1]] for f in (one, two)]
    assert events[0] == events[1]


@pytest.mark.parametrize("num", [1, 4])
def test_a_run_of_two_ranks_goes_on_with_others(trained, jobs, num, tmp_path):
    (job,) = (job for job in jobs if job["name"] == "cyclegan")
    work(2, [job | {"stop_at": 12}], tmp_path)
    assert state_of(tmp_path, "cyclegan")["images_seen"] == 12
    work(num, [job | {"resume": "auto"}], tmp_path)
    whole, resumed = state_of(trained[1], "cyclegan"), state_of(tmp_path, "cyclegan")
    assert resumed["images_seen"] == 27 and apart(whole["nets"], resumed["nets"]) < 1e-8
    assert read_log(folder_of(tmp_path, "cyclegan"))[0][-1]["images"] == 27


def s2f(data: Path, runs: Path, *more: object) -> list[object]:
    """A training by the command line, long enough to be disturbed."""
    settings = {"total_images": 100_000, "batch_size": 4, "base_filters": 4, "disc_filters": 4, "save_every_s": 1.0}
    settings |= {"size_px": 32, "load_size_px": 34, "disc_layers": 1, "check_memory": "false"}
    sets = [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]
    return ["-m", "s2f_utils", "train", "pix2pix", "--data", data, "--profile", "fast", "--runs", runs, "--name", "run",
            "--no-report", "--device", "cpu", *sets, *more]  # fmt: skip


def until(what, timeout_s: float = 90.0):
    """Wait for this to be true; what it was."""
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)
    return found


def saved(runs: Path) -> list[Path]:
    return list(runs.glob("*-run/resume.pt"))


def workers(process: subprocess.Popen) -> list[psutil.Process]:
    """The ranks that a launcher has started, by rank."""
    mine = [p for p in psutil.Process(process.pid).children() if "s2f_utils" in " ".join(p.cmdline())]
    return sorted(mine, key=lambda p: int(p.environ()["RANK"]))


def gone(found: list[psutil.Process]) -> bool:
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in found)


def test_a_killed_rank_ends_the_others_with_a_line_that_says_so(faces_manifest, tmp_path):
    process = start(2, *s2f(faces_manifest, tmp_path))
    until(lambda: saved(tmp_path))
    ranks_of = workers(process)
    ranks_of[1].kill()
    began = time.monotonic()
    out, err = process.communicate(timeout=90)
    assert time.monotonic() - began < 60 and process.returncode != 0 and gone(ranks_of)
    said = re.findall("s2f: .*", err)
    assert len(said) == 1 and "another rank is gone" in said[0] and "Traceback" not in err.partition("s2f: ")[2][:200]
    state = checkpoints.load_torch_file(saved(tmp_path)[0])  # complete, and it can be taken up by one process
    assert state["images_seen"] > 0 and not list(tmp_path.rglob("*.part"))


def test_an_error_of_one_rank_is_told_by_all_as_one_line(faces_manifest, tmp_path):
    """Rank 1 cannot read a picture that rank 0 can: its reason is what the others, and the user, hear."""
    code = (
        "import os, sys, s2f_utils.training.loop as loop\n"
        "make = loop.make_batch\n"
        "def broken(run, num, share=slice(None)):\n"
        "    if os.environ['RANK'] == '1' and run.images_seen >= 40:\n"
        "        raise OSError(5, 'Input/output error', 'face.png')\n"
        "    return make(run, num, share)\n"
        "loop.make_batch = broken\n"
        "from s2f_utils.cli.main import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    script = tmp_path / "broken.py"
    script.write_text(code, encoding="utf-8")
    process = start(2, script, *s2f(faces_manifest, tmp_path / "runs")[2:])
    out, err = process.communicate(timeout=120)
    said = re.findall("s2f: .*", err)
    assert process.returncode != 0 and len(said) == 1, err[-3000:]
    assert "face.png" in said[0] and "rank 1" in said[0]


def test_ctrl_c_finishes_the_step_saves_and_ends_all(faces_manifest, tmp_path):
    process = start(2, *s2f(faces_manifest, tmp_path), start_new_session=True)
    until(lambda: saved(tmp_path))
    ranks_of = workers(process)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the launcher and every rank
    out, err = process.communicate(timeout=60)
    assert gone(ranks_of)
    assert err.count("interrupted after") == 1
    state = checkpoints.load_torch_file(saved(tmp_path)[0])
    assert f"interrupted after {state['images_seen']:,}" in err
    assert read_log(saved(tmp_path)[0].parent)[1][-1]["reason"] == "interrupted"


def test_pause_slider_and_stop_reach_all_ranks(faces_manifest, tmp_path):
    process = start(2, *s2f(faces_manifest, tmp_path))
    folder_ = until(lambda: saved(tmp_path))[0].parent
    controls = folder_ / "controls.json"

    def change(**values):
        now = json.loads(controls.read_text(encoding="utf-8"))
        (folder_ / "new.json").write_text(json.dumps(now | values), encoding="utf-8")
        os.replace(folder_ / "new.json", controls)

    def events(name):
        return [e for e in read_log(folder_)[1] if e.get("name") == name]

    change(pause=True)
    until(lambda: events("pause"))
    seen = len((folder_ / "log.jsonl").read_text().splitlines())
    time.sleep(2)
    assert len((folder_ / "log.jsonl").read_text().splitlines()) == seen
    change(pause=False, lr_g=1e-3, batch_size=3)
    until(lambda: events("batch_size"))
    assert events("lr_g")[0]["new"] == 1e-3
    until(lambda: [r for r in read_log(folder_)[0] if r["images"] > events("batch_size")[0]["images"] + 30])
    change(stop=True)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err[-2000:]
    assert read_log(folder_)[1][-1]["reason"] == "stopped"


def test_two_machines_meet_at_a_rendezvous(faces_manifest, jobs, trained, tmp_path):
    """Two launchers of one rank each, as two machines have them; rank 0's disk holds the run."""
    (job,) = (job for job in jobs if job["name"] == "pix2pix")
    file = tmp_path / "jobs.json"
    file.write_text(json.dumps([{"runs": str(tmp_path), **job}], default=str), encoding="utf-8")
    meet = ("--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}", "--rdzv-id", "x")
    both = [subprocess.Popen(command(1, WORKER, file, launcher=meet, always=True), env=ENV, cwd=ROOT,
                             stderr=subprocess.PIPE, text=True) for _ in range(2)]  # fmt: skip
    for process in both:
        assert process.wait(timeout=180) == 0, process.stderr.read()[-3000:]
    assert apart(state_of(trained[1], "pix2pix")["nets"], state_of(tmp_path, "pix2pix")["nets"]) < 1e-8


def test_a_batch_smaller_than_the_ranks_is_refused_with_what_to_do(faces_manifest, tmp_path):
    done = subprocess.run(
        command(2, *s2f(faces_manifest, tmp_path), "--set", "batch_size=1"),
        capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=120,
    )  # fmt: skip
    said = re.findall("s2f: .*", done.stderr)
    assert done.returncode != 0 and said == ["s2f: batch_size must be at least 2, got 1: so many ranks share a batch"]
    assert not tmp_path.joinpath("0001-run").exists()


def test_a_full_disk_of_rank_0_is_said_once_and_training_goes_on(faces_manifest, tmp_path):
    """The folder takes no file larger than a few kB: nothing can be saved, all ranks go on, and the end says why."""
    limited = ["bash", "-c", 'ulimit -f 40; trap "" XFSZ; exec "$@"', "-"]
    process = subprocess.Popen(
        [*limited, *command(2, *s2f(faces_manifest, tmp_path), "--set", "total_images=400")],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=ENV, cwd=ROOT,
    )  # fmt: skip
    out, err = process.communicate(timeout=120)
    assert process.returncode != 0
    said = re.findall("s2f: .*", err)
    assert len(said) == 1 and "could not save at image 400" in said[0], err[-3000:]


# From a notebook


class Hand:
    """Somebody at the panel: moves a slider, and presses stop."""

    def __init__(self, stop_at: int) -> None:
        self.stop_at, self.told, self.rows, self.moved = stop_at, [], [], False

    def on_start(self, run):
        self.told.append("start")

    def on_log(self, run, row):
        self.rows.append(row)
        if not self.moved:
            run.live.set("lambda_l1", 7.0, "widget")
            self.moved = True
        elif run.images_seen >= self.stop_at:
            run.live.set("stop", True, "widget")

    def on_end(self, run, reason):
        self.told.append(reason)


def quiet_threads(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def own_step(model, a, b, live):
    """A step as a cell has it: the generator alone."""
    loss = (model.net_g(a) - b).abs().mean()
    model.descend(live["lambda_l1"] * loss, model.opt_g)
    return {"loss_mine": loss.detach()}


def test_a_notebook_trains_on_two_ranks_by_one_call(tiny, faces_manifest, tmp_path, monkeypatch):
    quiet_threads(monkeypatch)
    changes = {"total_images": 4000, "batch_size": 4, "log_every_images": 20, "sample_every_images": 100}
    run = open_run(tiny(**changes), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    hand = Hand(stop_at=200)
    assert train_on(run, 2, device="cpu", callbacks=[hand], step=own_step, progress=False) == "stopped"
    assert hand.told == ["start", "stopped"] and 200 <= run.images_seen < 4000
    rows, events = read_log(run.folder)
    assert "loss_mine" in rows[-1] and json.loads((run.folder / "config.json").read_text())["ranks"] == 1
    assert [e["new"] for e in events if e.get("name") == "lambda_l1"] == [7.0]
    assert {e["source"] for e in events if e.get("name") == "lambda_l1"} == {"controls.json"}
    # The notebook's own run is where the ranks left it, and goes on alone.
    assert run.live["lambda_l1"] == 7.0 and not run.live.asked("stop")
    run.total_images = run.images_seen + 8
    assert train(run, step=own_step, progress=False) == "done"


def test_a_notebook_hears_why_its_ranks_ended(tiny, faces_manifest, tmp_path, monkeypatch):
    quiet_threads(monkeypatch)
    run = open_run(tiny(batch_size=4), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)

    def bad(model, a, b, live):
        raise ValueError("the cell's own mistake")

    with pytest.raises(ranks.RankFailedError, match="the cell's own mistake"):
        train_on(run, 2, device="cpu", step=bad, progress=False)
    assert run.images_seen == 0

    def far(model, a, b, live):
        loss = model.net_g(a).mean() * float("nan")
        return {"loss_far": loss.detach()}

    with pytest.raises(TrainingDiverged, match="loss_far"):
        train_on(run, 2, device="cpu", step=far, progress=False)


def test_an_interrupted_notebook_leaves_no_process(tiny, faces_manifest, tmp_path, monkeypatch):
    quiet_threads(monkeypatch)
    changes = {"total_images": 10**6, "batch_size": 4, "log_every_images": 20}
    run = open_run(tiny(**changes), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    found = []

    class Interrupt:
        def on_log(self, run, row):
            if not found:
                found.extend(psutil.Process().children(recursive=True))
                raise KeyboardInterrupt

    assert train_on(run, 2, device="cpu", callbacks=[Interrupt()], progress=False) == "interrupted"
    assert len(found) == 3 and gone(found)
    assert checkpoints.load_torch_file(run.resume_path)["images_seen"] == run.images_seen > 0


def test_without_gpus_one_says_how_many_ranks(tiny, faces_manifest, tmp_path):
    run = open_run(tiny(), read_manifest(faces_manifest), tmp_path, device="cpu", progress=False)
    if torch.cuda.device_count() < 2:
        with pytest.raises(ValueError, match="say how many ranks"):
            train_on(run)


# Using a model


def test_translate_and_evaluate_share_the_pictures_and_give_the_same(faces_manifest, trained, tmp_path):
    model = folder_of(trained[1], "single")
    sketches = sorted((faces_manifest.parent / "sketches").glob("*.png"))[:7]
    for num in (1, 2):
        place = tmp_path / str(num)
        for arguments in (
            ["translate", model, *sketches, "--out", place / "photos"],
            ["evaluate", model, "--data", faces_manifest, "--split", "train", "--out", place / "scores"],
        ):
            done = subprocess.run(
                command(num, "-m", "s2f_utils", *arguments, "--device", "cpu"),
                capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=240,
            )  # fmt: skip
            assert done.returncode == 0, done.stderr[-3000:]
            if arguments[0] == "translate":
                assert done.stdout.count("7 of 7 pictures translated") == 1
    files = [sorted(p.relative_to(tmp_path / n) for p in (tmp_path / n).rglob("*.*")) for n in "12"]
    assert files[0] == files[1] and len(files[0]) > 20
    for name in files[0]:
        if name.name != "metrics.json":
            assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes(), name
    facts = [json.loads((tmp_path / n / "scores" / "metrics.json").read_text()) for n in "12"]
    assert facts[0]["rows"] == facts[1]["rows"]


def test_other_commands_refuse_to_run_several_times(tmp_path):
    arguments = ["-m", "s2f_utils", "weights"]
    done = subprocess.run(command(2, *arguments), capture_output=True, text=True, env=ENV, cwd=ROOT, timeout=120)
    assert done.returncode != 0 and "weights does not work in several processes: leave torchrun out" in done.stderr


# The draws


@pytest.mark.parametrize(("counts", "whole"), [((3, 2), 5), ((1, 1, 0, 0), 2)])
def test_shares_are_nearly_even_and_cover_the_batch(counts, whole):
    assert shares._spread(whole, len(counts)) == counts


def test_alone_nothing_is_changed():
    torch.manual_seed(0)
    expected = torch.rand(3, 2), torch.randn(2), torch.randint(0, 9, (4,))
    torch.manual_seed(0)
    with ranks.batch(3) as where:
        assert where == slice(0, 3) and ranks.weight() == 1
        found = ranks.rand(3, 2), ranks.randn(2), ranks.randint(0, 9, 4)
    assert all(torch.equal(x, y) for x, y in zip(expected, found, strict=True))
    assert ranks.first(lambda: 3) == 3 and ranks.told(4) == 4 and ranks.collected(5) == [5]
