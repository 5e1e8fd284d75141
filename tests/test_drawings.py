"""From any drawing to what the models know: is it one, is its paper clean, where is the face, back
onto the paper.
"""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from data_prep.procedural_faces.synthetic import draw_face
from s2f_studio.drawings import paper
from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.paper import verdict
from s2f_studio.remarks import Remark
from s2f_utils.pictures import cleanup, faces, images, sketches

SIZE = 256


def rgb(grey):
    return np.repeat(grey[..., None], 3, axis=2)


def photographed(grey, seed=0):
    """The drawing as a phone's camera sees it: yellowish paper, light from one side, noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: grey.shape[0], : grey.shape[1]] / max(grey.shape)
    light = 0.72 + 0.25 * np.clip(x * rng.uniform(0.4, 1) + y * rng.uniform(-0.5, 0.5), 0, 1)
    paper = grey[..., None] / 255 * np.array([250, 240, 222]) * light[..., None]
    return np.clip(paper + rng.normal(0, 3, (*grey.shape, 1)), 0, 255).astype(np.uint8)


def washed(face, strength):
    """A drawing with colours on white paper."""
    colour = 255 - (255 - face.photo.astype(float)) * strength
    colour[face.mask == 0] = 255
    return (colour * (face.sketch[..., None] / 255)).astype(np.uint8)


@pytest.fixture(scope="module")
def some():
    return [draw_face(index, size_px=SIZE, seed=77) for index in range(8)]


def kinds(pictures):
    return [verdict(picture).kind for picture in pictures]


def test_drawings_are_known_in_every_style_and_on_photographed_paper(some):
    drawn = [rgb(f.sketch) for f in some]
    for style in sketches.STYLES:
        drawn += [rgb(sketches.make_sketch(f.photo, style)) for f in some[:4]]
    drawn += [photographed(f.sketch, n) for n, f in enumerate(some)]
    assert kinds(drawn).count("drawing") >= len(drawn) - 1


def test_what_is_no_drawing_is_said_to_be_what_it_is(some):
    assert kinds([f.photo for f in some]).count("photo") >= 7
    grey = [rgb(np.asarray(Image.fromarray(f.photo).convert("L"))) for f in some]
    assert kinds(grey).count("photo") >= 7
    assert set(kinds([255 - rgb(f.sketch) for f in some])) == {"inverted"}
    pale = [
        np.clip(250 - (255 - rgb(f.sketch).astype(float)) * 0.15, 0, 255).astype(np.uint8)
        for f in some
    ]
    assert set(kinds(pale)) == {"faint"}
    assert kinds([washed(f, 0.5) for f in some]).count("coloured") >= 6
    assert kinds([np.full((64, 64, 3), 255, np.uint8)]) == ["faint"]


def test_white_even_paper_is_left_alone_and_photographed_paper_is_cleaned(some):
    clean, dirty = rgb(some[0].sketch), photographed(some[0].sketch)
    assert not paper.needs_cleaning(clean) and paper.needs_cleaning(dirty)
    points = some[0].landmarks[[0, 1, 3, 4]]
    ready = drawings.prepare(clean, points=points)
    assert np.array_equal(ready.paper, clean) and ready.warnings == ()
    ready = drawings.prepare(dirty, points=points)
    assert np.percentile(ready.paper, 60) > 240 and ready.warnings == ()
    untouched = drawings.prepare(dirty, points=points, clean="never")
    assert np.array_equal(untouched.paper, dirty)


def on_a_desk(drawing):
    """The drawing's sheet on a dark desk, seen from the side in uneven light; and the
    perspective.
    """
    import cv2

    height, width = drawing.shape[:2]
    corners = np.float32([[110, 90], [640, 110], [690, 840], [60, 800]])
    matrix = cv2.getPerspectiveTransform(
        np.float32([[0, 0], [width, 0], [width, height], [0, height]]), corners
    )
    inside = cv2.warpPerspective(np.ones((height, width), np.float32), matrix, (760, 900))[
        ..., None
    ]
    desk = np.random.default_rng(0).normal([95, 70, 50], 6, (900, 760, 3))
    sheet = cv2.warpPerspective(drawing, matrix, (760, 900)) * np.array([0.96, 0.93, 0.86])
    light = np.linspace(0.65, 1, 760)[None, :, None]
    return np.clip((sheet * inside + desk * (1 - inside)) * light, 0, 255).astype(np.uint8), matrix


def alike(one, other):
    import cv2

    soft = [cv2.GaussianBlur(x[..., 0].astype(np.float32), (0, 0), 4) for x in (one, other)]
    return np.corrcoef(soft[0].ravel(), soft[1].ravel())[0, 1]


def test_few_lines_on_a_large_grey_sheet_stay():
    share = 0.2
    drawing = Image.fromarray(drawings.example("few-lines")[20:430, 40:380])
    width = round(1240 * share)
    drawing = drawing.resize(
        (width, round(width * drawing.height / drawing.width)), Image.Resampling.LANCZOS
    )
    sheet = np.full((1754, 1240, 3), 255, np.uint8)
    sheet[500 : 500 + drawing.height, 300 : 300 + width] = np.asarray(drawing)
    assert verdict(sheet).kind == "drawing"
    scan = np.clip(
        sheet * 0.88 + np.random.default_rng(0).normal(0, 2, (1754, 1240, 1)), 0, 255
    ).astype(np.uint8)
    assert verdict(scan).kind == "drawing"
    lines = cleanup.clean(scan, sheet=False).image
    assert lines.min() < 60 and np.percentile(lines, 90) == 255
    empty = np.clip(
        sheet * 0 + 224 + np.random.default_rng(0).normal(0, 2, (1754, 1240, 1)), 0, 255
    ).astype(np.uint8)
    assert cleanup.clean(empty, sheet=False).image.min() == 255


@pytest.mark.parametrize(
    ("name", "quarters"), [("plain-man", 1), ("long-hair", 2), ("plain-man", 3)]
)
def test_a_drawing_on_its_side_is_turned_and_said_to_be(name, quarters):
    drawing = drawings.example(name)
    ready = drawings.prepare(np.ascontiguousarray(np.rot90(drawing, quarters)))
    assert ready.warnings == (Remark("turned"),)
    assert alike(ready.image, drawings.prepare(drawing).image) > 0.9


def test_points_may_be_tilted_but_not_outside(some):
    face = some[1]
    drawing, points = rgb(face.sketch), face.landmarks[[0, 1, 3, 4]]
    upright = drawings.prepare(drawing, points=points)
    lying = np.stack([points[:, 1], SIZE - 1 - points[:, 0]], axis=1)  # where np.rot90 takes them
    turned = drawings.prepare(np.ascontiguousarray(np.rot90(drawing)), points=lying)
    assert alike(turned.image, upright.image) > 0.99
    with pytest.raises(faces.FaceError, match="outside of the picture, which is 256 x 256"):
        drawings.prepare(drawing, points=points + [200, 0])
    with pytest.raises(faces.FaceError, match="are not a face"):
        drawings.prepare(drawing, points=points[[1, 0, 3, 2]])
    with pytest.raises(ValueError, match="finite"):
        drawings.prepare(drawing, points=points * np.nan)


def test_a_drawing_without_a_face_is_cropped_around_its_ink_with_a_remark():
    house = np.full((300, 400, 3), 255, np.uint8)
    house[160:260, [240, 339]] = house[[160, 259], 240:340] = 0
    ready = drawings.prepare(house)
    assert ready.face.method == "centre" and ready.warnings == (Remark("no-face"),)
    assert np.abs(ready.face.middle - [290, 210]).max() < 20
    assert "give the eyes and the mouth" in str(ready.warnings[0])
    blank = drawings.prepare(np.full((200, 160, 3), 255, np.uint8))
    assert blank.face.method == "centre"
    assert blank.warnings == (Remark("no-lines"), Remark("no-face"))


def in_a_shadow(drawing, seed):
    """The drawing on grey paper, half of it in a shadow with an edge."""
    height, width = drawing.shape[:2]
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width) - 0.4
    angle = rng.uniform(0, 2 * np.pi)
    dark = np.cos(angle) * x + np.sin(angle) * y > rng.uniform(-0.1, 0.1)
    seen = drawing * 0.92 * np.where(dark, 0.6, 1.0)[..., None] + rng.normal(
        0, 2, (height, width, 1)
    )
    return np.clip(seen, 0, 255).astype(np.uint8)


def test_a_shadow_with_an_edge_is_taken_away_and_a_photo_stays_one(some):
    points = np.array([[147.0, 247.0], [275.0, 247.0], [211.0, 360.0]])
    for seed, name in enumerate(("plain-man", "beard")):
        drawing = drawings.example(name)
        dark = in_a_shadow(drawing, seed)
        assert verdict(dark).kind == "photo"
        ready = drawings.prepare(dark, points=points)
        even = paper.in_even_light(dark, verdict(dark))
        assert verdict(rgb(even)).kind == "drawing" and ready.warnings == (Remark("shadow"),)
        assert np.percentile(ready.paper, 30) > 240 and ready.paper.min() < 60
        assert alike(ready.image, drawings.prepare(drawing, points=points).image) > 0.9
        kept = drawings.prepare(dark, points=points, clean="never")
        assert np.array_equal(kept.paper, dark) and kept.warnings == (Remark("photo"),)
    for face in some:
        seen = verdict(face.photo)
        assert seen.kind != "drawing" and paper.in_even_light(face.photo, seen) is None


def test_cleaning_never_wipes_a_drawing_away_and_empty_cut_outs_are_said(some):
    points = some[0].landmarks[[0, 1, 3, 4]]
    negative = 255 - rgb(some[0].sketch)
    ready = drawings.prepare(negative, points=points, clean="always")
    assert np.array_equal(ready.paper, negative)
    assert ready.warnings == (Remark("inverted"), Remark("not-cleaned"))
    wide = np.full((SIZE, 4 * SIZE, 3), 255, np.uint8)
    wide[:, :SIZE] = rgb(some[0].sketch)
    assert drawings.prepare(wide, points=points).warnings == ()
    away = drawings.prepare(wide, points=points + [2 * SIZE, 0])
    assert away.warnings == (Remark("empty"),)


def test_what_was_made_lies_where_the_face_is_on_the_paper(some):
    wide = np.full((400, 700, 3), 255, np.uint8)
    wide[60 : 60 + SIZE, 300 : 300 + SIZE] = rgb(some[3].sketch)
    ready = drawings.prepare(wide, points=some[3].landmarks[[0, 1, 3, 4]] + [300, 60])
    red = np.zeros((SIZE, SIZE, 3), np.uint8)
    red[..., 0] = 200
    laid = drawings.onto_paper(red, ready)
    assert laid.shape == wide.shape and laid.dtype == np.uint8
    x, y = np.rint(ready.face.landmarks[2]).astype(int)
    assert laid[y, x].tolist() == [200, 0, 0]
    assert np.array_equal(laid[:, :200], wide[:, :200])  # far from the face the paper is as it was
    same = drawings.onto_paper(ready.image, ready)  # the drawing itself, there and back again
    assert np.abs(same.astype(int) - ready.paper).mean() < 2
    large = drawings.onto_paper(images.resize(ready.image, 2 * SIZE), ready)
    assert np.abs(large.astype(int) - same).mean() < 0.5  # half a pixel off it would be 1.1
    on_sheet, behind = wide.copy(), np.zeros(wide.shape[:2], bool)
    on_sheet[60 : 60 + SIZE, 300 : 300 + SIZE] = some[3].photo
    behind[60 : 60 + SIZE, 300 : 300 + SIZE] = some[3].mask == 0
    photo = faces.warp(on_sheet, ready.matrix, SIZE)
    whole = drawings.onto_paper(photo, ready).astype(int)
    person = drawings.onto_paper(photo, ready, person=True).astype(int)
    assert np.abs(whole - wide)[behind].mean() > 20 > 4 * np.abs(person - wide)[behind].mean()
    assert np.array_equal(
        person[y - 20 : y + 20, x - 20 : x + 20], whole[y - 20 : y + 20, x - 20 : x + 20]
    )
