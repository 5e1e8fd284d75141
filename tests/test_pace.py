"""A training keeps its time budget on machines that grow slower and faster."""

from __future__ import annotations

import pytest

from s2f_utils.data import read_manifest
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import lr_factor, train
from s2f_utils.train.run import open_run

BUDGET_S = 100.0


@pytest.fixture()
def start(tiny, faces_manifest, tmp_path):
    """A function of changes that opens a run with a time budget."""

    def begin(**changes):
        settings = {
            "total_images": 10**6,
            "time_budget_s": BUDGET_S,
            "constant_share": 0.5,
            "log_every_images": 0,
            "sample_every_images": 0,
        }
        manifest = read_manifest(faces_manifest)
        return open_run(
            tiny(**settings | changes),
            manifest,
            tmp_path,
            resume="never",
            device="cpu",
            progress=False,
        )

    return begin


def trained(run, seconds_of):
    """Train in counted time: `seconds_of(spent_s)` a step; the learning rate's factors, and what
    was likely.
    """
    factors, likely = [], []
    while run.images_seen < run.total_images:
        factors.append(lr_factor(run))
        run.images_seen += 2
        run.spend(seconds_of(run.spent_s))
        likely.append(run.total_images)
        assert len(factors) < 10**5
    return factors, likely


@pytest.mark.parametrize(
    "seconds_of",
    [lambda t: 0.1, lambda t: 0.5 if t > 50 else 0.1, lambda t: 2.0 if 20 < t < 60 else 0.1],
    ids=["steady", "slower", "slow for a while"],
)
def test_the_budget_is_kept_on_a_machine_that_changes(start, seconds_of):
    run = start()
    factors, likely = trained(run, seconds_of)
    assert BUDGET_S <= run.spent_s <= BUDGET_S + 2
    assert factors == sorted(factors, reverse=True) and factors[0] == 1
    assert factors[-1] < 0.05 and lr_factor(run) == 0  # it has come down with the time
    assert run.share_done == 1 and likely[-1] == run.images_seen
    if seconds_of(30) == 0.1 == seconds_of(90):
        assert set(likely) <= set(range(1998, 2004))


def test_the_rates_fall_in_the_share_of_time_that_is_not_constant(start):
    run, factors = start(constant_share=0.6), []
    for run.spent_s in (0.0, 0.5 * BUDGET_S, 0.8 * BUDGET_S, BUDGET_S):
        factors.append(lr_factor(run))
    assert factors == pytest.approx([1.0, 1.0, 0.5, 0.0])


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

    def step(model, batch, ctx):
        if time.monotonic() - began > 2:
            time.sleep(0.2)
        return own(model, batch, ctx)

    assert train(run, step=step, progress=False) == "done"
    assert 5 < time.monotonic() - began < 12
    assert run.images_seen == run.total_images < 10**6 and lr_factor(run) == 0
    rows, events = read_log(run.folder)
    assert (
        len(rows) > 10 and len([e for e in events if e["event"] == "sample"]) > 5
    )  # by time: nobody knew the images
