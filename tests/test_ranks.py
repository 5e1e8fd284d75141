"""Several processes train as one: the same pictures, the same numbers, one folder."""

from __future__ import annotations

import json

import pytest
import torch

from s2f_utils import models
from s2f_utils.models import checkpoints
from s2f_utils.runtime import ranks
from s2f_utils.runtime.ranks import shares
from s2f_utils.training.tracking import read_log
from tests.launched import WORKER, apart, folder_of, free_port, launch, networks, run, start, state_of, write_jobs
from tests.test_expect import drawn, people  # noqa: F401  (fixtures)
from tests.test_render import folder  # noqa: F401

pytestmark = pytest.mark.slow  # what 1, 2 and 4 ranks make of all methods takes a minute
LENGTH = {"batch_size": 6, "total_images": 27, "num_samples": 2, "log_every_images": 6}
PIX2PIX = LENGTH | {
    "size_px": 32, "load_size_px": 34, "base_filters": 4, "disc_filters": 4, "disc_layers": 1, "norm": "instance",
    "rotate_deg": 10.0, "shift_px": 2.0, "elastic": 0.02, "ema_half_life_images": 6.0, "input_brightness": 0.2,
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
    "batch_size": 8, "total_images": 38, "num_samples": 2, "log_every_images": 8, "size_px": 32, "load_size_px": 32,
    "style_dim": 8, "num_mlp": 2, "width": 8, "r1_every": 2, "path_every": 2, "ada_images": 50.0,
}  # fmt: skip


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
        {"name": "pix2pix", "method": "pix2pix", "settings": PIX2PIX, "move": {"lambda_l1": 7.0, "lr_d": 1e-3},
         **faces},
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
        launch(num, jobs, places[num])
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
    launch(2, [job | {"stop_at": 12}], tmp_path)
    assert state_of(tmp_path, "cyclegan")["images_seen"] == 12
    launch(num, [job | {"resume": "auto"}], tmp_path)
    whole, resumed = state_of(trained[1], "cyclegan"), state_of(tmp_path, "cyclegan")
    assert resumed["images_seen"] == 27 and apart(whole["nets"], resumed["nets"]) < 1e-8
    assert read_log(folder_of(tmp_path, "cyclegan"))[0][-1]["images"] == 27


def meet(jobs, place, sides) -> None:
    """Two launchers of one rank each, as two machines have them, do the pix2pix job; rank 0's disk holds the run.

    sides: each one's address, what begins its command, and what its launcher is told of the network.
    """
    file = write_jobs([job for job in jobs if job["name"] == "pix2pix"], place)
    at = ("--nnodes=2", "--rdzv-backend=c10d", f"--rdzv-endpoint={sides[0][0]}:{free_port()}", "--rdzv-id=x")
    both = [start(1, WORKER, file, launcher=(*at, *told), before=before, always=True) for _, before, told in sides]
    said = [process.communicate(timeout=180)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], "\n---\n".join(text[-3000:] for text in said)


def test_two_machines_meet_at_a_rendezvous(jobs, trained, tmp_path):
    meet(jobs, tmp_path, [("127.0.0.1", (), ())] * 2)
    assert apart(state_of(trained[1], "pix2pix")["nets"], state_of(tmp_path, "pix2pix")["nets"]) < 1e-8


def test_two_machines_meet_over_a_network(jobs, trained, tmp_path):
    with networks() as found:
        if isinstance(found, str):
            pytest.skip(f"no networks of one's own can be made here: {found}")
        sides = [  # the machine's name has no address in them, so that each is told its own, and who is the host
            (address, before, (f"--local-addr={address}", f"--rdzv-conf=is_host={is_host}"))
            for (address, before), is_host in zip(found, (1, 0), strict=True)
        ]
        meet(jobs, tmp_path, sides)
    assert apart(state_of(trained[1], "pix2pix")["nets"], state_of(tmp_path, "pix2pix")["nets"]) < 1e-8


def test_ranks_go_back_together_where_one_of_them_diverges(jobs, tmp_path):
    """In the third step the pictures of rank 1 are no numbers: all take up the last good state, with half the rates."""
    (job,) = (job for job in jobs if job["name"] == "faithful")
    job = job | {"spoil": 2, "settings": job["settings"] | {"on_divergence": "back"}}
    for num in (1, 2):
        tmp_path.joinpath(str(num)).mkdir()
        launch(num, [job], tmp_path / str(num))
    one, two = (state_of(tmp_path / num, "faithful") for num in "12")
    assert one["setbacks"] == two["setbacks"] == 1 and two["images_seen"] == 27
    assert apart(one["nets"], two["nets"]) < 1e-8
    events = [[e["event"] for e in read_log(folder_of(tmp_path / num, "faithful"))[1]] for num in "12"]
    assert events[0] == events[1] and events[0].count("setback") == 1


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
            done = run(num, "-m", "s2f_utils", *arguments, "--device", "cpu")
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


def test_other_commands_refuse_to_run_several_times():
    done = run(2, "-m", "s2f_utils", "weights")
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
