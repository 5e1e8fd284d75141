"""The sketch pad without a page, with the models that come along; and what its page asks for."""

from __future__ import annotations

import base64
import io
import threading

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s2f_studio.faces import hints
from s2f_studio.web import widget
from s2f_studio.web.drawing import blank, feathered
from s2f_studio.web.state import TITLES
from s2f_studio.web.widget import page_of
from s2f_utils.notebook import stills
from s2f_utils.pictures import images, masks
from s2f_utils.pictures.attributes import Tone, as_tone
from s2f_utils.pictures.remarks import Remark

DEFAULT, MANY, MAPS = TITLES
STARTED = "drawn face 5"  # dark, long hair on a light ground; needs no detector


def make(model=None, start=STARTED, **options):
    return widget.sketch_pad(model, start=start, device="cpu", **options)


@pytest.fixture()
def pad():
    return make()


def stroked(drawing, *points, width=8):
    picture = Image.fromarray(drawing)
    ImageDraw.Draw(picture).line(points, fill=(30, 30, 30), width=width)
    return np.asarray(picture)


def changed(one, other):
    return float(np.abs(one.astype(float) - other).mean())


def uri(picture):
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def test_its_still_says_what_is_seen_in_letters_that_its_font_has(pad, monkeypatch):
    said, drawn = [], stills.text_line
    monkeypatch.setattr(stills, "text_line", lambda text: said.append(text) or drawn(text))
    still = pad.still()
    assert still.shape[1] == stills.WIDE_PX and still.std() > 20
    assert said == ["the drawing, and the answer: sketch to photo, 256 px, seed 0"]


# The drawing


def test_strokes_change_the_face_where_they_are(pad):
    before = pad.face
    assert before.shape == (256, 256, 3) and before.std() > 20
    pad.set_drawing(stroked(pad.given, (180, 380), (330, 380), width=14))
    after = pad.translate()
    near, far = np.s_[175:205, 85:170], np.s_[:60, :60]
    assert changed(after[near], before[near]) > 5 * changed(after[far], before[far])
    assert changed(after[near], before[near]) > 5


def test_an_empty_drawing_is_an_error_and_has_no_face(pad):
    drawing, face = pad.given, pad.face
    pad.set_drawing(blank("sketch"))
    with pytest.raises(ValueError, match="empty"):
        pad.translate()
    assert pad.face is None
    with pytest.raises(ValueError, match="no face"):
        pad.keep_version()
    pad.set_drawing(drawing)
    assert np.array_equal(pad.translate(), face)
    assert make(start=None).face is None


def test_drawings_that_are_none_are_refused(pad):
    for wrong in (np.zeros((64, 32, 3), np.uint8), np.zeros((64, 64, 3)), np.zeros((8, 8), np.uint8)):
        with pytest.raises(ValueError, match="uint8 and square"):
            pad.set_drawing(wrong)
    small = images.resize(pad.given, 100, "stretch")
    pad.set_drawing(small)
    assert pad.given.shape == (512, 512, 3)
    pad.set_drawing(small[..., 0])
    assert pad.given.shape == (512, 512, 3)
    with pytest.raises(ValueError, match="no start 'nobody'"):
        pad.begin_with("nobody")


@pytest.mark.detector
def test_a_photographed_drawing_is_laid_where_the_model_knows_faces(pad):
    sheet = np.full((900, 700, 3), 205, np.uint8)  # grey paper, the drawing off its middle
    small = images.resize(pad.given, 380, "stretch")
    sheet[60:440, 280:660] = np.minimum(small, 205)
    own = pad.given
    pad.begin_with(sheet)
    middle = np.s_[100:400, 100:400]
    assert pad.given[..., 0].max() > 240 and changed(pad.given[middle], own[middle]) < 45
    pad.begin_with("long-hair")
    assert pad.face is not None and pad.translate().std() > 20


# One region


def test_a_region_alone_is_redrawn(pad):
    before = pad.face
    mask = np.zeros((256, 256), bool)
    mask[150:210, 60:200] = True
    pad.set_region(mask)
    for y in (370, 350):
        pad.set_drawing(stroked(pad.given, (150, y), (360, y), width=14))
        after = pad.translate()
        assert np.array_equal(after[~mask], before[~mask])  # byte for byte
    assert changed(after[mask], before[mask]) > 3
    pad.set_region(None)
    assert not np.array_equal(pad.translate()[~mask], before[~mask])


def test_after_a_region_the_person_is_who_it_was(pad):
    """Another answer inside the region is no other answer to the strokes that follow."""
    before = pad.face
    mask = np.zeros((256, 256), bool)
    mask[150:210, 60:200] = True
    pad.set_region(mask)
    pad.seed += 1
    assert changed(pad.translate()[mask], before[mask]) > 1
    pad.set_region(mask[::-1])  # another region of the same person
    pad.seed += 1
    pad.set_region(None)
    assert pad.seed == 0 and np.array_equal(pad.translate(), before)


def test_a_region_comes_in_over_its_rim(pad):
    mask = np.zeros((64, 64), bool)
    mask[30:60, 10:50] = True
    before = pad.face
    pad.detail = 0.0
    new = pad.translate()
    pad.set_face(before)
    pad.set_region(mask)
    made = pad.translate()
    large = np.kron(mask, np.ones((4, 4), bool))
    share = feathered(mask, 256)
    assert np.array_equal(made[~large], before[~large]) and np.array_equal(made[share == 1], new[share == 1])
    assert (share == 1).any() and ((share > 0) & (share < 1)).any() and not share[~large].any()
    assert not np.array_equal(new[~large], before[~large])


def test_regions_that_are_none_are_refused(pad):
    with pytest.raises(ValueError, match="some pixels set"):
        pad.set_region(np.zeros((16, 16), bool))
    with pytest.raises(ValueError, match="no face yet"):
        make(start=None).set_region(np.ones((16, 16), bool))
    assert (feathered(np.ones((9, 9), bool), 64) == 1).all()  # the picture's own edge is no rim


# Hints


@pytest.mark.parametrize(("part", "colour"), [("hair", "#d8b060"), ("hair", "#b03a20"), ("skin", "#f0d0b8")])
@pytest.mark.parametrize("model", list(TITLES))
def test_a_hint_brings_the_part_nearer_to_its_tone_and_leaves_the_rest(model, part, colour):
    pad = make(model)
    if model == DEFAULT:
        pad.answer = "faithful"
        pad.translate()
    before, wanted = pad.face, as_tone(colour)
    inside = hints.parts_of(pad.model, pad.given, before)[part]
    pad.apply_hint(part, colour)
    after = pad.translate()
    far, near = (hints.difference(hints.tone_of(face, inside), wanted) for face in (before, after))
    assert near < (0.2 if model == DEFAULT else 0.85) * far
    assert np.array_equal(after[inside == 0], before[inside == 0]) and (inside == 0).mean() > 0.4
    assert pad.facts.hint_method == ("the person's own tone" if model == DEFAULT else "style mixing")
    pad.apply_hint(part, None)
    assert np.array_equal(pad.translate(), before)


@pytest.mark.parametrize(
    ("part", "colours"), [("hair", ("#d8b060", "#b03a20", "#141010")), ("skin", ("#f0d0b8", "#c08058", "#5a3a28"))]
)
def test_a_rendered_face_is_that_of_somebody_with_the_tone(part, colours):
    pad = make(start="plain-man")
    found = []
    for colour in colours:
        pad.apply_hint(part, colour)
        pad.translate()
        found.append(hints.tone_of(pad.face, hints.parts_of(pad.model, pad.given, pad.face)[part]))
    wanted = [as_tone(colour) for colour in colours]
    far = [[hints.difference(mine, other) for other in wanted] for mine in found]
    assert all(np.argmin(row) == n for n, row in enumerate(far)), far


def test_the_shape_and_the_person_can_be_said(pad, tmp_path):
    first = pad.face
    pad.set_likely(0.0)
    as_drawn = pad.translate()
    pad.set_likely(1.0, "mouth")
    mouth = pad.translate()
    assert changed(first, as_drawn) > 0 and changed(as_drawn, mouth) > 0
    assert pad.likely == {"eyes": 0.0, "brows": 0.0, "nose": 0.0, "mouth": 1.0, "outline": 0.0}
    pad.say("age", 1.0)
    old = pad.translate()
    assert changed(mouth, old) > 0.2 and pad.person == {"age": 1.0}
    pad.keep_version()
    notes = images.read_notes(pad.save(tmp_path / "face.png"))
    assert notes["age"] == "1" and notes["likely mouth"] == "1" and notes["likely eyes"] == "0"
    pad.say("age", None)
    assert np.array_equal(pad.translate(), mouth) and pad.person == {}
    pad.back_to(0)
    assert pad.person == {"age": 1.0}
    for change, message in (
        (lambda: pad.set_likely(2.0), "likely must be from 0 to 1"),
        (lambda: pad.set_likely(0.5, "ears"), "no part 'ears'"),
        (lambda: pad.say("age", 3.0), "age must be from -1 to 1"),
        (lambda: pad.say("height", 0.0), "not 'height'"),
    ):
        with pytest.raises(ValueError, match=message):
            change()
    assert pad.person == {"age": 1.0} and pad.likely["mouth"] == 1.0


def test_the_parts_are_where_they_are_drawn():
    """Against the maps of drawn faces: most of what is taken for hair is hair, and most of the hair is taken."""
    from s2f_utils.pictures import faces
    from s2f_utils.pictures.drawn import synthetic

    right = []
    for index in (3, 4, 5, 8, 11, 17):
        pad = make(start=index)
        face = synthetic.draw_face(index, size_px=256)
        labels = faces.warp_labels(face.mask, faces.alignment(face.landmarks, 256), 256)
        found = hints.parts_of(pad.model, pad.given, pad.face)
        for part, names in hints.CLASSES_OF.items():
            known, taken = np.isin(labels, [masks.CLASSES.index(name) for name in names]), found[part] > 0.5
            right.append((part, (known & taken).sum() / (known | taken).sum()))
    for part in hints.PARTS:
        assert np.median([share for name, share in right if name == part]) > 0.65, right


def test_a_reference_photo_gives_its_tones():
    from s2f_utils.pictures import faces
    from s2f_utils.pictures.drawn import synthetic

    blond = synthetic.draw_face(72)
    assert "blond" in blond.attributes["hair_colour"] and blond.attributes["hat"] == "none"
    crop = faces.warp(blond.photo, faces.alignment(blond.landmarks, 256), 256)
    found = hints.find_parts(crop, faces.TEMPLATE * 256 - 0.5)
    tone = hints.tone_of(crop, found["hair"])
    labels = faces.warp_labels(blond.mask, faces.alignment(blond.landmarks, 256), 256)
    known = hints.tone_of(crop, (labels == masks.CLASSES.index("hair")).astype(np.float32))
    assert hints.difference(tone, known) < 12


@pytest.mark.detector
def test_a_photo_of_a_person_is_a_hint(pad):
    skimage_data = pytest.importorskip("skimage.data")
    before = pad.face
    found = pad.apply_hint(photo=skimage_data.astronaut())
    assert set(found) == {"hair", "skin"}
    r, g, b = found["skin"].colour
    assert r > g > b and hints.difference(found["hair"], Tone((110, 75, 60))) < 40
    assert changed(pad.translate(), before) > 2
    with pytest.raises(ValueError, match="no face was found"):
        pad.apply_hint(photo=np.full((200, 200, 3), 120, np.uint8))


def test_hints_that_are_none_are_refused(pad):
    with pytest.raises(ValueError, match="hair, skin"):
        pad.apply_hint("nose", "#ffffff")
    for wrong in ("red", "#12", (1, 2), (1, 2, 300), None.__class__):
        with pytest.raises(ValueError, match="a colour is"):
            pad.apply_hint("hair", wrong)


# Models


def test_a_map_becomes_a_face_and_the_brush_changes_it():
    pad = make(MAPS)
    assert (
        pad.given.shape == (256, 256) and set(np.unique(pad.given)) <= set(range(19)) and pad.face.shape == (64, 64, 3)
    )
    before, hair = pad.face, masks.CLASSES.index("hair")
    assert (pad.given == hair).any()
    labels = pad.given.copy()
    labels[labels == hair] = 0  # the head is shaven
    pad.set_drawing(masks.colour(labels))
    assert np.array_equal(pad.given, labels)
    bald = pad.translate()
    where = np.asarray(Image.fromarray(make(MAPS).given).resize((64, 64), 0)) == hair
    assert changed(bald[where], before[where]) > 15
    with pytest.raises(ValueError, match="palette|colours"):
        pad.set_drawing(np.full((64, 64, 3), 77, np.uint8))
    pad.set_drawing(blank("map"))
    with pytest.raises(ValueError, match="empty"):
        pad.translate()


@pytest.mark.parametrize("model", [MANY, MAPS])
def test_eight_variants_differ_and_one_can_be_chosen(model):
    pad = make(model)
    own, made = pad.face, pad.variants()
    assert made.shape == (8, 64, 64, 3)
    assert min(changed(a, b) for n, a in enumerate(made) for b in made[:n]) > 2
    assert changed(pad.choose(3), made[3]) < 0.05  # alone and among eight, sums are rounded differently
    assert np.array_equal(pad.choose(None), own)
    with pytest.raises(ValueError, match="no variant 8"):
        pad.choose(8)
    with pytest.raises(ValueError, match="one answer"):
        make().variants()


def test_drawing_and_map_are_kept_when_the_model_changes(pad):
    mine = stroked(pad.given, (10, 10), (300, 300))
    pad.set_drawing(mine)
    pad.set_model(MAPS)
    assert pad.given.shape == (256, 256) and pad.given.any() and pad.face is None
    assert pad.translate().shape == (64, 64, 3)
    pad.set_model(MANY)
    assert np.array_equal(pad.given, mine)
    pad.set_model(DEFAULT)
    assert np.array_equal(pad.given, mine) and pad.translate().shape == (256, 256, 3)


def test_an_untouched_start_is_laid_as_the_model_knows_faces(pad):
    pad.set_model(MANY)
    assert np.array_equal(pad.given, make(MANY).given)


def test_models_that_take_something_else_say_so_and_the_pad_goes_on(pad):
    face = pad.face
    for wrong, message in (
        ("photo-to-sketch", "takes photos"), ("faces-64", "by chance"), ("sketch-to-photo-faithful", "one half"),
        ("nowhere", "no such model"), (3, "a model is a name"),
    ):  # fmt: skip
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            pad.set_model(wrong)
    assert pad.facts.name == DEFAULT and pad.face is face


def test_detail_seed_and_the_restorer_change_the_answer(pad):
    first = pad.face
    pad.detail = 0.0
    faithful = pad.translate()
    pad.detail, pad.seed = 0.5, 3
    other = pad.translate()
    pad.seed, pad.strength = 0, 1.0
    restored = pad.translate()
    assert min(changed(first, one) for one in (faithful, other, restored)) > 0.5
    pad.strength = 0.5
    half = pad.translate().astype(float)
    assert np.abs(half - (first.astype(float) + restored) / 2).mean() < 1


def test_the_kind_of_answer_can_be_chosen_and_is_said_where_it_was_not(tmp_path):
    pad = make(start="few-lines")  # nearly where faces are, so that it needs no detector
    told = {}
    for answer in ("auto", "faithful", "expected", "rendered"):
        pad.answer = answer
        pad.translate()
        told[answer] = (pad.face, [remark.code for remark in pad.answer_warnings()])
        pad.keep_version(answer)
    assert [codes for _, codes in told.values()] == [["crude"], [], [], []]
    assert np.array_equal(told["auto"][0], told["rendered"][0])
    assert changed(told["expected"][0], told["auto"][0]) > 1
    assert changed(told["faithful"][0], told["auto"][0]) > 2
    assert np.array_equal(pad.back_to(1), told["faithful"][0]) and pad.answer == "faithful"
    assert images.read_notes(pad.save(tmp_path / "face.png"))["answer"] == "faithful"
    assert np.array_equal(pad.translate(), told["faithful"][0])
    pad.answer, pad.detail = "auto", 0.0
    pad.translate()
    assert pad.answer_warnings() == ()  # every line, for nothing is to be invented
    pad.set_model(MANY)
    pad.translate()
    assert pad.answer_warnings() == ()  # of one answer alone


# Versions and files


def test_versions_come_back_byte_for_byte(pad):
    first, face = pad.given, pad.face
    pad.keep_version("first")
    pad.apply_hint("hair", "#ffd080")
    pad.detail = 1.0
    pad.set_drawing(stroked(first, (50, 50), (400, 50)))
    pad.translate()
    pad.keep_version()
    assert [one.name for one in pad.versions] == ["first", "version 1"]
    assert pad.compare(64).shape[1] > 2 * 64
    back = pad.back_to(0)
    assert np.array_equal(back, face) and np.array_equal(pad.given, first) and np.array_equal(pad.face, face)
    assert not pad.hints and pad.detail == 0.5 and np.array_equal(pad.translate(), face)
    for _ in range(4):
        pad.keep_version()
    with pytest.raises(ValueError, match="drop one"):
        pad.keep_version()
    pad.drop_version(0)
    assert pad.versions[0].name == "version 1"
    with pytest.raises(ValueError, match="no version 9"):
        pad.back_to(9)


def test_the_file_says_what_it_is(pad, tmp_path):
    pad.apply_hint("hair", "#ffd080")
    pad.translate()
    path = pad.save(tmp_path / "face.png")
    with Image.open(path) as picture:
        assert picture.text["Description"] == images.GENERATED_NOTE and "not evidence" in images.GENERATED_NOTE
        assert np.array_equal(np.asarray(picture), pad.face)
    assert images.read_notes(path) == {
        "model": "sketch-to-photo", "seed": "0", "detail": "0.5", "hair": "#ffd080 by the person's own tone",
    }  # fmt: skip
    with pytest.raises(ValueError, match="no face yet"):
        make(start=None).save(tmp_path / "none.png")
    assert "not evidence" in repr(pad) and not pad.show()  # no notebook: no error


# The page, without a browser


@pytest.fixture()
def page(pad):
    pytest.importorskip("anywidget")
    return page_of(pad)


def asked(page, kind, n=1, **content):
    page.receive(page, {"kind": kind, "n": n, **content})
    return page.problem


def test_a_page_can_tell_all_that_it_kept(page):
    """What a browser keeps of a visit makes another pad as the one before was."""
    asked(page, "model", name=MANY)
    asked(page, "model", name=DEFAULT)
    drawing = stroked(page.pad.given, (180, 380), (330, 380), width=14)
    asked(page, "draw", picture=uri(drawing))
    asked(page, "set", detail=0.25, answer="rendered", seed=4)
    asked(page, "likely", part="mouth", amount=0.0)
    asked(page, "person", name="age", value=1.0)
    asked(page, "hint", part="hair", colour="#b05a28")
    told = ("model", "detail", "answer", "strength", "seed", "likely", "person", "hints")
    kept = {name: page.state[name] for name in told}
    other = page_of(make())
    assert asked(other, "restore", picture=uri(drawing), **kept) == ""
    assert {name: other.state[name] for name in told} == kept and np.array_equal(other.pad.face, page.pad.face)
    assert np.array_equal(other.pad.given, drawing)
    before = other.state
    assert "answer must be" in asked(other, "restore", picture=uri(drawing), **(kept | {"answer": "best"}))
    assert other.state == before


def test_the_page_gets_the_face_of_what_it_sends(page):
    before, loaded = page.face, page.loaded
    assert before.startswith("data:image/png;base64,") and page.state["note"] == images.GENERATED_NOTE
    drawing = stroked(page.pad.given, (180, 380), (330, 380), width=14)
    assert asked(page, "draw", 7, picture=uri(drawing)) == ""
    assert page.answered == 7 and page.face != before and page.loaded == loaded  # its own drawing is not sent back
    content = base64.b64decode(page.face.partition(",")[2])
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.text["Description"] == images.GENERATED_NOTE
        assert np.array_equal(np.asarray(picture), page.pad.face)
    page.pad.set_drawing(blank("sketch"))  # from another cell
    assert page.loaded == loaded + 1


def test_a_face_is_saved_with_twice_the_pixels_where_there_are_any(page):
    """The pad stays as it is; of what was restored, recoloured or redrawn in part, there is no larger version."""
    before = page.state | {}
    assert before["has_large"] and asked(page, "save") == ""
    with Image.open(io.BytesIO(base64.b64decode(page.large.partition(",")[2]))) as saved:
        assert saved.size == (512, 512) and saved.text["Description"] == images.GENERATED_NOTE
        assert np.abs(np.asarray(saved.reduce(2)).astype(int) - page.pad.face).mean() < 4
    assert page.state == before and page.pad.question()[1].large is False
    asked(page, "hint", part="hair", colour="#b05a28")
    assert page.state["has_large"]  # a face of somebody with such hair
    asked(page, "set", answer="faithful")
    assert not page.state["has_large"] and "no larger version" in asked(page, "save")
    asked(page, "hint", part="hair", colour=None)
    asked(page, "region", points=[[0.2, 0.2], [0.8, 0.2], [0.8, 0.8]])
    assert not page.state["has_large"] and "no larger version" in asked(page, "save")
    asked(page, "region")
    asked(page, "set", strength=0.5)
    assert not page.state["has_large"]
    asked(page, "set", strength=0.0)
    asked(page, "model", name=MANY)
    assert not page.state["has_large"] and "no larger version" in asked(page, "save")


def test_while_a_stroke_is_drawn_the_quick_answer_comes_and_after_it_the_full_one(page):
    drawing = stroked(page.pad.given, (180, 380), (330, 380), width=14)
    page.pad.strength = 0.5
    page.pad.apply_hint("hair", "#b05a28")
    assert asked(page, "draw", 1, picture=uri(drawing), preview=True) == ""
    quick = page.pad.face
    assert asked(page, "draw", 2, picture=uri(drawing)) == ""
    full = page.pad.face
    pad = page.pad
    told = {"person": {"hair": (176, 90, 40)}, "likely": pad.likely}
    soft = pad.model.translate(pad.given, answer="expected", detail=pad.detail, **told)
    assert np.array_equal(quick, soft) and not np.array_equal(full, quick)
    pad.answer = "faithful"
    assert asked(page, "draw", 3, picture=uri(drawing), preview=True) == ""
    assert np.array_equal(pad.face, pad.complete(pad.model.translate(pad.given, answer="faithful", detail=pad.detail),
                                                 pad.model))  # fmt: skip
    assert asked(page, "set", 4, detail=pad.detail) == "" and not pad.is_preview  # no other message is a preview


def test_errors_are_text_in_the_page_and_nothing_is_lost(page):
    before, face = page.pad.given, page.face
    assert "takes photos" in asked(page, "model", 1, name="photo-to-sketch") and page.answered == 1
    assert "not a picture" in asked(page, "draw", 2, picture="data:image/png;base64,AAAA")
    assert "does not know" in asked(page, "dance", 3)
    white = np.full((512, 512, 3), 255, np.uint8)
    assert "empty" in asked(page, "draw", 4, picture=uri(white))
    assert page.face == "" and page.answered == 4
    page.pad.set_drawing(before)
    assert asked(page, "set", 5, detail=page.pad.detail) == "" and page.face == face  # the next answer clears the text


def test_the_page_chooses_the_kind_of_answer(page):
    page.pad.begin_with("few-lines")
    assert asked(page, "set", answer="auto") == "" and page.state["answer"] == "auto" and page.state["has_answer"]
    meant, crude = page.face, "leaves much open"
    assert crude in " ".join(page.state["warnings"])
    assert asked(page, "set", answer="faithful") == "" and page.pad.answer == page.state["answer"] == "faithful"
    assert page.face != meant and crude not in " ".join(page.state["warnings"])
    assert "answer must be one of" in asked(page, "set", answer="best") and page.state["answer"] == "faithful"
    assert asked(page, "model", name=MANY) == "" and not page.state["has_answer"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"kind": "set", "detail": 0.9, "strength": 0.3, "seed": "seven"},
        {"kind": "set", "detail": 0.9, "seed": 7, "strength": 0.5},  # the restorer finds nothing to restore
        {"kind": "model", "name": MANY},  # and the model does not answer
        {"kind": "start", "name": "drawn face 8"},
        {"kind": "hint", "part": "hair", "colour": "#ffd080"},
    ],
    ids=lambda wrong: wrong["kind"],
)
def test_a_message_that_is_refused_at_any_step_changes_nothing(page, monkeypatch, wrong):
    pad = page.pad

    def refuse(*_asked):
        raise ValueError("not now")

    asked(page, "keep")
    monkeypatch.setattr(pad, "complete", refuse)
    before, shown, loaded = (pad.settings, pad.given, pad.face, list(pad.starts())), dict(page.state), page.loaded
    assert asked(page, **wrong) != ""
    after = (pad.settings, pad.given, pad.face, list(pad.starts()))
    assert all(one is other or one == other for one, other in zip(before, after, strict=True))
    assert page.state == shown and page.loaded == loaded
    monkeypatch.undo()
    face = pad.face
    assert asked(page, "set", detail=pad.detail) == "" and np.array_equal(pad.face, face)


def test_a_drawing_that_is_not_answered_stays_as_the_page_shows_it(page, monkeypatch):
    drawing, face = stroked(page.pad.given, (10, 10), (300, 300)), page.pad.face

    def refuse(*_asked):
        raise ValueError("not now")

    monkeypatch.setattr(page.pad, "complete", refuse)
    assert asked(page, "draw", picture=uri(drawing)) == "not now"
    assert np.array_equal(page.pad.given, drawing) and page.pad.face is face


def test_sliders_can_be_moved_over_an_empty_drawing(page):
    page.pad.set_drawing(blank("sketch"))
    assert "empty" in asked(page, "set", detail=0.25) and page.pad.detail == page.state["detail"] == 0.25
    assert "empty" in asked(page, "model", name=MANY) and page.state["model"] == MANY


def test_the_page_waits_for_a_cell_that_translates(page):
    asks = threading.Thread(target=asked, args=(page, "set"), kwargs={"seed": 3})
    with page.pad.busy:  # as `translate` holds it
        asks.start()
        asks.join(0.3)
        assert page.pad.seed == 0 and asks.is_alive()
    asks.join(60)
    assert page.pad.seed == 3 and page.problem == ""


def test_the_page_can_ask_for_all_that_the_pad_does(page):
    pad = page.pad
    asked(page, "keep")
    assert [one["name"] for one in page.state["versions"]] == ["version 1"]
    asked(page, "set", detail=2, strength=0.5, seed=4)
    assert (pad.detail, pad.strength, pad.seed) == (1.0, 0.5, 4)
    asked(page, "hint", part="hair", colour="#ffd080")
    assert page.state["hints"] == {"hair": "#ffd080"} and page.state["hint_method"] == "the person's own tone"
    face = pad.face
    asked(page, "region", points=[[0.2, 0.5], [0.8, 0.5], [0.8, 0.9], [0.2, 0.9]])
    asked(page, "set", seed=5)
    assert page.state["region"] and np.array_equal(pad.face[:120], face[:120]) and changed(pad.face, face) > 0.1
    asked(page, "region", points=None)
    asked(page, "back", number=0)
    assert pad.seed == 0 and not pad.hints and not page.state["region"]
    asked(page, "drop", number=0)
    assert asked(page, "model", name=MAPS) == ""
    assert page.state["reads"] == "map" and len(page.state["labels"]) == 19 and len(page.state["variants"]) == 8
    asked(page, "choose", number=2)
    assert pad.style is not None and changed(pad.face, pad.variants()[2]) < 0.05
    asked(page, "start", name="drawn face 8")
    painted = uri(masks.colour(pad.given))
    loaded = page.loaded
    asked(page, "upload", picture=painted, name="map.png")
    asked(page, "hello")
    assert page.problem == "" and page.loaded > loaded


def test_in_a_frame_no_tone_stains_the_wall():
    pad = make(start="plain-man")
    pad.answer = "faithful"
    before = pad.translate()
    frame = ((10, 10), (500, 10), (500, 500), (10, 500), (10, 10))
    pad.set_drawing(stroked(pad.given, *frame, width=5))
    plain = pad.translate()
    pad.apply_hint("hair", "#c03010")
    assert np.array_equal(pad.translate(), plain) and [one.code for one in pad.hint_warnings] == ["framed"]
    pad.set_drawing(make(start="plain-man").given)
    assert changed(pad.translate(), before) > 1 and pad.hint_warnings == ()
    assert not hints.is_framed(blank("sketch"))


@pytest.mark.detector
def test_the_wall_does_not_take_the_hairs_tone():
    """Where curls or thin lines are hard to tell from the wall in the picture, the drawing says what is hair."""
    for name in ("curls", "glasses", "beard"):
        pad = make(start=name)
        hair = hints.parts_of(pad.model, pad.given, pad.face)["hair"] > 0.5
        assert hair.mean() > 0.08, name
        assert hair[-40:, :50].mean() == hair[-40:, -50:].mean() == 0, name  # beside the shoulders
        assert hair[:4].mean() < 0.75, name


def test_a_hint_that_finds_nothing_to_colour_says_so():
    pad = make()
    drawing = np.full((512, 512, 3), 255, np.uint8)
    drawing[250:254, 200:300] = 0  # one line
    pad.set_drawing(drawing)
    pad.answer = "faithful"
    pad.apply_hint("hair", "#d8b060")
    pad.translate()
    assert pad.hint_warnings == (Remark("no-part", {"part": "hair"}),)
    assert str(*pad.hint_warnings) == "no hair was found whose tone could be changed"
    pad.begin_with("long-hair")
    pad.translate()
    assert pad.hint_warnings == ()


def test_what_was_found_for_one_model_is_not_used_for_another():
    pad = make(MANY)
    pad.apply_hint("hair", "#aa3300")
    first = pad.translate()
    pad.keep_version()
    pad.variants()
    pad.choose(2)
    chosen = pad.style
    pad.set_model(MAPS)
    assert pad.style is None and not pad.memory
    pad.translate()
    pad.set_model(MANY)
    assert pad.style is chosen  # it stays while other models have their turn
    pad.back_to(0)
    assert pad.style is None and np.array_equal(pad.translate(), first)
