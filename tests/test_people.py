"""People drawn from statistics: seeds, what is held, choosing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from s2f_studio.drawings import mesh, shape_prior
from s2f_studio.faces import people, posterior
from s2f_utils.networks import noise

NUM, DRAWN = 100, 8  # components of appearance, and those that are drawn
NUM_SHAPE = len(shape_prior.shapes()[2])
SIZE = DRAWN + NUM_SHAPE
STRANGERS = 1500


def root_of(rng: np.random.Generator, by: float) -> np.ndarray:
    """A lower triangular root of a scale matrix that is no diagonal."""
    off = rng.normal(size=(SIZE, SIZE))
    return by * np.linalg.cholesky(off @ off.T / SIZE + np.eye(SIZE))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A file of people with random statistics, as the tools write it."""
    rng = np.random.default_rng(0)
    num_values = 5 * people.NUM_SEEN // 2 + 2 * NUM_SHAPE + 2 + len(people.WORN)
    num_rows = len(people.LEVELS) + 3 * len(people.COLOURS)
    path = tmp_path_factory.mktemp("people") / "people.npz"
    np.savez_compressed(
        path,
        slope=rng.normal(0, 0.1, (num_values, SIZE)).astype(np.float16),
        centre=np.zeros(num_values),
        middle=rng.normal(0, 0.1, SIZE),
        careful=root_of(rng, 0.5),
        crude=root_of(rng, 1.0),
        strangers=np.round(rng.normal(size=(STRANGERS, SIZE)) / people.STEP).astype(np.int8),
        rows=rng.normal(size=(num_rows, SIZE)),
        at_zero=np.zeros(num_rows),
        per_level=np.ones(num_rows),
        within=np.full(num_rows, 0.1),
        alike=np.where(np.arange(SIZE) < 6, 0.5, 0.0),
        hat_mean=np.full(SIZE, 0.5),
        hat_root=rng.normal(size=(SIZE, 2)),
        num_components=NUM,
    )
    return path


@pytest.fixture(scope="module")
def everybody(file):
    return people.People.load(file)


def drawing(crude: float = 0.6, **asked) -> people.Evidence:
    """A drawing whose mouth is neither closed nor open, of somebody who wears glasses."""
    points = mesh.mean_shape(256).astype(np.float64)
    for place, by in ((15, -3.0), (5, 3.0)):
        points[mesh.PARTS["mouth"][place], 1] = points[mesh.PARTS["mouth"]][:, 1].mean() + by / 2
    average = np.random.default_rng(1).normal(size=NUM)
    return people.Evidence(average, crude, {"glasses": 1.0}, points, asked=asked)


def read(everybody: people.People, drawn: people.Drawn) -> np.ndarray:
    """All readouts of people: (N, R)."""
    return np.concatenate([drawn.codes[:, :DRAWN], drawn.shapes], axis=1) @ everybody.rows.T


@pytest.mark.parametrize("num, stream", [(1, 0), (5, 11), (64, 3)])
def test_numbers_are_those_that_the_networks_draw(num, stream):
    seeds = [0, 1, 7, 123456789, 2**31 - 1]
    there = noise.normal(torch.tensor(seeds), num, stream).numpy()
    assert np.allclose(posterior.normal(seeds, num, stream), there, atol=2e-4)


def test_a_seed_is_one_person_whoever_else_is_drawn(everybody):
    alone = everybody.draw(drawing(), [5])
    among = everybody.draw(drawing(), [3, 5, 9])
    assert np.array_equal(alone.codes[0], among.codes[1])
    assert np.array_equal(alone.shapes[0], among.shapes[1])
    assert np.abs(among.codes[0] - among.codes[1]).max() > 0.1
    assert alone.codes.shape == (1, NUM) and not alone.codes[:, DRAWN:].any()


def test_at_temperature_0_everybody_is_the_mean(everybody):
    drawn = everybody.draw(drawing(), range(4), temperature=0.0)
    assert np.allclose(drawn.codes, drawn.codes[0])
    assert np.allclose(drawn.codes[0, :DRAWN], everybody.given(drawing()).mean[:DRAWN])


def test_samples_have_the_mean_and_covariance_of_the_posterior(everybody):
    """Also where strangers lean: they are drawn by likelihood, and what that adds is taken off."""
    given = everybody.given(drawing())
    given = replace(given, wanted=given.wanted[:0]).leaning(np.ones(SIZE))
    assert np.linalg.norm(given.lean) == pytest.approx(posterior.MOST_LEAN)
    drawn = given.sample(range(12_000))
    assert np.allclose(drawn.mean(axis=0), given.mean, atol=0.2)
    assert np.allclose(np.cov(drawn.T), given.scale, atol=0.2 * np.diag(given.scale).max())


def test_the_eight_of_a_round_are_eight_people(everybody):
    given = everybody.given(drawing())
    for first in (0, 8, 80):
        assert len(set(given.who(range(first, first + 8)))) == 8
    assert len(set(given.who(range(0, 320, 8)))) > 20
    assert len(set(given.who(range(3, 323, 8)))) > 20


def test_the_eight_of_a_round_go_from_usual_to_unusual_people(everybody):
    given = everybody.given(drawing())
    for first in (0, 8):
        found = given.who(range(first, first + 8))
        assert (8 * found // len(given.strangers)).tolist() == list(range(8))
    far = np.linalg.norm(people.STEP * people.shipped().strangers, axis=1)
    assert (np.diff(far) > -0.05).all()  # as far as whole steps say
    assert far[-1] < 12.1


def test_a_small_change_of_a_drawing_changes_few_people(everybody):
    rng = np.random.default_rng(2)
    one = drawing()
    other = replace(one, average=one.average + rng.normal(0, 0.05, NUM))
    before, after = (everybody.given(some).who(range(320)) for some in (one, other))
    assert 0.8 < (before == after).mean() < 1


def test_strangers_are_drawn_who_have_what_is_held_and_lean_to_the_drawing(everybody):
    given = everybody.given(drawing())
    drawn = given.strangers[given.who(range(400))]
    assert (drawn @ given.lean).mean() > 0.5 * np.linalg.norm(given.lean) ** 2
    misfits = [
        ((some @ given.wanted[:, :-1].T - given.wanted[:, -1]) ** 2).sum(axis=1).mean()
        for some in (drawn, given.strangers)
    ]
    assert misfits[0] < 0.7 * misfits[1]


def test_other_drawings_mean_other_people_for_the_same_seed(everybody):
    one = drawing()
    other = replace(one, average=-9 * one.average, worn={})
    seeds = range(0, 320, 8)
    drawn = [everybody.given(some).who(seeds) for some in (one, other)]
    assert (drawn[0] != drawn[1]).mean() > 0.5


@pytest.mark.parametrize("name", ["age", "smile", "glasses", "beard", "hair_length", "presents"])
@pytest.mark.parametrize("level", [-1.0, 1.0])
def test_whoever_is_asked_to_be_older_or_to_smile_stays_the_same_person(everybody, name, level):
    """Only what goes with the wish changes: the rest of a deviation is that of the same person."""
    seeds = range(0, 320, 8)
    without, asked = drawing(), drawing(**{name: level})
    before, after = (everybody.given(one) for one in (without, asked))
    assert np.array_equal(before.deviations(seeds), after.deviations(seeds))
    drawn = [everybody.draw(one, seeds) for one in (without, asked)]
    moved = np.concatenate([drawn[1].codes - drawn[0].codes, drawn[1].shapes - drawn[0].shapes], 1)
    apart = np.linalg.svd(moved - moved.mean(axis=0), compute_uv=False)
    free = 1 + 3 * (name == "age")  # older hair may be grey
    assert (apart > 0.01 * np.linalg.norm(drawn[0].codes)).sum() <= free
    row = read(everybody, drawn[1])[:, people.LEVELS.index(name)]
    assert abs(row.mean() - level) < 0.1


def test_who_has_an_asked_skin_is_drawn_by_it(everybody):
    """Strangers with such a skin, rather than others with their skin repainted."""
    seeds = range(0, 320, 8)
    given = [everybody.given(drawing(skin=np.full(3, tone))) for tone in (-1.0, 1.0)]
    assert (given[0].who(seeds) != given[1].who(seeds)).mean() > 0.05


def test_what_is_worn_is_the_same_for_every_seed(everybody):
    values = read(everybody, everybody.draw(drawing(), range(50)))
    assert np.allclose(values[:, :3], [1, -1, -1], atol=2e-3)
    assert (values[:, 3:].std(axis=0) > 0.2).all()


@pytest.mark.parametrize("name", people.DRAWN)
def test_drawn_hair_is_the_same_for_every_seed_unless_it_is_scribbled(everybody, name):
    row = everybody.rows[people.LEVELS.index(name)]
    drawn = everybody.given(drawing(crude=people.DRAWN_BELOW - 0.1)).root
    scribbled = everybody.given(drawing(crude=people.DRAWN_BELOW)).root
    assert np.linalg.norm(row @ drawn) < 0.01 < 0.1 < np.linalg.norm(row @ scribbled)


def test_an_open_mouth_holds_for_every_seed_unless_a_smile_is_asked_for(everybody):
    opened = drawing()
    opened.points[mesh.PARTS["mouth"][5], 1] += 20
    assert opened.lips == 1
    smile = people.LEVELS.index("smile")
    values = read(everybody, everybody.draw(opened, range(20)))[:, smile]
    assert np.allclose(values, 1, atol=2e-3)
    asked = people.Evidence(opened.average, 0.6, opened.worn, opened.points, asked={"smile": -1.0})
    values = read(everybody, everybody.draw(asked, range(20)))[:, smile]
    assert abs(values.mean() + 1) < 0.1 and values.std() > 0.02


@pytest.mark.parametrize("colour", [(0.6, 0.2, 0.0), (-0.5, -0.6, -0.7)])
def test_an_asked_colour_is_met_and_the_rest_stays_free(everybody, colour):
    asked = drawing(skin=np.array(colour))
    values = read(everybody, everybody.draw(asked, range(200)))
    first = len(people.LEVELS)
    assert np.allclose(values[:, first : first + 3].mean(axis=0), colour, atol=0.05)
    free = read(everybody, everybody.draw(drawing(), range(200)))
    assert values[:, first + 3].std() > 0.5 * free[:, first + 3].std()
    walls = everybody.rows[people.places_of("wall")]
    with_it, without = everybody.given(asked), everybody.given(drawing())
    assert np.allclose(walls @ with_it.mean, walls @ without.mean, atol=2e-3)
    assert np.allclose(walls @ with_it.root[:, :SIZE], walls @ without.root[:, :SIZE], atol=2e-3)


def test_a_hat_is_put_on_and_changes_nothing_else(everybody):
    bare = everybody.draw(drawing(), range(30))
    asked = drawing()
    hats = everybody.draw(replace(asked, worn=asked.worn | {"hat": 1.0}), range(30))
    added = (hats.codes - bare.codes)[:, :DRAWN]
    root = everybody.hat_root[:DRAWN]
    # What it adds in the mean is alike for everybody.
    across = added - added.mean(axis=0)
    explained = root @ np.linalg.lstsq(root, across.T, rcond=None)[0]
    assert np.allclose(explained.T, across, atol=1e-5) and across.std() > 0.3


def test_choices_lead_to_the_person_meant(everybody):
    """An oracle picks the two that are nearest to somebody, in five rounds of eight."""
    given = everybody.given(drawing())
    wanted = given.sample([777])[0]
    chosen: list[tuple[int, ...]] = []
    away = []
    for turn in range(5):
        seeds = range(8 * turn, 8 * turn + 8)
        drawn = everybody.draw(drawing(), seeds, chosen=chosen)
        away.append(np.linalg.norm((drawn.codes[:, :6] - wanted[:6]), axis=1))
        near = np.argsort(away[-1])[:2]
        chosen.append(tuple(seeds[n] for n in near))
    assert away[-1].mean() < 0.8 * away[0].mean()
    assert drawn.effective >= posterior.LEAST_EFFECTIVE
    before = everybody.draw(drawing(), range(8, 16), chosen=chosen[:1])
    again = everybody.draw(drawing(), range(8, 16), chosen=[list(chosen[0])])
    assert np.array_equal(before.codes, again.codes)
    worn = read(everybody, everybody.draw(drawing(), range(8), chosen=chosen))[:, :3]
    assert np.allclose(worn, [1, -1, -1], atol=5e-3)


@pytest.mark.parametrize("colour", people.LIKE_PICKS)
def test_whoever_is_drawn_after_a_choice_has_the_colours_of_the_picks(everybody, colour):
    """They drifted back to those of all whom the drawing could mean."""
    place = people.places_of(colour)
    first = read(everybody, everybody.draw(drawing(), range(8)))[:, place]
    picks = np.argsort(first.sum(axis=1))[:2]
    after = everybody.draw(drawing(), range(8, 48), chosen=[picks.tolist()])
    shown = read(everybody, after)[:, place]
    assert np.allclose(shown.mean(axis=0), first[picks].mean(axis=0), atol=0.2 * first.std())
    assert 0.1 * first.std() < shown.std(axis=0).mean() < 0.4 * first.std()


def test_a_choice_that_nearly_nobody_fits_counts_for_less(everybody):
    given = everybody.given(drawing())
    far = given.mean + 60 * given.root[:, :8].T
    choice = posterior.choose(given, everybody.alike, far, [0])
    assert posterior.LEAST_EFFECTIVE <= choice.effective < posterior.NUM_WEIGHTED
    assert np.isfinite(choice.posterior.mean).all()


@pytest.mark.parametrize("picks", [(), (3, 9)])
def test_a_round_has_picks_of_one_eight(everybody, picks):
    with pytest.raises(ValueError, match="one eight"):
        everybody.draw(drawing(), [0], chosen=[picks])
