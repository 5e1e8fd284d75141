"""The web app as a whole: its page, its sketch pads, file routes that stay closed, and how it starts and ends."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")
httpx = pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402

from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_studio.server import api, gate, page, server  # noqa: E402
from s2f_studio.server.engine import Limits  # noqa: E402
from s2f_studio.web import messages  # noqa: E402
from s2f_studio.web.state import PadState  # noqa: E402
from s2f_utils import cli, weights  # noqa: E402
from s2f_utils.pictures import images  # noqa: E402
from s2f_utils.pictures.drawn import synthetic  # noqa: E402
from s2f_utils.pictures.images import picture_uri  # noqa: E402
from tests import hostile  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SECRETS = {  # {file: words that are in it and on no page of ours}
    "/etc/passwd": b"root:", str(ROOT / "pyproject.toml"): b"[build-system]",
    str(weights.shipped("faces-64")): b"__metadata__",
}  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    limits = Limits(per_minute=0, most_visits=4)
    before = {name: os.environ.get(name) for name in ("S2F_OFFLINE",)}
    made = server.create(runs=tmp_path_factory.mktemp("runs"), device="cpu", limits=limits)
    yield made
    made.state.engine.close()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def client(made):
    return TestClient(made, base_url="http://127.0.0.1:5000")


@pytest.fixture()
def visit(client):
    """A function that tells the pad of a new visit something, and its values."""
    begun = client.post("/app/visits").json()

    def tell(**content):
        answer = client.post(f"/app/visits/{begun['visit']}", json=content)
        assert answer.status_code == 200, answer.text
        tell.values = tell.values | answer.json()["values"]
        return tell.values

    tell.values, tell.name, tell.client = begun["values"], begun["visit"], client
    yield tell
    client.post(f"/app/visits/{begun['visit']}", json={"kind": "bye"})


def test_the_page_comes_and_names_nothing_from_elsewhere(client):
    home = client.get("/")
    assert home.status_code == 200 and "app/files/app.js" in home.text and 'role="tabpanel"' in home.text
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']([^\"']+)", home.text)
    assert loaded and not [one for one in loaded if one.startswith(("http", "//"))]
    allowed = home.headers["content-security-policy"]
    assert "default-src 'none'" in allowed and "unsafe" not in allowed
    assert not re.search(r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", home.text)  # none inline
    assert images.GENERATED_NOTE in home.text


def test_a_page_for_others_says_that_pictures_travel(made, client):
    assert client.get("/app/about").json()["travels"] == ""
    for notice in (page.NETWORK, page.ON_HUB, page.IN_COLAB):
        other = api.create_api(
            made.state.engine, more=lambda app, text=notice: page.add_routes(app, made.state.engine, text)
        )
        told = TestClient(other, base_url="http://127.0.0.1:5000").get("/app/about").json()
        assert "travels" in notice and told["travels"] == notice


def test_scripts_and_examples_come_and_no_other_files(client):
    for name in page.FILES:
        answer = client.get(f"/app/files/{name}")
        assert answer.status_code == 200 and answer.headers["content-type"].startswith(page.TYPES[Path(name).suffix])
        assert "http://" not in answer.text.replace("http://www.w3.org", "") and "https://" not in answer.text
    for name in ("long-hair", "photo-3", "map-3"):
        assert client.get(f"/app/examples/{name}").content.startswith(hostile.PNG_START)
    for path in ("app.py", "..%2fapp.py", "%2e%2e/app.py", "sketch_pad.py", "", "examples/beard.png"):
        assert client.get(f"/app/files/{path}").status_code == 404, path
    for path in ("photo-99", "photo-3;x", "beard.png", "..%2fexamples%2fbeard", "photo-"):
        assert client.get(f"/app/examples/{path}").status_code == 404, path


@pytest.mark.parametrize("secret", SECRETS)
def test_no_route_reads_a_file_of_the_machine(client, secret):
    up = "../" * 12 + secret.lstrip("/")
    names = [secret, secret.lstrip("/"), up, quote(secret, safe=""), quote(up, safe=""), up.replace("../", "..%2f")]
    names += [up.replace("../", "%2e%2e/"), up.replace("../", "....//"), up.replace("../", "..\\"), f"file://{secret}"]
    names += [up.replace("../", "..%5c"), up.replace("../", "..%252f"), secret + "%00.png", "./" + secret]
    routes = [
        "/file={}", "/file/{}", "/proxy={}", "/proxy/{}", "/app/{}", "/app/visits/{}", "/docs/{}", "/health/{}",
        "/static/{}", "/assets/{}", "/svelte/{}", "/app/files/{}", "/app/examples/{}", "/{}",
        "/api/models?path={}", "/?file={}", "/app/about?path={}", "/app/files?name={}",
    ]  # fmt: skip
    for route in routes:
        for name in names:
            answer = client.get(route.format(name), follow_redirects=True)
            assert SECRETS[secret] not in answer.content, (route, name)


@pytest.mark.parametrize("path", [
    "/upload", "/queue/join", "/run/predict", "/gradio_api/upload", "/gradio_api/info", "/redoc", "/config", "/metrics",
    "/monitoring", "/login", "/admin", "/static/app.js", "/assets/app.js", "/app/files", "/app",
])  # fmt: skip
def test_there_are_no_other_routes(client, path):
    assert client.get(path).status_code == 404
    assert client.post(path, files={"files": ("a.txt", b"words")}).status_code == 404
    assert client.post("/", json={}).status_code == 405


def test_the_pad_answers_strokes(client, visit):
    first = visit.values
    assert first["face"].startswith("data:image/png") and first["state"]["model"] == "sketch-to-photo"
    drawing = hostile.np.asarray(hostile.drawing((512, 512)))
    after = dict(visit(kind="draw", n=1, picture=picture_uri(drawing)))
    assert after["answered"] == 1 and after["problem"] == "" and after["face"] != first["face"]
    assert visit(kind="set", n=2, detail=1.0)["face"] != after["face"]
    assert visit(kind="hello", n=3)["loaded"] > first["loaded"]


def test_the_pad_gives_a_larger_face_to_be_saved(visit):
    shown, tone = visit.values["face"], {"kind": "hint", "part": "skin", "colour": "#6b4530"}
    for content in ({"kind": "hello"}, tone):
        shown = visit(n=1, **content)["face"]
        told = visit(kind="save", n=2)
        saved, face = (np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))))
                       for uri in (told["large"], shown))  # fmt: skip
        assert saved.shape == (512, 512, 3) and face.shape == (256, 256, 3) and told["face"] == shown
        assert np.abs(saved.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3)) - face).mean() < 4
    visit(kind="model", n=3, name="sketch-to-face-64")
    assert "no larger version" in visit(kind="save", n=4)["problem"]


def test_the_pad_gives_the_kind_of_answer_that_is_chosen(visit):
    few = picture_uri(images.resize(drawings.prepare(drawings.example("few-lines")).image, 512))
    meant = visit(kind="draw", n=1, picture=few)
    assert meant["state"]["has_answer"] and "leaves much open" in " ".join(meant["state"]["warnings"])
    before, after = meant["face"], visit(kind="set", n=2, answer="faithful")
    assert after["state"]["answer"] == "faithful" and after["face"] != before
    assert "leaves much open" not in " ".join(after["state"]["warnings"])
    refused = visit(kind="set", n=3, answer="best")
    assert "answer must be one of" in refused["problem"] and refused["state"]["answer"] == "faithful"
    assert not visit(kind="model", n=4, name="sketch-to-face-64")["state"]["has_answer"]


def test_the_pad_takes_what_is_said_of_shape_and_person(visit):
    few = picture_uri(images.resize(drawings.prepare(drawings.example("few-lines")).image, 512))
    faces = [visit(kind="draw", n=1, picture=few)["face"]]
    for n, content in enumerate(({"kind": "likely", "part": "mouth", "amount": 0.0}, {"kind": "likely", "amount": 0.0},
                                 {"kind": "person", "name": "age", "value": 1.0}), start=2):  # fmt: skip
        told = visit(n=n, **content)
        assert told["problem"] == ""
        faces.append(told["face"])
    assert (
        len(set(faces)) == 4 and told["state"]["person"] == {"age": 1.0} and not any(told["state"]["likely"].values())
    )
    assert "must be from -1 to 1" in visit(kind="person", n=5, name="age", value=4)["problem"]
    assert visit(kind="person", n=6, name="age", value=None)["face"] == faces[2]
    quick = visit(kind="draw", n=7, picture=few, preview=True)["face"]
    assert visit(kind="draw", n=8, picture=few)["face"] == faces[2] != quick


@pytest.fixture()
def hurry(made):
    """A function that gives each request of the app so many seconds."""
    limits = made.state.engine.limits
    usual = limits.timeout_s
    yield lambda seconds: object.__setattr__(limits, "timeout_s", seconds)
    object.__setattr__(limits, "timeout_s", usual)


def test_an_answer_that_comes_too_late_is_not_shown_and_the_next_one_is(visit, made, hurry):
    engine, go_on = made.state.engine, threading.Event()
    before, drawing = visit.values["face"], hostile.np.asarray(hostile.drawing((512, 512)))
    lane = engine.lanes.lane(engine.catalogue.choose())
    lane.call(lambda _model: go_on.wait(60))  # its thread is taken
    hurry(0.5)
    late = visit(kind="draw", n=1, picture=picture_uri(drawing))
    assert "took longer than 0.5 seconds: try again" in late["problem"]
    assert late["answered"] == 1 and late["face"] == before and engine.waiting == 0
    hurry(60.0)
    go_on.set()
    shown = visit(kind="hello", n=2)
    assert shown["problem"] == "" and shown["face"] == before  # the drawing is kept, as the page shows it
    assert hostile.np.array_equal(messages.picture_in(shown["drawing"], "it"), drawing)
    answered = visit(kind="set", n=3, detail=0.5)
    assert answered["problem"] == "" and answered["face"] != before and lane.is_idle


def test_what_is_prepared_too_late_changes_nothing(visit, made, hurry, monkeypatch):
    """Not the drawing beneath a face that is not its own, nor what was done in the meantime."""
    go_on, ended, begin = threading.Event(), threading.Event(), PadState.begin_with

    def slowly(pad, start):
        go_on.wait(60)
        try:
            begin(pad, start)
        finally:
            ended.set()

    before = visit(kind="hello", n=1)
    monkeypatch.setattr(PadState, "begin_with", slowly)
    hurry(0.5)
    late = visit(kind="start", n=2, name="drawn face 8")
    assert "took longer than 0.5 seconds" in late["problem"] and made.state.engine.waiting == 0
    hurry(60.0)
    go_on.set()
    assert ended.wait(60)
    after = visit(kind="hello", n=3)
    assert (after["drawing"], after["face"]) == (before["drawing"], before["face"])
    assert visit(kind="set", n=4, detail=0.5)["face"] == before["face"]


def test_the_pad_keeps_versions_over_models_and_paints_maps(visit):
    first = visit.values["face"]
    visit(kind="keep", n=1)
    assert visit(kind="model", n=2, name="map-to-face-64")["state"]["reads"] == "map"
    assert len(visit.values["state"]["variants"]) == 8
    labels = synthetic.draw_face(8, size_px=256).mask
    face = visit.values["face"]
    assert visit(kind="draw", n=3, picture=picture_uri(page.masks.colour(labels)))["face"] != face
    assert visit(kind="choose", n=4, number=2)["problem"] == ""
    assert visit(kind="back", n=5, number=0)["face"] == first and visit.values["state"]["model"] == "sketch-to-photo"
    assert visit(kind="drop", n=6, number=0)["state"]["versions"] == []


def test_the_pad_enhances_in_the_restorers_thread(visit, made):
    plain = visit.values["face"]
    enhanced = visit(kind="set", n=1, strength=1.0)["face"]
    assert enhanced != plain and visit.values["problem"] == "" and visit(kind="set", n=2, strength=0.0)["face"] == plain
    hinted = visit(kind="hint", n=3, part="hair", colour="#d0a040")["face"]
    assert visit(kind="set", n=4, strength=1.0)["face"] not in (hinted, enhanced, plain)
    assert visit(kind="model", n=5, name="sketch-to-face-64")["problem"] == ""
    assert len(visit.values["state"]["variants"]) == 8
    engine, go_on = made.state.engine, threading.Event()
    engine.lanes.lane(engine.catalogue.restorer()).call(lambda _model: go_on.wait(60))
    waits = threading.Thread(target=lambda: visit(kind="choose", n=6, number=1))
    waits.start()
    until = time.monotonic() + 60
    while engine.waiting == 0:
        assert time.monotonic() < until
        time.sleep(0.02)
    asked = engine.call(engine.catalogue.choose("sketch-to-face-64"), lambda model: model.facts.name)
    assert asyncio.run(asyncio.wait_for(asked, 60)) == "sketch-to-face-64"  # its thread is free meanwhile
    go_on.set()
    waits.join(60)
    assert visit.values["problem"] == "" and len(visit.values["state"]["variants"]) == 8


def test_an_empty_drawing_has_no_face(visit):
    assert visit(kind="draw", n=1, picture=picture_uri(hostile.np.full((512, 512, 3), 255, "uint8")))["face"] == ""
    assert "empty" in visit.values["problem"]


def test_silent_visits_go_although_nobody_else_comes(client, made, monkeypatch):
    name = client.post("/app/visits").json()["visit"]
    visits = made.state.visits
    visits._visits[name].at -= made.state.engine.limits.visit_s + 1
    monkeypatch.setattr(api, "SWEEP_S", 0.05)
    monkeypatch.setattr(made.state.engine, "close", lambda: None)
    with TestClient(made, base_url="http://127.0.0.1:5000"):  # the app's own beginning and end
        until = time.monotonic() + 30
        while name in visits._visits:
            assert time.monotonic() < until
            time.sleep(0.02)


def test_two_visits_do_not_see_each_other(client, visit):
    other = client.post("/app/visits").json()
    before = visit.values["face"]
    drawing = hostile.np.asarray(hostile.drawing((512, 512)))
    client.post(f"/app/visits/{other['visit']}", json={"kind": "draw", "n": 1, "picture": picture_uri(drawing)})
    assert visit(kind="hello", n=1)["face"] == before


@pytest.mark.parametrize("content", [
    {"kind": "draw"}, {"kind": "draw", "picture": 5}, {"kind": "draw", "picture": "data:,x"},
    {"kind": "draw", "picture": ""}, {"kind": "model", "name": "../../etc/passwd"}, {"kind": "model"},
    {"kind": "model", "name": "photo-to-sketch"},
    {"kind": "start", "name": "/etc/passwd"}, {"kind": "back", "number": 99}, {"kind": "back", "number": "0"},
    {"kind": "choose", "number": 10**9}, {"kind": "set", "seed": "x"}, {"kind": "drop", "number": None},
    {"kind": "hint", "part": "nose", "colour": "#fff"}, {"kind": "region", "points": "abc"},
    {"kind": "region", "points": [[0, 0]] * 6000},
    {"kind": "upload", "picture": "data:image/png;base64,AAAA", "name": "../../x"},
])  # fmt: skip
def test_bad_messages_are_answered_with_words(visit, content):
    face = visit.values["face"]
    values = visit(n=1, **content)
    assert len(values["problem"]) > 10 and "Traceback" not in values["problem"] and values["face"] == face
    assert str(ROOT) not in values["problem"]
    assert visit(kind="set", n=2, detail=0.25)["problem"] == ""


@pytest.mark.parametrize("points", [
    [[[0] * 15_000, 0], [0, 0]], [["9" * 300_000, 0], [0, 0]], [[1e300, 0], [0, 0]], [[float("nan"), 0]] * 3,
    [[0, 0, 0]] * 3, {"x": 1}, "text", [None] * 3,
], ids=range(8))  # fmt: skip
def test_no_outline_takes_more_than_its_own_memory(visit, points):
    body = json.dumps({"kind": "region", "n": 1, "points": points})  # NaN as JSON knows no other way
    tracemalloc.start()
    answer = visit.client.post(f"/app/visits/{visit.name}", content=body)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 10 < len(answer.json()["values"]["problem"]) <= 300 and most < 15e6


def test_messages_of_many_parts_are_not_read(client, visit):
    body = b'{"kind": "hello", "a": [' + b"{}," * 1_000_000 + b"{}]}"
    begun = time.perf_counter()
    assert client.post("/app/visits/nobody", content=body).status_code == 404
    assert client.post(f"/app/visits/{visit.name}", content=body).status_code == 422
    assert time.perf_counter() - begun < 5


def test_bombs_in_the_pad_are_refused(visit):
    import base64

    content = hostile.BAD["PNG bomb, 30,000 x 30,000"][1]()
    uri = "data:image/png;base64," + base64.b64encode(content).decode()
    assert "million" in visit(kind="upload", n=1, picture=uri, name="x")["problem"]
    assert "million" in visit(kind="draw", n=2, picture=uri)["problem"]


def test_visits_end_and_the_oldest_goes(client, made):
    names = [client.post("/app/visits").json()["visit"] for _ in range(5)]
    assert len(made.state.visits) == 4 and len(set(names)) == 5
    assert client.post(f"/app/visits/{names[0]}", json={"kind": "hello"}).status_code == 404
    assert client.post(f"/app/visits/{names[4]}", json={"kind": "hello"}).status_code == 200
    for name, status in zip(names, (404, 200, 200, 200, 200), strict=True):
        assert client.post(f"/app/visits/{name}", json={"kind": "bye"}).status_code == status
    assert len(made.state.visits) == 0
    for body in (b"", b"[]", b"{", b"[" * 100_000, b'{"kind": 5}', b'{"kind": "sing"}'):
        assert client.post(f"/app/visits/{names[4]}", content=body).status_code in (404, 422)


def test_nobody_is_told_a_visits_name_by_the_log(client, visit, caplog, monkeypatch):
    monkeypatch.setattr(gate.LOGGER, "propagate", True)
    with caplog.at_level("INFO", logger=gate.LOGGER.name):
        visit(kind="hello", n=1)
    assert '"/app/visits/*"' in caplog.text and visit.name not in caplog.text


def test_no_file_is_written(client, visit, monkeypatch):
    monkeypatch.setattr(tempfile.SpooledTemporaryFile, "rollover", lambda _self: 1 / 0)  # onto the disk
    folder = Path(tempfile.gettempdir())
    before = set(os.listdir(folder))
    visit(kind="draw", n=1, picture=picture_uri(drawings.example("hat")[:400, :400]))
    large = hostile.saved(hostile.drawing((1500, 1500)), "BMP")
    for content in (hostile.GOOD["PNG"](), hostile.GOOD["JPEG"](), large):
        assert client.post("/api/translate", files={"file": ("a", content)}).status_code == 200
    assert {name for name in set(os.listdir(folder)) - before if re.search("s2f|upload", name)} == set()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture()
def served(tmp_path):
    """`s2f app` in a process of its own: (process, address)."""
    port = free_port()
    log = (tmp_path / "log.txt").open("w+")
    command = [
        sys.executable,
        "-m",
        "s2f_utils",
        "app",
        "--port",
        str(port),
        "--runs",
        str(tmp_path),
        "--device",
        "cpu",
    ]
    own = {"PYTHONPATH": str(ROOT), "http_proxy": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    process = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log, cwd=tmp_path)
    until = time.monotonic() + 300
    try:
        while True:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None and time.monotonic() < until, Path(log.name).read_text()
                time.sleep(0.3)
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(20)
        log.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_starts_offline_and_ends_after_the_requests_in_flight(served, number, tmp_path):
    process, address = served
    form, answers = {"candidates": "8", "enhance": "true"}, []

    def asks():
        file = {"file": ("a.png", hostile.GOOD["PNG"]())}
        answers.append(httpx.post(f"{address}/api/translate", files=file, data=form, timeout=120, trust_env=False))

    asking = threading.Thread(target=asks)
    asking.start()
    until = time.monotonic() + 60
    while httpx.get(f"{address}/health", trust_env=False, timeout=60).json()["waiting"] == 0:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.send_signal(number)
    asking.join(120)
    assert process.wait(60) in (0, -number, 128 + number, 130)
    assert [answer.status_code for answer in answers] == [200]
    said = (tmp_path / "log.txt").read_text()
    assert "Sketch to Face on http://localhost" in said and "Traceback" not in said


def test_no_header_says_who_asks(served):
    """The rate limit is that of the connection's own address."""
    _, address = served
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        statuses = [
            client.post("/api/translate", headers={"x-forwarded-for": f"10.0.0.{n}"}).status_code for n in range(90)
        ]
    assert statuses[0] == 400 and statuses[-1] == 429


def test_connections_on_which_nothing_is_asked_are_closed(monkeypatch, tmp_path):
    monkeypatch.setattr(server, "SILENT_S", 0.5)
    running = server.start_in_notebook(runs=tmp_path, device="cpu", show=False)
    try:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: loc"):
            with socket.create_connection(("127.0.0.1", running.port)) as silent:
                silent.sendall(said)
                silent.settimeout(30)
                assert silent.recv(100) == b""
    finally:
        running.stop()


def test_a_port_that_is_taken_is_one_line(capsys):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        assert cli.main(["app", "--port", str(other.getsockname()[1])]) == 2
    said = capsys.readouterr().err
    assert "--port" in said and said.count("\n") == 1
    assert cli.main(["app", "--port", "70000"]) == 2


def test_without_the_packages_it_says_what_to_install(monkeypatch, capsys):
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "uvicorn" else find(name, *more)
    )
    assert cli.main(["app"]) == 2
    assert "pip install" in capsys.readouterr().err


def test_the_packages_that_are_asked_for_are_those_of_the_extra():
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8").partition("\napp = [")[2].partition("]")[0]
    assert {name.replace("_", "-") for name in server.NEEDED} <= set(re.findall(r'"([\w-]+)>=', declared))


def test_it_checks_itself(capsys, tmp_path):
    assert cli.main(["app", "--check", "--device", "cpu"]) == 0
    assert re.search(r"answered a drawing in \d+ ms", capsys.readouterr().out)


def test_the_notebooks_models_are_offered():
    """Notebook 02b trains into the folder that its app's cell offers."""
    cells = json.loads((ROOT / "notebooks" / "02b_best_models.ipynb").read_text(encoding="utf-8"))["cells"]
    source = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    assert 'open_run(chosen, manifest, session.folder / "runs"' in source
    assert 'start_in_notebook(runs=session.folder / "runs"' in source


def test_in_a_notebook_it_runs_beside_the_cells(tmp_path):
    before = dict(os.environ)
    running = server.start_in_notebook(runs=tmp_path, device="cpu", show=False)
    try:
        assert httpx.get(f"{running.url}/health", trust_env=False).json()["status"] == "ok"
        assert httpx.get(running.url, trust_env=False).status_code == 200
        changed = {name for name in os.environ if os.environ[name] != before.get(name)}
        assert not changed  # downloads in other cells go on
    finally:
        running.stop()
    with pytest.raises(httpx.HTTPError):
        httpx.get(f"{running.url}/health", trust_env=False)


@pytest.mark.fuzz
def test_fuzzed_by_its_own_description(client, made):
    """A short run of schemathesis: no answer but those that are described."""
    schemathesis = pytest.importorskip("schemathesis", reason="no schemathesis: make test-browser")
    hypothesis = pytest.importorskip("hypothesis")
    of_openapi = pytest.importorskip("schemathesis.specs.openapi.checks")
    checks = [
        pytest.importorskip("schemathesis.checks").not_a_server_error, of_openapi.status_code_conformance,
        of_openapi.content_type_conformance, of_openapi.response_schema_conformance,
    ]  # fmt: skip
    every = list(hypothesis.HealthCheck)
    few = {"max_examples": 25, "deadline": None, "suppress_health_check": every, "database": None}
    schema = schemathesis.openapi.from_asgi("/openapi.json", made)
    tried = []
    for operation in schema.get_all_operations():
        one = operation.ok()

        @hypothesis.settings(phases=[hypothesis.Phase.generate], **few)
        @hypothesis.given(case=one.as_strategy())
        def fuzz(case):
            answer = case.call()
            tried.append(answer.status_code)
            case.validate_response(answer, checks=checks)

        fuzz()
    assert len(tried) > 40 and {200, 415} & set(tried) and max(tried) < 500
