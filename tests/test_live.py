"""Live values: limits, sources, and a controls.json that a person may edit badly."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from s2f_utils.methods.settings import Live
from s2f_utils.train.live import LiveValues


@pytest.fixture()
def live(tmp_path):
    live = LiveValues(
        {"lr": 1e-3, "weight": 1.0},
        {"lr": Live(1e-6, 1e-1, log=True), "weight": Live(0, 10)},
        tmp_path / "controls.json",
    )
    live.write_controls()
    return live


def test_changes_are_reported_once_with_their_source(live):
    live.set("lr", 2e-3)
    live.set("weight", 1.0)
    (change,) = live.poll()
    assert (change.name, change.old, change.new, change.source) == ("lr", 1e-3, 2e-3, "code")
    assert (
        live.poll() == []
        and live["lr"] == 2e-3
        and json.loads((live._controls).read_text())["lr"] == 2e-3
    )


@pytest.mark.parametrize("value", [np.float32(2.0), np.int64(2), torch.tensor(2.0)])
def test_numbers_of_numpy_and_torch_are_numbers(live, value):
    live.set("weight", value)
    assert live["weight"] == 2.0 and type(live["weight"]) is float


@pytest.mark.parametrize(
    "value", [1.0, -1.0, float("nan"), "fast", "0.002", True, np.True_, None, torch.ones(2)]
)
def test_values_outside_the_limits_are_refused(live, value):
    with pytest.raises(ValueError, match="lr must be"):
        live.set("lr", value)
    assert live["lr"] == 1e-3 and live.poll() == []


def test_unknown_names_list_the_known(live):
    with pytest.raises(ValueError, match="lr, weight, pause, step, save, sample, stop"):
        live.set("momentum", 0.5)
    with pytest.raises(KeyError, match="lr, weight, pause.* by its type, LossWeight"):
        live["lambda_new"]


def test_controls_file_is_obeyed_and_its_faults_are_told_once(live):
    path = live._controls
    path.write_text(json.dumps({"weight": 3, "pause": True}))
    assert {(c.name, c.source) for c in live.poll()} == {
        ("weight", "controls.json"),
        ("pause", "controls.json"),
    }
    assert live.asked("pause") and live["weight"] == 3.0
    path.write_text('{"weight": 4,')
    assert (
        live.poll() == [] and "not understood" in live.take_problem() and live.take_problem() == ""
    )
    path.write_text(json.dumps({"weight": 99, "lr": 0.01}))
    assert [c.name for c in live.poll()] == [
        "lr"
    ] and "weight must be between 0 and 10" in live.take_problem()
    path.unlink()
    assert live.poll() == [] and live["weight"] == 3.0


def test_commands_fall_back_and_the_file_shows_it(live):
    live.set("save", True)
    live.poll()
    assert live.asked("save")
    live.done("save")
    assert not live.asked("save") and json.loads(live._controls.read_text())["save"] is False
    assert live.poll() == []  # our own writing is not mistaken for a person's


def test_an_edit_between_two_polls_survives_our_own_writing(live):
    live.set("save", True)
    live.poll()
    live._controls.write_text(json.dumps({"weight": 7.0, "save": True}))
    live.done("save")
    assert live["weight"] == 7.0 and json.loads(live._controls.read_text())["weight"] == 7.0
    assert [(c.name, c.source) for c in live.poll()] == [("weight", "controls.json")]


def test_commands_are_true_or_false(live):
    live._controls.write_text(json.dumps({"stop": "false"}))
    live.poll()
    assert not live.asked("stop") and "stop must be true or false" in live.take_problem()


def test_state_goes_into_the_resume_file_without_commands(live):
    live.set("weight", 2.5)
    live.set("stop", True)
    other = LiveValues({"lr": 1.0e-4, "weight": 0.0}, live.ranges)
    other.load_state_dict(live.values() | {"gone": 3.0})
    assert other.values() == live.values() and not other.asked("stop")
