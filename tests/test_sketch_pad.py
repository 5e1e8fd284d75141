"""The sketch pad of notebooks, with the models that come along; and what its page asks for."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from PIL import Image, ImageDraw

from s2f_studio.answers import PAINTED
from s2f_studio.attributes import as_tone
from s2f_studio.codes import NUM_DIRECTIONS, code_of, text_of
from s2f_studio.page import drawing, widget
from s2f_studio.page.catalogue import TITLES
from s2f_studio.page.uploads import picture_in
from s2f_studio.page.widget import page_of
from s2f_utils import infer, networks
from s2f_utils.networks import checkpoints
from s2f_utils.notebook import stills
from s2f_utils.pictures import faces, images, masks
from s2f_utils.pictures.images import picture_uri

DEFAULT, MANY, MAPS = TITLES
SOMEBODY, ANOTHER, THIRD = (text_of(np.full(NUM_DIRECTIONS, n / 32)) for n in (1, 2, 3))
STARTED = "long-hair"


@pytest.fixture(autouse=True, scope="module")
def answered_once():
    """Each test begins with a pad, whose first face takes longer than all else."""
    answers, translate = {}, widget.translate

    def translate_once(given, query, model, restorer):
        asked = given.tobytes(), query.model_dump_json(), model.info.name
        if asked not in answers:
            answers[asked] = translate(given, query, model, restorer)
        return answers[asked]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(widget, "translate", translate_once)
        yield


def make(model=None, start=STARTED, **options):
    return widget.sketch_pad(model, start=start, device="cpu", **options)


@pytest.fixture()
def pad():
    return make()


def stroked(given, *points, width=8):
    picture = Image.fromarray(given)
    ImageDraw.Draw(picture).line(points, fill=(30, 30, 30), width=width)
    return np.asarray(picture)


def changed(one, other):
    return float(np.abs(one.astype(float) - other).mean())


def test_its_still_says_what_is_seen_in_letters_that_its_font_has(pad, monkeypatch):
    said, drawn = [], stills.text_line
    monkeypatch.setattr(stills, "text_line", lambda text: said.append(text) or drawn(text))
    still = pad.still()
    assert still.shape[1] == stills.WIDE_PX and still.std() > 20
    assert said == ["the drawing, and the answer: sketch to photo, 512 px, seed 0"]


def test_strokes_change_the_average_face_where_they_are(pad):
    given = pad.given
    pad.set(answer="average", preview=True)
    before = pad.translate()
    assert before.shape == (256, 256, 3) and before.std() > 20
    pad.set_drawing(stroked(given, (180, 380), (330, 380), width=14))
    after = pad.translate()
    near, far = np.s_[175:205, 85:170], np.s_[:60, :60]
    assert changed(after[near], before[near]) > max(5, 5 * changed(after[far], before[far]))


def test_an_empty_drawing_is_an_error_and_has_no_face(pad):
    given, face = pad.given, pad.face
    pad.set_drawing(drawing.blank("sketch"))
    with pytest.raises(ValueError, match="empty"):
        pad.translate()
    pad.set_drawing(given)
    assert np.array_equal(pad.translate(), face)
    assert make(start=None).face is None
    with pytest.raises(ValueError, match="no face yet"):
        make(start=None).save("nowhere.png")


def test_drawings_that_are_none_are_refused(pad):
    for wrong in (
        np.zeros((64, 32, 3), np.uint8),
        np.zeros((64, 64, 3)),
        np.zeros((8, 8), np.uint8),
    ):
        with pytest.raises(ValueError, match="uint8 and square"):
            pad.set_drawing(wrong)
    pad.set_drawing(images.resize(pad.given, 100, "stretch")[..., 0])
    assert pad.given.shape == (512, 512, 3)
    with pytest.raises(ValueError, match="no start 'nobody'"):
        pad.begin_with("nobody")


def test_a_photographed_drawing_is_laid_where_the_model_knows_faces(pad):
    sheet = np.full((900, 700, 3), 205, np.uint8)  # grey paper, the drawing off its middle
    sheet[60:440, 280:660] = np.minimum(images.resize(pad.given, 380, "stretch"), 205)
    own = pad.given
    pad.begin_with(sheet)
    middle = np.s_[100:400, 100:400]
    assert pad.given[..., 0].max() > 240 and changed(pad.given[middle], own[middle]) < 45


def test_every_field_of_the_question_changes_the_answer(generator_file, pad, tmp_path):
    faces = {}
    for changes in (
        {},
        {"likely": 0.0},
        {"person": {"age": 1.0}},
        {"answer": "average"},
        {"seed": 3},
        {"guidance": 2.0},
        {"keep": SOMEBODY},
        {"enhance": True, "strength": 1.0},
    ):
        other = make()
        other.set(preview=True, **changes)
        faces[str(changes)] = other.translate()
    assert len({face.tobytes() for face in faces.values()}) == len(faces)
    assert [one.shape for one in pad.answers(2, large=True)] == [(1024, 1024, 3), (512, 512, 3)]
    pad.set(person={"age": 1.0, "hair": "#ffd080"}, likely=0.5)
    pad.translate()
    path = pad.save(tmp_path / "face.png")
    assert np.array_equal(images.load_rgb(path), pad.face)
    notes = images.read_notes(path)
    assert code_of(notes.pop("person")).any()
    assert notes == {
        "model": "sketch-to-photo",
        "seed": "0",
        "answer": "person",
        "made": PAINTED,
        "likely": "0.5",
        "age": "1",
        "hair": "#ffd080",
    }
    with Image.open(path) as saved:
        assert (
            saved.text["Description"] == images.GENERATED_NOTE
            and "not evidence" in images.GENERATED_NOTE
        )
    for wrong, message in (
        ({"likely": 2.0}, "likely: input should be"),
        ({"likely": {"mouth": 0.5}}, "likely: input should be"),
        ({"person": {"age": 3.0}}, "age must be from -1 to 1"),
        ({"person": {"height": 0.0}}, "not 'height'"),
        ({"answer": "best"}, "answer: "),
        ({"person": {"age": "old"}}, "age must be a number"),
        ({"mood": 1}, "field .mood."),
    ):
        with pytest.raises(ValueError, match=message):
            pad.set(**wrong)
    assert pad.query.person["age"] == 1.0


@pytest.mark.parametrize("answer", ["person", "average"])
def test_a_face_is_that_of_somebody_with_the_tone(answer, generator_file):
    """By its cheeks, in CIELAB; of persons, the mean of four."""
    pad, colours, found = make(start="plain-man"), ("#f0d0b8", "#c08058", "#5a3a28"), []
    eyes, mouth = 256 * faces.TEMPLATE[:2].mean(axis=0), 256 * faces.TEMPLATE[3:].mean(axis=0)
    x, y = (256 * faces.TEMPLATE[:2, 0]).astype(int), int((eyes[1] + mouth[1]) / 2)
    for colour in colours:
        cheeks = []
        for seed in range(4 if answer == "person" else 1):
            pad.set(person={"skin": colour}, answer=answer, seed=seed, preview=True)
            lab = images.lab(pad.translate())
            both = [lab[y - 6 : y + 6, one - 6 : one + 6].reshape(-1, 3) for one in x]
            cheeks.append(np.median(both, axis=(0, 1)))
        found.append(np.mean(cheeks, axis=0))
    wanted = [
        images.lab(np.array([[as_tone(colour).colour]], np.uint8))[0, 0] for colour in colours
    ]
    far = [[np.linalg.norm(mine - other) for other in wanted] for mine in found]
    assert all(np.argmin(row) == n for n, row in enumerate(far)), far


@pytest.mark.parametrize("answer", ["person", "average"])
def test_hair_has_the_colour_that_is_said(generator_file, pad, answer):
    lightness = []
    for colour in ("#201008", "#ffd080"):
        pad.set(person={"hair": colour}, answer=answer, preview=True)
        lightness.append(images.lab(pad.translate())[..., 0])
    lighter, hair, nose = (
        lightness[1] - lightness[0],
        np.s_[20:50, 110:146],
        np.s_[140:160, 118:138],
    )
    assert lighter[hair].mean() > 20
    if answer == "average":
        assert lighter[hair].mean() > 2 * lighter[nose].mean()


# Models


def test_a_map_becomes_a_face_and_the_brush_changes_it():
    pad = make(MAPS)
    assert (
        pad.given.shape == (256, 256)
        and pad.face.shape == (512, 512, 3)
        and pad.still()[175, 245].max() > 100
    )
    before, labels, hair = pad.face, pad.given.copy(), masks.CLASSES.index("hair")
    labels[labels == hair] = 0  # the head is shaven
    where = np.asarray(Image.fromarray(pad.given).resize((512, 512), 0)) == hair
    pad.set_drawing(masks.colour(labels))
    assert np.array_equal(pad.given, labels) and changed(pad.translate()[where], before[where]) > 15
    with pytest.raises(ValueError, match="palette|colours"):
        pad.set_drawing(np.full((64, 64, 3), 77, np.uint8))


@pytest.mark.parametrize("model", [MANY, MAPS])
def test_eight_answers_differ(model):
    pad = make(model)
    made = pad.answers(8)
    assert np.array_equal(made[0], pad.face)
    assert min(changed(a, b) for n, a in enumerate(made) for b in made[:n]) > 2
    pad.set(seed=3)
    assert np.array_equal(pad.translate(), made[3])


def test_a_drawing_is_kept_when_the_model_changes(pad):
    pad.set_model(MANY)
    mine = stroked(pad.given, (10, 10), (300, 300))
    pad.set_drawing(mine)
    pad.set_model(DEFAULT)
    assert np.array_equal(pad.given, mine) and pad.translate().shape == (512, 512, 3)
    pad.set_model(MAPS)
    assert pad.given.shape == (256, 256) and pad.translate().shape == (512, 512, 3)


def test_models_that_take_something_else_say_so_and_the_pad_goes_on(pad, tmp_path):
    net = networks.build("stylegan2", size_px=16, style_dim=16, num_mlp=1, width=8)
    meta = {"direction": "noise-to-photo"}
    by_chance = checkpoints.save_generator(tmp_path / "g.safetensors", net, meta)
    for wrong, message in (
        ("photo-to-sketch", "reads a photo"),
        (by_chance, "by chance"),
        ("nowhere", "no such model"),
    ):
        with pytest.raises((ValueError, FileNotFoundError), match=message):
            pad.set_model(wrong)
    assert pad.info.name == DEFAULT


# The page, without a browser


@pytest.fixture()
def page(pad):
    pytest.importorskip("anywidget")
    pad._page = page_of(pad)
    return pad._page


def question(pad, **fields):
    now = pad.now()["settings"]
    asked = {
        "model": now["model"],
        "seed": now["seed"],
        "answer": now["answer"],
        "align": "never",
        "clean": "never",
        "person": ",".join(f"{name}={value}" for name, value in now["person"].items()),
        **fields,
    }
    return {"kind": "translate", "picture": picture_uri(masks.shown(pad.given)), "fields": asked}


def asked(page, content, n=1):
    page.receive(page, {"n": n, **content})
    assert page.reply["n"] == n
    return page.reply["ok"], page.reply["reply"]


def test_the_page_is_answered_and_the_pad_holds_what_it_shows(page, pad):
    before, given = pad.face, stroked(pad.given, (180, 380), (330, 380), width=14)
    content = question(pad, seed=2, likely=0.3) | {"picture": picture_uri(given)}
    ok, told = asked(page, content, 7)
    assert (
        ok
        and np.array_equal(pad.given, given)
        and pad.query.seed == 2
        and changed(pad.face, before) > 0
    )
    assert np.array_equal(picture_in(told["pictures"][0]["png"]), pad.face)
    assert np.array_equal(pad.face, pad.translate())  # a cell asks the same
    face = pad.face  # which a preview, a larger one, or one of eight leaves as it is
    ok, told = asked(page, question(pad, preview=True, seed=5) | {"kind": "look"})
    assert ok and told["pictures"][0]["width"] == 256
    assert pad.face is face and pad.query.seed == 2
    ok, told = asked(
        page, question(pad, model=MAPS) | {"picture": picture_uri(masks.colour(make(MAPS).given))}
    )
    assert ok and pad.info.name == MAPS and pad.given.ndim == 2


def test_a_cell_that_changes_the_pad_changes_its_page(page, pad):
    pad.set(answer="average", person={"hair": "#b05a28", "age": 0.5})
    pad.begin_with("long-hair")
    settings = page.pad["settings"]
    assert settings["answer"] == "average"
    assert settings["person"] == {"hair": "#b05a28", "age": 0.5}
    assert page.pad["drawings"]["sketch"]["start"] == "long-hair"
    face = pad.translate()
    assert np.array_equal(picture_in(page.pad["face"]), face)
    own = infer.load("pix2pix-128", "cpu", name="mine")
    pad.set_model(own)
    assert page.pad["settings"]["model"] == "mine" in [one["id"] for one in page.about["models"]]


def test_a_cell_that_sets_a_seed_lets_go_of_who_was_picked(page, pad):
    pad.set(keep=SOMEBODY)
    pad.set(seed=3)
    assert page.pad["settings"]["keep"] is None
    pad.set(seed=4, keep=SOMEBODY)
    assert page.pad["settings"]["keep"] == SOMEBODY


def test_a_pick_stays_in_the_kernel_by_its_code(page, pad):
    """The page asks for the face as it did before, of its round; a cell goes on with the code."""
    asking = question(pad, seed=9, chosen=f"{SOMEBODY}/{THIRD}", preview=True) | {"keep": ANOTHER}
    ok, _ = asked(page, asking)
    assert ok and (pad.query.seed, pad.query.keep, pad.query.chosen) == (9, ANOTHER, ())
    ok, _ = asked(page, question(pad, preview=True) | {"keep": None})
    assert ok and pad.query.keep is None


def test_a_cell_that_names_people_shows_eight_around_them(page, pad):
    assert page.pad["round"] is None
    pad.set(seed=11, chosen=f"{SOMEBODY},{ANOTHER}/{THIRD}")
    assert page.pad["round"] == {"first": 8, "chosen": [[[SOMEBODY, ANOTHER], [THIRD]]]}
    assert "chosen" not in page.pad["settings"]


def test_what_goes_wrong_is_text_in_the_page_and_nothing_is_lost(page, pad):
    given, face = pad.given, pad.face
    for content, said in (
        (question(pad, seed="x"), "seed: "),
        (question(pad, keep="412"), "keep: a person is a code"),
        (question(pad, model="photo-to-sketch"), "reads a photo"),
        (question(pad) | {"picture": "data:image/png;base64,AAAA"}, "this is"),
        ({"kind": "dance", "picture": picture_uri(given)}, "does not know 'dance'"),
    ):
        ok, told = asked(page, content)
        assert not ok and said in told["detail"]
    assert pad.given is given and pad.face is face and pad.info.name == DEFAULT


def test_the_page_gets_what_its_controls_need(page, pad):
    listed = {one["id"]: one for one in page.about["models"]}
    assert list(listed)[:1] == [DEFAULT] and set(TITLES) < set(listed) and "restorer-256" in listed
    for reads, names in page.about["starts"].items():
        ok, told = asked(page, {"kind": "start", "reads": reads, "name": names[-1]})
        side = 256 if reads == "map" else 512
        assert ok and picture_in(told["drawing"]).shape == (side, side, 3)
    content = {"kind": "crop", "fields": {"model": DEFAULT}, "picture": picture_uri(pad.given)}
    ok, told = asked(page, content)
    assert ok and picture_in(told["drawing"]).shape == (512, 512, 3) and told["points"]
    content["picture"] = picture_uri(np.full((300, 300, 3), 255, np.uint8))
    ok, told = asked(page, content)
    assert not ok and told["detail"]
    assert (
        len(page.about["labels"]) == len(masks.CLASSES)
        and page.about["note"] == images.GENERATED_NOTE
    )


def test_the_page_waits_for_a_cell_that_translates(page, pad):
    asks = threading.Thread(target=asked, args=(page, question(pad, seed=3)))
    with pad.busy:  # as `translate` holds it
        asks.start()
        asks.join(0.3)
        assert pad.query.seed == 0 and asks.is_alive()
    asks.join(60)
    assert pad.query.seed == 3
