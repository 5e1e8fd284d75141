"""The pages' scripts: each can be read, the app serves what they import, and a notebook's widget gets one text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from s2f_studio.query import WAYS, Query, asked
from s2f_studio.server.alone import page as alone
from s2f_studio.web import page
from s2f_studio.web.catalogue import Catalogue
from s2f_utils.pictures.attributes import FACE_PARTS

NODE = shutil.which("node")
OF_NOTEBOOK = Path(page.STATIC).parents[2] / "s2f_utils" / "notebook" / "static"
SERVED = sorted(path for path in page.STATIC.rglob("*") if path.is_file())
FILES = [path for path in (*SERVED, *sorted(OF_NOTEBOOK.iterdir())) if path.suffix == ".js"]
OF_PAGE = sorted(alone.STATIC.glob("*.js"))
DECLARED = r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)"
needs_node = pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs")


def run_node(file: str, code: str = "") -> list:
    """What `tell` was told by a module: one of the pad's files with all that it imports, and more code after it."""
    text = page.joined(page.STATIC / file) + "const told = [], tell = (...values) => told.push(...values);\n"
    text += code + "\nprocess.stdout.write(JSON.stringify(told));"
    done = subprocess.run([NODE, "--input-type=module"], input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_app_serves_every_file_by_its_name():
    assert all(path.name == name for name, path in page.FILES.items())
    assert sorted([*page.FILES.values(), page.INDEX]) == SERVED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_script_says_what_it_is_and_imports_what_the_app_serves(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// ") and len(text.splitlines()) < 400
    for line in re.findall(r"^import\b.*$", text, flags=re.M):
        whole = line.startswith("import * as ")  # of the app's scripts, which are not joined into one text
        (name,) = re.findall(r'^import [*\w{}, ]+ from "\./(\w+\.js)";$', line)
        assert name in page.FILES and (" as " not in line or (whole and path.parent == page.STATIC))


@needs_node
@pytest.mark.parametrize("path", [*FILES, *OF_PAGE], ids=lambda path: path.name)
def test_node_can_read_a_script(path, tmp_path):
    module = tmp_path / "script.mjs"
    module.write_bytes(path.read_bytes())
    done = subprocess.run([NODE, "--check", str(module)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_joined_scripts_are_one_text_with_every_file_once():
    text = page.joined(page.STATIC / "widget.js")
    assert re.findall(r"^(?:import|export)\b.*$", text, flags=re.M) == ["export default { render };"]
    for name in ("core.js", "host_widget.js", "paper.js", "regions.js", "settings.js", "strokes.js"):
        own = (page.STATIC / name).read_text(encoding="utf-8")
        assert text.count(own.partition("\n")[0]) == 1, name
        assert set(re.findall(DECLARED, own, flags=re.M)) < set(re.findall(DECLARED, text, flags=re.M))
    names = re.findall(DECLARED, text, flags=re.M)
    assert len(names) == len(set(names))


@needs_node
def test_joined_scripts_run():
    assert run_node("widget.js", "tell(typeof render, typeof make, typeof Paper);") == 3 * ["function"]


# A host that notes what it is asked, and refuses what `refuses` says; a model that chooses, and one that does not.
PAD = """
globalThis.addEventListener = () => {};
const png = "data:image/png;base64,AAAA", asked = [], kept = {};
let refuses = "";
const row = { kind: "model", state: "ready", title: "", direction: "sketch-to-photo", reads: "sketch" };
const host = {
  GONE: "gone",
  about: async () => (ABOUT),
  models: async () => ({ models: [
    { ...row, id: "first", answers: 8, detail: true, chooses: true, size_px: 256 },
    { ...row, id: "styles", answers: 8, detail: false, chooses: false, size_px: 128 }] }),
  startFile: async (kind, name) => new Blob([`${kind} ${name}`]),
  async translate(file, fields) {
    asked.push(fields);
    if (refuses) return { ok: false, told: { detail: refuses } };
    const pictures = Array(fields.candidates ?? 1).fill({ png: png + asked.length });
    return { ok: true, told: { pictures, warnings: [], codes: [] } };
  },
};
globalThis.FileReader = class {
  readAsDataURL(blob) { blob.text().then((text) => { this.result = text; this.onload(); }); }
};
globalThis.atob = () => "";
const store = {
  keep: (key, value) => { kept[key] = JSON.parse(JSON.stringify(value)); return true; }, kept: (key) => kept[key],
};
const pad = new Core(host, store);
await pad.open();
const say = async (kind, more = {}) => { await pad.send({ kind, ...more }); return pad.problem; };
"""


def on_pad(code: str) -> list:
    return run_node("core.js", PAD.replace("ABOUT", json.dumps(page.about())) + code)


@needs_node
def test_one_request_at_a_time_and_the_newest_drawing_waits():
    told = on_pad("""
      const sent = [];
      pad.send = async (one) => { sent.push(one); };
      pad.ask("draw", { picture: 1 }); pad.ask("draw", { picture: 2 }); pad.ask("draw", () => ({ picture: 3 }));
      pad.ask("set", { detail: 0 }); pad.ask("set", { seed: 5 }); pad.ask("set", { detail: 1 });
      pad.ask("keep");
      tell(sent.length);
      await pad.ask("keep");
      tell(sent);
    """)
    assert told == [1, [
        {"kind": "draw", "picture": 1}, {"kind": "draw", "picture": 3}, {"kind": "set", "detail": 1, "seed": 5},
        {"kind": "keep"}, {"kind": "keep"},
    ]]  # fmt: skip


@needs_node
def test_all_that_is_set_on_the_pad_is_in_the_next_question():
    told = on_pad("""
      await say("hello");
      tell(asked[0]);
      await say("set", { answer: "expected", seed: 4, strength: 0.5 });
      await say("likely", { part: "mouth", amount: 0 });
      await say("person", { name: "age", value: 1 });
      await say("hint", { part: "hair", colour: "#b05a28" });
      tell(asked.at(-1));
      await say("draw", { picture: png + "x", preview: true });
      tell("enhance" in asked.at(-1), pad.state.is_example);
      await say("set", { answer: "auto" });
      await say("draw", { picture: png + "y", preview: true });
      tell(asked.at(-1).answer, asked.length);
    """)
    usual = Query().model_dump(mode="json")
    first, last, *others = told
    assert (first["answer"], first["seed"], first["person"]) == (usual["answer"], usual["seed"], "")
    assert "enhance" not in first
    query = asked(last)
    assert (query.answer, query.seed, query.strength) == ("expected", 4, 0.5)
    assert query.enhance and query.person == {"age": 1.0, "hair": "#b05a28"}
    assert query.likely == dict.fromkeys(FACE_PARTS, usual["likely"]) | {"mouth": 0.0}
    assert asked(first).likely == dict.fromkeys(FACE_PARTS, usual["likely"]) and query.align == query.clean == "never"
    assert others == [False, False, page.PREVIEW, 8]


@needs_node
def test_what_is_refused_is_taken_back_but_for_strokes():
    told = on_pad("""
      await say("hello");
      const before = JSON.stringify(pad.state);
      refuses = "not now";
      tell(await say("set", { detail: 1, seed: 9 }), await say("start", { name: "beard" }));
      tell(await say("model", { name: "styles" }));
      tell(JSON.stringify(pad.state) === before, await say("model", { name: "photo-to-sketch" }));
      tell(await say("draw", { picture: png + "mine" }), pad.given.uri, pad.face);
      refuses = "";
      tell(await say("draw", { picture: png, empty: true }), pad.face, await say("keep"));
      tell(await say("set", { detail: 0.75 }), pad.state.detail);
    """)
    png = "data:image/png;base64,AAAA"
    assert told[:4] == ["not now"] * 3 + [True] and "takes no drawings" in told[4]
    assert told[5:8] == ["not now", png + "mine", png + "1"]
    assert "empty" in told[8] and told[9] == "" and "no face yet" in told[10] and told[11:] == ["", 0.75]


@needs_node
def test_versions_and_a_reload():
    told = on_pad("""
      await say("hello");
      await say("set", { seed: 2 });
      await say("keep");
      const face = pad.face;
      await say("draw", { picture: png + "other" });
      await say("back", { number: 0 });
      tell(pad.face === face, pad.seed, asked.length, pad.given.uri);
      await say("model", { name: "styles" });
      tell(pad.given.uri, asked.at(-1).seed);
      const again = new Core(host, store);
      await again.open();
      tell(again.model, again.versions.length, again.waits, again.given.uri);
      const { translate } = host, later = (ms) => new Promise((done) => setTimeout(done, ms));
      host.translate = async () => { await later(50); throw new TypeError(); };
      const failing = pad.ask("set", { seed: 4 }); // while one begins anew
      await later(5);
      await Promise.all([failing, pad.anew()]);
      host.translate = translate;
      tell(pad.versions.length, pad.model);
      tell(await say("keep"));
      await say("draw", { picture: png });
      for (let n = 0; n < 7; n++) tell(await say("keep"));
      again.versions[0].settings.model = "run:gone";
      await again.send({ kind: "back", number: 0 });
      tell(again.problem, again.model);
    """)
    assert told[:4] == [True, 2, 3, "aligned long-hair"]
    assert told[4:6] == ["aligned long-hair", 2]
    assert told[6:10] == ["styles", 1, True, "aligned long-hair"]
    assert told[10:12] == [0, "first"] and "no face yet" in told[12]
    assert told[13:19] == 6 * [""] and "6 versions are kept" in told[19]
    assert told[20:] == ["run:gone is not here any more: choose another version", "styles"]


@needs_node
def test_a_region_rises_from_its_rim_and_leaves_the_rest():
    told = run_node(
        "regions.js",
        """
        tell(rectangle({ x: 80, y: 60 }, { x: 10, y: -5 }, 100), rectangle({ x: 10, y: 10 }, { x: 20, y: 11 }, 100));
        const region = [0.25, 0.5, 0.75, 1], at = (x, y) => redrawn(x, y, region);
        tell(at(0.5, 0.49), at(0.24, 0.7), at(0.76, 0.7), at(0.5, 0.75), at(0.5, 0.999));
        tell(at(0.5, 0.51), at(0.5, 0.52), redrawn(0.5, 0.52, [0.4, 0.5, 0.6, 0.54]));
        """,
    )
    assert told[:2] == [[0.1, 0, 0.8, 0.6], None]
    assert told[2:7] == [0, 0, 0, 1, 1]  # the picture's own edge is no rim
    assert 0 < told[7] < told[8] < 1 and told[9] == 1  # in the middle of a narrow one


# As much of a document as controls need that nobody has touched.
DOCUMENT = """
class Element {
  constructor(tag) { Object.assign(this, { tag, children: [], attributes: {}, style: {}, dataset: {} }); }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  addEventListener() {}
  get length() { return this.children.length; }
  get checked() { return this.isChecked ?? "checked" in this.attributes; }
  set checked(value) { this.isChecked = value; }
  get value() {
    const chosen = this.children.find((one) => one.attributes && "selected" in one.attributes) ?? this.children[0];
    return this.set ?? (this.tag === "select" ? chosen?.attributes.value ?? "" : this.attributes.value);
  }
  set value(value) { this.set = value; }
}
globalThis.document = { createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag) };
"""


@needs_node
def test_what_the_upload_page_asks_at_first_are_the_defaults_of_every_front_end():
    listed = [choice.listed() for choice in Catalogue(None, official=False).list().values()]
    run = {"id": "run", "kind": "model", "state": "ready", "direction": WAYS[0], "detail": True, "answers": 8}
    code = f"""
      const box = choices({json.dumps(page.about())}, () => {{}}, () => {{}});
      box.fillFaces(1);
      for (const models of {json.dumps([listed, [run]])}) {{
        box.take(models);
        for (const way of {json.dumps(WAYS)}) {{ box.show(way); tell(box.fields()); }}
      }}
    """
    for told in run_node("choices.js", DOCUMENT + code):
        query = asked({name: value for name, value in told.items() if value != ""})
        own = {name: getattr(query, name) for name in ("direction", "model", "candidates", "large")}  # three, and large
        assert query.candidates in (1, page.CANDIDATES)
        likely = dict.fromkeys(FACE_PARTS, Query().likely) if "likely" in told else Query().likely
        assert query == Query(likely=likely, **own), told
