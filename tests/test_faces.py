"""Faces: found, turned upright, cut out; on drawn faces, whose landmarks are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils import weights
from s2f_utils.pictures import faces
from s2f_utils.pictures.faces import detection

NUM, SIZE = 12, 256


@pytest.fixture(scope="module")
def drawn():
    return [draw_face(index, size_px=SIZE) for index in range(NUM)]


@pytest.fixture(scope="module")
def found(drawn):
    return [faces.find_face(face.photo) for face in drawn]


def error(face, true_landmarks):
    eyes = np.hypot(*(true_landmarks[1] - true_landmarks[0]))
    return np.hypot(*(face.landmarks - true_landmarks).T).max() / eyes


def test_the_detector_finds_drawn_faces_and_their_landmarks(drawn, found):
    assert all(face.method == "yunet" and face.score > 0.9 and face.turn == 0 for face in found)
    errors = [error(face, true.landmarks) for face, true in zip(found, drawn, strict=True)]
    assert max(errors) < 0.3 and np.mean(errors) < 0.16


def test_faces_in_line_drawings_are_found_too(drawn):
    sketches = [
        faces.find_face(np.repeat(face.sketch[..., None], 3, axis=2), drawing=True)
        for face in drawn
    ]
    assert (
        np.mean(
            [error(face, true.landmarks) < 0.35 for face, true in zip(sketches, drawn, strict=True)]
        )
        > 0.9
    )


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_photo_that_lies_on_its_side_is_noticed_and_aligned_upright(drawn, found, quarter):
    for true, upright in list(zip(drawn, found, strict=True))[:4]:
        turned = np.ascontiguousarray(np.rot90(true.photo, quarter))
        face = faces.find_face(turned)
        assert face.turn == (-90 * quarter) % 360
        difference = faces.align(turned, face, 64).astype(float) - faces.align(
            true.photo, upright, 64
        )
        assert np.abs(difference).mean() < 6


def test_a_face_is_cut_out_alike_however_it_lies_in_the_picture(drawn):
    eyes = []
    for true in drawn:
        for turn, scale in ((0, 1.0), (20, 0.7), (-25, 1.6)):
            size = round(SIZE * scale)
            turned = (
                Image.fromarray(true.photo)
                .resize((size, size), Image.Resampling.BICUBIC)
                .rotate(turn)
            )
            crop = faces.align(np.asarray(turned), faces.find_face(np.asarray(turned)), 256)
            eyes.append(faces.find_face(crop).landmarks[:2] / 256)
    eyes = np.array(eyes).reshape(NUM, 3, 2, 2)
    assert (eyes - eyes.mean(axis=1, keepdims=True)).std(axis=(0, 1)).max() < 0.015
    np.testing.assert_allclose(eyes.mean(axis=(0, 1)), faces.TEMPLATE[:2], atol=0.02)


def test_similarity_agrees_with_scikit_image():
    from skimage.transform import SimilarityTransform

    rng = np.random.default_rng(1)
    source, target = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    if hasattr(SimilarityTransform, "from_estimate"):
        theirs = SimilarityTransform.from_estimate(source, target)
    else:
        theirs = SimilarityTransform()
        theirs.estimate(source, target)
    ours = faces.similarity(source, target)
    if np.linalg.det(theirs.params[:2, :2]) > 0:  # scikit-image's never mirrors either
        np.testing.assert_allclose(ours, theirs.params[:2], atol=1e-9)


# Of aligned FFHQ faces at 512 px, as GFPGAN has it; weights that were trained on them expect faces
# there.
PUBLISHED = np.array(
    [[192.98, 239.95], [318.90, 240.19], [256.63, 314.01], [201.26, 371.41], [313.08, 371.15]]
)


def test_faces_are_laid_on_the_published_template():
    face = faces.transform(
        PUBLISHED, np.array([[0.6, -0.3, 40.0], [0.3, 0.6, 10.0]])
    )  # smaller, tilted, elsewhere
    np.testing.assert_allclose(
        faces.transform(face, faces.alignment(face, 512)), PUBLISHED, atol=1e-9
    )
    face[2:4] += [12, -7]  # the eyes count most, the nose least: as if they were there so often
    often = [4, 4, 1, 2, 2]
    expected = faces.similarity(np.repeat(face, often, axis=0), np.repeat(PUBLISHED, often, axis=0))
    np.testing.assert_allclose(faces.alignment(face, 512), expected, atol=1e-9)


def test_the_ffhq_rule_gives_the_published_square():
    """The quad of `recreate_aligned_images` (NVlabs/ffhq-dataset), worked out by hand."""
    landmarks = np.array([[40.0, 50], [80, 50], [60, 70], [45, 90], [75, 90]])
    # x = eye_to_eye - flipud(eye_to_mouth) * [-1, 1] = (40, 0) + (40, 0), of length max(2 * 40, 1.8
    # * 40) = 80; centre = (60, 50) + 0.1 * (0, 40) = (60, 54): the square reaches from (-20, -26)
    # to (140, 134).
    matrix = faces.alignment(landmarks, 160, method="ffhq")
    corners = faces.transform(np.array([[-20.0, -26], [140, 134]]), matrix)
    np.testing.assert_allclose(corners, [[-0.5, -0.5], [159.5, 159.5]], atol=1e-9)


def test_an_identity_warp_changes_nothing_and_a_smaller_one_does_not_alias(drawn):
    image = drawn[0].photo
    np.testing.assert_array_equal(faces.warp(image, np.eye(2, 3), SIZE), image)
    stripes = np.zeros((256, 256, 3), np.uint8)
    stripes[:, ::2] = 255
    small = faces.warp(stripes, np.array([[0.3, 0, 0], [0, 0.3, 0]]), 64)
    assert np.abs(small[8:56, 8:56].astype(int) - 127).max() < 12


def test_hand_given_points_are_taken_as_they_are(drawn):
    true = drawn[2].landmarks
    mouth = true[3:].mean(axis=0)
    three = faces.find_face(drawn[2].photo, points=[*true[:2], mouth])
    assert three.method == "points" and error(three, true) < 0.25
    np.testing.assert_array_equal(three.landmarks[:2], true[:2])
    np.testing.assert_array_equal(faces.find_face(drawn[2].photo, points=true).landmarks, true)
    with pytest.raises(faces.FaceError, match="order"):
        faces.find_face(drawn[2].photo, points=[true[1], true[0], mouth])
    with pytest.raises(ValueError, match=r"got \(2, 2\)"):
        faces.find_face(drawn[2].photo, points=true[:2])


def test_without_a_face_it_is_an_error_or_a_named_fallback():
    empty = np.full((120, 90, 3), 200, np.uint8)
    with pytest.raises(faces.FaceError, match="give the eyes and the mouth by hand"):
        faces.find_face(empty)
    face = faces.find_face(empty, fallback="centre")
    assert (face.method, face.score) == ("centre", 0.0)
    matrix = faces.alignment(face.landmarks, 90)
    np.testing.assert_allclose(matrix, [[1, 0, 0], [0, 1, -15]], atol=1e-6)
    with pytest.raises(ValueError, match="none, centre"):
        faces.find_face(empty, fallback="guess")


# scikit-image's portrait of Eileen Collins: what YuNet finds in it.
ASTRONAUT = np.array(
    [[203.4, 104.0], [245.9, 108.7], [222.3, 127.9], [200.8, 143.6], [238.5, 148.0]]
)


def test_the_face_of_a_real_photo():
    from skimage import data

    assert error(faces.find_face(data.astronaut()), ASTRONAUT) < 0.02


@pytest.mark.parametrize("content", [None, b"a web page"], ids=["missing", "damaged"])
def test_without_the_detectors_file_it_says_what_to_do(content, drawn, tmp_path, monkeypatch):
    path = tmp_path / weights.DETECTOR_FILE.name
    if content:
        path.write_bytes(content)
    monkeypatch.setattr(weights, "DETECTOR_FILE", path)
    detection._detector.cache_clear()  # as in another process
    with pytest.raises(weights.WeightsError, match=f"{path.name}.*install the package again"):
        faces.find_face(drawn[0].photo)


def test_large_and_small_pictures_and_bad_input():
    from skimage import data

    astronaut = Image.fromarray(data.astronaut())
    small = faces.find_face(np.asarray(astronaut))
    large = faces.find_face(np.asarray(astronaut.resize((3000, 3000))))
    np.testing.assert_allclose(large.landmarks / 3000, small.landmarks / 512, atol=0.01)
    assert faces.detect(np.zeros((4, 4, 3), np.uint8)) == []
    with pytest.raises(ValueError, match="uint8"):
        faces.detect(np.zeros((64, 64, 3)))
