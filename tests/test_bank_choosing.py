"""Who of the bank answers a drawing: weights, seeds, rounds of choosing."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from s2f_studio.attributes import LEVELS, PRESENTS, WORN
from s2f_studio.drawings import mesh
from s2f_studio.faces.asked import MOST, MOST_WORN, not_shown, tones_of, values_of
from s2f_studio.faces.bank_stages import OF_HAIR, Weighed
from s2f_studio.faces.choosing import Chosen, choose, eight_of, hashed, kept
from s2f_studio.faces.looks import LOOKS, NUM_VALUES, SPANS, place
from s2f_studio.faces.networks.chooser import NUM_SHAPE, Chooser
from s2f_studio.request import Round

NUM = 300


@pytest.fixture
def numbers():
    """What the entries are known by: with gaps, as after some were taken out."""
    return np.sort(np.random.default_rng(0).permutation(1700)[:NUM])


@pytest.fixture
def weights():
    """Of all entries, and of their mirror images."""
    return np.random.default_rng(1).normal(0, 2, 2 * NUM)


def test_the_eight_of_a_round_are_eight_entries(weights, numbers):
    for block in range(20):
        assert len(set(eight_of(weights[:NUM], numbers, block, 0.9))) == 8


def test_a_seed_is_one_entry_whoever_else_is_asked_for(weights, numbers):
    together = choose(weights, numbers, range(8, 16), 0.8)
    assert [choose(weights, numbers, [seed], 0.8)[0] for seed in range(8, 16)] == together


def test_who_fits_better_comes_more_often_and_the_mirror_image_that_fits_is_taken(numbers):
    weights = np.zeros(2 * NUM)
    weights[NUM + 7] = 6.0
    chosen = choose(weights, numbers, range(80), 1.0)
    times = [one.entry for one in chosen].count(7)
    assert times >= 6
    assert Chosen(7, True) in chosen and Chosen(7, False) not in chosen


def test_at_temperature_0_every_seed_has_the_likeliest(weights, numbers):
    best = int(np.argmax(np.maximum(weights[:NUM], weights[NUM:])))
    assert {one.entry for one in choose(weights, numbers, range(8), 0.0)} == {best}


def test_without_an_entry_others_keep_their_seeds(weights, numbers):
    """An eighth of the seeds may change at most: those who had it, and who then has theirs."""
    gone = choose(weights, numbers, [3], 0.8)[0].entry
    left = np.delete(np.arange(NUM), gone)
    fewer = np.concatenate([weights[:NUM][left], weights[NUM:][left]])
    before = [numbers[one.entry] for one in choose(weights, numbers, range(80), 0.8)]
    after = [numbers[left][one.entry] for one in choose(fewer, numbers[left], range(80), 0.8)]
    same = np.mean([a == b for a, b in zip(before, after, strict=True) if a != numbers[gone]])
    assert same > 0.95


def test_a_small_change_of_the_weights_changes_few_seeds(weights, numbers):
    moved = weights + np.random.default_rng(2).normal(0, 0.1, 2 * NUM)
    before, after = (choose(one, numbers, range(80), 0.8) for one in (weights, moved))
    same = [a.entry == b.entry for a, b in zip(before, after, strict=True)]
    assert np.mean(same) > 0.85


def test_chance_is_even():
    numbers = np.arange(20_000)
    counts = np.bincount((hashed(5, numbers, 2) % 8).astype(int), minlength=8)
    assert abs(counts / 2500 - 1).max() < 0.08
    assert not np.array_equal(hashed(5, numbers, 2), hashed(6, numbers, 2))


def test_choosing_comes_nearer_to_whom_one_means(numbers):
    """People on a line, the meant one at its end; of each eight the nearest is picked."""
    places = np.random.default_rng(3).random(NUM)
    weights = np.zeros(2 * NUM)

    def off(picked: np.ndarray) -> np.ndarray:
        away = (places[:, None] - places[None, picked]) ** 2
        return away.min(axis=1) / np.mean((places[:, None] - places[None]) ** 2)

    rounds, nearest = [], []
    for turn in range(5):
        seeds = range(8 * turn, 8 * turn + 8)
        shown = [one.entry for one in choose(weights, numbers, seeds, 1.0, rounds, off)]
        assert len(set(shown)) == 8
        best = int(np.argmax(places[shown]))
        nearest.append(places[shown].mean())
        passed = np.delete(numbers[shown], best)
        rounds.append(Round((numbers[shown[best]],), tuple(passed)))
    assert nearest[-1] > nearest[0] + 0.2
    again = choose(weights, numbers, range(8), 1.0, (), off)  # a round back
    assert again == choose(weights, numbers, range(8), 1.0)


def test_nobody_who_was_passed_over_comes_again(weights, numbers):
    first = [numbers[one.entry] for one in choose(weights, numbers, range(8), 0.8)]
    rounds = [Round((first[0],), tuple(first[1:]))]
    second = choose(weights, numbers, range(8, 16), 0.8, rounds, lambda _picked: np.zeros(NUM))
    assert not {numbers[one.entry] for one in second} & set(first[1:])
    others = choose(weights, numbers, range(8, 16), 0.8, [Round((), tuple(first))])
    assert not {numbers[one.entry] for one in others} & set(first), "nobody was picked"


def test_who_was_picked_and_is_not_in_the_bank_any_more_counts_no_more(weights, numbers):
    gone = [Round((10**6,), ())]
    assert choose(weights, numbers, range(8), 0.8, gone) == choose(weights, numbers, range(8), 0.8)


def test_who_is_kept_answers_whatever_else_weighs_more(weights, numbers):
    weights[NUM:] = weights[:NUM] - 1.0
    weights[20] += 30.0
    assert kept(weights, numbers, numbers[7]) == Chosen(7, False)
    weights[NUM + 7] += 2.0
    assert kept(weights, numbers, numbers[7]) == Chosen(7, True), "the better of both sides"


@pytest.mark.parametrize("name", LEVELS)
def test_what_is_asked_for_weighs_for_those_who_show_it(name):
    more, less = values_of({name: 1.0}), values_of({name: -1.0})
    told = ~np.isnan(more)
    assert told.any() and np.array_equal(told, ~np.isnan(less))
    look = next(look for look, span in SPANS.items() if told[span].all())
    assert told.sum() == len(LOOKS[look])
    most = MOST_WORN if name in WORN else MOST
    assert more[told].min() == less[told].min() == -most
    assert more[SPANS[look]].argmax() != less[SPANS[look]].argmax()


def test_nobody_is_a_child_by_being_asked_for():
    for level in (-1.0, 0.0, 1.0):
        assert values_of({"age": level})[place("age", "child")] == -MOST


def test_asked_colours_are_compared_as_they_are_seen():
    tones = tones_of({"skin": "#ffffff"})
    assert np.allclose(tones[:3], [100, 0, 0], atol=0.1) and np.isnan(tones[3:]).all()
    assert np.isnan(values_of({PRESENTS: 1.0})[SPANS["age"]]).all()


def test_what_a_person_does_not_show_of_what_is_asked_for_is_named():
    looks, tones = np.zeros(NUM_VALUES), np.full(6, np.nan)
    for look, value in (
        ("age", "middle"),
        ("presents", "woman"),
        ("glasses", "no"),
        ("beard", "goatee"),
        ("hat", "cap"),
    ):
        looks[place(look, value)] = 1
    tones[:3] = tones_of({"skin": "#c98a68"})[:3]
    asked = {"age": 1, "presents": 1, "glasses": 1, "beard": 1, "hat": 1, "curls": 1}
    asked |= {"skin": "#c98a68", "hair": "#1c1917"}
    assert not_shown(asked, looks, tones) == ("age", "glasses", "hair")
    assert not_shown({"age": 0.4, "skin": "#6f4430"}, looks, tones) == ("skin",)
    assert not_shown({"skin": "#945838"}, looks, tones) == ()  # 20 off, 12 when it is shifted
    assert not_shown({"beard": -1, "hat": -1, "glasses": -1}, looks, tones) == ("beard", "hat")


def test_a_mirror_image_is_weighed_by_its_own_hair():
    """An entry's hair is on the other side than the drawn hair: its mirror image fits."""
    net = Chooser(num_entries=1)
    net.hair[:, 4:40, 4:24] = 1.0
    size = mesh.FACE_PX
    parts = torch.zeros(1, 2, size, size)
    parts[:, 1, 16:160, -96:-16] = 1.0  # the same, mirrored, in larger pixels
    expected = torch.zeros(1, 5, 128, 128)
    expected[:, 4:] = torch.nn.functional.avg_pool2d(parts[:, 1:], 2)
    points = torch.from_numpy(mesh.mean_shape(size)).float()[None]
    unknown = torch.full((1, NUM_VALUES), torch.nan), torch.full((1, 6), torch.nan)
    known = torch.zeros(1, 160), torch.zeros(1, NUM_SHAPE), torch.zeros(1), torch.full((1, 3), 0.5)
    picture = torch.full((1, size, size, 3), 255, dtype=torch.uint8)
    with torch.no_grad():
        weights, *_ = Weighed(net).eval()(picture, points, parts, expected, *known, *unknown)
    as_it_is, mirrored = weights[0].tolist()
    assert mirrored - as_it_is > 0.8 * OF_HAIR
