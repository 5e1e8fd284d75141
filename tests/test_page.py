"""The exported page, what is written, from where, and what is refused; and the scripts of all pages
in Node. tests/browser plays them.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from s2f_studio import codes, shipped
from s2f_studio.codes import NUM_DIRECTIONS, code_of, quantised, text_of
from s2f_studio.drawings import prepare as drawings
from s2f_studio.faces.asked import not_shown
from s2f_studio.faces.looks import TRAITS
from s2f_studio.faces.model import surely_worn
from s2f_studio.page import drawing, page
from s2f_studio.page.exported import ort
from s2f_studio.page.exported.facts import facts_of_page, script_of
from s2f_studio.page.exported.ort import BINARY, PACKAGE, SCRIPT, VERSION, RuntimeMissingError
from s2f_studio.page.exported.page_folder import INDEX, REDUCE, STATIC, export_page
from s2f_studio.request import Round
from s2f_utils import weights
from s2f_utils.pictures import images, mesh, shape_prior, warping
from s2f_utils.pictures.attributes import WORN
from s2f_utils.weights import WeightsError
from s2f_utils.weights.compact import expanded, tensors_of
from s2f_utils.weights.download import DownloadError

NODE = shutil.which("node")
BLANK = np.zeros((1, 1, 3), np.uint8)
MOST_BYTES = 30_000_000  # of graphs and weights
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
def folder(package, generator_file, tmp_path_factory) -> Path:
    """The page with an onnxruntime-web that is none, so that nothing is fetched."""
    return export_page(tmp_path_factory.mktemp("page") / "site", ort=package)


def facts_in(folder: Path) -> dict:
    text = (folder / "files" / "facts.js").read_text(encoding="utf-8")
    return json.loads(text.partition("export const FACTS = ")[2].rstrip(";\n"))


def test_the_folder_holds_all_that_the_page_asks_for(folder):
    html = (folder / "index.html").read_text(encoding="utf-8")
    asked = re.findall(r'(?:href|src)="([^"#]+)"', html)
    assert asked and all((folder / name).is_file() for name in asked)
    scripts = [*(folder / "files").glob("*.js")]
    imported = {
        name
        for path in scripts
        for name in re.findall(r' from "\./(.*)";$', path.read_text(encoding="utf-8"), re.M)
    }
    assert imported and imported <= {path.name for path in scripts}
    facts = facts_in(folder)
    runtime = facts["runtime"]
    files = [*runtime["graphs"].values(), runtime["script"], runtime["binary"]]
    files += [file for names in runtime["weights"].values() for file in names]
    assert {"look", "guess", "paint_large"} <= set(runtime["graphs"]) == set(runtime["weights"])
    assert set(files) == set(runtime["bytes"]) and all((folder / name).is_file() for name in files)
    assert runtime["weights"]["look"] == ["models/finder.safetensors"]
    finder = (folder / "models" / "finder.safetensors").read_bytes()
    assert gzip.decompress(finder) == weights.shipped(weights.FINDER).read_bytes()
    assert runtime["bytes"]["models/finder.safetensors"] == len(finder)
    for name in facts["about"]["starts"]["sketch"]:
        start = images.load_rgb(folder / "starts" / f"{name}.png")
        assert np.array_equal(start, drawing.start_of("sketch", name))
    assert (folder / ".nojekyll").is_file()
    assert not [path for path in folder.parent.iterdir() if path.name[0] == "."]


def test_the_generator_is_packed_under_the_name_by_which_the_graphs_know_it(
    folder, generator_file, tmp_path
):
    """In the same order: graphs say by offsets where a tensor lies."""
    small = tmp_path / "small.safetensors"
    small.write_bytes(gzip.decompress((folder / "models" / generator_file.name).read_bytes()))
    assert small.stat().st_size < 0.3 * generator_file.stat().st_size
    made, wanted = tensors_of(small), tensors_of(generator_file)
    assert list(made) == list(wanted)
    for name, own in made.items():
        most = np.abs(wanted[name]).max()
        assert own.shape == wanted[name].shape and np.abs(own - wanted[name]).max() <= most / 200
    assert sum(path.stat().st_size for path in (folder / "models").iterdir()) <= MOST_BYTES


def test_nothing_else_is_let_in():
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', INDEX.read_text())[1]
    allowed = {word for part in policy.split(";") for word in part.split()[1:]}
    assert allowed == {"'none'", "'self'", "'wasm-unsafe-eval'", "data:", "blob:"}
    assert "default-src 'none'" in policy and "connect-src 'self' data:;" in policy


def test_licences_name_what_lies_in_the_folder(folder):
    terms = (folder / "LICENSES.txt").read_text(encoding="utf-8")
    generator = weights.entry_of(weights.GENERATOR).licence
    named = ("Sketch to Face", "Microsoft Corporation", f"{PACKAGE} {VERSION}", generator)
    assert all(one in terms for one in named)


def test_nothing_is_written_over_or_half_written(package, generator_file, tmp_path, monkeypatch):
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
    monkeypatch.setattr(shipped, "GRAPHS", tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError):
        export_page(tmp_path / "new", ort=package)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full", "other.tgz"]


def test_without_the_generator_it_is_said_what_to_do(package, tmp_path, monkeypatch):
    monkeypatch.setenv("S2F_OFFLINE", "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("S2F_WEIGHTS", raising=False)
    with pytest.raises(WeightsError, match="mobile-stylegan: its weights are not here"):
        export_page(tmp_path / "new", ort=package)
    assert list(tmp_path.iterdir()) == []


def test_without_network_it_is_said_what_to_do(generator_file, tmp_path, monkeypatch):
    def fetch(url, *_given, **_options):
        raise DownloadError(f"{url}: the server cannot be reached")

    monkeypatch.setattr(ort, "fetch", fetch)
    with pytest.raises(RuntimeMissingError, match="cannot be reached.*give --ort the file"):
        export_page(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


# The scripts, in Node


@pytest.fixture(scope="module")
def module(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    for scripts in (page.STATIC, STATIC):
        shutil.copytree(scripts, folder, dirs_exist_ok=True)
    facts = facts_of_page() | {"runtime": {}}
    (folder / "facts.js").write_text(script_of(facts), encoding="utf-8")
    (folder / "package.json").write_text('{"type": "module"}')
    return folder


def in_node(folder: Path, imports: str, code: str, given=BLANK, *more: object) -> list[np.ndarray]:
    """What a script says of a picture, uint8 (H, W, 3): `tell(values)` is returned as float32, one
    array a call.

    code: may use `given`, the picture, and `more`.
    """
    (folder / "given.raw").write_bytes(given.tobytes())
    size = {"width": given.shape[1], "height": given.shape[0]}
    text = f"""import fs from "node:fs";
        {imports}
        const data = new Uint8Array(fs.readFileSync("given.raw"));
        const given = {{ ...{json.dumps(size)}, data }};
        const more = {json.dumps(more)}, told = [];
        const tell = (values) => told.push(Float32Array.from(values));
        {code}
        told.forEach((one, n) => fs.writeFileSync(`told-${{n}}.raw`, one));
        process.stdout.write(String(told.length));"""
    command = [NODE, "--input-type=module"]
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=120, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    return [np.fromfile(folder / f"told-{n}.raw", np.float32) for n in range(int(done.stdout))]


def test_drawings_are_reduced_as_pillow_does():
    """From the pad's size; test_page_answers.py asks the page's own onnxruntime."""
    pad = (page.STATIC / "paper.js").read_text(encoding="utf-8")
    side = int(re.search(r"SIDE_PX = { sketch: (\d+)", pad)[1])
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    session = onnxruntime.InferenceSession(REDUCE, providers=["CPUExecutionProvider"])
    for given in (noise, images.resize(drawings.example("beard"), side, "stretch")):
        (made,) = session.run(None, {"picture": given[None]})
        assert np.array_equal(made[0], images.resize(given, mesh.FACE_PX, "stretch"))


@needs_node
def test_a_face_is_drawn_to_a_likely_one_and_laid_as_in_python(module):
    rng = np.random.default_rng(1)
    points = mesh.mean_shape(256).astype(float) + rng.normal(0, 4, (mesh.NUM_POINTS, 2)) + [7, -5]
    off = rng.uniform(1, 6, mesh.NUM_POINTS)
    code = "tell(likely(...more).flat()); tell(coarseField(more[0]));"
    imports = 'import { coarseField, likely } from "./shapes.js";'
    shape, field = in_node(module, imports, code, BLANK, points.tolist(), 0.7, off.tolist())
    assert np.allclose(shape, shape_prior.regularize(points, 0.7, off).ravel(), atol=1e-4)
    wanted = warping.coarse_field(points, mesh.mean_shape(256), 256)
    assert np.allclose(field, wanted.ravel(), atol=1e-4)


@needs_node
@pytest.mark.parametrize("name", ["photo-to-sketch", "sketch-to-photo-expected", "map-to-face-512"])
def test_weights_are_unpacked_as_in_python(module, name):
    code = "tell(new Float32Array(expanded(new Uint8Array(fs.readFileSync(more[0]))).buffer));"
    imports = 'import { expanded } from "./weights.js";'
    (made,) = in_node(module, imports, code, BLANK, str(shipped.all_files()[name]))
    wanted = expanded(shipped.all_files()[name])
    assert wanted.std() > 0 and np.array_equal(made, wanted)


@needs_node
def test_a_download_that_is_cut_off_is_said_and_tried_again(module):
    code = """
        const body = () => new ReadableStream({
          pull(one) { one.error(new TypeError("network error")); } });
        let asked = 0;
        globalThis.fetch = async () => { asked++; return new Response(body()); };
        Object.assign(FACTS.runtime, { bytes: {}, script: "none.js", graphs: {}, weights: {} });
        const engine = new Engine(() => {});
        for (const time of [1, 2]) {
          await engine.file("model").catch(({ message }) =>
            tell([message.endsWith("reload it when there is a connection"), asked === time]));
        }"""
    imports = 'import { Engine } from "./engine.js"; import { FACTS } from "./facts.js";'
    told = in_node(module, imports, code)
    assert [one.tolist() for one in told] == [[1, 1], [1, 1]]


@needs_node
def test_what_a_person_does_not_show_is_named_as_in_python(module):
    rng = np.random.default_rng(0)
    looks = np.log(rng.uniform(0.01, 0.5, (20, 40))).astype(np.float32)
    traits = rng.uniform(-0.3, 1.3, (20, len(TRAITS))).astype(np.float32)
    code = "more[0].forEach((looks, n) => tell(notShown(looks, more[1][n]).map((name) => "
    code += "['glasses', 'beard', 'hat'].indexOf(name))));"
    made = in_node(
        module,
        'import { notShown } from "./chain.js";',
        code,
        BLANK,
        looks.tolist(),
        traits.tolist(),
    )
    wanted = [
        [WORN.index(name) for name in not_shown(dict.fromkeys(surely_worn(drawn), 1.0), person)]
        for drawn, person in zip(looks, traits, strict=True)
    ]
    assert [one.tolist() for one in made] == wanted
    assert {0, 1, 2} == {n for one in wanted for n in one}


@needs_node
def test_codes_are_read_and_written_as_in_python(module):
    rng = np.random.default_rng(0)
    codes = rng.normal(0, 2, (3, NUM_DIRECTIONS))
    texts = [text_of(code) for code in codes]
    code = """
        const [codes, texts] = more;
        texts.forEach((text, n) => tell([...codeOf(text), textOf(codes[n]) === text]));
        for (const wrong of [texts[0].slice(1), "412", "B" + texts[0].slice(1), ""]) {
          try { codeOf(wrong); } catch ({ message }) { tell([message.length > 20]); }
        }"""
    imports = 'import { codeOf, textOf } from "./choose.js";'
    made = in_node(module, imports, code, BLANK, codes.tolist(), texts)
    assert [one[-1] for one in made] == [1] * 7 and len(made) == 7
    assert np.array_equal([one[:-1] for one in made[:3]], [code_of(text) for text in texts])
    assert np.array_equal(made[0][:-1], quantised(codes[0]))


@needs_node
def test_the_page_looks_around_the_picks_as_python_does(module):
    rng = np.random.default_rng(0)
    texts = [text_of(code) for code in rng.normal(0, 1, (12, NUM_DIRECTIONS))]
    rounds = [
        Round((texts[0], texts[1]), tuple(texts[2:8])),
        Round((), tuple(texts[9:12])),
        Round((texts[8],)),
        Round((texts[2],), (texts[0], texts[9])),
    ]
    code = """
        for (let n = 1; n <= more[0].length; n++) {
          const { centre, spread } = centreOf(more[0].slice(0, n));
          tell([...centre, spread]);
        }
        tell([centreOf([]) === null, centreOf([more[0][1]]) === null]);
        tell([usualTemperature(0.6)]);"""
    imports = 'import { centreOf, usualTemperature } from "./choose.js";'
    *made, nobody, usual = in_node(module, imports, code, BLANK, rounds)
    for n, one in enumerate(made, 1):
        centre, spread = codes.centre_of(rounds[:n])
        assert np.allclose(one, [*centre, spread], atol=1e-6)
    assert len(made) == 4 and nobody.tolist() == [1, 1]
    assert usual == pytest.approx(codes.usual_temperature(0.6))


STATE = """
    const later = globalThis.setTimeout;
    globalThis.setTimeout = (act, ms) => later(act, ms / 10);
    globalThis.addEventListener = () => {};
    const picture = "data:image/png;base64,AAAA";
    const answer = { pictures: [{ png: picture }], warnings: [] };
    const one = { id: "m", kind: "model", state: "ready", direction: "sketch-to-photo",
      reads: "sketch", chooses: true, answers: 8, previews: true, size_px: 256 };
    const query = { seed: 0, answer: "person", likely: 0.8, temperature: null, chosen: [],
      keep: null };
    const about = { query, starts: { sketch: ["a"] }, start: "a" };
    const host = { about: async () => about, models: async () => ({ models: [one] }),
      facesAtOnce: 4, progress: async () => "", async translate() { return answer; } };
    const state = new State(host);
    const drawing = { uri: picture, isEmpty: false, warnings: [], codes: [] };
    await state.open({ drawings: { sketch: drawing } });
"""


@needs_node
@pytest.mark.parametrize("fault", ["new Error('no memory')", "new RangeError('odd')", "undefined"])
def test_after_any_exception_the_pad_says_so_and_can_be_used_again(module, fault):
    """Of an answer, and of the page itself: it stayed busy, and nothing was answered any more."""
    code = f"""{STATE}
        host.translate = async () => {{ throw {fault}; }};
        await state.ask();
        tell([state.isBusy, state.now.problem.length > 0]);
        await state.run("picture", async () => {{ throw {fault}; }});
        tell([state.isBusy, state.now.problem.length > 0]);
        host.translate = async () => answer;
        state.view.shown = () => {{ throw {fault}; }};
        await state.ask();
        tell([state.isBusy, state.now.problem.length > 0]);
        state.view.shown = () => {{}};
        await state.draw("data:image/png;base64,AAAB", false);
        tell([state.isBusy, state.now.problem.length > 0]);
        tell([state.face.png === picture]);"""
    found = in_node(module, 'import { State } from "./state.js";', code)
    assert [one.tolist() for one in found] == [[0, 1], [0, 1], [0, 1], [0, 0], [1]]


EIGHT = """
    let asked = null;
    host.translate = async (drawing, fields) => {
      asked = fields;
      const people = [0, 1, 2, 3].map((n) => ({ png: picture, person: `code-${fields.seed + n}` }));
      return { pictures: people.slice(0, fields.candidates ?? 1), warnings: [] };
    };
    const { eight } = state;
    const facesNow = () => eight.now.faces;
    await eight.showNext();
    await eight.pick(facesNow()[3]);
    await eight.showAlike();
    const [pickedBefore] = eight.now.picked;
"""


@needs_node
def test_a_face_picked_before_is_asked_for_as_it_was_and_after_a_stroke_by_its_code(module):
    """Also after "Eight others", which are a round more."""
    code = f"""{STATE}{EIGHT}
        await eight.showNext();
        await eight.showPerson(pickedBefore);
        await state.ask();
        tell([asked.seed, "keep" in asked, "chosen" in asked]);
        await state.draw("data:image/png;base64,AAAB", false);
        tell([asked.keep === "code-3", "chosen" in asked]);"""
    found = in_node(module, 'import { State } from "./state.js";', code)
    assert [one.tolist() for one in found] == [[3, 0, 0], [1, 0]]


@needs_node
def test_who_is_let_go_answers_until_another_picture(module):
    """As one of the round in sight; another picture is begun without."""
    code = f"""{STATE}{EIGHT}
        await eight.pick(facesNow()[1]);
        await eight.letGo();
        tell([asked.seed, "keep" in asked, "chosen" in asked]);
        await state.put({{ uri: "data:image/png;base64,AAAB" }});
        tell([asked.seed, "keep" in asked, "chosen" in asked]);"""
    found = in_node(module, 'import { State } from "./state.js";', code)
    assert [one.tolist() for one in found] == [[9, 0, 1], [0, 0, 0]]


@needs_node
def test_a_round_that_comes_with_a_drawing_is_made(module):
    """Of a page that was left in it, or of a notebook's cell that names people."""
    code = f"""{STATE}{EIGHT}
        const round = {{ first: 8, chosen: [[["a", "b"], ["c"]]] }};
        const settings = {{ model: "m" }}, drawings = {{ sketch: drawing }};
        await state.open({{ settings, drawings, face: picture, round }});
        await state.begun();
        tell([asked.seed, Number(asked.chosen === "a,b/c"), facesNow().length]);"""
    (found,) = in_node(module, 'import { State } from "./state.js";', code)
    assert found.tolist() == [12, 1, 8]


@needs_node
def test_an_empty_paper_forgets_who_was_picked_and_passed_over(module):
    code = f"""{STATE}{EIGHT}
        await eight.pick(facesNow()[1]);
        await state.draw("data:image/png;base64,AAAD", false);
        tell([asked.keep === "code-9"]);
        await state.draw("data:image/png;base64,AAAB", true);
        await state.draw("data:image/png;base64,AAAC", false);
        tell(["keep" in asked, "chosen" in asked, facesNow().length]);"""
    found = in_node(module, 'import { State } from "./state.js";', code)
    assert [one.tolist() for one in found] == [[1], [0, 0, 0]]


@needs_node
def test_the_older_drawing_is_kept_where_the_newer_one_cannot_be(module):
    """A full storage refuses the newer one, after which nothing at all was kept."""
    code = """
        let isFull = false;
        const place = () => { const held = new Map(); return {
          getItem: (name) => held.get(name) ?? null, removeItem: (name) => held.delete(name),
          setItem(name, text) { if (isFull) throw new Error("full"); held.set(name, text); } }; };
        globalThis.sessionStorage = place();
        globalThis.localStorage = place();
        tell([keep({ n: 1 }), kept().n]);
        isFull = true;
        tell([keep({ n: 2 }), kept().n]);
        isFull = false;
        tell([keep({ n: 3 }), kept().n]);
        forget();
        tell([kept() === null]);"""
    found = in_node(module, 'import { forget, keep, kept } from "./store.js";', code)
    assert [one.tolist() for one in found] == [[1, 1], [0, 1], [1, 3], [1]]


@needs_node
def test_a_notebooks_script_is_one_text_that_parses(tmp_path):
    script = tmp_path / "widget.mjs"
    script.write_text(page.joined(page.STATIC / "widget.js"), encoding="utf-8")
    done = subprocess.run([NODE, "--check", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not re.search(r"^import ", script.read_text(encoding="utf-8"), re.M)
