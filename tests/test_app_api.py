"""The web app's REST interface over the shipped models: answers, refusals, limits, and that no file
can be read.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import re
import shutil
import socket
import threading
import time
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")
httpx = pytest.importorskip("httpx2")
psutil = pytest.importorskip("psutil")

from fastapi.testclient import TestClient  # noqa: E402

import s2f_studio  # noqa: E402
from s2f_studio import shipped  # noqa: E402
from s2f_studio.answers import Answer, Face, enhance  # noqa: E402
from s2f_studio.codes import NUM_DIRECTIONS, text_of  # noqa: E402
from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_studio.page import catalogue, drawing, reply  # noqa: E402
from s2f_studio.page.catalogue import Catalogue  # noqa: E402
from s2f_studio.page.uploads import picture_in as shown  # noqa: E402
from s2f_studio.refusal import Refusal  # noqa: E402
from s2f_studio.remarks import Remark  # noqa: E402
from s2f_studio.request import (  # noqa: E402
    MAX_ROUNDS,
    PER_ROUND,
    DrawingRequest,
    defaults,
    form_schema,
)
from s2f_studio.server import api, guard  # noqa: E402
from s2f_studio.server.service import Limits, Service  # noqa: E402
from s2f_utils import networks, runtime, weights  # noqa: E402
from s2f_utils.networks import checkpoints  # noqa: E402
from s2f_utils.networks.info import ModelInfo  # noqa: E402
from s2f_utils.pictures import images  # noqa: E402
from tests import hostile  # noqa: E402
from tests.test_drawings import on_a_desk  # noqa: E402
from tests.test_landmarks import side_by_side  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DRAWING = hostile.saved(hostile.drawing(), "PNG")
AS_JSON = {"accept": "application/json"}
SMALL = {"preview": "true"}  # 256 px, painted in a quarter of the time
QUICK = SMALL | {"answer": "average"}  # which needs no generator


def run_folder(runs: Path, name: str, net, **meta) -> Path:
    folder = runs / name
    folder.mkdir(parents=True)
    checkpoints.save_generator(
        folder / "generator.safetensors", net, {"size_px": 64, "fit": "stretch", **meta}
    )
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    made = tmp_path_factory.mktemp("runs")
    small = networks.build("unet", num_downs=6, base_filters=4)
    run_folder(made, "0001-mine", small, method="pix2pix", direction="sketch-to-photo")
    run_folder(made, "0002-back", small, method="cyclegan", direction="photo-to-sketch")
    (made / "0003-broken").mkdir()
    (made / "0003-broken" / "generator.safetensors").write_bytes(b"no weights")
    return made


@pytest.fixture(scope="module")
def service(runs):
    made = Service(Catalogue(runs), Limits(per_minute=0), device="cpu")
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    made = TestClient(api.create_api(service), base_url="http://127.0.0.1:5000")
    yield made
    assert made.get("/health").json()["status"] == "ok"


def ask(client, content=DRAWING, headers=None, name="drawing.png", **fields):
    return client.post(
        "/api/translate", files={"file": (name, content)}, data=fields, headers=headers or {}
    )


APART = (
    8 if runtime.cpu_has_bfloat16() else 1
)  # grey levels, by rounding: the app uses bfloat16 where the CPU has it


def picture(answer) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/png"
    return np.asarray(Image.open(io.BytesIO(answer.content)))


def test_a_drawing_becomes_a_photo_that_says_what_it_is(client):
    answer = ask(client)
    made = picture(answer)
    assert made.shape == (512, 512, 3) and made.std() > 20
    words = Image.open(io.BytesIO(answer.content)).text
    assert words["Description"] == images.GENERATED_NOTE and words["s2f:model"] == "sketch-to-photo"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_few_lines_get_a_photo_unless_the_average_is_asked_for(client, generator_file):
    drawn = images.png_of(drawings.example("few-lines"))
    sent = {"files": {"file": ("few.png", drawn, "image/png")}, "headers": AS_JSON}
    found = {
        kind: client.post("/api/translate", data={"answer": kind} | SMALL, **sent).json()
        for kind in ("person", "average")
    }
    pictures = {kind: shown(one["pictures"][0]["png"]) for kind, one in found.items()}
    assert not np.array_equal(pictures["person"], pictures["average"])
    told = {
        kind: [code for code in answer["codes"] if code == "crude"]
        for kind, answer in found.items()
    }
    assert told == {"person": ["crude"], "average": []}
    notes = {kind: one["pictures"][0]["notes"] for kind, one in found.items()}
    assert {kind: one["answer"] for kind, one in notes.items()} == {kind: kind for kind in found}
    for gone in ("rendered", "faithful"):
        refused = client.post("/api/translate", data={"answer": gone}, **sent)
        assert refused.status_code == 422 and "answer" in refused.json()["detail"]
    models = {one["id"]: one["chooses"] for one in client.get("/api/models").json()["models"]}
    assert models["sketch-to-photo"] and not models["photo-to-sketch"]


@pytest.mark.parametrize(
    ("fields", "names", "said"),
    [
        (SMALL, ["person", "average", "person 2"], 1),
        (SMALL | {"answer": "average"}, ["average"], 0),
    ],
)
def test_each_of_several_answers_is_named_for_what_it_is(
    client, fields, names, said, generator_file
):
    upload = images.png_of(drawings.example("few-lines"))
    found = ask(client, upload, headers=AS_JSON, candidates="3", **fields).json()
    assert found["note"] == images.GENERATED_NOTE
    assert [one["name"] for one in found["pictures"]] == names
    assert found["codes"].count("crude") == said
    kinds = {one["name"]: one["notes"]["answer"] for one in found["pictures"]}
    assert kinds == {name: name.split()[0] for name in names}
    by_name = {one["name"]: shown(one["png"]) for one in found["pictures"]}
    alone = ask(client, upload, headers=AS_JSON, **{"answer": kinds[names[0]], **fields}).json()
    assert np.array_equal(by_name[names[0]], shown(alone["pictures"][0]["png"]))


def test_several_answers_are_of_the_seeds_that_they_name(client, generator_file):
    asked = SMALL | {"model": "sketch-to-face-512", "headers": AS_JSON}
    made = ask(client, seed="5", candidates="3", **asked).json()["pictures"]
    assert [one["notes"]["seed"] for one in made] == ["5", "6", "7"]
    assert (
        made[2]["png"]
        == ask(client, seed="7", **asked).json()["pictures"][0]["png"]
        != made[0]["png"]
    )


def test_points_are_found_on_the_upload_and_can_be_given(client):
    found = ask(client, headers=AS_JSON, answer="average", **SMALL).json()
    assert not found["warnings"]
    (left, right, mouth) = found["points"]
    assert 0.2 < left[0] < mouth[0] < right[0] < 0.8 and left[1] < mouth[1]
    same = ",".join(str(value) for point in found["points"] for value in point)
    faces = [shown(found["pictures"][0]["png"]).astype(int)]
    for points in (same, "0.2,0.2,0.4,0.2,0.3,0.4"):
        made = ask(client, headers=AS_JSON, answer="average", points=points, **SMALL).json()
        faces.append(shown(made["pictures"][0]["png"]))
    near, far = (np.abs(one - faces[0]).mean() for one in faces[1:])
    assert 2 * near < far


def test_a_sheet_that_is_cut_out_is_named_and_can_be_left_whole(client):
    scene, _ = on_a_desk(np.asarray(hostile.drawing((420, 510))))
    upload = hostile.saved(Image.fromarray(scene), "PNG")
    found = ask(client, upload, headers=AS_JSON, **SMALL).json()
    assert any("sheet of paper" in text and "under Crop" in text for text in found["warnings"])
    assert found["points"] is None  # those of the sheet lie elsewhere on the upload, as do boxes
    two = Remark("faces", {"num": 2, "taken": 1, "boxes": [[0.1, 0.1, 0.2, 0.2]] * 2})
    for turned, boxes in ((), two.data["boxes"]), ((Remark("turned"),), []):
        told = Answer(drawings.Drawing(scene, scene), (), (two, *turned), "photo")
        assert (
            reply.as_json(told, ModelInfo(name="mine", direction="sketch-to-photo"))["faces"]
            == boxes
        )
    whole = ask(client, upload, headers=AS_JSON, clean="whole", **SMALL).json()
    assert not any("sheet of paper" in text for text in whole["warnings"])


def test_each_of_several_faces_has_its_own_remarks():
    picture = np.zeros((64, 64, 3), np.uint8)
    made = [Face(name, picture, {}) for name in ("person", "average", "person 2")]
    remarks = (
        Remark("crude", {"degree": 0.4}),
        Remark("average-presents"),
        Remark("not-shown", {"names": "hat", "answer": "person 2"}),
    )
    answer = Answer(drawings.Drawing(picture, picture), tuple(made), remarks, "photo")
    told = reply.as_json(answer, ModelInfo(name="mine", direction="sketch-to-photo"))
    crude, presents, lacks = reply.worded(remarks)
    found = [one["warnings"] for one in told["pictures"]]
    assert found == [[crude], [crude, presents], [crude, lacks]]
    assert told["warnings"] == [crude, presents, lacks]


def test_of_two_faces_one_is_chosen_by_side_or_number(client):
    sheet, starts = side_by_side(
        (drawings.example("plain-man"), 400), (drawings.example("long-hair"), 300)
    )
    upload, share = hostile.saved(Image.fromarray(sheet), "PNG"), starts[1] / starts[2]
    found = ask(client, upload, headers=AS_JSON, **SMALL).json()
    assert found["points"][2][0] < share
    assert any("2 faces were found" in text and "under Crop" in text for text in found["warnings"])
    assert len(found["faces"]) == 2 and found["taken"] == 1 and "faces" in found["codes"]
    assert (
        found["faces"][0][0] < share < found["faces"][1][0] + found["faces"][1][2]
    )  # from the left
    for which in ("right", "2"):
        chosen = ask(client, upload, headers=AS_JSON, face=which, **SMALL).json()
        assert chosen["points"][2][0] > share and len(chosen["faces"]) == 2
    for which in ("3", "both", "0.5,0.5,0.2,0.2"):
        refused = ask(client, upload, face=which)
        assert refused.status_code == 422 and "face" in refused.json()["detail"]
    alone = ask(client, headers=AS_JSON, **SMALL).json()
    assert alone["faces"] == []


def test_no_face_is_made_of_a_house_until_somebody_insists(client):
    refused = ask(client, hostile.house(), headers=AS_JSON)
    assert (
        refused.status_code == 422
        and refused.json()["code"] == "no-face"
        and "anyway" in refused.json()["detail"]
    )
    assert ask(client, hostile.house(), direction="photo-to-sketch").json()["code"] == "no-face"
    found = ask(client, hostile.house(), headers=AS_JSON, insist="true", **SMALL).json()
    assert reply.CHECK in found["warnings"]
    assert not re.search(r"--|s2f |/", " ".join(found["warnings"])), "a visitor knows no commands"
    placed = {"points": "0.4,0.4,0.6,0.4,0.5,0.6"} | SMALL
    assert ask(client, hostile.house(), headers=AS_JSON, **placed).status_code == 200
    assert "code" not in ask(client, face="both").json()  # there is nothing to offer


def test_a_picture_of_the_other_kind_is_named_by_its_code(client):
    photo = images.png_of(drawing.start_of("photo", "photo-3"))
    asked = {"headers": AS_JSON, "insist": "true"} | SMALL
    assert "photo" in ask(client, photo, **asked).json()["codes"]
    few = images.png_of(drawings.example("few-lines"))
    assert "crude" in ask(client, few, **asked).json()["codes"]
    assert (
        "not-a-photo"
        in ask(client, headers=AS_JSON, direction="photo-to-sketch", insist="true").json()["codes"]
    )


def test_both_directions_and_maps(client):
    from tests.people import person

    face = person(3, size_px=256)
    photo = hostile.saved(Image.fromarray(face.photo), "JPEG", quality=95)
    sketch = picture(ask(client, photo, direction="photo-to-sketch"))
    assert sketch.shape == (256, 256, 3) and sketch.mean() > 150 and sketch.min() < 120
    labels = hostile.saved(Image.fromarray(face.mask), "PNG")
    painted = picture(ask(client, labels, direction="map-to-photo", **SMALL))
    assert painted.shape == (256, 256, 3) and painted.std() > 20
    assert picture(ask(client, model="sketch-to-face-512")).shape == (512, 512, 3)


def readme_example() -> str:
    (block,) = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL
    )
    return block


def test_the_readmes_python_gives_what_the_app_gives(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "examples", "examples")
    exec(readme_example(), {})
    (file,) = (path for path in tmp_path.rglob("*.png"))
    made = ask(client, (ROOT / "examples" / "drawing.jpg").read_bytes(), seed=3)
    apart = np.abs(images.load_rgb(file).astype(int) - picture(made))
    assert apart.max() <= APART and apart.mean() < 0.5
    ours, theirs = (Image.open(one).text for one in (file, io.BytesIO(made.content)))
    assert ours == theirs and ours["s2f:seed"] == "3"


@pytest.mark.parametrize("fields", [{}, {"candidates": 3}, {"person": "presents=0.5"}])
def test_python_code_is_refused_and_told_what_the_apps_visitors_are(client, fields):
    few = drawings.example("few-lines")
    fields = fields | {"preview": True}
    request = DrawingRequest.of({"insist": True} | fields)
    said = [remark.code for remark in s2f_studio.translate(few, request).remarks]
    told = ask(client, images.png_of(few), headers=AS_JSON, insist="true", **fields).json()
    assert "crude" in said and said == told["codes"]
    blank = np.full((300, 300, 3), 255, np.uint8)
    with pytest.raises(Refusal) as refused:
        s2f_studio.translate(blank, DrawingRequest.of(fields))
    answer = ask(client, images.png_of(blank), **fields)
    assert (answer.status_code, answer.json()["detail"]) == (422, str(refused.value))


def test_enhance_adds_detail_by_its_strength(client):
    plain, half, whole, none = (
        picture(ask(client, **fields)).astype(int)
        for fields in (
            SMALL,
            *(SMALL | {"enhance": "true", "strength": value} for value in ("0.5", "1", "0")),
        )
    )
    assert (none == plain).all()
    assert 0 < np.abs(half - plain).mean() < np.abs(whole - plain).mean()


def test_a_restorer_is_asked_with_the_seed_and_the_strength():
    class Restorer:
        size_px = 64

        def restore(self, crop, seed):
            return crop + np.uint8(20 * seed)

    request = DrawingRequest(seed=5, strength=0.25)
    made = enhance(np.zeros((64, 64, 3), np.uint8), request, Restorer())
    assert (made == 25).all()


def test_models_are_listed_without_a_path(client, runs):
    text = client.get("/api/models").text
    listed = {one["id"]: one for one in json.loads(text)["models"]}
    shipped = {
        "sketch-to-photo",
        "photo-to-sketch",
        "sketch-to-face-512",
        "map-to-face-512",
        "restorer-256",
    }
    assert shipped <= set(listed)
    previewed = {name for name in shipped if listed[name]["previews"]}
    assert previewed == {"sketch-to-photo", "sketch-to-face-512", "map-to-face-512"}
    assert (
        listed["run:0001-mine"]["direction"] == "sketch-to-photo"
        and "run:0003-broken" not in listed
    )
    assert listed["psp-sketch"]["state"] == "not here" and listed["psp-sketch"]["size_mb"] > 1000
    assert "non-commercial" in listed["gfpgan-1.4"]["terms"]
    assert str(runs) not in text and str(ROOT) not in text and ".safetensors" not in text


def test_models_of_the_runs_folder_answer_and_new_ones_appear(client, service, runs, monkeypatch):
    assert (
        picture(ask(client, model="run:0001-mine")).shape[1] == 53
    )  # as it is: 64 px high, 210 : 255
    assert ask(client, model="run:0002-back", direction="sketch-to-photo").status_code == 422
    net = networks.build("unet", num_downs=6, base_filters=4)
    run_folder(runs, "0009-new", net, method="pix2pix", direction="sketch-to-photo")
    monkeypatch.setattr(catalogue, "RESCAN_S", 0.0)
    assert "run:0009-new" in client.get("/api/models").text


def test_a_body_without_a_length_is_stopped_at_the_limit(client):
    def endless():
        yield (
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
            + DRAWING
        )
        for _ in range(40):
            yield b"\0" * 1_000_000
        yield b"\r\n--x--\r\n"

    answer = client.post(
        "/api/translate",
        content=endless(),
        headers={"content-type": "multipart/form-data; boundary=x"},
    )
    assert answer.status_code == 413 and "20 MB" in answer.json()["detail"]


def wait_until(true, seconds=60.0):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture()
def served():
    """An app behind a real server: .service, .address, .client."""
    import uvicorn

    service = Service(Catalogue(None), Limits(per_minute=0), device="cpu")
    server = uvicorn.Server(uvicorn.Config(api.create_api(service), port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    (listening,) = server.servers[0].sockets
    host, port = address = listening.getsockname()
    with httpx.Client(base_url=f"http://{host}:{port}", timeout=60, trust_env=False) as client:
        yield types.SimpleNamespace(service=service, address=address, client=client)
    server.should_exit = True
    thread.join(30)
    assert not thread.is_alive()


def test_a_body_that_does_not_come_is_not_waited_for(served, monkeypatch):
    monkeypatch.setattr(guard, "BODY_S", 0.5)
    with socket.create_connection(served.address) as slow:
        head = (
            "POST /api/translate HTTP/1.1\r\nHost: x\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n"
        )
        slow.sendall(f"{head}Content-Length: 1000\r\n\r\n--x\r\n".encode())
        slow.settimeout(30)
        assert b" 408 " in slow.recv(100)


ODD = {
    "size": '{"network": "unet", "size_px": "abc"}',
    "endless": '{"network": "unet", "size_px": Infinity}',
    "list": '{"network": "resunet", "args": [1]}',
    "channels": '{"network": "resunet", "args": {"in_channels": "x"}}',
    "deep": "[" * 200_000,
    "surrogate": '{"network": "unet", "method": "\\ud800"}',
    "bare": '{"network": "unet"}',
    "a b": '{"network": "unet"}',
    "a-b": '{"network": "unet"}',
    "x" * 230: '{"network": "unet"}',
}


def test_odd_runs_do_not_hide_the_others(tmp_path):
    """Headers that anybody may write into a file."""
    from safetensors.numpy import save

    run_folder(
        tmp_path,
        "0001-mine",
        networks.build("unet", num_downs=6, base_filters=4),
        direction="sketch-to-photo",
    )
    for name, header in ODD.items():
        (tmp_path / name).mkdir()
        content = save({"w": np.zeros(1, np.float32)}, {"s2f": header})
        (tmp_path / name / "generator.safetensors").write_bytes(content)
    service = Service(Catalogue(tmp_path), Limits(per_minute=0), device="cpu")
    client = TestClient(api.create_api(service), base_url="http://127.0.0.1:5000")
    listed = [
        one["id"] for one in client.get("/api/models").json()["models"] if one["source"] == "run"
    ]
    assert listed == [
        f"run:{name}"
        for name in (
            "0001-mine",
            "a%20b",
            "a-b",
            "bare",
            "channels",
            "list",
            "surrogate",
            "x" * 230,
        )
    ]
    for name in listed[1:]:
        answer = ask(client, model=name)
        assert answer.status_code == 422 and "cannot be loaded" in answer.json()["detail"]
    assert ask(client, model="run:0001-mine").status_code == 200
    service.close()


def test_a_run_of_the_studio_is_listed_as_its_model_is_with_all_files_that_it_reads(tmp_path):
    (tmp_path / "mine").mkdir()
    shutil.copy(shipped.file_of(shipped.EXPECT), tmp_path / "mine" / "generator.safetensors")
    choice, info = Catalogue(tmp_path).list()["run:mine"], s2f_studio.load(tmp_path / "mine").info
    found = (choice.size_px, choice.layout, choice.chooses, choice.previews)
    knows = info.supports
    assert found == (info.size_px, info.layout, "answer" in knows, "preview" in knows)
    files, names = shipped.all_files(), (shipped.EXPECT, shipped.PEOPLE, weights.PREVIEW)
    read = [files[name].stat().st_size for name in names]
    if weights.has_generator():
        read.append(weights.generator().stat().st_size)
    assert choice.size_mb == pytest.approx(sum(read) / 1e6)


def test_an_upload_is_refused_as_such_and_the_server_lives(client):
    """All bad ones are in test_app_uploads.py."""
    for name in ("text", "10,000 x 10,000", "100 MB", "PNG cut in the middle"):
        status, make = next(bad for key, bad in hostile.BAD.items() if key.startswith(name))
        answer = ask(client, make())
        assert answer.status_code == status and 20 < len(answer.json()["detail"]) < 220
    assert client.get("/health").json()["waiting"] == 0


def test_what_has_no_face_in_it_is_refused(client):
    """Blank paper, and a drawing that is taken for a label map: nothing that looks like a face
    comes of them.
    """
    blank = images.png_of(np.full((400, 400, 3), 255, np.uint8))
    answer = ask(client, blank)
    assert answer.status_code == 422 and "no lines" in answer.json()["detail"]
    no_skin = images.png_of(np.full((256, 256), 13, np.uint8))
    answer = ask(client, no_skin, direction="map-to-photo")
    assert answer.status_code == 422 and "skin" in answer.json()["detail"]
    grey = np.asarray(hostile.drawing().convert("L"))
    assert ask(client, images.png_of(grey), direction="map-to-photo").status_code == 422


# A question


FEW = images.png_of(drawings.example("few-lines"))
PICKED = text_of(np.linspace(-1.0, 1.0, NUM_DIRECTIONS))
ANOTHER = {  # a value of every field that changes the answer to some picture
    "direction": ("photo-to-sketch", {}),
    "model": ("sketch-to-face-512", {}),
    "enhance": ("true", {}),
    "strength": ("1", {"enhance": "true"}),
    "mode": ("deterministic", None),
    "fit": ("stretch", None),
    "seed": ("3", {}),
    "temperature": ("0.3", {}),
    "guidance": ("2", {}),
    "preview": ("true", {}),
    "chosen": (PICKED, {}),
    "keep": (PICKED, {}),
    "frame": ("paper", {}),
    "answer": ("average", {}),
    "likely": ("0", {}),
    "person": ("age=1", {}),
    "large": ("true", {}),
    "candidates": ("2", {}),
    "clean": ("always", None),
    "align": ("never", {"model": "sketch-to-face-512"}),
    "face": ("left", None),
    "insist": ("true", None),
    "points": ("0.2,0.2,0.4,0.2,0.3,0.4", {}),
}


@pytest.fixture(scope="module")
def pictures_of(client):
    """The pictures that fields give, as text; what was asked before is remembered."""
    known = {}

    def pictures(fields: dict[str, str]) -> list[str]:
        key = tuple(sorted(fields.items()))
        if key not in known:
            found = ask(client, FEW, headers=AS_JSON, **fields).json()
            known[key] = [one["png"] for one in found["pictures"]]
        return known[key]

    return pictures


@pytest.mark.parametrize("name", DrawingRequest.model_fields)
def test_every_field_reaches_the_network(client, name, generator_file, pictures_of):
    """Those of `None` have a test of their own, or one value on this machine."""
    value, beside = ANOTHER[name]
    usual = {"insist": "true"} | ({} if name in ("preview", "large") else SMALL)
    if beside is None:
        assert ask(client, FEW, **(usual | {name: value})).status_code == 200
        return
    assert pictures_of(usual | beside) != pictures_of(usual | beside | {name: value})


def test_as_many_rounds_as_there_may_be_reach_the_model(client):
    codes = [text_of(np.full(NUM_DIRECTIONS, n / 32)) for n in range(PER_ROUND)]
    one = f"{codes[0]}/{','.join(codes[1:])}"
    longest = ";".join([one] * MAX_ROUNDS)
    made = ask(client, FEW, headers=AS_JSON, insist="true", preview="1", chosen=longest)
    assert made.status_code == 200, made.text
    refused = ask(client, FEW, insist="true", chosen=f"{longest};{codes[0]}")
    assert refused.status_code == 422 and f"{MAX_ROUNDS} rounds" in refused.json()["detail"]


def test_without_the_generator_the_average_stands_in_and_says_so(monkeypatch, tmp_path):
    monkeypatch.setenv("S2F_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    service = Service(Catalogue(None), Limits(per_minute=0), device="cpu")
    client = TestClient(api.create_api(service), base_url="http://127.0.0.1:5000")
    told = ask(client, headers=AS_JSON).json()
    assert told["codes"][0] == "average-stands-in" and str(tmp_path) not in str(told["warnings"])
    [made] = told["pictures"]
    assert (made["name"], made["person"]) == ("average", None)
    assert client.get("/health").json()["models"]["sketch-to-photo"] > 1e6
    service.close()


def test_a_model_of_styles_answers_each_candidate_with_another_seed():
    info = ModelInfo(direction="sketch-to-photo", supports=frozenset({"styles"}))
    named = DrawingRequest(seed=7, candidates=3).candidates_for(info)
    assert [(name, one.seed) for name, one in named] == [
        ("answer", 7),
        ("variation 1", 8),
        ("variation 2", 9),
    ]


def test_defaults_are_the_same_in_every_front_end(client):
    """The form, its description, the page; the command line reads the same class."""
    assert client.get("/app/about").json()["query"] == defaults()
    spec = client.get("/openapi.json").json()["paths"]["/api/translate"]["post"]
    fields = spec["requestBody"]["content"]["multipart/form-data"]["schema"]["properties"]
    assert set(fields) == {"file", *DrawingRequest.model_fields}
    for name, rule in form_schema().items():
        if rule.get("default") is not None:
            assert rule["default"] == defaults()[name], name


@pytest.mark.parametrize(
    ("fields", "status", "word"),
    [
        ({"direction": "sideways"}, 422, "direction"),
        ({"model": "../../etc/passwd"}, 404, "model"),
        ({"model": "run:../../secret"}, 404, "model"),
        ({"model": "restorer-256"}, 404, "model"),
        ({"model": "photo-to-sketch", "direction": "sketch-to-photo"}, 422, "goes"),
        ({"model": "psp-sketch"}, 409, "1,200 MB"),
        ({"strength": "2"}, 422, "strength"),
        ({"strength": "nan"}, 422, "strength"),
        ({"seed": "-1"}, 422, "seed"),
        ({"seed": "9" * 30}, 422, "seed"),
        ({"enhance": "perhaps"}, 422, "enhance"),
        ({"enhance": "true", "direction": "photo-to-sketch"}, 422, "enhance"),
        ({"candidates": "9"}, 422, "candidates"),
        ({"candidates": "8", "large": "1"}, 422, "fewer candidates"),
        ({"candidates": "3", "large": "1", "enhance": "1"}, 422, "fewer candidates"),
        ({"clean": "spotless"}, 422, "clean"),
        ({"points": "1,2,3"}, 422, "points must be six"),
        ({"points": "0,0,0,0,0,nan"}, 422, "points"),
        ({"likely": "chin=1"}, 422, "likely: "),
        ({"person": "ages=1"}, 422, "person has the attributes skin, hair, "),
        ({"person": "age=2"}, 422, "must be from -1 to 1"),
        ({"colour": "red"}, 422, "unknown field"),
        ({"keep": "412"}, 422, "a person is a code of 215 characters"),
        ({"keep": PICKED[:-5]}, 422, "copy all of it"),
        ({"chosen": "412,88/3"}, 422, "a person is a code of 215 characters"),
        ({"model": "x" * 3000}, 422, "model"),
        ({"model": "x" * 50_000}, 400, "form"),
    ],
)
def test_values_out_of_range_are_refused_by_name(client, fields, status, word):
    answer = ask(client, **fields)
    assert answer.status_code == status, answer.text
    assert (
        word in answer.json()["detail"]
        and "Traceback" not in answer.text
        and "pydantic" not in answer.text
    )


def test_what_is_no_form_is_refused(client):
    post = client.post
    for answer in (
        post("/api/translate"),
        post("/api/translate", json={"file": "x"}),
        post("/api/translate", data={"seed": "1"}),
        post("/api/translate", files=[("file", DRAWING), ("file", DRAWING)]),
        post("/api/translate", content=b"x", headers={"content-type": "multipart/form-data"}),
    ):
        assert answer.status_code == 400, answer.text
    assert post("/api/translate", files={"photo": DRAWING}).status_code == 422
    assert (
        client.get("/api/translate").status_code == 405
        and client.get("/api/other").status_code == 404
    )


def test_the_description_is_complete_and_needs_nothing_from_elsewhere(client):
    spec = client.get("/openapi.json").json()
    assert set(spec["paths"]) == {"/api/translate", "/api/models", "/health"}
    told = client.get("/docs").text
    assert "<script" not in told and "//" not in re.sub(r"http://127\.0\.0\.1:5000", "", told)
    assert all(path in told for path in spec["paths"]) and "0 to 2147483647<" in told


def test_requests_from_other_websites_are_refused(client, service):
    other, own = {"origin": "https://evil.example"}, {"origin": "http://127.0.0.1:5000"}
    for headers in (
        other,
        {"origin": "null"},
        {"origin": "http://["},
        own | {"sec-fetch-site": "cross-site"},
    ):
        assert ask(client, headers=headers).status_code == 403
    for headers in (own, {"sec-fetch-site": "none"}, other | {"sec-fetch-site": "same-origin"}):
        assert ask(client, headers=headers, **QUICK).status_code == 200
    proxied = TestClient(api.create_api(service, behind_proxy=True))
    assert ask(proxied, headers=other, **QUICK).status_code == 200


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:5000", 200),
        ("127.0.0.1:5000", 200),
        ("[::1]:5000", 200),
        ("pad.localhost:5000", 200),
        ("rebound.example:5000", 400),
        ("localhost.evil.example", 400),
        ("[x]", 400),
    ],
)
def test_on_this_machine_only_localhost_is_answered(service, host, status):
    local, open_to_all = (
        TestClient(api.create_api(service, local_only=only)) for only in (True, False)
    )
    assert local.get("/health", headers={"host": host}).status_code == status
    assert open_to_all.get("/health", headers={"host": host}).status_code == 200


def test_rates_are_limited_for_each_address():
    rates = guard.RateLimit(per_minute=60, burst=3)
    assert [rates.wait_s("a") > 0 for _ in range(5)] == [False, False, False, True, True]
    assert rates.wait_s("b") == 0 and 0.5 < rates.wait_s("a") <= 1
    few = Service(Catalogue(None), Limits(per_minute=6, burst=2), device="cpu")
    limited = TestClient(api.create_api(few))
    assert [ask(limited, b"x").status_code for _ in range(4)] == [415, 415, 429, 429]
    assert int(ask(limited, b"x").headers["retry-after"]) >= 1
    assert limited.get("/health").status_code == 200
    few.close()


def test_an_address_that_rests_saves_up_one_burst_and_no_more(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(guard.time, "monotonic", lambda: now[0])
    rates = guard.RateLimit(per_minute=60, burst=3)
    assert rates.wait_s("a") == 0
    now[0] = 3600.0
    assert [rates.wait_s("a") > 0 for _ in range(5)] == [False, False, False, True, True]


def test_two_people_who_draw_behind_one_address_are_not_stopped(monkeypatch):
    """A pad asks for a preview three times a second."""
    now = [0.0]
    monkeypatch.setattr(guard.time, "monotonic", lambda: now[0])
    limits = Limits()
    rates = guard.RateLimit(limits.per_minute, limits.burst)
    for _ in range(10 * 60 * 3):
        now[0] += 1 / 3
        assert rates.wait_s("proxy") == 0 and rates.wait_s("proxy") == 0


def test_many_large_uploads_at_once_are_refused_before_they_are_read():
    service = Service(Catalogue(None), Limits(per_minute=0), device="cpu")
    app = guard.Guard(None, service.limits)
    size = guard.BODY_BYTES
    heads = ([(b"content-length", str(size).encode())], [], [(b"content-length", b"9" * 12)])
    room, taken = contextlib.ExitStack(), 0
    with room, pytest.raises(Refusal, match="many uploads"):
        for number in range(100):
            scope = {"headers": heads[number % 3], "client": (f"address {number}", 1)}
            room.enter_context(app._room_for(scope))
            taken += size
            assert app.body_bytes == taken <= service.limits.max_body_bytes
    assert app.body_bytes == 0 and taken > 5 * size
    service.close()


def test_slow_uploads_of_one_address_leave_room_for_others():
    service = Service(Catalogue(None), Limits(per_minute=0), device="cpu")
    app = guard.Guard(None, service.limits)

    def scope(address):
        length = str(guard.BODY_BYTES).encode()
        return {"headers": [(b"content-length", length)], "client": (address, 1)}

    with contextlib.ExitStack() as room:
        with pytest.raises(Refusal, match="many uploads"):
            for _ in range(9):
                room.enter_context(app._room_for(scope("slow")))
        room.enter_context(app._room_for(scope("another")))
    assert app.body_bytes == 0 and not app.bytes_of
    service.close()


@contextlib.contextmanager
def held(service, name):
    """A model that is at work all the time."""
    choice = service.catalogue.list()[name]
    with service.models.use(choice):
        lock = service.models._loaded[name].lock
        with lock:
            yield


FORM = (
    b'--x\r\nContent-Disposition: form-data; name="answer"\r\n\r\naverage\r\n'
    b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    + DRAWING
    + b"\r\n--x--\r\n"
)
HEAD = (
    "POST /api/translate HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
)


def test_a_visitor_who_leaves_is_not_worked_for(served, caplog):
    service = served.service
    with held(service, "sketch-to-photo"):
        with socket.create_connection(served.address) as visitor:
            visitor.sendall(f"{HEAD}Content-Length: {len(FORM)}\r\n\r\n".encode() + FORM)
            wait_until(lambda: service.waiting > 0)
        with socket.create_connection(served.address) as visitor:  # half a body
            half = FORM[: len(FORM) // 2]
            visitor.sendall(f"{HEAD}Content-Length: {len(FORM)}\r\n\r\n".encode() + half)
        time.sleep(0.3)
    wait_until(lambda: service.waiting == 0)
    assert service.answered == 0 and "Traceback" not in caplog.text
    assert ask(served.client, **QUICK).status_code == 200
    assert service.answered == 1


def test_work_ends_after_a_timeout_and_counts_until_it_has_ended():
    service = Service(Catalogue(None), Limits(timeout_s=0.5, per_minute=0), device="cpu")
    client = TestClient(api.create_api(service))
    ended = []

    def work(check):
        for _ in range(200):
            time.sleep(0.02)
            try:
                check()
            except Exception:
                ended.append(time.monotonic())
                raise

    with held(service, "photo-to-sketch"):
        answer = ask(client, direction="photo-to-sketch", insist="true")
        assert answer.status_code == 503 and "0.5 seconds" in answer.json()["detail"]
        assert service.waiting == 1, "a thread still waits for the model"
    wait_until(lambda: service.waiting == 0)
    assert service.answered == 0, "nothing was made for nobody"
    with pytest.raises(Refusal, match="longer than"):
        asyncio.run(service.run(work))
    wait_until(lambda: service.waiting == 0, seconds=2)
    assert ended
    service.close()


def test_too_many_requests_are_refused_and_a_busy_model_stops_only_its_own():
    limits = Limits(max_waiting=3, per_minute=0, threads=4)
    service = Service(Catalogue(None), limits, device="cpu")
    client, answers = TestClient(api.create_api(service)), []
    threads = [
        threading.Thread(target=lambda: answers.append(ask(client, direction="photo-to-sketch")))
        for _ in range(2)
    ]
    with held(service, "photo-to-sketch"):
        for thread in threads:
            thread.start()
        wait_until(lambda: service.waiting == 2)
        assert ask(client, **QUICK).status_code == 200 and not answers
        service.waiting += 1
        refused = ask(client)
        service.waiting -= 1
        assert refused.status_code == 429 and "wait already" in refused.json()["detail"]
    for thread in threads:
        thread.join(60)
    assert len(answers) == 2
    service.close()


def test_models_are_loaded_once_and_the_least_used_goes(runs):
    service = Service(Catalogue(runs), Limits(max_models=2, per_minute=0), device="cpu")
    client, loads, load = TestClient(api.create_api(service)), [], service.models._load
    service.models._load = lambda choice: loads.append(choice.id) or load(choice)
    for model in ("photo-to-sketch", "sketch-to-photo", "sketch-to-photo", "run:0001-mine"):
        assert ask(client, model=model, insist="true", **SMALL).status_code == 200
    assert loads == ["photo-to-sketch", "sketch-to-photo", "run:0001-mine"]
    assert list(service.models.in_memory()) == ["sketch-to-photo", "run:0001-mine"]
    with held(service, "sketch-to-photo"), held(service, "run:0001-mine"):
        refused = ask(client, model="photo-to-sketch")
        assert refused.status_code == 429 and "fit into memory" in refused.json()["detail"]
    service.close()


def test_a_run_that_was_trained_further_is_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(catalogue, "RESCAN_S", 0.0)
    service, answers, file = (
        Service(Catalogue(tmp_path), Limits(per_minute=0), device="cpu"),
        [],
        None,
    )
    for seed in (1, 2):
        runtime.seed_everything(seed)
        net = networks.build("unet", num_downs=6, base_filters=4)
        if file is not None:
            file.unlink()
        file = tmp_path / "0001-mine" / "generator.safetensors"
        file.parent.mkdir(exist_ok=True)
        meta = {
            "size_px": 64,
            "fit": "stretch",
            "method": "pix2pix",
            "direction": "sketch-to-photo",
        }
        checkpoints.save_generator(file, net, meta)
        os.utime(file, ns=(seed * 10**9, seed * 10**9))
        answers.append(ask(TestClient(api.create_api(service)), model="run:0001-mine").content)
    assert answers[0] != answers[1]
    service.close()


def test_what_fails_is_said_as_json_and_logged_with_its_trace(service, monkeypatch, caplog):
    client = TestClient(api.create_api(service), base_url="http://127.0.0.1:5000")
    monkeypatch.setattr(catalogue.Choice, "listed", lambda *_: 1 / 0)
    with caplog.at_level("INFO", logger=guard.LOGGER.name):
        answer = client.get("/api/models")
    assert answer.status_code == 500 and "log" in answer.json()["detail"]
    assert "Traceback" not in answer.text and "content-security-policy" in answer.headers
    assert "/api/models failed" in caplog.text and "ZeroDivisionError" in caplog.text


def zips_fault(*_: object) -> None:
    list(zip([1], [], strict=True))


def test_a_fault_of_ours_is_none_of_the_visitor_s_and_logged(service, monkeypatch, caplog):
    """A ValueError that no `raise` of ours made was a 422, and nowhere in the log."""
    client = TestClient(api.create_api(service), base_url="http://127.0.0.1:5000")
    of_ours = types.FunctionType(zips_fault.__code__, {"__name__": "s2f_studio.faces.model"})
    for place in (
        "s2f_studio.faces.model.FaceModel.answer_people",
        "s2f_studio.answers.prepare_for",
    ):
        with monkeypatch.context() as patched:
            patched.setattr(place, lambda *_, **_more: of_ours())
            answer = ask(client)
        assert answer.status_code == 500 and "argument 2" not in answer.text
        assert "argument 2 is shorter" in caplog.text
        caplog.clear()
