"""A training keeps its time budget on machines that grow slower and faster."""

from __future__ import annotations

import pytest

from s2f_utils.data import read_manifest
from s2f_utils.training import pace as paces
from s2f_utils.training.loop import train
from s2f_utils.training.run import open_run

BUDGET_S = 100.0


@pytest.fixture()
def start(tiny, faces_manifest, tmp_path):
    """A function of changes that opens a run with a time budget."""

    def begin(**changes):
        settings = {"total_images": 10**6, "time_budget_s": BUDGET_S, "constant_share": 0.5, **changes}
        manifest = read_manifest(faces_manifest)
        return open_run(tiny(**settings), manifest, tmp_path, resume="never", device="cpu", progress=False)

    return begin


def trained(run, seconds_of, sheet_s=0.0, sheet_every=0):
    """Train in counted time: `seconds_of(spent_s)` a step; the learning rate's factors."""
    pace, factors = paces.Pace(run), []
    while run.images_seen < run.total_images:
        factors.append(run.lr_factor())
        before = run.images_seen
        seconds = seconds_of(run.spent_s)
        run.count(2)
        run.spent_s += seconds
        if sheet_every and before // sheet_every != run.images_seen // sheet_every:
            run.spent_s += sheet_s
        pace.plan(run)
        assert len(factors) < 10**5
    return factors


@pytest.mark.parametrize(
    "seconds_of",
    [
        lambda t: 0.1,
        lambda t: 0.5 if t > 50 else 0.1,
        lambda t: 0.1 if t > 50 else 0.5,
        lambda t: 2.0 if 20 < t < 60 else 0.1,
        lambda t: 0.1 * (1 + t / 20),
    ],
    ids=["steady", "slower", "faster", "slow for a while", "slower and slower"],
)
def test_the_budget_is_kept_on_a_machine_that_changes(start, seconds_of):
    run = start()
    run.total_images = int(2 * BUDGET_S / seconds_of(0.0))  # as it was planned at the start
    factors = trained(run, seconds_of)
    assert 0.93 * BUDGET_S <= run.spent_s <= 1.05 * BUDGET_S
    assert factors == sorted(factors, reverse=True) and factors[0] == 1
    assert factors[-1] < 0.15  # learning rates have come down with the time, whatever became of the plan
    assert run.share_done == pytest.approx(1)


def test_sheets_and_saves_are_in_the_plan(start):
    """A sheet of 4 seconds every fifty images is a third of this budget."""
    run = start()
    run.total_images = 2000
    trained(run, lambda t: 0.1, sheet_s=4.0, sheet_every=100)
    assert 0.9 * BUDGET_S <= run.spent_s <= 1.06 * BUDGET_S
    plan = paces.Pace(run)
    run.save_s, run.total_images = 30.0, 10**6
    run.spent_s, run.images_seen, run.share_done = 70.0, 1000, 0.9
    plan.plan(run)
    assert run.total_images == run.images_seen  # the last save takes what is left
    assert run.share_done == 1 and run.lr_factor() == 0  # and it is the end, whatever was planned


def test_never_longer_than_the_settings_say(start):
    run = start(total_images=400)
    trained(run, lambda t: 0.01)
    assert run.images_seen == 400 and run.spent_s < 5


def test_a_real_training_ends_in_time_though_it_becomes_slower(start, monkeypatch):
    """The budget with the real clock: from the second second on every step sleeps."""
    import time

    run = start(time_budget_s=6.0)
    own = type(run.model).step
    began = time.monotonic()

    def step(model, a, b, live):
        if time.monotonic() - began > 2:
            time.sleep(0.2)
        return own(model, a, b, live)

    planned = run.total_images
    assert train(run, step=step, progress=False) == "done"
    assert time.monotonic() - began < 12  # it would have been 50 s or more
    assert run.images_seen < planned / 2 and run.lr_factor() == 0
