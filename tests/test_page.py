"""The page that answers by itself: what is written, from where, and what is refused; tests/browser plays it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from s2f_utils import weights
from s2f_utils.app import page as served
from s2f_utils.app.alone import ort
from s2f_utils.app.alone.facts import facts_of_page, script_of
from s2f_utils.app.alone.ort import BUILDS, PACKAGE, VERSION, RuntimeMissingError, write_runtime
from s2f_utils.app.alone.page import HERE, STATIC, export_page, page_html
from s2f_utils.cli import main
from s2f_utils.pictures import drawings, images
from s2f_utils.weights.download import DownloadError

NODE = shutil.which("node")
SCRIPTS = sorted(STATIC.glob("*.js"))
MADE = ("facts.js",)  # by the export
needs_node = pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs")


def package(folder: Path, version: str = VERSION) -> Path:
    """A folder like the one that onnxruntime-web unpacks to."""
    (folder / "dist").mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": PACKAGE, "version": version}))
    for script, binary in BUILDS.values():
        (folder / "dist" / script).write_text("// a script")
        (folder / "dist" / binary).write_bytes(b"\0asm" * 500)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """The page with graphs that are none, so that it is written in seconds."""
    root = tmp_path_factory.mktemp("page")
    models = {}
    for name, stage in ((weights.DEFAULT, "look"), ("photo-to-sketch", "translate")):
        models[name] = root / name
        models[name].mkdir()
        (models[name] / f"{stage}.onnx").write_bytes(b"a graph")
    return export_page(root / "site", ort=package(root / "ort"), models=models)


def facts_in(folder: Path) -> dict:
    text = (folder / "files" / "facts.js").read_text(encoding="utf-8")
    return json.loads(text.partition("export const FACTS = ")[2].rstrip(";\n"))


def test_the_folder_holds_all_that_the_page_asks_for(folder):
    names = {path.name for path in (folder / "files").iterdir()}
    assert {"facts.js", "host.js", "worker.js", "app.js", "sketch_pad.js", "gallery.json", "alone.css"} <= names
    assert (folder / "files" / "host.js").read_text() == (STATIC / "host.js").read_text()
    asked = re.findall(r'(?:href|src)="([^"#]+)"', (folder / "index.html").read_text(encoding="utf-8"))
    assert asked and all((folder / name).is_file() for name in asked)
    for name in json.loads((folder / "files" / "gallery.json").read_text())["good"]:
        assert (folder / "files" / name["drawing"]).is_file()
    facts = facts_in(folder)
    runtime = facts["runtime"]
    files = [
        *runtime["graphs"].values(),
        *(file for build in ("card", "processor") for file in runtime[build].values()),
    ]
    assert {"look", "translate"} <= set(runtime["graphs"]) and all((folder / name).is_file() for name in files)
    assert runtime["bytes"][runtime["graphs"]["look"]] == len(b"a graph")
    assert (folder / ".nojekyll").is_file() and not [path for path in folder.parent.iterdir() if path.name[0] == "."]


def test_the_first_sentence_says_that_nothing_leaves_and_nothing_else_is_let_in():
    text = page_html()
    body = text.partition("<body")[2]
    assert re.search(r"<p[^>]*>([^<]+)", body)[1].startswith(HERE)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    allowed = {word for part in policy.split(";") for word in part.split()[1:]}
    assert allowed == {"'none'", "'self'", "'wasm-unsafe-eval'", "data:", "blob:"}
    assert "default-src 'none'" in policy and "connect-src 'self';" in policy
    assert "api/" not in text and "docs" not in text and 'data-panel="models"' not in text


def test_examples_and_starts_are_the_apps(folder):
    for name in (*drawings.EXAMPLES, *served.PHOTOS):
        assert np.array_equal(images.load_rgb(folder / "examples" / f"{name}.png"), served.example(name))
    for name in facts_in(folder)["pad"]["state"]["starts"]:
        assert images.load_rgb(folder / "starts" / f"{name.replace(' ', '-')}.png").shape == (512, 512, 3)


def test_licences_name_what_lies_in_the_folder(folder, tmp_path, monkeypatch):
    terms = (folder / "LICENSES.txt").read_text(encoding="utf-8")
    has_detector = (folder / "models" / "yunet.onnx").is_file()
    assert "Microsoft Corporation" in terms and f"{PACKAGE} {VERSION}" in terms
    assert ("Shiqi Yu" in terms) == has_detector == facts_in(folder)["has_detector"]


# What is refused


def test_nothing_is_written_over_or_half_written(tmp_path):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something already"):
        export_page(full)
    with pytest.raises(RuntimeMissingError, match="no such file or folder.*npm pack onnxruntime-web@"):
        export_page(tmp_path / "new", ort=tmp_path / "nowhere.tgz")
    broken = package(tmp_path / "ort")
    with pytest.raises(FileNotFoundError):
        export_page(tmp_path / "new", ort=broken, models=dict.fromkeys((weights.DEFAULT,), tmp_path / "nowhere"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "ort"]


def test_another_package_is_no_runtime(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(RuntimeMissingError, match="holds onnxruntime-web 1.2.3, not onnxruntime-web"):
        write_runtime(tmp_path / "out", package(tmp_path / "old", "1.2.3"))
    (tmp_path / "wrong.tgz").write_bytes(b"something else")
    with pytest.raises(RuntimeMissingError, match="SHA-512 differs"):
        write_runtime(tmp_path / "out", tmp_path / "wrong.tgz")
    lacking = package(tmp_path / "lacking")
    (lacking / "dist" / BUILDS["card"][1]).unlink()
    with pytest.raises(RuntimeMissingError, match="asyncify.wasm is missing"):
        write_runtime(tmp_path / "out", lacking)


def test_without_npm_and_network_it_is_said_what_to_do(tmp_path, monkeypatch):
    def fetch(url, *_given, **_options):
        raise DownloadError(f"{url}: the server cannot be reached")

    monkeypatch.setattr(ort.shutil, "which", lambda _name: None)
    monkeypatch.setattr(ort, "fetch", fetch)
    with pytest.raises(RuntimeMissingError, match="cannot be had .*the server cannot be reached.*give --ort the file"):
        export_page(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_the_command_line_says_what_is_wrong(tmp_path, capsys):
    assert main(["export", "page", str(tmp_path / "out"), "--ort", str(tmp_path / "nowhere")]) == 2
    assert "there is no such file or folder: give --ort" in capsys.readouterr().err
    assert main(["export", "sketch-to-photo", str(tmp_path / "out"), "--ort", "x"]) == 2
    assert "--ort is for the page alone" in capsys.readouterr().err
    assert main(["export", "page", str(tmp_path / "out"), "--direction", "photo-to-sketch"]) == 2
    assert "the page has both directions" in capsys.readouterr().err


# The scripts


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_script_says_what_it_is_and_imports_what_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// ") and len(text.splitlines()) < 400
    there = {*(one.name for one in SCRIPTS), *served.FILES, *MADE}
    for line in re.findall(r"^import\b.*$", text, flags=re.M):
        assert re.findall(r'^import [*\w{}, ]+ from "\./([\w.]+)";$', line)[0] in there


def test_what_scripts_read_of_the_facts_is_there():
    given = facts_of_page(has_detector=True) | {"runtime": dict.fromkeys(("graphs", "weights", "bytes", *BUILDS))}
    facts = json.loads(script_of(given).partition("export const FACTS = ")[2].rstrip(";\n"))
    read = 0
    for path in SCRIPTS:
        text = re.sub(r"(^|\s)//.*|^import .*", "", path.read_text(encoding="utf-8"), flags=re.M)
        called = {f"FACTS.{name}": name for name in re.findall(r"\bFACTS\.(\w+)", text)}
        for names in re.findall(r"const {([^}]+)} = FACTS;", text):
            pairs = [[part.strip() for part in name.split(":")] for name in names.split(",")]
            called |= {pair[-1]: pair[0] for pair in pairs}
        assert set(called.values()) <= set(facts), path.name
        for name, key in called.items():
            if isinstance(facts[key], dict) and name != "told":  # which is what answers are called, too
                inside = set(re.findall(rf"(?<![\w.]){re.escape(name)}\.(\w+)", text))
                assert inside <= set(facts[key]), path.name
                read += len(inside)
    assert read > 50


def test_the_host_has_the_functions_of_the_apps():
    exported = r"^export (?:async )?(?:function|const) (\w+)"
    mine, apps = (
        set(re.findall(exported, (folder / "host.js").read_text(), re.M)) for folder in (STATIC, served.STATIC)
    )
    assert mine == apps


@needs_node
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_node_can_read_a_script(path, tmp_path):
    module = tmp_path / "script.mjs"
    module.write_bytes(path.read_bytes())
    done = subprocess.run([NODE, "--check", str(module)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


@needs_node
@pytest.mark.parametrize("name", ["photo-to-sketch", "sketch-to-photo-rendered"])
def test_weights_are_unpacked_as_in_python(name, tmp_path):
    from safetensors.torch import load_file

    from s2f_utils.models.compact import unpacked

    shutil.copyfile(STATIC / "safetensors.js", tmp_path / "safetensors.mjs")
    code = (
        'import fs from "node:fs"; import { expanded } from "./safetensors.mjs";'
        "fs.writeFileSync(process.argv[3], expanded(new Uint8Array(fs.readFileSync(process.argv[2]))));"
    )
    (tmp_path / "run.mjs").write_text(code)
    command = [NODE, tmp_path / "run.mjs", weights.shipped(name), tmp_path / "out"]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    tensors = unpacked(load_file(weights.shipped(name)))
    wanted = np.concatenate([tensors[key].numpy().ravel() for key in sorted(tensors)])
    assert wanted.std() > 0 and np.array_equal(np.fromfile(tmp_path / "out", np.float32), wanted)
