"""Metrics of what is inside of the face, and of how photos look: identical pictures, cases by hand, other code."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.metrics

from s2f_utils.pictures import faces

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))

import faces_inside as inside  # noqa: E402
import faces_looks as looks  # noqa: E402


def landmarks_at(size_px: int = 256) -> np.ndarray:
    return faces.TEMPLATE * size_px - 0.5


def textures(num: int, seed: int, size_px: int = 64) -> list[np.ndarray]:
    """Pictures of one family: a warm colour that is lighter on one side, with grain."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num):
        light, tilt, grain = rng.uniform(100, 160), rng.uniform(-40, 40), rng.uniform(2, 12)
        plane = light + tilt * np.linspace(-1, 1, size_px)[None, :, None] + np.array([20, 0, -20])
        found.append(np.clip(plane + rng.normal(0, grain, (size_px, size_px, 1)), 0, 255).astype(np.uint8))
    return found


# --- how photos look ---


def test_distance_agrees_with_eigenvectors_and_the_matrix_root():
    photos, others = textures(20, 0), textures(15, 3)

    def rows(pictures):
        return [np.stack(kind) for kind in zip(*(looks.statistics(p) for p in pictures), strict=True)]

    kinds = rows(photos)
    scales = [10 / np.sqrt(((kind - kind.mean(0)) ** 2).sum() / len(kind)) for kind in kinds]
    x, y = (np.hstack([s * k for s, k in zip(scales, rows(p), strict=True)]) for p in (photos, others))
    assert ((x - x.mean(0)) ** 2).sum() / len(x) == pytest.approx(5 * 100)  # five kinds with a spread of 100 each
    values, vectors = np.linalg.eigh(np.cov(x.T))
    axes = vectors[:, np.argsort(values)[::-1][:16]]
    a, b = (side @ axes for side in (x, y))
    one, two = np.cov(a.T), np.cov(b.T)
    root = np.sqrt(np.maximum(np.linalg.eigvals(one @ two).real, 0)).sum()
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(one + two) - 2 * root
    assert looks.Looks(photos).distance(others) == pytest.approx(expected, rel=1e-5)


# --- inside of the face ---


def test_skin_tone_by_hand():
    mask = np.ones((4, 4), bool)
    from skimage.color import rgb2lab

    for colour in ((224, 172, 150), (120, 80, 60)):
        picture = np.full((4, 4, 3), colour, np.uint8)
        light, _, yellow = rgb2lab(np.array([[colour]], np.uint8))[0, 0]
        assert inside.skin_tone(picture, mask) == pytest.approx(np.degrees(np.arctan((light - 50) / yellow)))
    assert inside.skin_tone(np.full((4, 4, 3), (224, 172, 150), np.uint8), mask) > 41  # "light" begins at 41
    assert inside.skin_tone(np.full((4, 4, 3), (90, 60, 40), np.uint8), mask) < -30  # "dark"
    assert np.isnan(inside.skin_tone(picture, ~mask))


def test_residue_is_one_for_the_drawing_and_none_for_its_shading():
    rng = np.random.default_rng(0)
    drawing = np.full((256, 256, 3), 255, np.uint8)
    for row in rng.integers(60, 230, 12):
        drawing[row : row + 2, 80:180] = 30
    mask = inside.mask_of(inside.outline_of(landmarks_at()), drawing.shape)
    ramp = np.repeat(np.linspace(60, 200, 256)[:, None, None], 256, axis=1).repeat(3, axis=2).astype(np.uint8)
    copied = np.clip(ramp.astype(int) + (drawing.astype(int) - 255) // 4, 0, 255).astype(np.uint8)
    noise = rng.integers(0, 256, drawing.shape, dtype=np.uint8)
    assert inside.stroke_residue(drawing, drawing, mask) == pytest.approx(1)
    assert inside.stroke_residue(255 - drawing, drawing, mask) == pytest.approx(-1, abs=1e-3)
    assert inside.stroke_residue(copied, drawing, mask) > 0.95
    assert abs(inside.stroke_residue(ramp, drawing, mask)) < 0.1
    assert abs(inside.stroke_residue(noise, drawing, mask)) < 0.1
    assert np.isnan(inside.stroke_residue(noise, np.full_like(drawing, 255), mask))
    assert inside.stroke_residue(np.full_like(drawing, 9), drawing, mask) == 0


def test_only_the_inside_counts():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 256, (256, 256, 3), dtype=np.uint8)
    points = landmarks_at()
    mask = inside.mask_of(inside.outline_of(points), true.shape)
    same = inside.compare(true, true, points)
    assert same == {"face_ssim": pytest.approx(1), "face_psnr": np.inf, "face_l1": 0, "face_light": 0, "skin_tone": 0}
    other_wall = np.where(mask[..., None], true, 0).astype(np.uint8)
    around = inside.compare(other_wall, true, points)  # but for SSIM's window at the rim
    assert around | {"face_ssim": 1} == same | {"face_ssim": 1} and around["face_ssim"] > 0.9
    darker = np.where(mask[..., None], true // 2, true).astype(np.uint8)
    found = inside.compare(darker, true, points)
    assert found["face_l1"] == pytest.approx((true[mask] - (true // 2)[mask]).mean())
    assert found["face_psnr"] == pytest.approx(
        skimage.metrics.peak_signal_noise_ratio(true[mask], darker[mask], data_range=255)
    )
    assert found["face_light"] > 50 and found["skin_tone"] > 1
    outside = inside.compare(true, true, points + 1000)
    assert all(np.isnan(v) for v in outside.values()) and set(outside) == set(inside.COMPARED)
