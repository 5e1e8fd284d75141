"""The loop: it learns, it resumes bit for bit, it survives being killed, it obeys live values, it
stops at NaN.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file

from s2f_utils.data import Manifest, read_manifest, stores
from s2f_utils.methods.method import Term
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from s2f_utils.runtime import ConfigError
from s2f_utils.train import TrainingDiverged
from s2f_utils.train.config import resolve, settings_of
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import decay_by_epoch, lr_factor, make_batch, train
from s2f_utils.train.run import Wanted, finished, open_run
from s2f_utils.train.saving import write_sheet

EVERYTHING = {
    "ema_half_life_images": 6.0,
    "rotate_deg": 20.0,
    "shift_px": 2.0,
    "shear_deg": 5.0,
    "constant_share": 0.5,
}


def start(tiny, manifest, folder, *, resume="never", device="cpu", init=None, **changes):
    return open_run(
        tiny(**changes), manifest, folder, resume=resume, device=device, init=init, progress=False
    )


class StopAt:
    def __init__(self, images: int, command: str = "stop") -> None:
        self.images, self.command = images, command

    def on_step(self, run):
        if run.images_seen == self.images:
            run.live.set(self.command, True, "test")


def all_tensors(run):
    """All tensors of the state and of the generator that a run has saved at its end."""
    state = checkpoints.load_torch_file(run.resume_path)
    flat = {f"{net}.{k}": v for net, tensors in state["nets"].items() for k, v in tensors.items()}
    flat |= {
        f"ema.{way}.{k}": v for way, tensors in state["ema"].items() for k, v in tensors.items()
    }
    for name, opt in state["optimizers"].items():
        flat |= {f"{name}.{i}.{k}": v for i, slot in opt["state"].items() for k, v in slot.items()}
    flat["rng"] = state["rng"]["torch"]
    return flat | {
        f"file.{k}": v for k, v in load_file(run.folder / "generator.safetensors").items()
    }


def handed_to(opt):
    """What an optimiser is handed from now on: at each of its steps all gradients, in one row."""
    rows = []

    def look(opt, given, options):
        slopes = [
            p.new_zeros(p.shape) if p.grad is None else p.grad
            for g in opt.param_groups
            for p in g["params"]
        ]
        rows.append(torch.cat([slope.flatten() for slope in slopes]))

    opt.register_step_pre_hook(look)
    return rows


def run_of(method, manifest, folder, resume="never", **changes):
    """A run of one of our own methods, small enough to take seconds."""
    values = {
        "size_px": 32,
        "load_size_px": 32,
        "widths": "16,24",
        "fine": "8,8",
        "blocks": 1,
        "batch_size": 2,
        "total_images": 24,
        "num_samples": 2,
        "sample_every_images": 12,
        "log_every_images": 2,
        "shift_px": 2.0,
    }
    resolved = resolve(method, "full", values | changes)
    return open_run(resolved, manifest, folder, resume=resume, device="cpu", progress=False)


def test_faithful_resumes_bit_for_bit_and_lowers_its_losses(manifest, tmp_path):
    method = "faithful"
    whole = run_of(method, manifest, tmp_path / "whole")
    assert train(whole, progress=False) == "done"
    first = run_of(method, manifest, tmp_path / "parts")
    assert train(first, callbacks=[StopAt(10)], progress=False) == "stopped"
    second = run_of(method, manifest, tmp_path / "parts", resume="auto")
    assert second.images_seen == 10 and train(second, progress=False) == "done"
    expected, found = all_tensors(whole), all_tensors(second)
    assert [
        k
        for k in expected
        if not torch.equal(torch.as_tensor(expected[k]), torch.as_tensor(found[k]))
    ] == []
    steady = {"flip": 0.0, "dropout": 0.0, "batch_size": 4, "sample_every_images": 320}
    longer = run_of(method, manifest, tmp_path / "longer", total_images=320, **steady)
    train(longer, progress=False)
    rows = read_log(longer.folder)[0]
    l1 = [row["loss_l1"] for row in rows]
    assert sum(l1[-5:]) < 0.7 * sum(l1[:5])


def test_a_run_starts_from_a_model_of_its_settings(manifest, tmp_path):
    first = run_of("faithful", manifest, tmp_path)
    train(first, progress=False)
    start_from = first.folder / "generator.safetensors"
    asked = settings_of(first.folder, "faithful")
    sizes = {"size_px": 32, "load_size_px": 32, "direction": "sketch-to-photo"}
    assert asked == sizes | {"widths": "16,24", "fine": "8,8", "blocks": 1}
    found = resolve("faithful", "demo", {"blocks": 3}, begun_with=asked)
    assert found.config.widths == "16,24" and found.origin["widths"] == "the model it begins with"
    assert found.config.blocks == 3 and found.origin["blocks"] == "yours"
    small = {"total_images": 8, "batch_size": 2, "num_samples": 2}
    other = resolve("faithful", "full", small | asked | {"blocks": 2})
    with pytest.raises(checkpoints.CheckpointError, match="choose the settings of the checkpoint"):
        open_run(other, manifest, tmp_path, init=start_from, device="cpu", progress=False)
    with pytest.raises(
        checkpoints.CheckpointError, match="is a resunet, which pix2pix does not train"
    ):
        settings_of(start_from, "pix2pix")


def test_a_run_goes_on_only_with_the_model_that_it_began_with(manifest, tmp_path):
    first, other = (
        run_of("faithful", manifest, tmp_path / name, total_images=n)
        for name, n in (("a", 2), ("b", 4))
    )
    for run in (first, other):
        train(run, progress=False)
    start_from = first.folder / "generator.safetensors"
    resolved = resolve(
        "faithful",
        "full",
        settings_of(first.folder, "faithful") | {"total_images": 8, "batch_size": 2},
    )

    def begin(**options):
        return open_run(
            resolved, manifest, tmp_path, init=start_from, device="cpu", progress=False, **options
        )

    def is_finished():
        return finished(resolved, manifest, tmp_path, init=start_from)

    assert is_finished() is None
    run = begin()
    assert train(run, callbacks=[StopAt(4)], progress=False) == "stopped"
    assert is_finished() is None and begin().folder == run.folder
    assert train(begin(), progress=False) == "done" and is_finished() == run.folder
    assert (
        finished(
            resolve("faithful", "full", {"total_images": 8}), manifest, tmp_path, init=start_from
        )
        is None
    )

    start_from.write_bytes(
        (other.folder / "generator.safetensors").read_bytes()
    )  # trained on, by the same name
    assert is_finished() is None
    with pytest.raises(checkpoints.CheckpointError, match="did not begin with .* as it is now"):
        begin(resume=run.folder)
    start_from.unlink()  # what it began with is not needed to go on
    assert (
        open_run(
            resolved, manifest, tmp_path, resume=run.folder, device="cpu", progress=False
        ).images_seen
        == 8
    )


def test_long_gradients_are_scaled_down_and_short_ones_are_left(manifest, tmp_path):
    """A step that clips hands its optimiser the same gradient as one that does not, only of the
    length that is set.
    """

    def first_gradient(max_norm):
        run = run_of(
            "faithful",
            manifest,
            tmp_path / str(max_norm),
            max_norm=max_norm,
            total_images=2,
            precision="float32",
        )
        rows = handed_to(run.model.optimizers["lr_g"])
        train(run, progress=False)
        assert len(rows) == 1
        return rows[0]

    whole = first_gradient(0.0)  # never clipped
    length = whole.norm().item()
    assert length > 0.01 and torch.allclose(
        first_gradient(100 * length), whole, rtol=1e-3, atol=1e-5 * length
    )
    assert torch.allclose(first_gradient(length / 8), whole / 8, rtol=1e-3, atol=1e-5 * length)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_stop_and_resume_is_bit_for_bit_the_uninterrupted_run(tiny, manifest, tmp_path, precision):
    options = EVERYTHING | {"precision": precision}
    whole = start(tiny, manifest, tmp_path / "whole", **options)
    assert train(whole, progress=False) == "done"
    first = start(tiny, manifest, tmp_path / "parts", **options)
    assert train(first, callbacks=[StopAt(10)], progress=False) == "stopped"
    assert first.images_seen == 10
    torch.rand(100)  # whatever else the session does with the generators must not matter
    second = start(tiny, manifest, tmp_path / "parts", resume="auto", **options)
    assert second.folder == first.folder and second.images_seen == 10
    assert train(second, progress=False) == "done"
    expected, found = all_tensors(whole), all_tensors(second)
    assert set(expected) == set(found) and len(expected) > 100
    different = [
        key
        for key in expected
        if not torch.equal(torch.as_tensor(expected[key]), torch.as_tensor(found[key]))
    ]
    assert different == []
    rows = [
        {k: v for k, v in row.items() if "second" not in k} for row in read_log(second.folder)[0]
    ]
    assert rows == [
        {k: v for k, v in row.items() if "second" not in k} for row in read_log(whole.folder)[0]
    ]


def test_losses_fall_on_a_few_pairs(tiny, manifest, tmp_path):
    run = start(
        tiny,
        manifest,
        tmp_path,
        base_filters=16,
        total_images=320,
        batch_size=4,
        flip=0.0,
        load_size_px=32,
        sample_every_images=320,
    )
    assert train(run, progress=False) == "done"
    l1 = [row["loss_l1"] for row in read_log(run.folder)[0]]
    assert sum(l1[-5:]) < 0.7 * sum(l1[:5])


def test_an_answer_that_is_no_picture_leaves_out_a_sheet_and_ends_nothing(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, sample_every_images=8, total_images=16)
    samples = run.model.samples

    def overflowing(a, b, generators):
        infinite = run.images_seen in (0, 8)
        return {
            k: v * float("inf") if infinite else v for k, v in samples(a, b, generators).items()
        }

    run.model.samples = overflowing
    assert train(run, progress=False) == "done"
    events = read_log(run.folder)[1]
    problems = [event["message"] for event in events if event["event"] == "problem"]
    assert [text.partition(":")[0] for text in problems] == [
        "could not write a sample sheet at image 0",
        "could not write a sample sheet at image 8",
    ]
    assert [path.name for path in (run.folder / "samples").iterdir()] == ["00000016.png"]


def test_what_fails_in_a_callback_ends_training(tiny, manifest, tmp_path):
    class Reads:
        def on_sample(self, run, path):
            (tmp_path / "missing").read_text()

    run = start(tiny, manifest, tmp_path)
    with pytest.raises(FileNotFoundError, match="missing"):
        train(run, callbacks=[Reads()], progress=False)


def test_samples_are_scored_as_their_sheet_would_be(tiny, manifest, tmp_path):
    from s2f_utils import metrics
    from s2f_utils.pictures import images

    run = start(tiny, manifest, tmp_path)
    assert train(run, progress=False) == "done"
    event = [e for e in read_log(run.folder)[1] if e["event"] == "sample"][-1]
    sheet = images.load_rgb(run.folder / event["file"])
    step = run.config.size_px + 4
    places = range(len(run.samples))
    cut = [
        [sheet[4 + row * step :, 4 + n * step :][: step - 4, : step - 4] for n in places]
        for row in (1, 2)
    ]
    for name, values in metrics.measure(*cut, ("ssim", "psnr", "mse", "l1")).items():
        assert event[name] == pytest.approx(values.mean(), rel=1e-3, abs=2e-4)


def test_own_step_is_used_and_gives_the_same_losses_as_the_library(tiny, manifest, tmp_path):
    def own(m, batch, ctx):
        """The paper's update with torch's own functions."""
        a, b = batch
        bce, calls = torch.nn.functional.binary_cross_entropy_with_logits, own.calls
        own.calls = calls + 1
        fake = m.net_g(a)
        real_logits, fake_logits = (
            m.net_d(torch.cat([a, b], 1)),
            m.net_d(torch.cat([a, fake.detach()], 1)),
        )
        loss_d = (
            bce(real_logits, torch.ones_like(real_logits))
            + bce(fake_logits, torch.zeros_like(fake_logits))
        ) / 2
        m.opt_d.zero_grad()
        loss_d.backward()
        m.opt_d.step()
        logits = m.net_d(torch.cat([a, fake], 1))
        loss_gan, loss_l1 = bce(logits, torch.ones_like(logits)), (fake - b).abs().mean()
        m.opt_g.zero_grad()
        (loss_gan + 100 * loss_l1).backward()
        m.opt_g.step()
        for name, loss in (("loss_d", loss_d), ("loss_gan", loss_gan), ("loss_l1", loss_l1)):
            ctx.observe(name, loss.detach())
        return {}

    own.calls = 0
    rows = []
    for name, step in (("library", None), ("own", own)):
        run = start(tiny, manifest, tmp_path / name, total_images=16, precision="float32")
        train(run, step=step, progress=False)
        rows.append(
            [[row[k] for k in ("loss_d", "loss_gan", "loss_l1")] for row in read_log(run.folder)[0]]
        )
    assert own.calls == 8 and torch.allclose(
        torch.tensor(rows[0]), torch.tensor(rows[1]), atol=1e-5
    )


KILLED = """
import sys, os
from pathlib import Path
sys.path.insert(0, {root!r})
from s2f_utils.data import read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.train import config
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
resolved = config.resolve("pix2pix", "full", {settings!r})
manifest = read_manifest({manifest!r})
run = open_run(resolved, manifest, {runs!r}, device="cpu", resume="auto", progress=False)
print("images", run.images_seen, flush=True)
real_save, saves = checkpoints.torch.save, [0]
def save(state, path):
    real_save(state, path)
    saves[0] += 1
    if saves[0] == 4:
        os.truncate(path, os.path.getsize(path) // 2)
        print("half written", flush=True)
        os.kill(os.getpid(), {signal})
checkpoints.torch.save = save
train(run, progress=False)
print("done", run.images_seen, flush=True)
"""


def test_sigkill_in_the_middle_of_a_save_loses_only_the_last_interval(tiny, manifest, tmp_path):
    from pathlib import Path

    settings = tiny(save_every_s=0.0, total_images=16).config.model_dump()
    places = {
        "root": str(Path(__file__).parents[1]),
        "manifest": str(manifest.path),
        "runs": str(tmp_path),
    }
    code = KILLED.format(**places, settings=settings, signal=int(signal.SIGKILL))
    first = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120
    )
    assert first.returncode == -signal.SIGKILL, first.stderr
    assert "half written" in first.stdout
    (folder,) = tmp_path.iterdir()
    state = checkpoints.load_torch_file(folder / "resume.pt")
    assert state["images_seen"] == 6  # three saves of two images each were complete
    assert [
        p.name for p in folder.glob(".resume*.part")
    ]  # what the kill left behind is not mistaken for a save
    run = start(tiny, manifest, tmp_path, resume="auto", save_every_s=0.0, total_images=16)
    assert run.images_seen == 6 and train(run, progress=False) == "done"
    whole = start(tiny, manifest, tmp_path / "whole", save_every_s=300.0, total_images=16)
    train(whole, progress=False)
    mine, theirs = all_tensors(run), all_tensors(whole)
    assert all(torch.equal(torch.as_tensor(mine[k]), torch.as_tensor(theirs[k])) for k in theirs)


def test_ctrl_c_finishes_the_step_and_saves(tiny, manifest, tmp_path):
    class Interrupt:
        def on_step(self, run):
            if run.images_seen == 6:
                os.kill(os.getpid(), signal.SIGINT)

    run = start(tiny, manifest, tmp_path)
    before = signal.getsignal(
        signal.SIGINT
    )  # ignored, where a shell started this in the background
    assert train(run, callbacks=[Interrupt()], progress=False) == "interrupted"
    assert checkpoints.load_torch_file(run.resume_path)["images_seen"] == run.images_seen == 6
    assert signal.getsignal(signal.SIGINT) is before


def test_learning_rate_follows_the_published_schedule(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, total_images=0, epochs=200.0, constant_share=0.5)
    length = len(run.data)
    factors = []
    for epoch in range(200):
        run.images_seen = epoch * length
        factors.append(lr_factor(run))
    assert factors == pytest.approx([1 - max(0, epoch + 1 - 100) / 101 for epoch in range(200)])


def test_the_schedule_reaches_every_optimiser(tiny, manifest, tmp_path):
    """24 pictures, two a step; the second half falls to 0, nearly on a straight line."""
    run = start(tiny, manifest, tmp_path, lr_g=1e-3, lr_d=4e-3, constant_share=0.5)
    rates = {name: [] for name in ("lr_g", "lr_d")}
    for name, opt in run.model.optimizers.items():
        opt.register_step_pre_hook(
            lambda opt, *_, name=name: rates[name].extend(group["lr"] for group in opt.param_groups)
        )
    assert train(run, progress=False) == "done"
    factors = [decay_by_epoch(seen, 24, 0.5, len(run.data)) for seen in range(0, 24, 2)]
    straight = [1.0] * 6 + [1.0, 10 / 12, 8 / 12, 6 / 12, 4 / 12, 2 / 12]
    assert factors == pytest.approx(straight, abs=0.04)
    assert rates["lr_g"] == pytest.approx([1e-3 * factor for factor in factors])
    assert rates["lr_d"] == pytest.approx([4e-3 * factor for factor in factors])


def test_live_values_are_obeyed_from_the_next_step_and_logged(tiny, manifest, tmp_path):
    seen = []

    class Edit:
        def on_step(self, run):
            seen.append(
                (run.images_seen, run.model.opt_g.param_groups[0]["lr"], run.live["lambda_l1"])
            )
            path = run.folder / "controls.json"
            if run.images_seen == 4:
                path.write_text(
                    json.dumps(json.loads(path.read_text()) | {"lr_g": 1e-3, "lambda_l1": 50})
                )
            if run.images_seen == 8:
                path.write_text("{ not json")
            if run.images_seen == 10:
                path.write_text(json.dumps({"lr_g": 99.0, "lr_d": 3e-4}))
            if run.images_seen == 12:
                path.write_text(json.dumps({"stop": True}))

    run = start(tiny, manifest, tmp_path, constant_share=1.0)
    assert train(run, callbacks=[Edit()], progress=False) == "stopped" and run.images_seen == 12
    rates = {images: lr for images, lr, _ in seen}
    assert rates[4] == 2e-4 and rates[6] == 1e-3 and rates[12] == 1e-3
    problems = [e["message"] for e in read_log(run.folder)[1] if e["event"] == "problem"]
    assert (
        len(problems) == 2
        and "not understood" in problems[0]
        and "lr_g must be between" in problems[1]
    )
    changes = [
        e
        for e in read_log(run.folder)[1]
        if e["event"] == "change" and e["source"] == "controls.json"
    ]
    assert [(c["name"], c["images"]) for c in changes] == [
        ("lambda_l1", 4),
        ("lr_g", 4),
        ("lr_d", 10),
        ("stop", 12),
    ]
    assert json.loads((run.folder / "controls.json").read_text())["stop"] is False


def test_settings_beyond_a_sliders_range_are_allowed(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, lambda_l1=1000.0, total_images=2)
    assert run.live["lambda_l1"] == 1000.0 == run.live.ranges["lambda_l1"].high
    assert train(run, progress=False) == "done"


def test_pause_waits_and_save_and_sample_act_at_once(tiny, manifest, tmp_path):
    events = []

    class Watch:
        def on_step(self, run):
            if run.images_seen == 2:
                for command in ("save", "sample", "pause"):
                    run.live.set(command, True, "test")

        def on_idle(self, run):
            events.append(("idle", run.images_seen))
            if len([e for e in events if e[0] == "idle"]) == 3:
                run.live.set("pause", False, "test")

        def on_save(self, run, path):
            events.append(("save", run.images_seen))

        def on_sample(self, run, path):
            events.append(("sample", run.images_seen))

    run = start(tiny, manifest, tmp_path, total_images=8, sample_every_images=8)
    assert train(run, callbacks=[Watch()], progress=False) == "done"
    assert events == [
        ("sample", 0),
        ("idle", 2),
        ("sample", 2),  # in the pause
        ("save", 2),
        ("idle", 2),
        ("idle", 2),
        ("sample", 8),
        ("save", 8),
    ]


def test_nan_stops_with_the_name_of_the_loss_and_the_last_good_state(tiny, manifest, tmp_path):
    def step(model, batch, ctx):
        terms = model.step(batch, ctx)
        step.calls += 1
        if step.calls == 5:
            terms["loss_l1"] = Term(terms["loss_l1"].value * float("nan"))
        return terms

    step.calls = 0
    run = start(tiny, manifest, tmp_path, save_every_s=0.0)
    with pytest.raises(
        TrainingDiverged, match=r"loss_l1 became NaN.*before image 10.*last good state is"
    ):
        train(run, step=step, progress=False)
    assert checkpoints.load_torch_file(run.resume_path)["images_seen"] == 8


def test_the_advice_after_a_divergence_can_be_followed(tiny, manifest, tmp_path):
    """A lower learning rate and float32, by settings or by controls.json; not by chance."""
    run = start(tiny, manifest, tmp_path, lr_d=1e-3)
    train(run, callbacks=[StopAt(6)], progress=False)
    run.losses.sums = {"loss_l1": torch.tensor(float("nan"))}
    run.losses.nums = {"loss_l1": 1}
    with pytest.raises(TrainingDiverged, match=f"--set lr_g=0.0001.* --resume {run.folder}"):
        run.mean_losses()
    unsaved = start(tiny, manifest, tmp_path / "unsaved")
    unsaved.losses.sums = {"loss_l1": torch.tensor(float("nan"))}
    unsaved.losses.nums = {"loss_l1": 1}
    with pytest.raises(TrainingDiverged, match="and start anew; nothing was saved yet"):
        unsaved.mean_losses()
    with pytest.raises(FileNotFoundError, match="no saved state .* leave --resume out"):
        start(tiny, manifest, tmp_path / "unsaved", resume=unsaved.folder)
    changed = {"lr_g": 1e-4, "lr_d": 1e-3, "precision": "float32"}
    assert start(tiny, manifest, tmp_path / "other", **changed).images_seen == 0
    again = start(tiny, manifest, tmp_path, resume=run.folder, **changed)
    assert again.images_seen == 6 and again.live["lr_g"] == 1e-4 and again.live["lr_d"] == 1e-3
    assert again.precision.name == "float32"
    assert train(again, callbacks=[StopAt(8)], progress=False) == "stopped"
    found = start(tiny, manifest, tmp_path, resume="auto", **changed)
    assert found.folder == run.folder and found.images_seen == 8
    assert start(tiny, manifest, tmp_path, resume="auto", lr_d=1e-3).folder != run.folder


def test_an_edit_of_controls_after_the_end_applies_when_the_run_goes_on(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path)
    train(run, callbacks=[StopAt(6)], progress=False)
    path = run.folder / "controls.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"lr_g": 5e-5}))
    again = start(tiny, manifest, tmp_path, resume="auto")
    assert again.live["lr_g"] == 5e-5 and json.loads(path.read_text())["lr_g"] == 5e-5
    train(again, callbacks=[StopAt(8)], progress=False)
    (change,) = [e for e in read_log(run.folder)[1] if e.get("name") == "lr_g"]
    assert (change["images"], change["source"]) == (6, "controls.json")


def test_a_loss_that_is_logged_and_not_trained_is_refused(tiny, manifest, tmp_path):
    def step(model, batch, ctx):
        terms = model.step(batch, ctx)
        return terms | {"loss_new": Term(terms["loss_l1"].value)}

    run = start(tiny, manifest, tmp_path)
    with pytest.raises(ValueError, match="returns loss_new, on which nothing descends"):
        train(run, step=step, progress=False)


def test_a_loss_without_a_weight_is_refused_by_its_name(tiny, manifest, tmp_path):
    def step(model, batch, ctx):
        terms = {"loss_new": model.net_g(batch.a).mean()}
        ctx.descend(terms, model.opt_g)
        return terms

    run = start(tiny, manifest, tmp_path)
    with pytest.raises(TypeError, match=r"loss_new: must be Term\(loss, weight\)"):
        train(run, step=step, progress=False)


def test_chunks_add_up_to_the_whole(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path)
    reasons = [train(run, max_seconds=0.0, progress=False) for _ in range(12)]
    assert reasons == ["chunk"] * 11 + ["done"]
    whole = start(tiny, manifest, tmp_path / "whole")
    train(whole, progress=False)
    assert all(
        torch.equal(a, b)
        for a, b in zip(run.model.net_g.parameters(), whole.model.net_g.parameters(), strict=True)
    )


def test_init_starts_from_given_weights_and_refuses_others(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, total_images=4)
    train(run, progress=False)
    tuned = start(tiny, manifest, tmp_path, init=run.folder / "generator.safetensors")
    state = run.model.net_g.state_dict()
    assert all(torch.equal(v, state[k]) for k, v in tuned.model.net_g.state_dict().items())
    with pytest.raises(checkpoints.CheckpointError, match="choose the settings of the checkpoint"):
        start(tiny, manifest, tmp_path, init=run.folder / "generator.safetensors", base_filters=8)


def test_resume_refuses_another_setup_and_auto_starts_anew(tiny, manifest, tmp_path, capsys):
    run = start(tiny, manifest, tmp_path)
    train(run, callbacks=[StopAt(6)], progress=False)
    with pytest.raises(checkpoints.CheckpointError, match="dropout: 0.5 there, 0.0 here"):
        start(tiny, manifest, tmp_path, resume=run.folder, dropout=0.0)
    capsys.readouterr()
    assert finished(tiny(dropout=0.0), manifest, tmp_path) is None
    assert start(tiny, manifest, tmp_path, resume="auto", dropout=0.0).folder != run.folder
    assert capsys.readouterr().out.count("is not resumed") == 1
    again = start(tiny, manifest, tmp_path, resume="auto", sample_every_images=8, num_snapshots=2)
    assert (
        again.folder == run.folder and again.live["sample_every"] == 8.0 != run.live["sample_every"]
    )
    state = torch.load(run.resume_path, weights_only=True)
    del state["config"]["elastic"]  # a run from before there was this setting goes on
    torch.save(state, run.resume_path)
    assert start(tiny, manifest, tmp_path, resume="auto").folder == run.folder
    for augmentation in ("shared", "none"):  # a setting that was dropped: as it is now, or not
        state["config"]["augment_disc"] = augmentation
        torch.save(state, run.resume_path)
        if augmentation == "shared":
            assert start(tiny, manifest, tmp_path, resume=run.folder).folder == run.folder
    with pytest.raises(checkpoints.CheckpointError, match="augment_disc: none there, shared here"):
        start(tiny, manifest, tmp_path, resume=run.folder)
    del state["config"]["augment_disc"]
    torch.save(state, run.resume_path)
    with pytest.raises(checkpoints.CheckpointError, match=r"elastic: 0.0 there, 0.05 here"):
        start(tiny, manifest, tmp_path, resume=run.folder, elastic=0.05)
    cgan = resolve("cgan", "fast", has_gpu=False)
    with pytest.raises(checkpoints.CheckpointError, match="is a run of pix2pix: name that method"):
        open_run(cgan, manifest, tmp_path, device="cpu", resume=run.folder, progress=False)
    fewer = Manifest(
        manifest.path, [p for p in manifest.pairs if p.id != manifest.split("train")[0].id]
    )
    with pytest.raises(checkpoints.CheckpointError, match="other pairs"):
        start(tiny, fewer, tmp_path, resume=run.folder)
    assert start(tiny, fewer, tmp_path, resume="auto").folder != run.folder


def test_a_name_that_is_a_path_is_refused_before_any_picture_is_read(tiny, manifest, tmp_path):
    unreadable = Manifest(manifest.path, [])
    with pytest.raises(ConfigError, match="a run's name is no path, got 'a/b'"):
        open_run(tiny(), unreadable, tmp_path, name="a/b", device="cpu", progress=False)
    assert not list(tmp_path.iterdir())


def test_a_run_whose_slider_moved_a_setting_that_was_dropped_is_refused(tmp_path):
    resolved = resolve("cgan", "fast")
    state = {"method": "cgan", "config": resolved.config.model_dump(), "live": {"lambda_l1": 5.0}}
    why = Wanted(resolved, [], {}).why_not(tmp_path, state)
    assert "fixed now (lambda_l1: 5.0 there, 0.0 here)" in why


def test_data_made_anew_under_the_same_ids_start_anew(tiny, manifest, tmp_path):
    folder = shutil.copytree(manifest.path.parent, tmp_path / "data")
    data = read_manifest(folder)
    run = start(tiny, data, tmp_path)
    train(run, callbacks=[StopAt(6)], progress=False)
    assert start(tiny, data, tmp_path, resume="auto").folder == run.folder
    photo = data.split("train")[0].photo
    images.save(photo, 255 - images.load_rgb(photo))
    with pytest.raises(checkpoints.CheckpointError, match="other pictures under the same names"):
        start(tiny, data, tmp_path, resume=run.folder)
    assert start(tiny, data, tmp_path, resume="auto").folder != run.folder
    state = torch.load(run.resume_path, weights_only=True)
    for name in ("data_bytes", "spent_s", "longest_images", "sums", "nums"):
        del state[name]
    state["model"]["steps"] = state.pop("steps")  # all this as in a run of an earlier release
    torch.save(state, run.resume_path)
    again = start(tiny, data, tmp_path, resume=run.folder)
    assert (again.images_seen, again.steps, again.spent_s) == (6, run.steps, again.seconds)
    assert again.live["sample_every"] == run.live["sample_every"] and not again.losses.sums


def parts_to_break(run, what):
    """Where a training goes wrong: a weight, a statistic of batch norm, or an average of one."""
    if what == "weight":
        return next(run.model.net_g.parameters())
    net = run.model.net_g if what == "statistic" else run.ema["sketch-to-photo"].net
    return next(value for name, value in net.named_buffers() if name.endswith("running_var"))


@pytest.mark.parametrize("what", ["weight", "statistic", "average"])
@pytest.mark.parametrize("command", ["save", "sample"])
def test_weights_that_are_not_finite_are_not_saved(tiny, manifest, tmp_path, command, what):
    class Break:
        def on_step(self, run):
            if run.images_seen == 8:
                with torch.no_grad():
                    parts_to_break(run, what).fill_(float("inf"))
                run.live.set(command, True, "test")

    often = {"save_every_s": 0.0, "log_every_images": 24, "ema_half_life_images": 6.0}
    run = start(tiny, manifest, tmp_path, **often)
    with pytest.raises(TrainingDiverged, match="NaN or infinite"):
        train(run, callbacks=[Break()], progress=False)
    state = checkpoints.load_torch_file(run.resume_path)
    assert state["images_seen"] == 8 and all(
        torch.isfinite(v).all() for v in state["nets"]["net_g"].values()
    )


def test_short_trainings_fall_with_every_image(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, total_images=1000, constant_share=0.4)
    run.data.photos.paths *= 1000  # 13,000 pairs: a thirteenth of one pass
    factors = []
    for run.images_seen in (0, 400, 700, 1000):
        factors.append(lr_factor(run))
    assert factors == pytest.approx([1.0, 1.0, 0.5, 0.0], abs=0.002)


def test_auto_does_not_take_up_a_run_with_another_start_or_a_longer_name(tiny, manifest, tmp_path):
    first = start(tiny, manifest, tmp_path, total_images=4)
    train(first, progress=False)
    begun = start(tiny, manifest, tmp_path)
    train(begun, callbacks=[StopAt(4)], progress=False)
    tuned = start(
        tiny, manifest, tmp_path, resume="auto", init=first.folder / "generator.safetensors"
    )
    assert tuned.folder != begun.folder and tuned.images_seen == 0
    other = open_run(tiny(), manifest, tmp_path, name="pix", device="cpu", progress=False)
    assert other.folder.name.endswith("-pix") and other.images_seen == 0


def test_a_foreign_resume_file_is_named(tiny, manifest, tmp_path):
    (tmp_path / "0001-x").mkdir()
    torch.save({"weights": torch.zeros(1)}, tmp_path / "0001-x" / "resume.pt")
    with pytest.raises(checkpoints.CheckpointError, match="is not the resume file of a run"):
        start(tiny, manifest, tmp_path, resume=tmp_path / "0001-x")


def test_snapshots_are_spread_evenly_and_can_be_used(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, num_snapshots=2, ema_half_life_images=6.0)
    train(run, progress=False)
    names = [p.name for p in sorted((run.folder / "snapshots").iterdir())]
    assert names == ["generator-00000008.safetensors", "generator-00000016.safetensors"]
    net, meta = checkpoints.load_network(run.folder / "snapshots" / names[0])
    assert meta["images_seen"] == 8 and meta["size_px"] == 32
    last, _ = checkpoints.load_network(run.folder / "generator.safetensors")
    assert not torch.equal(next(net.parameters()), next(last.parameters()))
    assert all(
        torch.equal(v, run.ema["sketch-to-photo"].net.state_dict()[k])
        for k, v in last.state_dict().items()
    )


def test_a_longer_run_spaces_its_sheets_anew_unless_they_were_set(tiny, manifest, tmp_path):
    usual = {"sample_every_images": 0}
    run = start(tiny, manifest, tmp_path, total_images=200, **usual)
    assert run.live["sample_every"] == 10
    train(run, callbacks=[StopAt(2)], progress=False)
    again = start(tiny, manifest, tmp_path, total_images=400, resume="auto", **usual)
    assert (again.folder, again.live["sample_every"]) == (run.folder, 20)
    again.live.set("sample_every", 8.0, "test")
    train(again, callbacks=[StopAt(4)], progress=False)
    third = start(tiny, manifest, tmp_path, total_images=600, resume="auto", **usual)
    assert (third.folder, third.live["sample_every"]) == (run.folder, 8)


def test_few_pairs_are_shown_no_more_often_than_max_epochs(tiny, manifest, tmp_path):
    num = len(manifest.split("train"))
    assert start(tiny, manifest, tmp_path, total_images=0, epochs=0.01).total_images == 1
    assert start(
        tiny, manifest, tmp_path, total_images=10**9, max_epochs=1.5
    ).total_images == round(1.5 * num)
    assert start(tiny, manifest, tmp_path, total_images=24, max_epochs=10**6).total_images == 24
    first = start(tiny, manifest, tmp_path, total_images=24, max_epochs=0.0)
    assert train(first, callbacks=[StopAt(2)], progress=False) == "stopped"
    again = start(tiny, manifest, tmp_path, total_images=24, max_epochs=1.0, resume="auto")
    assert (again.folder, again.images_seen, again.total_images) == (first.folder, 2, num)


def test_a_time_budget_is_kept_over_an_interruption(tiny, manifest, tmp_path):
    assert start(tiny, manifest, tmp_path, time_budget_s=1000.0).total_images == 24
    tight = start(tiny, manifest, tmp_path, total_images=10**9, time_budget_s=0.5)
    began = time.monotonic()
    assert train(tight, callbacks=[StopAt(2)], progress=False) == "stopped"
    again = start(tiny, manifest, tmp_path, total_images=10**9, time_budget_s=0.5, resume="auto")
    assert (again.folder, again.images_seen, again.spent_s) == (tight.folder, 2, tight.spent_s)
    assert train(again, progress=False) == "done" and time.monotonic() - began < 30
    settings = tiny(total_images=10**9, time_budget_s=0.5)
    assert finished(settings, manifest, tmp_path) == again.folder


def test_a_run_that_its_time_ended_goes_on_with_more_time_or_images(tiny, manifest, tmp_path):
    endless = {"total_images": 10**9}
    first = start(tiny, manifest, tmp_path, time_budget_s=0.3, **endless)
    assert train(first, progress=False) == "done"
    longer = {"time_budget_s": 0.6, **endless}
    assert finished(tiny(**longer), manifest, tmp_path) is None
    again = start(tiny, manifest, tmp_path, resume="auto", **longer)
    assert (again.folder, again.images_seen) == (first.folder, first.images_seen)
    assert again.images_seen < again.total_images < 10**9 and again.share_done < 1
    assert train(again, progress=False) == "done" and again.spent_s >= 0.6
    assert finished(tiny(**longer), manifest, tmp_path) == first.folder
    assert start(tiny, manifest, tmp_path, resume="auto", **longer).folder != first.folder
    shutil.rmtree(tmp_path / "0002-pix2pix")
    counted = start(tiny, manifest, tmp_path, resume="auto", total_images=again.images_seen + 4)
    assert counted.folder == first.folder and train(counted, progress=False) == "done"
    assert counted.images_seen == again.images_seen + 4


def test_ema_has_the_half_life_that_it_is_given(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, ema_half_life_images=8.0)
    ema = run.ema["sketch-to-photo"]
    weight = next(ema.net.parameters())
    with torch.no_grad():
        weight.zero_()
        next(run.model.net_g.parameters()).fill_(1.0)
    for _ in range(4):
        ema.update(2, images_seen=1000)
    assert weight.mean().item() == pytest.approx(0.5)
    with torch.no_grad():
        weight.zero_()
    ema.update(
        2, images_seen=40
    )  # early on the half-life is a twentieth of what was seen: two images
    assert weight.mean().item() == pytest.approx(0.5)


def test_the_average_has_the_mean_statistics_of_batch_norm(tiny, manifest, tmp_path):
    run = start(tiny, manifest, tmp_path, ema_half_life_images=8.0)
    ema = run.ema["sketch-to-photo"]
    statistics, of_average = (
        [value for name, value in net.named_buffers() if name.endswith("running_mean")]
        for net in (run.model.net_g, ema.net)
    )
    for value, average in zip(statistics, of_average, strict=True):
        value.fill_(1.0)
        average.zero_()
    ema.update(8, images_seen=1000)
    assert statistics and all(value.mean().item() == pytest.approx(0.5) for value in of_average)


def test_a_sheet_shows_what_the_average_answers(tiny, manifest, tmp_path, monkeypatch):
    run, shown = start(tiny, manifest, tmp_path, ema_half_life_images=8.0), []

    def samples(a, b, nets):
        shown.extend(nets.values())
        return {"a": a, "fake_b": b, "b": b}

    monkeypatch.setattr(run.model, "samples", samples)
    write_sheet(run)
    assert shown == [run.ema["sketch-to-photo"].net]


def test_the_loop_tells_the_average_how_many_images_it_saw(tiny, manifest, tmp_path):
    run, told = start(tiny, manifest, tmp_path, total_images=7, ema_half_life_images=8.0), []
    run.ema["sketch-to-photo"].update = lambda num_images, images_seen: told.append(
        (num_images, images_seen)
    )
    train(run, progress=False)
    assert told == [(2, 2), (2, 4), (2, 6), (1, 7)]


def test_batches_do_not_depend_on_how_they_are_cut(tiny, manifest, tmp_path):
    orders = []
    for batch_size in (1, 2, 5):
        order = []
        while len(order) < 30:
            order += list(stores.indices_at(len(order), batch_size, 7, 2, seed=3))
        orders.append(order[:28])
    assert orders[0] == orders[1] == orders[2] and sorted(orders[0][:14]) == sorted(
        [*range(7), *range(7)]
    )
    assert orders[0][:14] != orders[0][14:]


def test_the_seed_decides_how_a_training_begins(tiny, manifest, tmp_path):
    runs = [start(tiny, manifest, tmp_path, seed=seed) for seed in (1, 1, 2)]
    first, again, other = (next(run.model.net_g.parameters()) for run in runs)
    assert torch.equal(first, again) and not torch.equal(first, other)


@pytest.mark.parametrize("direction", ["sketch-to-photo", "photo-to-sketch"])
def test_pairs_stay_pairs_and_direction_swaps_the_domains(tiny, manifest, tmp_path, direction):
    from s2f_utils.pictures import images

    run = start(tiny, manifest, tmp_path, direction=direction, flip=0.0, load_size_px=32, seed=3)
    given, answer = direction.split("-to-")
    order = stores.indices_at(0, 4, len(run.data), run.config.copies, seed=3)
    for side, made in zip((given, answer), make_batch(run, 4), strict=True):
        files = [getattr(manifest.split("train")[n], side) for n in order]
        wanted = [images.to_tensor(images.resize(images.load_rgb(file), 32)) for file in files]
        assert torch.equal(made, torch.cat(wanted))
