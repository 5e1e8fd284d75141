"""The page that answers by itself: what is written, from where, and what is refused; tests/browser
plays it.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from s2f_studio.drawings import bending, cleanup, mesh, paper
from s2f_studio.drawings import likely as shapes
from s2f_studio.drawings import prepare as drawings
from s2f_studio.page import page as served
from s2f_studio.server.alone import ort
from s2f_studio.server.alone.facts import facts_of_page, script_of
from s2f_studio.server.alone.ort import BINARY, PACKAGE, SCRIPT, VERSION, RuntimeMissingError
from s2f_studio.server.alone.page import HERE, STATIC, export_page, page_html
from s2f_utils import weights
from s2f_utils.pictures import faces, images
from s2f_utils.weights.compact import expanded
from s2f_utils.weights.download import DownloadError

NODE = shutil.which("node")
BLANK = np.zeros((1, 1, 3), np.uint8)
SCRIPTS = sorted(STATIC.glob("*.js"))
needs_node = pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs")


@pytest.fixture(scope="module")
def package(tmp_path_factory) -> Path:
    """A file like npm's of onnxruntime-web, but small."""
    path = tmp_path_factory.mktemp("ort") / "ort.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in ((SCRIPT, b"// a script"), (BINARY, b"\0asm" * 500)):
            about = tarfile.TarInfo(f"package/dist/{name}")
            about.size = len(content)
            archive.addfile(about, io.BytesIO(content))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ort, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
        yield path


@pytest.fixture(scope="module")
def folder(package, tmp_path_factory) -> Path:
    """The page with an onnxruntime-web that is none, so that nothing is fetched."""
    return export_page(tmp_path_factory.mktemp("page") / "site", ort=package)


def facts_in(folder: Path) -> dict:
    text = (folder / "files" / "facts.js").read_text(encoding="utf-8")
    return json.loads(text.partition("export const FACTS = ")[2].rstrip(";\n"))


def test_the_folder_holds_all_that_the_page_asks_for(folder):
    names = {path.name for path in (folder / "files").iterdir()}
    assert {
        "facts.js",
        "host.js",
        "worker.js",
        "app.js",
        "sketch_pad.js",
        "gallery.json",
        "alone.css",
    } <= names
    assert (folder / "files" / "host.js").read_text() == (STATIC / "host.js").read_text()
    asked = re.findall(
        r'(?:href|src)="([^"#]+)"', (folder / "index.html").read_text(encoding="utf-8")
    )
    assert asked and all((folder / name).is_file() for name in asked)
    for name in json.loads((folder / "files" / "gallery.json").read_text())["good"]:
        assert (folder / "files" / name["drawing"]).is_file()
    facts = facts_in(folder)
    runtime = facts["runtime"]
    files = [*runtime["graphs"].values(), runtime["script"], runtime["binary"]]
    files += [file for names in runtime["weights"].values() for file in names]
    detector = {"yunet"} if weights.find("yunet") else set()  # it comes along where it is here
    assert (
        {"look", "translate", "lay_large"}
        <= set(runtime["graphs"])
        == set(runtime["weights"]) | detector
    )
    assert all((folder / name).is_file() for name in files) and set(files) >= set(runtime["bytes"])
    assert runtime["weights"]["look"] == ["models/finder.safetensors"]
    assert runtime["bytes"]["models/finder.safetensors"] == weights.shipped("finder").stat().st_size
    assert (folder / ".nojekyll").is_file() and not [
        path for path in folder.parent.iterdir() if path.name[0] == "."
    ]


def test_the_first_sentence_says_that_nothing_leaves_and_nothing_else_is_let_in():
    text = page_html()
    body = text.partition("<body")[2]
    assert re.search(r"<p[^>]*>([^<]+)", body)[1].startswith(HERE)
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)[1]
    allowed = {word for part in policy.split(";") for word in part.split()[1:]}
    assert allowed == {"'none'", "'self'", "'wasm-unsafe-eval'", "data:", "blob:"}
    assert "default-src 'none'" in policy and "connect-src 'self';" in policy
    assert not any(word in text for word in ("api/", "docs", "app/files", 'data-panel="models"'))


def test_licences_name_what_lies_in_the_folder(folder):
    terms = (folder / "LICENSES.txt").read_text(encoding="utf-8")
    has_detector = (folder / "models" / "yunet.onnx").is_file()
    assert all(
        one in terms for one in ("Sketch to Face", "Microsoft Corporation", f"{PACKAGE} {VERSION}")
    )
    assert ("Shiqi Yu" in terms) == has_detector == facts_in(folder)["has_detector"]


# What is refused


def test_nothing_is_written_over_or_half_written(package, tmp_path, monkeypatch):
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="holds something already"):
        export_page(full)
    with pytest.raises(RuntimeMissingError, match="no such file.*npm pack onnxruntime-web@"):
        export_page(tmp_path / "new", ort=tmp_path / "nowhere.tgz")
    (tmp_path / "other.tgz").write_bytes(b"another")
    with pytest.raises(RuntimeMissingError, match="its SHA-256 differs"):
        export_page(tmp_path / "new", ort=tmp_path / "other.tgz")
    monkeypatch.setattr(weights, "GRAPHS", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        export_page(tmp_path / "new", ort=package)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "other.tgz"]


def test_without_network_it_is_said_what_to_do(tmp_path, monkeypatch):
    def fetch(url, *_given, **_options):
        raise DownloadError(f"{url}: the server cannot be reached")

    monkeypatch.setattr(ort, "fetch", fetch)
    with pytest.raises(
        RuntimeMissingError,
        match="cannot be had .*the server cannot be reached.*give --ort the file",
    ):
        export_page(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


# The scripts


def test_what_scripts_read_of_the_facts_is_there():
    runtime = dict.fromkeys(("graphs", "weights", "bytes", "script", "binary"))
    given = facts_of_page(has_detector=True) | {"runtime": runtime}
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
            if (
                isinstance(facts[key], dict) and name != "told"
            ):  # which is what answers are called, too
                inside = set(re.findall(rf"(?<![\w.]){re.escape(name)}\.(\w+)", text))
                assert inside <= set(facts[key]), path.name
                read += len(inside)
    assert read > 50


def test_the_host_has_the_functions_of_the_apps():
    exported = r"^export (?:async )?(?:function|const) (\w+)"
    mine, apps = (
        set(re.findall(exported, (folder / "host.js").read_text(), re.M))
        for folder in (STATIC, served.STATIC)
    )
    assert mine == apps


# What scripts do to pixels, against Python


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for scripts in (served.STATIC, STATIC):
        shutil.copytree(scripts, folder, dirs_exist_ok=True)
    facts = facts_of_page(has_detector=False) | {"runtime": {}}
    (folder / "facts.js").write_text(script_of(facts), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def in_node(
    folder: Path, imports: str, code: str, given: np.ndarray, *more: object
) -> list[np.ndarray]:
    """What a script tells of a picture, uint8 (H, W, 3): `tell(values)` is given back as float32,
    one array each call.

    code: may use `given`, the picture, and `more`.
    """
    (folder / "given.raw").write_bytes(given.tobytes())
    size = {"width": given.shape[1], "height": given.shape[0]}
    text = f"""import fs from "node:fs";
        {imports}
        const data = new Uint8Array(fs.readFileSync("given.raw")), given = {{ ...{json.dumps(size)}, data }};
        const more = {json.dumps(more)}, told = [], tell = (values) => told.push(Float32Array.from(values));
        {code}
        told.forEach((one, n) => fs.writeFileSync(`told-${{n}}.raw`, one));
        process.stdout.write(String(told.length));"""
    command = [NODE, "--input-type=module"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return [np.fromfile(folder / f"told-{n}.raw", np.float32) for n in range(int(done.stdout))]


def photographed() -> np.ndarray:
    """A drawing on yellowed paper, in the light from one side."""
    drawing = drawings.example("beard").astype(float)
    light = 0.6 + 0.4 * np.linspace(0, 1, drawing.shape[1])[None, :, None]
    noise = np.random.default_rng(0).normal(0, 3, drawing.shape)
    return np.clip(drawing * light * [1, 0.96, 0.88] + noise, 0, 255).astype(np.uint8)


@needs_node
@pytest.mark.parametrize(
    ("size", "kind"), [((256, 256), "bicubic"), ((137, 91), "lanczos"), ((200, 300), "box")]
)
def test_pictures_are_resized_as_pillow_does(module, size, kind):
    given = photographed()
    code = "tell(resized(given, ...more).data);"
    (made,) = in_node(module, 'import { resized } from "./pixels.js";', code, given, *size, kind)
    wanted = np.asarray(
        Image.fromarray(given).resize(size, getattr(Image.Resampling, kind.upper()))
    )
    assert np.array_equal(made, wanted.ravel())


@needs_node
@pytest.mark.parametrize("border", ["paper", "reflect"])
@pytest.mark.parametrize("side", [180.0, 420.0])
def test_faces_are_cut_out_as_in_python(module, border, side):
    given = photographed()
    turned = np.array([[0.98, 0.199], [-0.199, 0.98]])
    landmarks = (faces.TEMPLATE * side - side / 2) @ turned + [190, 260]
    code = "tell(warped(given, alignment(more[0], 256), 256, more[1]).data);"
    imports = 'import { warped } from "./crop.js"; import { alignment } from "./shapes.js";'
    (made,) = in_node(module, imports, code, given, landmarks.tolist(), border)
    wanted = faces.warp(given, faces.alignment(landmarks, 256), 256, border=border)
    assert wanted.std() > 10 and np.abs(made - wanted.ravel()).max() <= 1


KINDS = {
    "drawing": lambda: drawings.example("curls"),
    "photographed": photographed,
    "photo": lambda: served.example("photo-8"),
    "grey photo": lambda: np.repeat(
        images.luminance(served.example("photo-17"))[..., None], 3, axis=2
    ),
    "inverted": lambda: 255 - drawings.example("hat"),
    "faint": lambda: (255 - 0.15 * (255 - drawings.example("hat").astype(float))).astype(np.uint8),
}


@needs_node
@pytest.mark.parametrize("name", KINDS)
def test_paper_is_judged_and_cleaned_as_in_python(module, name):
    given = KINDS[name]()
    imports = (
        'import { cleaned, flattened, isFaint, luminance, needsCleaning } from "./cleaning.js";'
    )
    code = "tell([isFaint(given), needsCleaning(given)]);"
    code += "tell(cleaned(given).data.filter((_, n) => !(n % 3)));"
    code += "const { flat, ratio } = flattened(luminance(given)); tell(flat.data); tell([ratio]);"
    (faint, needs), made, flat, ratio = in_node(module, imports, code, given)
    wanted, by = cleanup.flatten_paper(given)
    assert np.abs(flat - wanted.ravel()).max() <= 1 and np.allclose(ratio, by, atol=1e-4)
    assert bool(faint) == (paper.verdict(given).kind == "faint") and bool(
        needs
    ) == paper.needs_cleaning(given)
    if "photo" not in name.split():  # which is never cleaned
        assert np.abs(made - cleanup.stretch_contrast(wanted).ravel()).max() <= 2


@needs_node
def test_a_face_is_drawn_to_a_likely_one_and_laid_as_in_python(module):
    rng = np.random.default_rng(1)
    points = mesh.mean_shape(256).astype(float) + rng.normal(0, 4, (mesh.NUM_POINTS, 2)) + [7, -5]
    off = rng.uniform(1, 6, mesh.NUM_POINTS)
    amounts = {"eyes": 0.8, "brows": 0.5, "nose": 0.0, "mouth": 1.0, "outline": 0.3}
    code = "tell(likely(...more).flat()); tell(coarseField(more[0]));"
    imports = 'import { coarseField, likely } from "./shapes.js";'
    shape, field = in_node(module, imports, code, BLANK, points.tolist(), amounts, off.tolist())
    assert np.allclose(shape, shapes.likely(points, amounts, off).ravel(), atol=1e-4)
    assert np.allclose(
        field, bending.coarse_field(points, mesh.mean_shape(256), 256).ravel(), atol=1e-4
    )


@needs_node
@pytest.mark.parametrize("name", ["photo-to-sketch", "sketch-to-photo-rendered", "map-to-face-128"])
def test_weights_are_unpacked_as_in_python(module, name):
    code = "tell(new Float32Array(expanded(new Uint8Array(fs.readFileSync(more[0]))).buffer));"
    imports, wanted = (
        'import { expanded } from "./safetensors.js";',
        expanded(weights.shipped(name)),
    )
    (made,) = in_node(module, imports, code, BLANK, str(weights.shipped(name)))
    assert wanted.std() > 0 and np.array_equal(made, wanted)


@needs_node
@pytest.mark.parametrize(
    ("file", "code"),
    [
        (
            "pictures.js",
            """ // as Safari before 17.2
        globalThis.createImageBitmap = async (_, { imageOrientation: one = "none" }) => {
          if (one === "from-image") throw new TypeError(); return { width: 1, height: 1 }; };
        await module.decoded().catch((error) => tell([error.message.startsWith("the picture has 1 x 1 pixels")]));""",
        ),
        (
            "sessions.js",
            """ // cut off, or without the runtime's script
        const body = () => new ReadableStream({ pull(one) { one.error(new TypeError("network error")); } });
        Object.assign(FACTS.runtime, { bytes: {}, script: "none.js", binary: "ort", graphs: {}, weights: {} });
        for (const fetched of [body, () => "ort"]) {
          globalThis.fetch = async () => new Response(fetched());
          await new module.Engine(() => {}).session("look").catch(({ message }) =>
            tell([message.endsWith("could not be loaded: reload it when there is a connection")])); }""",
        ),
        (
            "uploads.js",
            """ // a fault of ours
        const { told: answer } = await new module.Uploads(null).translate(null, null);
        tell([answer.detail.includes("reload the page")]);""",
        ),
    ],
)
def test_errors_of_the_page_alone_are_plain_sentences(module, file, code):
    said = in_node(
        module,
        f'import {{ FACTS }} from "./facts.js"; import * as module from "./{file}";',
        code,
        BLANK,
    )
    assert len(said) == 1 + (file == "sessions.js") and all(said)
