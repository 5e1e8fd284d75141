"""Batches in parts, memory asked for before training, going back after a divergence, older states and the best."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from s2f_utils import checkpoints, config, datasets, runtime
from s2f_utils.config import ConfigError, resolve
from s2f_utils.tracking import read_log
from s2f_utils.training import preflight
from s2f_utils.training.accumulate import batch_statistics, in_parts
from s2f_utils.training.loop import Callback, TrainingDiverged, train
from s2f_utils.training.pix2pix import Pix2Pix
from s2f_utils.training.run import METHODS, open_run

CPU = torch.device("cpu")
FLOAT32 = runtime.pick_precision(CPU, "float32")


@pytest.fixture()
def manifest(faces_manifest):
    return datasets.read_manifest(faces_manifest)


def start(tiny, manifest, folder, *, resume="never", **changes):
    return open_run(tiny(**changes), manifest, folder, resume=resume, device="cpu", progress=False)


# Batches in parts


def small(method, **changes):
    """A method's model at 32 px, without dropout."""
    values = {"size_px": 32, "load_size_px": 32, "precision": "float32", **changes}
    return METHODS[method](resolve(method, "fast", values).config, FLOAT32)


SAME = {
    "pix2pix": {"norm": "instance", "dropout": 0.0},
    "faithful": {"dropout": 0.0, "hint_share": 0.0},
}


def trained(method, parts, a, b, num_steps=1):
    """A model after a step by plain gradient descent (Adam would turn rounding errors into whole steps), and its
    losses.
    """
    runtime.seed_everything(0)
    model = small(method, **SAME[method])
    for end in ("g", "d") if hasattr(model, "net_d") else ("g",):
        setattr(model, f"opt_{end}", torch.optim.SGD(getattr(model, f"net_{end}").parameters(), lr=0.05))
    step = in_parts(type(model).step, parts)
    losses = [step(model, a, b, model.live_values()) for _ in range(num_steps)]
    assert model.part is None
    named = (pair for net in model.nets.values() for pair in net.named_parameters())
    weights = [p.detach() for name, p in named if not name.startswith("noises")]  # noise differs from part to part
    return losses[0] if losses else {}, weights


@pytest.mark.parametrize("method", list(SAME))
def test_a_batch_in_parts_makes_the_same_step(method):
    torch.manual_seed(1)
    a, b = torch.rand(6, 3, 32, 32) * 2 - 1, torch.rand(6, 3, 32, 32) * 2 - 1
    _, before = trained(method, 1, a, b, num_steps=0)
    losses, whole = trained(method, 1, a, b)
    moved = max(float((v - w).abs().max()) for v, w in zip(before, whole, strict=True))
    for parts in (3, 4):  # parts of two, and of two, two, two
        theirs, found = trained(method, parts, a, b)
        assert float(theirs["loss_l1"]) == pytest.approx(float(losses["loss_l1"]), rel=1e-5)
        apart = max(float((v - w).abs().max()) for v, w in zip(found, whole, strict=True))
        assert apart < 1e-5 * moved, f"{method} in {parts} parts: {apart} away, of {moved}"


def test_every_network_steps_once_for_the_whole_batch(monkeypatch):
    runtime.seed_everything(0)
    model = small("pix2pix", norm="instance", dropout=0.0)
    steps = {name: 0 for name in model.optimizers}
    for name, opt in model.optimizers.items():
        opt.register_step_post_hook(lambda *_, name=name: steps.update({name: steps[name] + 1}))
    seen = []
    model.net_d.register_forward_pre_hook(lambda net, given: seen.append(len(given[0])))
    batch = torch.zeros(8, 3, 32, 32)
    in_parts(Pix2Pix.step, 4)(model, batch, batch, model.live_values())
    assert steps == {"lr_g": 1, "lr_d": 1}
    assert set(seen) == {2}  # no network ever saw more than a part


def test_parts_of_unequal_size_count_by_their_pictures():
    """A last part of one picture weighs a third of one of three: worked out on a loss whose gradient is known."""

    class Mean(nn.Module):
        def __init__(self):
            super().__init__()
            self.w = nn.Parameter(torch.zeros(()))

    model = small("pix2pix")
    net = Mean()
    opt = torch.optim.SGD(net.parameters(), lr=1.0)

    def step(m, a, b, live):
        loss = -(net.w * a.mean((1, 2, 3))).mean()
        m.descend(loss, opt)
        return {"loss": loss.detach(), "mean": a.mean()}

    a = torch.arange(1.0, 5.0)[:, None, None, None].expand(4, 3, 2, 2)
    losses = in_parts(step, 2)(model, torch.cat([a[:3], a[3:]]), a, {})
    assert net.w.item() == pytest.approx(2.5)  # the mean of 1, 2, 3, 4
    net.w.data.zero_()
    parts = [a[:3], a[3:]]
    losses = in_parts(step, 2)(model, _Chunks(parts), _Chunks(parts), {})
    assert net.w.item() == pytest.approx(2.5) and float(losses["mean"]) == pytest.approx(2.5)


class _Chunks(list):
    def chunk(self, num):
        return list(self)


def test_what_looks_at_the_whole_batch_is_named():
    assert batch_statistics(small("pix2pix", norm="batch")) == ["net_g", "net_d"]
    assert batch_statistics(small("pix2pix", norm="instance")) == []
    assert batch_statistics(small("restore", narrow=0.0625)) == ["net_d"]


def test_accumulate_trains_through_the_loop_and_may_change_on_resume(tiny, manifest, tmp_path):
    quiet = {"norm": "instance", "dropout": 0.0, "batch_size": 4, "total_images": 16, "precision": "float32"}
    whole = start(tiny, manifest, tmp_path / "whole", **quiet)
    assert train(whole, progress=False) == "done"

    class Stop(Callback):
        def on_step(self, run):
            run.live.set("stop", run.images_seen == 8, "test")

    first = start(tiny, manifest, tmp_path / "parts", accumulate=2, **quiet)
    assert train(first, callbacks=[Stop()], progress=False) == "stopped"
    second = start(tiny, manifest, tmp_path / "parts", accumulate=4, resume="auto", **quiet)
    assert second.images_seen == 8 and train(second, progress=False) == "done"
    expected, found = whole.model.net_g.state_dict(), second.model.net_g.state_dict()
    assert max(float((expected[k] - v).abs().max()) for k, v in found.items()) < 1e-3
    assert read_log(second.folder)[0][-1]["images"] == 16


@pytest.mark.parametrize("method", ["cyclegan", "stylegan2"])
def test_methods_that_need_whole_batches_refuse_parts(method, manifest, tmp_path):
    resolved = resolve(method, "fast", {"accumulate": 2, "batch_size": 2})
    with pytest.raises(ConfigError, match="accumulate must be 1"):
        open_run(resolved, manifest, tmp_path, device="cpu", progress=False)
    assert list(tmp_path.iterdir()) == []


# Memory


def test_the_ledger_counts_what_is_alive():
    with preflight.Ledger() as ledger:
        kept = torch.zeros(1000, 1000)  # 4 MB
        view = kept[:10].t()
        lost = torch.ones(500, 1000) + 1  # 2 MB, and 2 MB on the way
        del lost
    assert ledger.now == 4_000_000 and ledger.peak == 8_000_000
    del kept, view
    assert ledger.now == 0


def test_more_pictures_need_more_and_random_numbers_are_left_alone():
    resolved = resolve("pix2pix", "fast", {"size_px": 64, "load_size_px": 64, "norm": "batch"}).config
    before = torch.get_rng_state()
    need = preflight.measure(Pix2Pix, resolved, FLOAT32)
    assert torch.equal(before, torch.get_rng_state())
    assert need.per_image > 0 and need.at(8) == need.fixed + 8 * need.per_image
    changes = {"size_px": 64, "load_size_px": 64, "base_filters": 32, "disc_filters": 32}
    wide = preflight.measure(Pix2Pix, resolve("pix2pix", "fast", changes).config, FLOAT32)
    assert 1.5 < wide.per_image / need.per_image < 2.5  # twice the channels
    assert need.batch_statistics == ("net_g", "net_d")


def test_too_large_a_batch_is_refused_with_a_way_out(tiny, manifest, tmp_path, monkeypatch):
    need = preflight.Need(fixed=100, per_image=50, batch_statistics=("net_g",))
    monkeypatch.setattr(datasets, "free_bytes", lambda device: 400)
    settings = tiny(batch_size=8).config
    with pytest.raises(ConfigError, match=r"accumulate=2 .*nearly the same result: net_g"):
        preflight.check(need, settings, CPU, data_bytes=0)
    with pytest.raises(ConfigError, match="batch_size=5"):
        preflight.check(need, settings, CPU, data_bytes=0, accumulates=False)
    assert "memory: about" in preflight.check(need, tiny(batch_size=8, accumulate=2).config, CPU, data_bytes=0)
    with pytest.raises(ConfigError, match="a smaller size_px.*check_memory=false"):
        start(tiny, manifest, tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert start(tiny, manifest, tmp_path, check_memory=False).total_images > 0


def test_the_check_changes_nothing_in_training(tiny, manifest, tmp_path):
    found = []
    for check in (True, False):
        run = start(tiny, manifest, tmp_path / str(check), check_memory=check, total_images=8)
        train(run, progress=False)
        found.append(run.model.net_g.state_dict())
    assert all(torch.equal(found[0][k], v) for k, v in found[1].items())


# Divergence


def explode_at(images, times=1):
    """A step that answers with NaN from so many images on, so many times."""
    done = []

    def step(m, a, b, live):
        losses = type(m).step(m, a, b, live)
        if len(done) < times and explode_at.run.images_seen >= images:
            done.append(1)
            return losses | {"loss_gan": losses["loss_gan"] * float("nan")}
        return losses

    return step


def test_back_takes_up_the_last_good_state_with_half_the_rates(tiny, manifest, tmp_path, capsys):
    run = start(tiny, manifest, tmp_path, on_divergence="back", total_images=16, log_every_images=2, save_every_s=0.0)
    explode_at.run = run
    assert train(run, step=explode_at(8), progress=False) == "done"
    rows, events = read_log(run.folder)
    (setback,) = [e for e in events if e["event"] == "setback"]
    assert setback["at"] > setback["images"] >= 6 and setback["lr_g"] == pytest.approx(1e-4)
    assert run.live["lr_g"] == pytest.approx(1e-4) and run.live["lr_d"] == pytest.approx(1e-4)
    assert [row["images"] for row in rows] == sorted({row["images"] for row in rows})  # none twice
    assert "setback 1 of 3" in capsys.readouterr().err
    assert start(tiny, manifest, tmp_path, on_divergence="back", total_images=32, resume=run.folder).setbacks == 1


def test_after_three_setbacks_it_stops_and_the_last_good_state_is_there(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, on_divergence="back", total_images=16, log_every_images=2)
    explode_at.run = run
    with pytest.raises(TrainingDiverged, match="loss_gan became NaN"):
        train(run, step=explode_at(4, times=99), progress=False)
    assert [e["number"] for e in read_log(run.folder)[1] if e["event"] == "setback"] == [1, 2, 3]
    state = checkpoints.load_torch_file(run.resume_path)
    assert state["live"]["lr_g"] == pytest.approx(2e-4 / 8)
    assert all(torch.isfinite(v).all() for v in state["nets"]["net_g"].values())


def test_a_loss_that_runs_away_stops_training(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, total_images=32, log_every_images=2)

    def step(m, a, b, live):
        losses = type(m).step(m, a, b, live)
        return losses | {"loss_l1": losses["loss_l1"] * (1e5 if run.images_seen >= 20 else 1)}

    with pytest.raises(TrainingDiverged, match="loss_l1 ran away"):
        train(run, step=step, progress=False)
    assert run.images_seen < 26


# What is kept


def test_the_last_states_are_kept_and_a_damaged_one_is_passed_over(tiny, manifest, tmp_path, capsys):
    run = start(tiny, manifest, tmp_path, keep_last=3, total_images=12, save_every_s=0.0)
    train(run, progress=False)
    kept = {p.name: checkpoints.load_torch_file(p)["images_seen"] for p in run.folder.glob("resume*.pt")}
    assert sorted(kept) == ["resume-1.pt", "resume-2.pt", "resume.pt"]
    assert kept["resume.pt"] == 12 and kept["resume.pt"] >= kept["resume-1.pt"] > kept["resume-2.pt"]
    run.resume_path.write_bytes(run.resume_path.read_bytes()[:1000])
    again = start(tiny, manifest, tmp_path, keep_last=3, total_images=24, resume=run.folder)
    assert again.images_seen == kept["resume-1.pt"] and "went on with resume-1.pt" in capsys.readouterr().err
    (run.folder / "resume-1.pt").unlink()
    again = start(tiny, manifest, tmp_path, keep_last=3, total_images=24, resume=run.folder)
    assert again.images_seen == kept["resume-2.pt"]
    (run.folder / "resume-2.pt").unlink()
    with pytest.raises(checkpoints.CheckpointError, match=r"resume\.pt: damaged"):
        start(tiny, manifest, tmp_path, total_images=24, resume=run.folder)


def test_the_best_generator_is_the_one_of_the_best_sheet(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, keep_best="ssim", total_images=16, sample_every_images=4)
    train(run, progress=False)
    sheets = [e for e in read_log(run.folder)[1] if e["event"] == "sample" and e["images"]]
    best = max(sheets, key=lambda event: event["ssim"])
    _, meta = checkpoints.load_network(run.folder / "generator-best.safetensors")
    assert meta["ssim"] == best["ssim"] == run.best and meta["images_seen"] == best["images"]


def test_truths_of_the_command_line_are_read():
    assert config.parse_value("pix2pix", "check_memory", "false") is False
    assert config.parse_value("cyclegan", "apart", "True") is True
    with pytest.raises(ConfigError, match="check_memory must be true or false, got 'perhaps'"):
        config.parse_value("pix2pix", "check_memory", "perhaps")
