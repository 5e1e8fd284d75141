"""A drawing to several answers, and these as files and one sheet."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from PIL import Image, ImageDraw

import s2f_studio
from s2f_studio import cli, shipped
from s2f_studio.answers import translate, write_answer
from s2f_studio.drawings import prepare as drawings
from s2f_studio.remarks import WORDS
from s2f_studio.request import DrawingRequest
from s2f_studio.sheet import sheet
from s2f_utils.pictures import faces, images

POINTS = [(84, 102), (170, 102), (127, 190)]  # eyes and mouth of an example at 256 px
SIZE, CROP = 512, 256  # of answers, and of the drawings that the model reads


@pytest.fixture(scope="module")
def model(generator_file):
    return s2f_studio.load(device="cpu")


@pytest.fixture(scope="module")
def drawing():
    paper = np.full((540, 300, 3), 255, np.uint8)
    paper[160:416, 20:276] = drawings.prepare(drawings.example("plain-man")).image
    return paper


@pytest.fixture(scope="module")
def answer(model, drawing):
    return answer_to(model, drawing)


def answer_to(model, drawing, **fields):
    shares = (np.array(POINTS, float) + [20, 160] + 0.5) / drawing.shape[1::-1]
    return translate(drawing, DrawingRequest(points=shares, candidates=3, **fields), model)


def test_three_answers_and_a_sheet_that_says_they_are_generated(answer, tmp_path):
    files = write_answer(answer, tmp_path, "anna")
    assert [path.name for path in files] == [
        "anna-candidates.png",
        "anna-person.png",
        "anna-average.png",
        "anna-person-2.png",
    ]
    for path in files:
        with Image.open(path) as picture:
            assert picture.text["Description"] == images.GENERATED_NOTE
    assert images.read_notes(files[3])["seed"] == "1"
    pictures = [face.picture for face in answer.faces]
    assert all(picture.shape == (SIZE, SIZE, 3) for picture in pictures)
    assert len({picture.tobytes() for picture in pictures}) == 3  # three different answers
    tiles = images.load_rgb(files[0])
    drawn = np.argwhere(tiles[:SIZE, :SIZE].min(axis=2) < 128)
    assert tiles.shape[1] == 4 * SIZE and np.ptp(drawn, axis=0).min() > 0.4 * SIZE


def test_the_average_is_one_answer_and_a_remark_says_so_where_several_are_asked(model, drawing):
    answer = answer_to(model, drawing, answer="average", preview=True)
    assert [face.name for face in answer.faces] == ["average"]
    assert "one-average" in {remark.code for remark in answer.remarks}


def test_further_people_are_of_one_round_and_not_the_one_who_is_kept(model, drawing):
    at_7 = answer_to(model, drawing, seed=7, preview=True).faces
    assert at_7[0].person != at_7[2].person and at_7[2].notes["seed"] == "0"
    kept = answer_to(model, drawing, preview=True).faces[2].person
    again = answer_to(model, drawing, keep=kept, preview=True).faces
    assert again[0].person != again[2].person


def test_at_temperature_0_the_likeliest_person_comes_once(model, drawing):
    answer = answer_to(model, drawing, temperature=0.0, preview=True)
    assert [face.name for face in answer.faces] == ["person", "average"]
    assert "one-likeliest" in {remark.code for remark in answer.remarks}


def test_a_run_of_faces_answers_as_the_shipped_model_does(tmp_path, capsys):
    Image.fromarray(drawings.example("few-lines")).save(tmp_path / "d.png")
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(shipped.file_of(shipped.EXPECT), run / "generator.safetensors")
    for out, names in (("o", []), ("own", [str(run)])):
        command = ["translate", *names, str(tmp_path / "d.png"), "--out", str(tmp_path / out)]
        assert cli.main([*command, "--engine", "torch", "--candidates", "1", "--preview"]) == 0
    own, usual = (images.read_notes(tmp_path / out / "d-photo.png") for out in ("own", "o"))
    assert own["person"] == usual["person"]


def test_nothing_is_overwritten(answer, tmp_path):
    first = write_answer(answer, tmp_path)
    before = first[0].read_bytes()
    second = write_answer(answer, tmp_path)
    assert not set(first) & set(second) and first[0].read_bytes() == before
    assert all(path.name.startswith("drawing-2-") for path in second)  # one number for all


def test_back_into_the_papers_frame(drawing, model, tmp_path):
    answer = answer_to(model, drawing, frame="paper", preview=True)
    files = write_answer(answer, tmp_path)
    laid = images.load_rgb(files[1])
    assert laid.shape == drawing.shape
    tall = np.pad(drawing, ((0, 2400), (0, 0), (0, 0)), constant_values=255)
    tall_answer = answer_to(model, tall, answer="average", frame="paper", preview=True)
    pictures = [tall, tall_answer.faces[0].picture]
    height, width = sheet(pictures, ["your drawing", "average"]).shape[:2]
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    assert width >= pen.textlength(images.GENERATED_NOTE) and height > 1000
    back = faces.inverse(answer.drawing.matrix)
    corners = np.array([[CROP / 2, -4], [CROP / 2, CROP / 2]])
    above, centre = faces.transform(corners, back).round().astype(int)
    assert above[1] > 4
    assert np.array_equal(laid[: above[1]], drawing[: above[1]])  # the paper beside it is as it was
    request = DrawingRequest(frame="paper", preview=True)
    made = model.answer([answer.drawing.image], [request])[0][CROP // 2, CROP // 2]
    assert np.abs(laid[centre[1], centre[0]].astype(int) - made).max() < 40


def test_work_that_nobody_waits_for_ends_before_the_network(model, drawing):
    class Stopped(Exception):
        pass

    def check():
        raise Stopped

    with pytest.raises(Stopped):
        translate(drawing, DrawingRequest(insist=True), model, check=check)


def test_the_answers_path_is_printed_and_opened_where_there_is_a_screen(
    tmp_path, capsys, monkeypatch
):
    Image.fromarray(drawings.example("plain-man")).save(tmp_path / "d.png")
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda address: opened.append(address) or True)
    command = ["translate", str(tmp_path / "d.png"), "--out", str(tmp_path / "o")]
    command += ["--open", "--preview"]
    monkeypatch.setenv("DISPLAY", ":0")
    assert cli.main([*command, "--answer", "average"]) == 0
    file, (out, err) = tmp_path / "o" / "d-photo.png", capsys.readouterr()
    assert file.is_file() and str(file) in out and opened == [file.as_uri()]
    assert WORDS["one-average"] not in err  # the command's own default is one as well
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert cli.main([*command, "--candidates", "1", "--answer", "average"]) == 0
    assert "there is no screen here" in capsys.readouterr().err and len(opened) == 1
