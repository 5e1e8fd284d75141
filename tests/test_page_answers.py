"""The exported page's answers, computed in Node by its own scripts and onnxruntime-web: whether the
people are Python's. tests/browser/test_page_browser.py asks a browser.

It needs Node, the generator, and onnxruntime-web, which S2F_ORT names or npm's registry has.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import s2f_studio
from s2f_studio import shipped
from s2f_studio.codes import STEPS, code_of
from s2f_studio.page import drawing
from s2f_studio.page.exported.ort import RuntimeMissingError
from s2f_studio.page.exported.page_folder import export_page
from s2f_studio.request import DrawingRequest, chosen_text, parse_chosen
from s2f_utils.pictures import images
from s2f_utils.pictures.mesh import FACE_PX

NODE = shutil.which("node")
LEVELS = 2.0  # of 255, on average: the page's generator has a byte for each weight
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs"),
]
ASK = """
    import fs from "node:fs";
    globalThis.self = globalThis;
    globalThis.fetch = async (url) => new Response(fs.readFileSync(url));
    const { answer } = await import(`${process.argv[1]}/files/chain.js`);
    const { Engine } = await import(`${process.argv[1]}/files/engine.js`);
    const { asks, side } = JSON.parse(fs.readFileSync(0));
    const data = new Uint8Array(fs.readFileSync(process.argv[2]));
    const engine = new Engine(() => {});
    const told = [];
    for (const ask of asks) {
      const { picture, person } = await answer(engine, { width: side, height: side, data }, ask);
      told.push({ person, side: picture.width });
      fs.writeFileSync(`${process.argv[2]}-${told.length}`, picture.data);
    }
    process.stdout.write(JSON.stringify(told));
"""
REDUCED = """
    import fs from "node:fs";
    globalThis.self = globalThis;
    globalThis.fetch = async (url) => new Response(fs.readFileSync(url));
    const { Engine } = await import(`${process.argv[1]}/files/engine.js`);
    const { pixels } = await import(`${process.argv[1]}/files/pixels.js`);
    const side = Number(process.argv[3]);
    const data = new Uint8Array(fs.readFileSync(process.argv[2]));
    const given = pixels({ width: side, height: side, data });
    const { reduced } = await new Engine(() => {}).run("reduce", given);
    fs.writeFileSync(process.argv[2], reduced.data);
"""


@pytest.fixture(scope="module")
def folder(generator_file, tmp_path_factory) -> Path:
    try:
        return export_page(tmp_path_factory.mktemp("page") / "site", ort=os.environ.get("S2F_ORT"))
    except RuntimeMissingError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def model(generator_file):
    return s2f_studio.load(shipped.MODEL, "cpu", engine="onnx")


@pytest.fixture(scope="module")
def page(folder, tmp_path_factory):
    """What the page answers a drawing, for each request: (person, picture)."""
    given = tmp_path_factory.mktemp("given") / "drawing"

    def ask(square, *requests):
        given.write_bytes(square.tobytes())
        asks = json.dumps({"asks": [as_ask(one) for one in requests], "side": len(square)})
        command = [NODE, "--input-type=module", "-e", ASK, str(folder), str(given)]
        done = subprocess.run(command, input=asks, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        answers = []
        for n, one in enumerate(json.loads(done.stdout), 1):
            pixels = np.fromfile(f"{given}-{n}", np.uint8)
            answers.append((one["person"], pixels.reshape(one["side"], one["side"], 3)))
        return answers

    return ask


def as_ask(request: DrawingRequest) -> dict:
    """As the page's worker passes a request on."""
    return {
        "seed": request.seed,
        "temperature": request.temperature,
        "guidance": request.guidance,
        "chosen": request.chosen,
        "keep": request.keep,
        "isAverage": request.answer == "average",
        "likely": request.likely,
        "isPreview": request.preview,
        "isLarge": request.large,
    }


def test_a_picture_is_reduced_to_pillows_pixels(folder, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    noise.tofile(tmp_path / "given")
    command = [NODE, "--input-type=module", "-e", REDUCED, folder, tmp_path / "given", "512"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    made = np.fromfile(tmp_path / "given", np.uint8)
    assert np.array_equal(made, images.resize(noise, FACE_PX, "stretch").ravel())


def test_the_pages_people_and_pictures_are_pythons(page, model):
    square = drawing.start_of("sketch", "beard")
    first = [DrawingRequest(seed=seed, preview=True) for seed in (0, 1, 2)]
    _, people = model.answer_people([square] * 3, first)
    one, other, third = (who.text for who in people)
    rounds = parse_chosen(f"{one},{other}/{third};{third}/{one}")
    requests = [
        *first,
        DrawingRequest(seed=9, chosen=rounds, preview=True),
        DrawingRequest(seed=9, keep=third, likely=0.1),
        DrawingRequest(seed=4, temperature=0.3, guidance=1.5, likely=0.95, preview=True),
        DrawingRequest(answer="average", likely=0.2),
    ]
    assert parse_chosen(chosen_text(rounds)) == rounds
    pictures, people = model.answer_people([square] * len(requests), requests)
    for n, (code, picture) in enumerate(page(square, *requests)):
        apart = np.abs(picture.astype(int) - pictures[n]).mean()
        print(f"\n{n}: {apart:.2f} of 255", end="")
        assert picture.shape == pictures[n].shape and apart < LEVELS
        if people[n] is None:
            assert code is None
            continue
        steps = np.abs(code_of(code) - people[n].code) * STEPS
        print(f", {np.count_nonzero(steps)} of {len(steps)} numbers are a step apart", end="")
        assert steps.max() <= 1 and np.count_nonzero(steps) <= 3


def test_drawings_that_differ_are_other_people(page, model):
    squares = [drawing.start_of("sketch", name) for name in ("hat", "few-lines")]
    asked = DrawingRequest(seed=3, preview=True)
    [(hat, _)], [(few, _)] = (page(square, asked) for square in squares)
    _, people = model.answer_people(squares, [asked] * 2)
    for code, who in zip((hat, few), people, strict=True):
        assert np.abs(code_of(code) - who.code).max() * STEPS <= 1
    assert hat != few
