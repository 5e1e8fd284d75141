"""The pages' scripts: each can be read, the app serves what they import, and a notebook's widget
gets one text.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from s2f_studio.server.alone.page import STATIC

from s2f_studio.attributes import FACE_PARTS
from s2f_studio.page import page
from s2f_studio.page.catalogue import Catalogue
from s2f_studio.query import WAYS, Query, asked

NODE = shutil.which("node")
OF_NOTEBOOK = Path(page.STATIC).parents[2] / "s2f_utils" / "notebook" / "static"
SERVED = sorted(path for path in page.STATIC.rglob("*") if path.is_file())
ALONE = sorted(STATIC.glob("*.js"))  # of the page without a server
FILES = [path for path in (*SERVED, *sorted(OF_NOTEBOOK.iterdir()), *ALONE) if path.suffix == ".js"]
DECLARED = r"^(?:export )?(?:async )?(?:function|class|const|let) (\w+)"
needs_node = pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs")


def run_node(file: str, code: str = "") -> list:
    """What `tell` was told by a module: one of the pad's files with all that it imports, and more
    code after it.
    """
    text = (
        page.joined(page.STATIC / file)
        + "const told = [], tell = (...values) => told.push(...values);\n"
    )
    text += code + "\nprocess.stdout.write(JSON.stringify(told));"
    done = subprocess.run(
        [NODE, "--input-type=module"], input=text, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_app_serves_every_file_by_its_name():
    assert all(path.name == name for name, path in page.FILES.items())
    assert sorted([*page.FILES.values(), page.INDEX]) == SERVED


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_script_says_what_it_is_and_imports_what_is_there(path):
    text = path.read_text(encoding="utf-8")
    assert text.startswith("// ") and len(text.splitlines()) < 400
    there = {*page.FILES, *(("facts.js", *(one.name for one in ALONE)) if path in ALONE else ())}
    for line in re.findall(r"^import\b.*$", text, flags=re.M):
        whole = line.startswith(
            "import * as "
        )  # of the app's scripts, which are not joined into one text
        (name,) = re.findall(r'^import [*\w{}, ]+ from "\./(\w+\.js)";$', line)
        assert name in there and (" as " not in line or (whole and path.parent == page.STATIC))


@needs_node
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_node_can_read_a_script(path, tmp_path):
    module = tmp_path / "script.mjs"
    module.write_bytes(path.read_bytes())
    done = subprocess.run(
        [NODE, "--check", str(module)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_joined_scripts_are_one_text_with_every_file_once():
    text = page.joined(page.STATIC / "widget.js")
    assert re.findall(r"^(?:import|export)\b.*$", text, flags=re.M) == [
        "export default { render };"
    ]
    for name in (
        "core.js",
        "host_widget.js",
        "paper.js",
        "regions.js",
        "settings.js",
        "strokes.js",
    ):
        own = (page.STATIC / name).read_text(encoding="utf-8")
        assert text.count(own.partition("\n")[0]) == 1, name
        assert set(re.findall(DECLARED, own, flags=re.M)) < set(
            re.findall(DECLARED, text, flags=re.M)
        )
    names = re.findall(DECLARED, text, flags=re.M)
    assert len(names) == len(set(names))


# A host that notes what it is asked, and refuses what `refuses` says; a model that chooses, and one
# that does not.
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
    assert (
        asked(first).likely == dict.fromkeys(FACE_PARTS, usual["likely"])
        and query.align == query.clean == "never"
    )
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
    assert (
        "empty" in told[8]
        and told[9] == ""
        and "no face yet" in told[10]
        and told[11:] == ["", 0.75]
    )


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


# As much of a document as controls need that nobody has touched.
DOCUMENT = """
class Element {
  constructor(tag) { Object.assign(this, { tag, children: [], attributes: {}, style: {}, dataset: {} }); }
  setAttribute(name, value) { this.attributes[name] = String(value); }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  addEventListener(name, act) { this[`on${name}`] = act; }
  matches() { return !!this.isDragged; } getContext() { return pen; }
  get length() { return this.children.length; }
  get checked() { return this.isChecked ?? "checked" in this.attributes; }
  set checked(value) { this.isChecked = value; }
  get value() {
    const chosen = this.children.find((one) => one.attributes && "selected" in one.attributes) ?? this.children[0];
    return this.set ?? (this.tag === "select" ? chosen?.attributes.value ?? "" : this.attributes.value);
  }
  set value(value) { this.set = value; }
}
const pen = { fillRect() {}, drawImage() {} };
globalThis.document = { createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag) };
"""


@needs_node
def test_what_the_upload_page_asks_at_first_are_the_defaults_of_every_front_end():
    listed = [choice.listed() for choice in Catalogue(None, official=False).list().values()]
    run = {
        "id": "run",
        "kind": "model",
        "state": "ready",
        "direction": WAYS[0],
        "detail": True,
        "answers": 8,
    }
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
        own = {
            name: getattr(query, name) for name in ("direction", "model", "candidates", "large")
        }  # three, and large
        assert query.candidates in (1, page.CANDIDATES)
        likely = dict.fromkeys(FACE_PARTS, Query().likely) if "likely" in told else Query().likely
        assert query == Query(likely=likely, **own), told


BOTH = "data:image/png;base64,AAAAboth"
# Of which script, what is done, and what is told then.
TOLD = {
    "joined scripts run": (
        "widget.js",
        "tell(typeof render, typeof make, typeof Paper);",
        3 * ["function"],
    ),
    "one request at a time, and the newest drawing and settings wait": (
        "core.js",
        """
  const sent = [];
  pad.send = async (one) => { sent.push(one); };
  pad.ask("draw", { picture: 1 }); pad.ask("draw", { picture: 2 }); pad.ask("draw", () => ({ picture: 3 }));
  pad.ask("set", { detail: 0 }); pad.ask("set", { seed: 5 }); pad.ask("set", { detail: 1 });
  pad.ask("keep"); tell(sent.length);
  await pad.ask("keep"); tell([...sent]);
  pad.ask("keep"); pad.ask("likely", { part: "eyes", amount: 0.5 }); pad.ask("likely", { part: "nose", amount: 0 });
  for (let n = 1; n <= 20; n++) pad.ask("person", { name: "age", value: n / 20 });
  for (let n = 0; n < 3; n++) pad.ask("set", { seed: pad.planned.seed + 1 });
  const { likely, person, seed } = pad.state; // what the controls show meanwhile
  tell(pad.queue.length, likely.eyes, likely.nose, person.age, seed);""",
        [
            1,
            [
                {"kind": "draw", "picture": 1},
                {"kind": "draw", "picture": 3},
                {"kind": "set", "detail": 1, "seed": 5},
                {"kind": "keep"},
                {"kind": "keep"},
            ],
            4,
            0.5,
            0,
            1,
            3,
        ],
    ),
    "a region has a person of its own": (
        "core.js",
        """
  blended = async () => png + "both";
  await say("hello"); await say("set", { seed: 3 }); await say("region", { region: [0, 0, 1, 0.5] });
  await say("set", { seed: 9 }); await say("keep"); tell(pad.face, kept.pad.seed, pad.hasLarge);
  await say("region"); tell(pad.hasLarge); await say("set", { seed: 5 }); tell(pad.hasLarge);
  await say("back", { number: 0 }); tell(pad.seed, pad.face, pad.hasLarge);""",
        [BOTH, 3, False, False, True, 3, BOTH, False],
    ),
    "of a drawing that is cleared nothing stays, and previews are not kept": (
        "core.js",
        """
  host.drawing = async () => ({ ok: true, told: { drawing: png, warnings: ["a photo"] } });
  await say("hello"); await say("upload", { picture: png }); await say("region", { region: [0, 0, 1, 1] });
  tell(pad.state.warnings); await say("draw", { picture: png, empty: true }); tell(pad.state.region); delete kept.pad;
  await say("draw", { picture: png, preview: true }); tell(pad.state.warnings, "pad" in kept);""",
        [["a photo"], False, [], False],
    ),
    "odd things that were kept": (
        "core.js",
        """
  for (kept.pad of [{ drawings: { sketch: { uri: "x" } }, versions: 5 }, { drawings: 1, versions: [1], hints: 0 }]) {
    await pad.open(); tell(pad.given.uri, pad.versions, pad.hints, pad.drawings.map.uri); }""",
        ["x", [], {}, "", "aligned long-hair", [], {}, ""],
    ),
    "nothing is kept": (
        "core.js",
        'store.keep = () => false; await say("hello"); tell(pad.news(), pad.news());',
        [["this browser keeps nothing: save what you want to keep"], []],
    ),
    "storage": (
        "store.js",
        """
  const made = () => ({ setItem(name, text) { if (this.isFull) throw new Error(); this[name] = text; },
    getItem(name) { return this[name] ?? null; }, removeItem(name) { delete this[name]; } });
  Object.assign(globalThis, { sessionStorage: made(), localStorage: made() });
  keep("pad", 1); localStorage["sketch-to-face.pad"] = "2"; tell(kept("pad")); // by another tab
  sessionStorage.isFull = true; tell(keep("pad", 3), kept("pad"));""",
        [1, False, None],
    ),
    "strokes": (
        "strokes.js",
        """
  let did; const on = {}, note = (name) => () => did.add(name), none = () => {}, box = { left: 0, top: 0, width: 99 };
  const sheet = { canvas: box, segment: note("ink"), curve: note("ink"), push: note("push"), move: note("back") };
  const pad = { sheet, root: { querySelector: none }, preview: none, mark: none, choose: none, send: none };
  const stage = { addEventListener(name, act) { on[name] = act; }, getBoundingClientRect: () => box,
    setPointerCapture(id) { if (id > 8) throw new Error("no such pointer"); } }, types = { 3: "pen" };
  const fire = (name, pointerId, clientX) =>
    on[name]({ pointerId, pointerType: types[pointerId] ?? "touch", clientX, clientY: clientX, preventDefault: none });
  pad.ask = note("region");
  const up = "pointerup", lost = "lostpointercapture"; // the tool before and after; 3 is a pen, 9 cannot be held
  for (const [tool, then, last, ...ids] of [["pencil", "box", up, 1], ["box", "pencil", up, 1],
    ["pencil", "pencil", up, 9, 1], ["pencil", "pencil", up, 1, 3], ["pencil", "pencil", lost, 1]]) {
    did = new Set(); pad.tool = tool; new Strokes(pad, stage, [stage]);
    for (const id of ids) try { fire("pointerdown", id, 9); } catch {}
    pad.tool = then; fire("pointermove", ids.at(-1), 60); fire(last, ids.at(-1), 60); tell([...did].join(" ")); }""",
        ["ink push", "region", "ink push", "ink back push", "ink push"],
    ),
    "a region rises from its rim and leaves the rest": (
        "regions.js",
        """
  tell(rectangle({ x: 80, y: 60 }, { x: 10, y: -5 }, 100), rectangle({ x: 10, y: 10 }, { x: 20, y: 11 }, 100));
  const at = (x, y) => redrawn(x, y, [0.25, 0.5, 0.75, 1]), narrow = redrawn(0.5, 0.52, [0.4, 0.5, 0.6, 0.54]);
  tell(at(0.5, 0.49), at(0.24, 0.7), at(0.76, 0.7), at(0.5, 0.75), at(0.5, 0.999)); // the picture's own edge is no rim
  tell(0 < at(0.5, 0.51), at(0.5, 0.51) < at(0.5, 0.52), at(0.5, 0.52) < 1, narrow);""",
        [[0.1, 0, 0.8, 0.6], None, 0, 0, 0, 1, 1, True, True, True, 1],
    ),
    "points": (
        "points.js",
        DOCUMENT
        + """
  const stage = new Element("div"); stage.getBoundingClientRect = () => ({ left: 0, top: 0, width: 9, height: 9 });
  let moved = 0, held; const all = new Points(stage, () => { moved++; }), [dot] = all.dots, before = all.text();
  Object.assign(dot, { focus() {}, setPointerCapture() { held = true; }, hasPointerCapture: () => held });
  for (const [button, moves, end] of [[0, 0, "up"], [0, 1, "cancel"], [2, 1, "up"], [0, 1, "up"]]) {
    held = false; dot.onpointerdown({ button, preventDefault() {} });
    if (moves) dot.onpointermove({ clientX: 1, clientY: 1 });
    dot[`onpointer${end}`]({}); tell(moved, all.text() === before); }""",
        [0, True, 0, True, 0, True, 1, False],
    ),
    "a proxy's page": (
        "host.js",
        """
  globalThis.fetch = async () => new Response("<html>");
  await models().catch((error) => tell(error.message === GONE, error instanceof TypeError));""",
        [True, True],
    ),
    "files": (
        "files.js",
        DOCUMENT
        + """
  const [, input] = picker("keep", "", "", () => tell("taken"), tell, () => true);
  input.files = [{ slice: () => ({ arrayBuffer: () => Promise.reject(new Error("NotReadableError")) }) }];
  await input.onchange(); globalThis.createImageBitmap = async () => ({ width: 3200, height: 3200 });
  await smaller({}); tell(pen.imageSmoothingQuality);""",
        ["this file cannot be read: choose it again, or another one", True, "high"],
    ),
    "controls": (
        "settings.js",
        DOCUMENT
        + """
  const tiles = versions({}), list = [{ name: "version 1" }], [one, other] = [1, 2].map(() => {
    tiles.show({ versions: list }); return tiles.box.children[1]; });
  const { input, put } = slider("Age", "", "", () => {}, 0.5, (value) => (value === 0.5 ? "not said" : "said"));
  const read = () => tell(input.attributes["aria-valuetext"], input.value); put(0.5); read(); put(1); read();
  input.isDragged = true; put(0.2); read(); tell(one === other);
  const { box, words, say } = statusLine(), [, beside] = box.children; let times = 0; box.classList = { toggle() {} };
  Object.defineProperty(words, "textContent", { get: () => words.now, set(text) { times++; words.now = text; } });
  say("waiting", false, "1 s"); say("waiting", false, "2 s"); tell(times, beside.textContent, beside.attributes);""",
        ["not said", 0.5, "said", 1, "said", 1, True, 1, "2 s", {"aria-hidden": "true"}],
    ),
}


@needs_node
@pytest.mark.parametrize("name", TOLD)
def test_a_script_does_what_it_should(name):
    file, code, wanted = TOLD[name]
    assert (on_pad(code) if file == "core.js" else run_node(file, code)) == wanted
