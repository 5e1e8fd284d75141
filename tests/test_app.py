"""The web app as a whole: its page, its sketch pads, file routes that stay closed, and how it
starts and ends.
"""

from __future__ import annotations

import io
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra 'app' is not installed: pip install -e '.[app]'")
httpx = pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402

from s2f_studio import cli  # noqa: E402
from s2f_studio.drawings import prepare as drawings  # noqa: E402
from s2f_studio.page import drawing, page  # noqa: E402
from s2f_studio.page.uploads import picture_in  # noqa: E402
from s2f_studio.server import api, server  # noqa: E402
from s2f_studio.server.service import Limits  # noqa: E402
from s2f_utils import weights  # noqa: E402
from s2f_utils.pictures import images, masks  # noqa: E402
from tests import hostile  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
SECRETS = {  # {file: words that are in it and on no page of ours}
    "/etc/passwd": b"root:",
    str(ROOT / "pyproject.toml"): b"[build-system]",
    str(weights.shipped("photo-to-sketch")): b"__metadata__",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    limits = Limits(per_minute=0)
    before = {name: os.environ.get(name) for name in ("S2F_OFFLINE",)}
    made = server.create(runs=tmp_path_factory.mktemp("runs"), device="cpu", limits=limits)
    yield made
    made.state.service.close()
    for name, value in before.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="module")
def client(made):
    return TestClient(made, base_url="http://127.0.0.1:5000")


def test_the_page_comes_and_names_nothing_from_elsewhere(client):
    home = client.get("/")
    assert home.status_code == 200 and "app/files/app.js" in home.text
    loaded = re.findall(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=[\"']([^\"']+)", home.text)
    assert loaded and not [one for one in loaded if one.startswith(("http", "//"))]
    allowed = home.headers["content-security-policy"]
    assert "default-src 'none'" in allowed and "unsafe" not in allowed
    assert not re.search(
        r"<script(?![^>]*src=)|<style|\son\w+=|\sstyle=|javascript:", home.text
    )  # none inline
    assert images.GENERATED_NOTE in home.text


def test_scripts_and_examples_come_and_no_other_files(client):
    for path in (*page.STATIC.iterdir(), *page.GALLERY.iterdir()):
        answer = client.get(f"/app/files/{path.name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(page.TYPES[path.suffix])
        assert (
            "http://" not in answer.text.replace("http://www.w3.org", "")
            and "https://" not in answer.text
        )
    for path in (
        "app.py",
        "..%2fapp.py",
        "%2e%2e/app.py",
        "page.py",
        "",
        "examples/beard.png",
    ):
        assert client.get(f"/app/files/{path}").status_code == 404, path
    for path in ("photo-99", "photo-3;x", "beard.png", "..%2fexamples%2fbeard", "photo-"):
        for reads in ("sketch", "photo", "nothing"):
            assert client.get(f"/app/starts/{reads}/{path}").status_code == 404, path


def test_files_come_packed_and_are_sent_again_only_when_they_changed(client):
    first = client.get("/app/files/pad.js")
    assert first.headers["content-encoding"] == "gzip"
    assert first.headers["cache-control"] == "no-cache"  # kept, and asked about before each use
    etag = {"if-none-match": first.headers["etag"]}
    again = client.get("/app/files/pad.js", headers=etag)
    assert (again.status_code, again.content) == (304, b"")
    assert client.head("/app/files/pad.js").status_code == 200


def test_a_page_for_others_says_that_pictures_travel(made, client):
    assert client.get("/app/about").json()["notice"] == ""
    for notice in (server.NETWORK, server.ON_HUB, server.IN_COLAB):
        other = TestClient(api.create_api(made.state.service, notice=notice))
        assert "travels" in notice and other.get("/app/about").json()["notice"] == notice


def test_the_pad_begins_where_its_model_expects_the_face(client):
    for reads, names in drawing.STARTS.items():
        for name in (names[0], names[-1]):
            answer = client.get(f"/app/starts/{reads}/{quote(name)}")
            side = 256 if reads == "map" else 512
            assert Image.open(io.BytesIO(answer.content)).size == (side, side)
    assert (
        client.get("/app/starts/map/beard").status_code
        == client.get("/app/starts/x/beard").status_code
        == 404
    )


def test_an_upload_is_cropped_for_the_pad(client):
    def given(content, **fields):
        return client.post("/app/crop", files={"file": ("a", content)}, data=fields)

    told = given(hostile.GOOD["PNG"]()).json()
    assert picture_in(told["drawing"]).shape == (512, 512, 3) and "drawing" not in told["codes"]
    assert not [one for one in told["warnings"] if "s2f " in one]
    labels = images.png_of(masks.shown(drawing.start_of("map", "map-3")))
    of_map = given(labels, model="map-to-face-512").json()
    assert picture_in(of_map["drawing"]).shape == (256, 256, 3)
    example = images.png_of(drawings.example("beard"))
    high = given(example, points="0.36,0.4,0.62,0.42,0.49,0.66").json()
    low = given(example, points="0.36,0.5,0.62,0.52,0.49,0.76").json()
    assert high["points"][0] == [0.36, 0.4] and high["drawing"] != low["drawing"]
    photo = images.png_of(drawing.start_of("photo", "photo-3"))
    of_photo = given(photo, direction="photo-to-sketch", insist="true").json()
    assert picture_in(of_photo["drawing"]).shape == (512, 512, 3)
    assert given(hostile.house()).json()["code"] == "no-face"
    assert (
        given(b"words").status_code == 415
        and given(hostile.png(10_000, 10_000, depth=1)).status_code == 413
    )
    assert given(labels, model="nobody").status_code == 404


def test_no_file_is_written(client, monkeypatch):
    monkeypatch.setattr(
        tempfile.SpooledTemporaryFile, "rollover", lambda _self: 1 / 0
    )  # onto the disk
    folder = Path(tempfile.gettempdir())
    before = set(os.listdir(folder))
    for content in (hostile.GOOD["PNG"](), hostile.saved(hostile.drawing((1500, 1500)), "BMP")):
        sent = {"files": {"file": ("a", content)}, "data": {"preview": "true"}}
        assert client.post("/api/translate", **sent).status_code == 200
    assert {
        name for name in set(os.listdir(folder)) - before if re.search("s2f|upload", name)
    } == set()


def remembered() -> dict[str, int]:
    """How much each cache of ours holds."""
    ours = [one for name, one in list(sys.modules.items()) if name.startswith("s2f_")]
    cached = [one for module in ours for one in vars(module).values() if hasattr(one, "cache_info")]
    return {f"{one.__module__}.{one.__name__}": one.cache_info().currsize for one in cached}


def test_no_picture_is_kept_once_it_is_answered(client):
    """As the page says; 16 visitors' crops were."""

    def answered(size):
        content = hostile.saved(hostile.drawing(size), "PNG")
        fields = {"insist": "true", "preview": "true"}
        answer = client.post("/api/translate", files={"file": ("a", content)}, data=fields)
        assert answer.status_code == 200
        return remembered()

    before = answered((300, 340))
    assert len(before) > 3 and answered((340, 400)) == before


@pytest.mark.parametrize("secret", SECRETS)
def test_no_route_reads_a_file_of_the_machine(client, secret):
    up = "../" * 12 + secret.lstrip("/")
    names = [
        secret,
        secret.lstrip("/"),
        up,
        quote(secret, safe=""),
        quote(up, safe=""),
        up.replace("../", "..%2f"),
    ]
    names += [
        up.replace("../", "%2e%2e/"),
        up.replace("../", "....//"),
        up.replace("../", "..\\"),
        f"file://{secret}",
    ]
    names += [
        up.replace("../", "..%5c"),
        up.replace("../", "..%252f"),
        secret + "%00.png",
        "./" + secret,
    ]
    routes = [
        "/file/{}",
        "/app/{}",
        "/docs/{}",
        "/static/{}",
        "/app/starts/sketch/{}",
        "/app/starts/{}/x",
        "/app/files/{}",
        "/{}",
        "/api/models?path={}",
        "/?file={}",
        "/app/about?path={}",
        "/app/files?name={}",
    ]
    for route in routes:
        for name in names:
            answer = client.get(route.format(name), follow_redirects=True)
            assert SECRETS[secret] not in answer.content, (route, name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture()
def served(tmp_path):
    """`s2f app` in a process of its own: (process, address)."""
    port = free_port()
    log = (tmp_path / "log.txt").open("w+")
    options = ["--port", str(port), "--runs", str(tmp_path), "--device", "cpu"]
    command = [sys.executable, "-m", "s2f_studio", "app", *options]
    own = {
        "PYTHONPATH": str(ROOT),
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
    }
    process = subprocess.Popen(command, env=os.environ | own, stdout=log, stderr=log, cwd=tmp_path)
    until = time.monotonic() + 300
    try:
        while True:
            try:
                httpx.get(
                    f"http://127.0.0.1:{port}/health", timeout=5, trust_env=False
                ).raise_for_status()
                break
            except httpx.HTTPError:
                assert process.poll() is None and time.monotonic() < until, Path(
                    log.name
                ).read_text()
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
    form, answers = {"candidates": "2", "preview": "true"}, []  # and its model is not loaded yet

    def asks():
        file = {"file": ("a.png", hostile.GOOD["PNG"]())}
        answers.append(
            httpx.post(
                f"{address}/api/translate", files=file, data=form, timeout=120, trust_env=False
            )
        )

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


def test_only_a_trusted_proxy_says_who_asks(tmp_path):
    """The rate limit is that of the connection's own address, or of the one that the proxy
    names.
    """

    def statuses(trusted_proxy: str) -> list[int]:
        limits = Limits(per_minute=1, burst=3)
        app = server.create(runs=tmp_path, device="cpu", limits=limits, behind_proxy=True)
        running = server.Running(server.server_of(app, "127.0.0.1", 0, trusted_proxy), 0)
        running.wait()
        port = running._server.servers[0].sockets[0].getsockname()[1]
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as visitor:
            found = []
            for number in range(5):
                headers = {"x-forwarded-for": f"10.0.0.{number}"}
                found.append(visitor.post("/api/translate", headers=headers).status_code)
        running.stop()
        return found

    assert statuses("") == [400, 400, 400, 429, 429]
    assert statuses("127.0.0.1") == [400] * 5


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
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == "uvicorn" else find(name, *more),
    )
    assert cli.main(["app"]) == 2
    assert "pip install" in capsys.readouterr().err


def test_it_checks_itself(capsys, tmp_path):
    assert cli.main(["app", "--check", "--device", "cpu"]) == 0
    assert re.search(r"answered a drawing in \d+ ms", capsys.readouterr().out)


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
    schemathesis = pytest.importorskip(
        "schemathesis", reason="no schemathesis: make setup S2F_EXTRA=test-browser"
    )
    hypothesis = pytest.importorskip("hypothesis")
    of_openapi = pytest.importorskip("schemathesis.specs.openapi.checks")
    checks = [
        pytest.importorskip("schemathesis.checks").not_a_server_error,
        of_openapi.status_code_conformance,
        of_openapi.content_type_conformance,
        of_openapi.response_schema_conformance,
    ]
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
    assert len(tried) > 25 and {200, 415} & set(tried) and max(tried) < 500
