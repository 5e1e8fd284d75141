"""Restoring faces: detect, align, restore, paste back; each part alone, and all together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from s2f_utils import networks
from s2f_utils.infer import pasting, restorers
from s2f_utils.infer.enhance import Restorer, enhance
from s2f_utils.networks.info import ModelInfo
from s2f_utils.pictures import faces
from tests.people import person

SIZE_PX = 128


class Answers(torch.nn.Module):
    name, size_px = "gfpgan", SIZE_PX

    def __init__(self, answer) -> None:
        super().__init__()
        self.answer = answer

    def forward(self, x, randomize_noise=False):
        return self.answer(x)


def restorer(answer) -> Restorer:
    return restorers.restorer_of(Answers(answer), torch.device("cpu"), ModelInfo(name="test"))


SAME = restorer(lambda x: x)
NEGATIVE = restorer(lambda x: 2 * (125 / 127.5 - 1) - x)  # 250 - grey level
RED = restorer(
    lambda x: torch.tensor([1.0, -1.0, -1.0]).view(1, 3, 1, 1).expand_as(x) * 0.9 + 0.1 * x
)


def face_at(x: float, y: float, size: float, degrees: float = 0.0) -> faces.Face:
    """A face as it would be found in a picture: its square's middle, side and turn."""
    turn = np.radians(degrees)
    matrix = size * np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (faces.TEMPLATE - 0.5) @ matrix.T + [x, y]
    return faces.Face(points, (x - size / 4, y - size / 4, size / 2, size / 2), 1.0, "points")


def flat(height: int, width: int) -> np.ndarray:
    """A photo of one colour, but for a strip of red and one of blue at its upper edge: it is no
    black and white.
    """
    photo = np.full((height, width, 3), (90, 120, 150), np.uint8)
    photo[:8], photo[8:16] = (170, 60, 50), (60, 110, 80)  # of the same grey
    return photo


def waves(height: int, width: int, period: float = 40.0) -> np.ndarray:
    """A smooth pattern that differs along both axes, uint8 (H, W, 3)."""
    y, x = np.mgrid[:height, :width]
    values = 125 + 40 * np.sin(2 * np.pi * x / period) + 35 * np.sin(2 * np.pi * y / (0.8 * period))
    return np.repeat(np.rint(values).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize("degrees", [0.0, 17.0, 90.0, 180.0])
@pytest.mark.parametrize("size", [70.0, 128.0, 300.0])
def test_what_a_restorer_changes_is_pasted_where_it_was(size, degrees):
    """Waves made negative: a shift by a third of a pixel, or a mirrored or unturned crop, would be
    far off.
    """
    photo = waves(400, 420)
    low, high = int(200 - 0.25 * size), int(200 + 0.25 * size)
    made = enhance(photo, NEGATIVE, found=[face_at(205.3, 198.6, size, degrees)]).image.astype(int)
    assert np.abs(made - (250 - photo.astype(int)))[low:high, low:high].max() <= 4 * max(
        1, size / SIZE_PX
    )


def test_a_large_face_is_pasted_in_bands_as_it_would_be_in_one(monkeypatch):
    photo, found = waves(400, 420), [face_at(205.3, 198.6, 300.0, 17.0)]
    at_once = enhance(photo, NEGATIVE, found=found).image.astype(int)
    monkeypatch.setattr(pasting, "BAND_ROWS", 100)
    in_bands = enhance(photo, NEGATIVE, found=found).image
    assert np.abs(in_bands - at_once).max() <= 2  # OpenCV rounds places to 1/32 of a pixel


def test_a_pasted_face_has_no_seam():
    """Red over a checkerboard: from one pixel to the next, no more changes than the feather's slope
    allows.
    """
    grey = np.full((300, 300, 3), 128, np.uint8)
    done = enhance(grey.copy(), SAME, found=[face_at(150, 150, 200)])
    assert np.abs(done.image.astype(int) - grey).max() <= 1
    colour = flat(300, 300)
    made = enhance(colour, RED, found=[face_at(150, 150, 200, 10)]).image.astype(int)
    assert made[150, 150, 0] > 220
    steps = max(np.abs(np.diff(made[20:], axis=axis)).max() for axis in (0, 1))
    assert steps <= 1.5 * 165 / (pasting.FEATHER * 200) + 2  # the steepest slope of the smooth ramp
    inner = slice(32, -32)
    made[inner, inner] = colour[inner, inner]
    assert (made == colour).all(), "the rim, where no face is"


def test_what_is_not_a_face_keeps_its_bytes_and_the_strength_blends():
    photo = waves(240, 320)
    found = [face_at(100, 120, 90)]
    whole = enhance(photo, RED, found=found).image
    changed = (whole != photo).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert changed.sum() > 2000
    assert rows.min() >= 74 and rows.max() <= 166 and columns.min() >= 54 and columns.max() <= 146
    assert (enhance(photo, RED, found=found, strength=0.0).image == photo).all()
    half = enhance(photo, RED, found=found, strength=0.5).image.astype(int)
    assert np.abs(half - (whole.astype(int) + photo) / 2).max() <= 1


def test_a_square_photo_is_not_one_face(monkeypatch):
    photo = flat(300, 300)
    monkeypatch.setattr(faces, "detect_all", lambda _: [face_at(120, 150, 160)])
    made = RED.translate(photo)
    assert made[150, 120, 0] > 200 and (made[:, -32:] == photo[:, -32:]).all()


@pytest.mark.parametrize(
    "wrong", [{"strength": 7.0}, {"strength": -3.0}, {"upscale": 0}, {"upscale": 9}]
)
def test_settings_beyond_their_limits_are_refused(wrong):
    for how in ({"aligned": True}, {"found": [face_at(32, 32, 48)]}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))} must be"):
            enhance(flat(64, 64), SAME, **how, **wrong)


@pytest.mark.parametrize("upscale", [2, 3])
def test_an_enlarged_photo_has_its_faces_in_the_enlarged_place(upscale):
    photo = waves(200, 220)
    done = enhance(photo, NEGATIVE, found=[face_at(107.3, 96.6, 120, 8)], upscale=upscale)
    plain = np.asarray(
        Image.fromarray(photo).resize((220 * upscale, 200 * upscale), Image.Resampling.LANCZOS)
    )
    inner = (slice(70 * upscale, 125 * upscale), slice(80 * upscale, 135 * upscale))
    assert np.abs(done.image.astype(int) - (250 - plain.astype(int)))[inner].max() <= 6
    assert (done.image[: 20 * upscale] == plain[: 20 * upscale]).all()


def test_many_faces_are_each_restored_and_the_largest_alone_where_asked():
    photo = flat(300, 500)
    found = [face_at(120, 150, 160), face_at(350, 120, 100), face_at(440, 240, 60)]
    done = enhance(photo, RED, found=found)
    assert len(done.faces) == 3 and all(
        done.image[y, x, 0] > 200 for x, y in ((120, 150), (350, 120), (440, 240))
    )
    one = enhance(photo, RED, found=found, largest_only=True)
    assert len(one.faces) == 1 and one.image[120, 350, 0] == 90
    assert done.faces[0].before.shape == done.faces[0].after.shape == (SIZE_PX, SIZE_PX, 3)


WHITE, ONE_COLOUR = torch.tensor([50.0, 50.0, 50.0]), torch.tensor([1.0, -1.0, -1.0])


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 0.2, WHITE, ONE_COLOUR])
def test_a_failure_raises_and_the_input_is_not_handed_back(value):
    colour = torch.as_tensor(value).expand(3).view(1, 3, 1, 1)
    fails = restorer(lambda x: colour.expand_as(x) + (0.1 * x if value is WHITE else 0 * x))
    photo = person(1, size_px=200)
    found = [faces.Face(photo.landmarks, (40, 40, 80, 80), 1.0, "points")]
    with pytest.raises(
        ValueError,
        match="flat picture" if np.isfinite(np.asarray(value)).all() else "NaN",
    ):
        enhance(photo.photo, fails, found=found)


def test_the_noise_is_fixed_by_the_seed_and_the_global_generator_is_left_alone():
    torch.manual_seed(0)
    net = networks.build(
        "gfpgan", size_px=SIZE_PX, num_style_feat=16, narrow=0.03125, num_mlp=1
    ).requires_grad_(False)
    for layer in (net.stylegan_decoder.style_conv1, *net.stylegan_decoder.style_convs):
        layer.weight.fill_(1.0)  # of the noise
    noisy = restorers.restorer_of(net.eval(), torch.device("cpu"), ModelInfo(name="noisy"))
    photo = person(1, size_px=200)
    found = [faces.Face(photo.landmarks, (40, 40, 80, 80), 1.0, "points")]
    before = torch.get_rng_state()
    first, second = (enhance(photo.photo, noisy, found=found, seed=seed).image for seed in range(2))
    with ThreadPoolExecutor(4) as pool:  # which share the network
        made = list(
            pool.map(lambda n: enhance(photo.photo, noisy, found=found, seed=n % 2).image, range(8))
        )
    assert all((image == (first, second)[n % 2]).all() for n, image in enumerate(made))
    assert (first != second).any() and torch.equal(before, torch.get_rng_state())


def test_faces_are_found_whichever_way_they_are_turned():
    import skimage.data

    astronaut = skimage.data.astronaut()
    for quarter, turn in ((1, 270), (2, 180), (3, 90)):
        turned = np.ascontiguousarray(np.rot90(astronaut, quarter))
        found = faces.detect_all(turned)
        assert found[0].turn == turn
        done = enhance(turned, SAME, largest_only=True)
        assert (
            np.abs(
                done.faces[0].before.astype(int) - enhance(astronaut, SAME).faces[0].before
            ).mean()
            < 20
        )
