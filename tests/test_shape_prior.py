"""Shapes that people have, and drawn shapes on the way to them."""

from __future__ import annotations

import numpy as np
import pytest

from s2f_studio.request import DrawingRequest
from s2f_utils.pictures import mesh, shape_prior
from s2f_utils.pictures.faces.geometry import transform


def person(seed: int, most: float = 1.5) -> np.ndarray:
    """The points of somebody who might exist, (164, 2)."""
    mean, components, spread = shape_prior.shapes()
    along = np.random.default_rng(seed).normal(size=len(spread)).clip(-most, most)
    return mean + ((along * spread) @ components).reshape(-1, 2)


def crooked(seed: int = 0) -> np.ndarray:
    """A face with one eye lifted and a mouth pushed aside, (164, 2)."""
    points = person(seed)
    for part, by in (
        ("left_eye", (0, -22)),
        ("left_iris", (0, -22)),
        ("lips", (18, 4)),
        ("mouth", (18, 4)),
    ):
        points[mesh.PARTS[part]] += by
    return points


@pytest.mark.parametrize("seed", range(4))
def test_a_likely_face_stays_as_it_is_wherever_it_lies(seed):
    points = transform(person(seed), np.array([[0.5, -0.1, 40.0], [0.1, 0.5, 10.0]]))
    assert (
        np.abs(shape_prior.regularize(points) - points).max() < 1.2
    )  # pixels; the face is 64 between its eyes and chin


def test_a_crooked_face_becomes_a_likely_one_and_keeps_its_place():
    points = crooked()
    made = shape_prior.regularize(points)
    apart = [np.abs(np.subtract(*shape[mesh.FIVE[:2], 1])) for shape in (points, made)]
    assert apart[0] > 18 and apart[1] < 0.6 * apart[0]
    assert np.allclose(points.mean(axis=0), made.mean(axis=0), atol=2)
    assert np.abs(shape_prior.coordinates(made, 1.0)).max() <= shape_prior.MAX_STD + 0.3
    half = shape_prior.regularize(points, 0.5)
    assert np.allclose(half, (points + made) / 2)


def test_no_amount_leaves_the_points_and_others_are_refused():
    points = crooked(3)
    assert np.array_equal(shape_prior.regularize(points, 0.0), points)
    with pytest.raises(ValueError, match="likely must be from 0 to 1, got 1.5"):
        shape_prior.regularize(points, 1.5)


@pytest.mark.parametrize(
    "asked, message",
    [
        ({"likely": 1.5}, "likely: input should be less than or equal to 1"),
        ({"person": {"age": 2}}, "age must be from -1 to 1, got 2"),
        (
            {"person": {"height": 1}},
            "person has the attributes skin, hair, glasses, .*, not 'height'",
        ),
        ({"person": {"hair": "green"}}, "a colour is '#rrggbb' or three numbers"),
    ],
)
def test_questions_that_cannot_be_are_refused(asked, message):
    with pytest.raises(ValueError, match=message):
        DrawingRequest.of(asked)
