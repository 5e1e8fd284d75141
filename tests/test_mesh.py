"""Faces as 164 points, and pictures bent by them."""

from __future__ import annotations

import numpy as np

from s2f_utils.pictures import mesh, warping


def moved(seed: int = 0, amount: float = 4.0) -> np.ndarray:
    """The mean shape, bent smoothly: (164, 2)."""
    rng = np.random.default_rng(seed)
    shape = mesh.mean_shape(256).astype(np.float64)
    waves = np.sin(shape @ (rng.normal(size=(2, 3)) * 0.02) + rng.uniform(0, 6, 3)) @ rng.normal(
        size=(3, 2)
    )
    return shape + amount * waves


def test_parts_are_all_the_points_once_and_left_is_the_mirror_image_of_right():
    assert np.array_equal(
        np.sort(np.concatenate(list(mesh.PARTS.values()))), np.arange(mesh.NUM_POINTS)
    )
    assert len(set(mesh.IN_MESH)) == mesh.NUM_POINTS
    twins = mesh.mirror()
    assert np.array_equal(twins[twins], np.arange(mesh.NUM_POINTS))
    assert set(twins[mesh.PARTS["left_eye"]]) == set(mesh.PARTS["right_eye"])
    shape = mesh.mean_shape(256)
    assert np.allclose(shape[twins] * [-1, 1] + [255, 0], shape, atol=1e-3)


def test_what_lies_at_the_points_comes_to_lie_at_the_others():
    origin, to = mesh.mean_shape(256).astype(np.float64), moved()
    assert np.abs(to - origin).max() > 4
    y, x = np.mgrid[:256, :256].astype(np.float32)
    where = warping.field(to, origin, 256, smooth=0.01)
    bent = np.stack(
        [warping.bend(plane, where) for plane in (x, y)], axis=-1
    )  # the place that each pixel was taken from
    at = np.rint(to).astype(int)
    taken = bent[at[:, 1], at[:, 0]] - (at - to)  # to first order, for the rest of a pixel
    assert np.abs(taken - origin).max() < 0.8
    assert np.abs(warping.through(origin, to, origin, 256, smooth=0.01) - to).max() < 0.5
