"""What a long training on a CPU measures at its start, and keeps."""

from __future__ import annotations

import json

import pytest
import torch

from s2f_utils.train import tuning
from s2f_utils.train.loop import train
from tests.test_no_lost_work import assert_equal, start

LONG = {"total_images": 2_000, "precision": "float32", "log_every_images": 6}


class StopAt:
    def __init__(self, images):
        self.images = images

    def on_step(self, run):
        if run.images_seen == self.images:
            run.live.set("stop", True, "test")


@pytest.fixture()
def other_is_faster(monkeypatch):
    """The steps are taken, their times are invented: channels last and default Adam are faster."""
    real_steps, real_updates = tuning.step_seconds, tuning.adam_seconds

    def steps(model):
        assert min(real_steps(model)) > 0
        return [9.0, 1.0, 1.0] if model.precision.channels_last else [9.0, 2.0, 2.0]

    def updates(model):
        assert min(map(min, real_updates(model))) > 0
        return [9.0, 2.0, 2.0], [9.0, 1.0, 1.0]

    monkeypatch.setattr(tuning, "step_seconds", steps)
    monkeypatch.setattr(tuning, "adam_seconds", updates)


def facts_of(run):
    facts = json.loads((run.folder / "config.json").read_text())
    return facts["memory_format"], facts["fused_adam"]


def test_a_long_run_measures_without_a_trace_and_a_resumed_one_keeps_the_choice(
    tiny, manifest, tmp_path, monkeypatch, capsys, other_is_faster
):
    begun = []
    for name, changes in {"plain": {"memory_format": "contiguous"}, "measured": {}}.items():
        run = start(tiny, manifest, tmp_path / name, **LONG, **changes)
        begun.append((torch.get_rng_state(), run.model.nets, run.model.optimizers))
    (rng, nets, _), (rng_measured, nets_measured, optimizers) = begun
    assert torch.equal(rng, rng_measured)
    for name, net in nets.items():
        for p, q in zip(net.parameters(), nets_measured[name].parameters(), strict=True):
            assert torch.equal(p, q)
    assert all(not opt.state for opt in optimizers.values())
    assert facts_of(run) == ("channels_last", False) and run.precision.channels_last
    assert capsys.readouterr().out.count("the run takes channels_last and default Adam") == 1
    assert train(run, callbacks=[StopAt(12)], progress=False) == "stopped"

    cut = start(tiny, manifest, tmp_path / "cut", **LONG)
    assert train(cut, callbacks=[StopAt(6)], progress=False) == "stopped"
    monkeypatch.setattr(tuning, "_measured", lambda *_: pytest.fail("measured again"))
    cut = start(tiny, manifest, tmp_path / "cut", resume="auto", **LONG)
    assert cut.images_seen == 6 and cut.precision.channels_last
    for opt in cut.model.optimizers.values():
        assert [group["fused"] for group in opt.param_groups] == [False]
    assert train(cut, callbacks=[StopAt(12)], progress=False) == "stopped"
    assert_equal(cut.folder, run.folder)


def test_a_short_run_and_named_formats_are_not_measured(tiny, manifest, tmp_path, monkeypatch):
    monkeypatch.setattr(tuning, "_measured", lambda *_: pytest.fail("measured"))
    short = start(tiny, manifest, tmp_path / "short", **LONG | {"total_images": 1_998})
    assert facts_of(short) == ("contiguous", True)
    named = start(tiny, manifest, tmp_path / "named", **LONG, memory_format="channels_last")
    assert facts_of(named) == ("channels_last", True)


def test_what_is_usual_stays_unless_the_other_is_faster_each_time():
    assert tuning._is_faster([9.0, 0.9, 0.8], [9.0, 1.0, 3.0])
    assert not tuning._is_faster([0.1, 0.9, 0.96], [9.0, 1.0, 3.0])
