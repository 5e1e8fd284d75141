"""Drawings of every degree of abstraction, made from portraits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from data_prep.hand_sketches import features, hair
from data_prep.hand_sketches.drawing import scribble
from data_prep.make.segment import segment
from data_prep.portrait import Portrait
from data_prep.procedural_faces import synthetic
from data_prep.procedural_faces.board import HAIR, HAT
from s2f_utils.pictures import faces, mesh
from s2f_utils.pictures.mesh import filled


@pytest.fixture(scope="module")
def people() -> list[Portrait]:
    """Three faces of plain colours with the mean shape's parts, each a little other."""
    made = []
    for number, skin in enumerate(((205, 160, 135), (150, 105, 80), (235, 200, 180))):
        rng = np.random.default_rng(number)
        points = mesh.mean_shape(256) + rng.normal(0, 1.5, 2).astype(np.float32)
        oval = points[mesh.PARTS["oval"]]
        middle = oval.mean(axis=0)
        head = filled(middle - [0, 12] + (oval - middle) * 1.3, 256)
        face = filled(oval, 256)
        photo = np.full((256, 256, 3), (90, 120, 150), np.uint8)
        photo[head > 0] = (60, 40, 30)
        photo[face > 0] = skin
        for part in ("left_eye", "right_eye", "lips", "left_brow", "right_brow"):
            photo[filled(points[mesh.PARTS[part]], 256) > 0] = (30 + 60 * number, 20, 60)
        photo = np.clip(photo + rng.normal(0, 6, photo.shape), 0, 255).astype(np.uint8)
        hair = (head & (1 - face)).astype(np.float32)
        made.append(
            Portrait(
                photo, points, head.astype(np.float32), hair, {"glasses": "0", "beard": "none"}
            )
        )
    return made


@pytest.mark.parametrize("degree", [0.0, 0.25, 0.5, 0.75, 1.0])
def test_a_drawing_is_dark_lines_on_light_paper_and_the_same_for_the_same_seed(people, degree):
    for seed in range(6):
        drawn = scribble(people[seed % 3], np.random.default_rng(seed), degree)
        assert drawn.image.shape == (256, 256) and drawn.image.dtype == np.uint8
        assert np.percentile(drawn.image, 95) > 200 and drawn.image.min() < 180
        again = scribble(people[seed % 3], np.random.default_rng(seed), degree)
        assert np.array_equal(drawn.image, again.image) and np.array_equal(
            drawn.points, again.points
        )
        assert not np.array_equal(
            drawn.image, scribble(people[0], np.random.default_rng(seed + 9), degree).image
        )


def test_glasses_and_beards_are_drawn_where_the_portrait_has_them(people):
    plain = people[0]
    ringed = bearded = 0.0
    eyes = filled(plain.points[mesh.PARTS["left_eye"]].mean(axis=0) + 18 * features.ROUND, 256) > 0
    chin = hair.beard_zone(plain.points, "full") > 0
    for seed in range(12):
        bare = scribble(plain, np.random.default_rng(seed), 0.8)
        with_glasses = scribble(
            replace(plain, labels=plain.labels | {"glasses": "1"}), np.random.default_rng(seed), 0.8
        )
        with_beard = scribble(
            replace(plain, labels=plain.labels | {"beard": "full"}),
            np.random.default_rng(seed),
            0.8,
        )
        assert (
            "glasses" in with_glasses.drawn
            and "beard" in with_beard.drawn
            and "glasses" not in bare.drawn
        )
        ringed += (255.0 - with_glasses.image)[eyes].sum() - (255.0 - bare.image)[eyes].sum()
        bearded += (255.0 - with_beard.image)[chin].sum() - (255.0 - bare.image)[chin].sum()
    assert ringed > 12 * 5000 and bearded > 12 * 5000


def test_hair_and_person_of_drawn_faces_are_found_without_a_network():
    hair_overlaps, person_overlaps = [], []
    for index in range(24):
        face = synthetic.draw_face(index, size_px=256, seed=3)
        matrix = faces.alignment(face.landmarks, 256)
        photo, labels = (
            faces.warp(face.photo, matrix, 256),
            faces.warp_labels(face.mask, matrix, 256),
        )
        if (labels == HAT).any() or (labels == HAIR).mean() < 0.08:
            continue
        landmarks = faces.transform(face.landmarks, matrix)
        shape = faces.transform(
            mesh.mean_shape(256), faces.similarity(mesh.five_of(mesh.mean_shape(256)), landmarks)
        )
        person, hair_mask = segment(photo, shape, {"hair_length": "long"})
        for overlaps, mask, true in (
            (hair_overlaps, hair_mask > 0.5, labels == HAIR),
            (person_overlaps, person > 0.5, labels > 0),
        ):
            overlaps.append((mask & true).sum() / max(1, (mask | true).sum()))
    assert np.median(hair_overlaps) > 0.6 and np.median(person_overlaps) > 0.85
