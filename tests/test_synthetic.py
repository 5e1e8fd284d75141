"""Drawn faces: the same picture every time, at every size, with labels, landmarks and lines that
fit it.
"""

import numpy as np
import pytest

from data_prep.procedural_faces.synthetic import Face, draw_face
from s2f_utils.pictures.masks import CLASSES

LABEL = {name: k for k, name in enumerate(CLASSES)}


@pytest.fixture(scope="module")
def faces() -> list[Face]:
    return [draw_face(index, size_px=64) for index in range(200)]


@pytest.fixture(scope="module")
def large() -> list[Face]:
    return [draw_face(index, size_px=256) for index in range(16)]


def share(face: Face, *names: str) -> float:
    return float(np.isin(face.mask, [LABEL[name] for name in names]).mean())


def shrink(img: np.ndarray, times: int) -> np.ndarray:
    h, w = img.shape[0] // times, img.shape[1] // times
    return img.reshape(h, times, w, times, -1).mean((1, 3))


@pytest.mark.parametrize("size_px", [32, 100, 512])
def test_shapes_types_and_ranges_at_any_size(size_px):
    face = draw_face(5, size_px=size_px)
    assert face.photo.shape == (size_px, size_px, 3) and face.photo.dtype == np.uint8
    assert face.sketch.shape == face.mask.shape == (size_px, size_px)
    assert face.sketch.dtype == face.mask.dtype == np.uint8
    assert face.mask.max() < len(CLASSES)
    assert face.landmarks.shape == (5, 2) and face.landmarks.dtype == np.float32
    assert face.photo.std() > 20 and face.sketch.std() > 10


def test_the_same_face_at_every_size(faces, large):
    for small, big in zip(faces, large, strict=False):
        assert small.attributes == big.attributes
        assert np.allclose((small.landmarks + 0.5) * 4, big.landmarks + 0.5, atol=1e-2)
        for a, b, least in ((small.photo, big.photo, 0.98), (small.sketch, big.sketch, 0.95)):
            a, b = a.reshape(64, 64, -1).astype(float), shrink(b, 4)
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > least
        assert (small.mask == big.mask[1::4, 1::4]).mean() > 0.93
    # The measure can tell faces apart.
    a, b = shrink(large[0].photo, 4), shrink(large[1].photo, 4)
    assert np.corrcoef(a.ravel(), b.ravel())[0, 1] < 0.95


def test_every_class_occurs(faces):
    seen = np.unique(np.concatenate([face.mask.ravel() for face in faces]))
    assert [CLASSES[k] for k in seen] == list(CLASSES)


def test_landmarks_lie_on_their_parts(large):
    for face in large:
        rows, columns = np.rint(face.landmarks[:, ::-1]).astype(int).T
        near = [face.mask[y - 3 : y + 4, x - 3 : x + 4] for y, x in zip(rows, columns, strict=True)]
        if not face.attributes["eyes_closed"]:
            assert face.mask[rows[0], columns[0]] == LABEL["l_eye"]
            assert face.mask[rows[1], columns[1]] == LABEL["r_eye"]
        assert face.mask[rows[2], columns[2]] == LABEL["nose"]
        for corner in near[3:]:
            assert np.isin(corner, [LABEL["u_lip"], LABEL["l_lip"], LABEL["mouth"]]).any()


def test_attributes_say_what_the_picture_shows(faces):
    for face in faces:
        a = face.attributes
        assert (a["glasses"] != "none") == (share(face, "eye_g") > 0)
        assert (a["hat"] != "none") == (share(face, "hat") > 0.02)
        assert (a["expression"] in ("grin", "surprised")) == (share(face, "mouth") > 0)
        assert (a["hair_style"] == "bald") <= (share(face, "hair") == 0)
        assert a["earrings"] >= (share(face, "ear_r") > 0)
        assert a["necklace"] >= (share(face, "neck_l") > 0)
    assert all(type(v) in (str, float, bool) for v in faces[0].attributes.values())


def cheek(face: Face) -> np.ndarray:
    y0, y1 = face.landmarks[:2, 1].mean(), face.landmarks[3:, 1].mean()
    rows = np.arange(face.mask.shape[0])[:, None]
    return face.photo[(face.mask == LABEL["skin"]) & (rows > y0) & (rows < y1)].mean(0)


def test_skin_tones_are_spread_evenly(faces):
    tone = np.array([face.attributes["skin_tone"] for face in faces])
    assert (np.histogram(tone, 10, (0, 1))[0] > 10).all()
    light = np.array([cheek(face) @ (0.299, 0.587, 0.114) for face in faces])
    assert np.corrcoef(tone, light)[0, 1] < -0.95
    assert light.min() < 60 and light.max() > 200
    assert (np.histogram(light, 4, (50, 210))[0] > 20).all()


def test_hair_of_another_colour_leaves_the_rest_as_it_is(faces):
    hidden = ("bald", "balding", "buzz")
    for index, own in enumerate(faces[:40]):
        if own.attributes["hat"] != "none" or own.attributes["hair_style"] in hidden:
            continue
        dark, blond = (
            draw_face(index, size_px=64, hair_colour=colour) for colour in ("black", "blond")
        )
        assert own.attributes | {"hair_colour": "blond"} == blond.attributes
        hair = (dark.mask == LABEL["hair"]) & (blond.mask == LABEL["hair"])
        wall = (dark.mask == LABEL["background"]) & (blond.mask == LABEL["background"])
        assert (blond.photo[hair].mean(0) - dark.photo[hair].mean(0)).min() > 25
        assert np.abs(blond.photo[wall].astype(int) - dark.photo[wall]).mean() < 3
        assert np.array_equal(own.landmarks, blond.landmarks)
    with pytest.raises(ValueError, match="hair_colour must be one of black, dark brown"):
        draw_face(0, hair_colour="green")
