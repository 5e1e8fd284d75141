"""Sketches from photos and from label maps, and the clean-up of drawings on paper."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from data_prep.procedural_faces.synthetic import draw_face
from s2f_utils.pictures import background, cleanup, faces, sketches

SIZE = 192


@pytest.fixture(scope="module")
def face():
    return draw_face(3, size_px=SIZE)


def ink(sketch):
    return float(np.mean(sketch < 128))


@pytest.mark.parametrize("style", [*sketches.STYLES, "outlines"])
def test_a_style_draws_dark_lines_on_white_where_the_face_has_edges(face, style):
    before = face.photo.copy()
    sketch = sketches.make_sketch(face.photo, style, mask=face.mask)
    assert (sketch.shape, sketch.dtype) == ((SIZE, SIZE), np.uint8)
    assert np.percentile(sketch, 75) > 200 and 0.005 < ink(sketch) < 0.35
    np.testing.assert_array_equal(face.photo, before)
    np.testing.assert_array_equal(sketch, sketches.make_sketch(face.photo, style, mask=face.mask))
    edges = (
        cv2.dilate(
            cv2.Canny(cv2.cvtColor(face.photo, cv2.COLOR_RGB2GRAY), 60, 120),
            np.ones((7, 7), np.uint8),
        )
        > 0
    )
    edges |= (
        cv2.dilate(
            (np.abs(np.diff(face.mask.astype(int), axis=1, prepend=0)) > 0).astype(np.uint8),
            np.ones((5, 5)),
        )
        > 0
    )
    dark = sketch < 128
    assert edges[dark].mean() > 1.5 * edges.mean()


@pytest.mark.parametrize("style", [*sketches.STYLES, "outlines"])
def test_a_style_looks_the_same_at_every_size(style):
    large, small = (draw_face(5, size_px=size) for size in (384, 128))
    a, b = (sketches.make_sketch(f.photo, style, mask=f.mask) for f in (large, small))
    shrunk = cv2.resize(a, (128, 128), interpolation=cv2.INTER_AREA).astype(float)
    soft = [cv2.GaussianBlur(x.astype(np.float32), (0, 0), 2.5) for x in (shrunk, b)]
    assert (
        np.corrcoef(soft[0].ravel(), soft[1].ravel())[0, 1] > 0.8
        and abs(shrunk.mean() - b.mean()) < 12
    )
    hand = sketches._Hand((300, 300), 0.0, np.random.default_rng(0))
    hand.stroke(np.array([[100.0, 150.0], [200.0, 150.0]]), 1.0, 30.0)
    assert 58 <= np.count_nonzero(hand.ink[:, 300]) <= 64, (
        "a broad stroke is as broad as it should be"
    )


def test_xdog_is_the_equation_of_the_paper(face):
    """Winnemöller et al. 2012, eqs. 5 and 7, worked out with scikit-image's filter instead of
    OpenCV's.
    """
    from skimage.filters import gaussian

    grey = face.photo.astype(np.float64) @ [0.299, 0.587, 0.114] / 255
    sigma, p, phi, epsilon = 0.01 * SIZE, 30.0, 3.0, 0.2
    d = (1 + p) * gaussian(grey, sigma, mode="mirror") - p * gaussian(
        grey, 1.6 * sigma, mode="mirror"
    )
    expected = np.where(d >= epsilon, 1, 1 + np.tanh(phi * (d - epsilon))) * 255
    np.testing.assert_allclose(
        sketches.xdog(face.photo, width=0.01), np.clip(expected, 0, 255), atol=3
    )


def test_outlines_run_along_the_borders_of_the_map():
    mask = np.zeros((100, 100), np.uint8)
    mask[30:70, 20:60] = 1
    drawn = sketches.outlines(mask, width=0.01)
    assert (
        drawn[50, 18:22].min() < 140
        and drawn[28:32, 40].min() < 140
        and drawn[50, 58:62].min() < 140
    )
    assert drawn[50, 40] == drawn[5, 5] == 255
    mask[:, 50:] = 2  # a part that runs out of the picture has no line along the frame
    drawn = sketches.outlines(mask, width=0.01)
    assert drawn[0, 80] == drawn[50, 99] == 255 and drawn[0, 48:53].min() < 140


def test_an_outline_that_leaves_the_picture_is_not_closed_across_it():
    mask = np.zeros((100, 100), np.uint8)
    mask[40:, :60] = 1  # from the left edge to the right, and down to the lower edge
    drawn = sketches.outlines(mask, width=0.01)
    assert drawn[38:42, 30].min() < 140 and drawn[70, 58:62].min() < 140
    assert drawn[45:, :55].min() == 255


def test_the_mixture_is_varied_and_the_same_for_the_same_seed(face):
    drawn = [sketches.mixture(face.photo, seed, mask=face.mask) for seed in range(12)]
    np.testing.assert_array_equal(drawn[4], sketches.mixture(face.photo, 4, mask=face.mask))
    assert np.ptp([d.mean() for d in drawn]) > 12 and all(0.002 < ink(d) < 0.6 for d in drawn)
    assert {*sketches.RANDOM} == {*sketches.STYLES, "outlines"}


def test_bad_input_is_refused(face):
    with pytest.raises(ValueError, match=r"uint8 \(H, W, 3\)"):
        sketches.pencil(face.photo / 255.0)
    with pytest.raises(ValueError, match="pencil, xdog, contour, strokes, outlines"):
        sketches.make_sketch(face.photo, "charcoal")
    with pytest.raises(ValueError, match="needs a mask"):
        sketches.make_sketch(face.photo, "outlines")


# --- clean-up ---


def drawing(size=400):
    """A drawing as it should come out: the face of `synthetic`, dark lines on white, with a
    margin.
    """
    sketch = Image.fromarray(draw_face(7, size_px=300).sketch)
    sheet = Image.new("L", (size, round(1.25 * size)), 255)
    sheet.paste(sketch, (50, 110))
    return np.asarray(sheet)


def photographed(lines, *, slope=0.45, tone=(0.98, 0.93, 0.82), noise=2.0, seed=0):
    """The same on yellowish paper in uneven light, with a camera's noise."""
    rng = np.random.default_rng(seed)
    height, width = lines.shape
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    light = (1 - slope * (0.7 * x + 0.3 * y**2)).astype(np.float32)
    grey = (40 + lines.astype(np.float32) * 215 / 255) * light
    coloured = grey[..., None] * np.array(tone, np.float32) + rng.normal(
        0, noise, (height, width, 1)
    )
    return np.clip(coloured, 0, 255).astype(np.uint8)


def agreement(a, b):
    a, b = (
        cv2.GaussianBlur(cv2.resize(x, (200, 250), interpolation=cv2.INTER_AREA), (0, 0), 1.2)
        for x in (a, b)
    )
    return np.corrcoef(a.ravel().astype(float), b.ravel().astype(float))[0, 1]


@pytest.mark.parametrize("table", [50, 95])
def test_a_sheet_on_a_table_is_found_and_straightened(table):
    lines = drawing()
    paper = photographed(lines, slope=0.25)
    height, width = lines.shape
    corners = np.float32([[90, 60], [470, 95], [505, 560], [60, 525]])
    matrix = cv2.getPerspectiveTransform(
        np.float32([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]), corners
    )
    scene = np.full((620, 580, 3), table, np.uint8)
    cv2.warpPerspective(
        paper,
        matrix,
        (580, 620),
        dst=scene,
        borderMode=cv2.BORDER_TRANSPARENT,
        flags=cv2.INTER_AREA,
    )
    cleaned = cleanup.clean(scene)
    np.testing.assert_allclose(cleaned.corners, corners, atol=8)
    assert agreement(cleaned.image, lines) > 0.85
    assert np.mean(cleaned.image < 128) < 0.2
    assert cleanup.clean(scene, sheet=False).corners is None


def test_handwriting_at_the_rim_goes_and_the_drawing_stays():
    lines = drawing()
    written = Image.fromarray(lines)
    pen = ImageDraw.Draw(written)
    pen.text((15, 8), "case 17, 3 May", fill=20, font_size=18)
    pen.line([(0, 0), (0, 499)], fill=30, width=4)  # the sheet's edge
    pen.line([(0, 498), (399, 498)], fill=30, width=3)
    cleaned = cleanup.clean(np.asarray(written))
    assert np.mean(cleaned.image[:45] < 128) == 0 and np.mean(cleaned.image[:, :4] < 128) == 0
    assert agreement(cleaned.image, lines) > 0.97
    kept = cleanup.stretch_contrast(cleanup.flatten_paper(np.asarray(written))[0])
    assert np.mean(kept[:45] < 128) > 0.01


# --- background ---


def test_the_person_is_told_from_the_background(face):
    true = face.mask != 0
    by_labels = background.person_mask(face.photo, "labels", labels=face.mask)
    np.testing.assert_array_equal(by_labels > 0.5, true)
    scores = []
    for index in range(8):
        drawn = draw_face(index, size_px=SIZE)
        mask = (
            background.person_mask(
                drawn.photo, "grabcut", face=faces.face_from_points(drawn.landmarks)
            )
            > 0.5
        )
        scores.append(np.sum(mask & (drawn.mask != 0)) / np.sum(mask | (drawn.mask != 0)))
    assert np.mean(scores) > 0.85 and min(scores) > 0.6
