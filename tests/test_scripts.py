"""The page's scripts, run by node: what is drawn and set, asked, refused, kept."""

from __future__ import annotations

import json
import re
import shutil
import subprocess

import pytest

from s2f_studio.page import page
from s2f_studio.request import DrawingRequest, defaults

NODE = shutil.which("node")
SCRIPTS = sorted(page.STATIC.glob("*.js"))
PNG = "data:image/png;base64,AAAA"
pytestmark = pytest.mark.skipif(NODE is None, reason="no node: apt install nodejs")


def code(number: int) -> str:
    """Somebody's code, another one for each number."""
    return f"AQ{'A' * 209}{number:04d}"


def run_node(file: str, code: str) -> list:
    """What the code, run behind a script with all that it imports, hands to `tell`."""
    text = page.joined(page.STATIC / file)
    text += "\nconst told = [], tell = (...values) => told.push(...values);\n" + code
    text += "\nprocess.stdout.write(JSON.stringify(told));"
    command = [NODE, "--input-type=module"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def in_codes(numbers: str) -> str:
    """Rounds of choosing with codes in place of numbers."""
    return re.sub(r"\d+", lambda one: code(int(one[0])), numbers)


# A host that notes what it is asked and refuses what `refuses` says; two models. Time is ten times
# as fast.
HOST = """
const png = "PNG", asked = [], later = globalThis.setTimeout;
globalThis.setTimeout = (act, ms) => later(act, ms / 10);
const code = (number) => "AQ" + "A".repeat(209) + String(number).padStart(4, "0");
let refuses = "", kept = null, isFull = false;
const row = { kind: "model", state: "ready", direction: "sketch-to-photo", reads: "sketch" };
const host = {
  facesAtOnce: 4,
  about: async () => (ABOUT),
  models: async () => ({ models: [
    { ...row, id: "first", chooses: true, previews: true, answers: 8, size_px: 256 },
    { ...row, id: "styles", chooses: false, previews: false, size_px: 128 },
    { ...row, id: "large", chooses: false, previews: true, answers: 8, size_px: 512 },
    { ...row, id: "restorer", kind: "restorer" },
  ] }),
  start: async (kind, name) => new Blob([`${kind} ${name}`]),
  progress: async () => "",
  async translate(file, fields) {
    asked.push(fields);
    if (refuses) throw new Error(refuses);
    const { model, seed, keep, candidates = 1 } = fields;
    const pictures = Array.from({ length: candidates }, (_, n) => {
      return { png: `${png}${asked.length}of${n}`, person: keep ?? code(100 + seed + n) };
    });
    const average = { png: png + "average", person: null };
    if (candidates > 1 && model === "first") pictures.splice(1, 0, average);
    return { pictures: pictures.slice(0, candidates), warnings: ["soft"], codes: [] };
  },
};
globalThis.FileReader = class {
  readAsDataURL(blob) { blob.text().then((text) => { this.result = png; this.onload(); }); }
};
const store = {
  keep: (value) => { if (!isFull) kept = structuredClone(value); return !isFull; },
  kept: () => kept,
  forget: () => { kept = null; },
};
const state = new State(host, store);
await state.open();
"""


def on_page(code: str) -> list:
    host = HOST.replace("ABOUT", json.dumps(page.about())).replace("PNG", PNG)
    return run_node("state.js", host + code)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_imports_of_a_script_exist_and_node_can_read_it(path, tmp_path):
    text = path.read_text(encoding="utf-8")
    for line in re.findall(r"^import\b.*$", text, flags=re.M):
        (name,) = re.findall(r'from "\./([\w.]+)";$', line)
        assert (page.STATIC / name).is_file(), line
    module = tmp_path / "script.mjs"
    module.write_text(text, encoding="utf-8")
    done = subprocess.run([NODE, "--check", str(module)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_all_that_is_drawn_and_set_is_in_the_next_request():
    small, first, last, preview, num = on_page(f"""
      await state.ask();
      tell(asked[0], asked[1]);
      state.dispatch({{ type: "who", who: {{ seed: 4 }} }});
      await state.set({{ answer: "average", strength: 0.5 }});
      await state.set({{ person: {{ age: 1, hair: "#b05a28" }}, likely: 0 }});
      tell(asked.at(-1));
      await state.draw("{PNG}BBBB", false, {{ isPreview: true }});
      tell(asked.at(-1), asked.length);
    """)
    usual = defaults()
    assert (first["seed"], first["answer"]) == (usual["seed"], usual["answer"])
    assert "enhance" not in first
    assert small == first | {"preview": True, "enhance": False}
    request = DrawingRequest.of(last)
    assert (request.answer, request.seed, last["likely"]) == ("average", 4, 0)
    assert request.person == {"age": 1.0, "hair": "#b05a28"}
    assert request.enhance and request.strength == 0.5
    assert preview == last | {"preview": True, "enhance": False} and num == 7


def test_a_face_is_asked_for_in_full_once_the_pencil_rests():
    told = on_page("""
      state.draw(png + "aaaa", false);
      await new Promise((done) => later(done, 20)); // of the 70 that a rest takes
      state.draw(png + "bbbb", false, { isPreview: true });
      await state.draw(png + "cccc", false);
      tell(asked.map((one) => Boolean(one.preview)), state.isBusy);
    """)
    assert told == [[True, True, True, False], False], "none in full of the first drawing"


def test_a_refusal_is_said_and_the_page_can_be_used_again():
    told = on_page("""
      await state.ask();
      refuses = "not now";
      await state.set({ likely: 0.1 });
      tell(state.now.problem, state.isBusy);
      refuses = "";
      host.translate = () => { throw new TypeError("a bug"); };
      await state.set({ likely: 0.2 });
      tell(state.now.problem, state.isBusy, state.jobs.has("follow"));
      host.translate = async () => ({ pictures: [{ png }], warnings: [], codes: [] });
      await state.set({ likely: 0.3 });
      tell(state.now.problem, state.face.png);
    """)
    assert told == ["not now", False, "a bug", False, False, "", PNG]


def test_one_request_at_a_time_and_only_the_newest_waits():
    told = on_page(f"""
      state.ask();
      for (let n = 1; n <= 20; n++) state.set({{ likely: n / 20 }});
      const last = state.draw("{PNG}new", false);
      tell(asked.length);
      await last;
      tell(asked.length, asked.at(-1).likely, state.given.uri);
    """)
    assert told == [1, 3, 1, f"{PNG}new"]


def test_another_model_of_large_answers_is_asked_for_previews():
    told = on_page("""
      const sizes = (from) => asked.slice(from).map((one) => Boolean(one.preview));
      await state.choose({ model: "styles" });
      tell(sizes(0));
      const before = asked.length;
      await state.choose({ model: "large" });
      tell(sizes(before));
      await state.eight.showNext();
      const { faces } = state.eight.now, since = asked.length;
      await state.eight.pick(faces[4]);
      tell(sizes(since), asked.at(-1).seed, faces.length);
    """)
    assert told == [[False], [True, False], [False], 4, 8]


def test_an_answer_that_comes_after_another_model_was_chosen_is_dropped():
    told = on_page("""
      const first = state.ask();
      state.choose({ model: "styles" });
      await first;
      tell(asked.map((one) => one.model), "answer" in asked.at(-1), state.settings.model);
    """)
    assert told == [["first", "styles"], False, "styles"]


def test_eight_faces_have_eight_seeds_and_one_is_kept():
    told = on_page("""
      await state.eight.showNext();
      const { faces } = state.eight.now;
      tell(faces.map((one) => one.seed), faces.map((one) => one.person));
      const before = asked.length;
      await state.eight.pick(faces[4]);
      const [{ seed, keep, preview }] = asked.slice(before);
      tell(asked.length - before, seed, keep ?? null, preview ?? null);
      tell(state.face.png !== faces[4].png, state.face.person === faces[4].person);
      tell(state.given.seed === faces[4].seed, kept.drawings.sketch.seed === faces[4].seed);
      await state.eight.showNext();
      tell(state.eight.now.faces.map((one) => one.seed));
    """)
    assert told[:2] == [list(range(8)), [code(100 + n) for n in range(8)]]
    assert told[2:6] == [1, 4, None, None], "the same face, larger"
    assert told[6:] == [True, True, True, True, list(range(8, 16))]


def test_eight_faces_stay_after_a_change_and_are_made_anew_when_asked():
    told = on_page("""
      const seen = () => state.eight.now.faces.map((one) => one.png).join();
      await state.eight.showNext();
      const first = seen();
      await state.eight.pick(state.eight.now.faces[4]);
      await state.set({ likely: 1 });
      tell(seen() === first, state.eight.now.picks, state.eight.numFresh);
      const before = asked.length;
      await state.eight.fill();
      const anew = asked.slice(before);
      tell(anew.map((one) => one.seed), anew.every((one) => one.likely === 1));
      const { faces, picks } = state.eight.now;
      tell(faces.map((one) => one.seed), state.eight.numFresh);
      tell(state.eight.rounds.list.length, picks);
      await state.set({ likely: 0.5 });
      const half = state.eight.fill();
      await state.draw(png + "mine", false);
      await half;
      tell(state.eight.numFresh, state.eight.isFilling);
      const third = state.eight.now.faces[2];
      await state.eight.pick(third);
      tell(state.face.png !== third.png, asked.at(-1).seed);
    """)
    assert told[:5] == [True, [4], 0, [0, 4], True], "four at once, from these seeds"
    assert told[5:] == [list(range(8)), 8, 1, [4], 0, False, True, 2]


def test_a_face_that_is_picked_is_not_replaced_by_one_that_was_asked_for_before():
    told = on_page("""
      await state.eight.showNext();
      const third = state.eight.now.faces[2];
      const { translate } = host;
      host.translate = async (...request) => {
        const reply = await translate(...request);
        await new Promise((done) => later(done, 20));
        return reply;
      };
      const older = state.ask();
      host.translate = translate;
      await state.eight.pick(third);
      await older;
      tell(state.face.person === third.person, asked.at(-1).seed, state.isBusy);
    """)
    assert told == [True, 2, False]


def test_a_failure_does_not_blame_a_face_that_was_picked_since():
    told = on_page("""
      await state.eight.showNext();
      refuses = "not now";
      const older = state.ask();
      refuses = "";
      await state.eight.pick(state.eight.now.faces[2]);
      await older;
      tell(state.now.problem);
    """)
    assert told == [""]


def test_a_code_that_is_pasted_stays_and_one_that_is_refused_can_be_let_go():
    told = on_page("""
      await state.stay(code(5));
      tell(asked.at(-1).keep, state.face.person, kept.drawings.sketch.keep);
      await state.stay("");
      tell("keep" in asked.at(-1), kept.drawings.sketch.keep);
      refuses = "this is no code";
      await state.stay("nonsense");
      tell(state.now.problem, state.isBusy, state.keepsSomebody);
      refuses = "";
      await state.eight.letGo();
      tell(state.now.problem, "keep" in asked.at(-1));
    """)
    assert told[:5] == [code(5), code(5), code(5), False, None]
    assert told[5:] == ["this is no code", False, True, "", False]


def test_eight_that_could_not_be_made_are_asked_for_again():
    told = on_page("""
      await state.eight.showNext();
      refuses = "not now";
      await state.eight.showNext();
      await state.eight.showNext();
      refuses = "";
      await state.eight.showNext();
      const { now, rounds } = state.eight;
      tell(rounds.list.length, now.first, now.faces.length);
    """)
    assert told == [2, 8, 8]


def test_a_face_that_is_saved_as_it_is_seen_says_so():
    told = on_page("""
      await state.ask();
      refuses = "too many requests";
      tell(await state.large() === state.face.png, state.now.problem);
    """)
    assert told[0] and told[1].endswith("too many requests")


def test_after_a_reload_the_eight_come_back_and_a_pick_stays_with_its_person():
    told = on_page("""
      await state.eight.showNext();
      await state.eight.pick(state.eight.now.faces[2]);
      const picked = structuredClone(kept);
      await state.stay(code(999));
      const another = structuredClone(kept);
      const ofAnotherModel = structuredClone(picked);
      ofAnotherModel.settings.model = "gone";
      ofAnotherModel.drawings.sketch.model = "gone";
      for (const left of [picked, another, ofAnotherModel]) {
        kept = left;
        const again = new State(host, store);
        await again.open();
        await again.begun();
        const { faces, picks } = again.eight.now;
        tell(faces.length, picks, again.given.keep);
      }
    """)
    assert told == [8, [2], code(102), 8, [], code(999), 0, [], None]


def test_choosing_leads_to_people_around_the_picks():
    told = on_page("""
      await state.eight.showNext();
      const [, , , fourth, , sixth] = state.eight.now.faces;
      await state.eight.pick(fourth);
      await state.eight.pick(sixth);
      await state.eight.showAlike();
      const { faces, picks, picked } = state.eight.now;
      tell(asked.at(-1).chosen, faces.map((one) => one.seed), picks);
      tell(picked.map((one) => one.seed));
      await state.eight.pick(faces[1]);
      tell(state.given.seed, kept.drawings.sketch.keep);
      await state.eight.showAlike();
      tell(asked.at(-1).chosen, state.eight.now.first, asked.at(-1).keep ?? null);
      await state.eight.pick(state.eight.now.faces[0]);
      await state.eight.pick(state.eight.now.faces[0]);
      tell(state.eight.now.picks);
      await state.eight.pick(state.eight.now.faces[0]);
      await state.draw(png + "mine", false);
      tell("chosen" in asked.at(-1), asked.at(-1).seed, asked.at(-1).keep);
    """)
    first = in_codes("103,105/100,101,102,104,106,107")
    second = in_codes("109/108,110,111,112,113,114,115")
    assert told[:4] == [first, list(range(8, 16)), [], [3, 5]]
    assert told[4:6] == [9, code(109)]
    assert told[6:9] == [f"{first};{second}", 16, None]
    assert told[9] == [], "picked again, one is no longer picked"
    assert told[10:] == [False, 16, code(116)], "a stroke is answered with the same person"
    for chosen in (first, f"{first};{second}"):
        DrawingRequest.of({"chosen": chosen, "keep": code(116)})


def test_back_and_forward_show_rounds_that_were_there_and_ask_for_whoever_is_large():
    told = on_page("""
      const seen = () => state.eight.now.faces.map((one) => one.png).join();
      await state.eight.showNext();
      await state.eight.pick(state.eight.now.faces[3]);
      const first = seen();
      await state.eight.showNext();
      const others = seen();
      await state.eight.pick(state.eight.now.faces[1]);
      await state.eight.showAlike();
      const alike = seen();
      const before = asked.length;
      await state.eight.go(-1);
      tell(seen() === others, state.eight.now.picks);
      await state.eight.go(-1);
      tell(seen() === first, state.eight.now.picks, state.eight.canGoBack);
      await state.eight.go(1);
      await state.eight.go(1);
      tell(seen() === alike, state.eight.canGoForward, asked.length - before);
      await state.eight.go(-1);
      await state.eight.showNext();
      tell(state.eight.now.first, state.eight.canGoForward);
    """)
    assert told == [True, [9], True, [3], False, True, False, 3, 16, False]


def test_what_was_set_comes_back_with_a_round():
    told = on_page("""
      await state.set({ person: { age: 1 } });
      await state.eight.showNext();
      await state.set({ person: {}, temperature: 1.2 });
      await state.eight.showNext();
      const before = asked.length;
      await state.eight.go(-1);
      tell(state.settings.person, state.settings.temperature, state.eight.numFresh);
      await state.eight.go(1);
      tell(state.settings.person, state.settings.temperature, state.eight.numFresh);
      tell(asked.slice(before).map(({ person, preview }) => [person, Boolean(preview)]));
    """)
    assert told[:6] == [{"age": 1}, None, 8, {}, 1.2, 8]
    large = [["age=1", True], ["age=1", False], ["", True], ["", False]]
    assert told[6] == large, "the large face follows what is set"


def test_a_page_that_is_opened_in_a_later_round_goes_back_as_well():
    """To the rounds that were there; where a notebook gives one alone, there is none before it."""
    told = on_page("""
      await state.eight.showNext();
      await state.eight.pick(state.eight.now.faces[3]);
      await state.eight.showAlike();
      await state.eight.pick(state.eight.now.faces[1]);
      const again = new State(host, store);
      await again.open();
      const before = asked.length;
      await again.begun();
      const halves = asked.slice(before).filter((one) => one.candidates);
      tell(again.eight.now.first, halves.map((one) => one.chosen), again.face.person);
      await again.eight.go(-1);
      const { first, picks, faces } = again.eight.now;
      tell(first, picks, faces.length, again.face.person, again.eight.canGoBack);
      await again.eight.go(1);
      tell(again.eight.now.first, again.face.person);
      const round = { first: 8, chosen: [[[103, 105], [100]]] };
      state.begin({ settings: { model: "first" }, drawings: {}, round });
      await state.draw(png, false, { isStep: true });
      await state.eight.refill();
      tell(state.eight.now.first, asked.at(-1).chosen, state.eight.canGoBack);
    """)
    chosen = in_codes("103/100,101,102,104,105,106,107")
    assert told[:3] == [8, [chosen, chosen], code(109)]
    assert told[3:8] == [0, [3], 8, code(103), False]
    assert told[8:10] == [8, code(109)]
    assert told[10:] == [8, "103,105/100", False]


def test_empty_paper_is_not_sent_and_nothing_of_the_old_drawing_stays():
    told = on_page("""
      await state.ask();
      const before = asked.length;
      await state.draw(png, true);
      const { face, given } = state;
      tell(asked.length - before, face, given.warnings, state.now.problem.includes("empty"));
    """)
    assert told == [0, {"png": "", "person": "", "warnings": []}, [], True]


def test_a_cleared_drawing_comes_back_with_who_was_picked():
    """A new stroke on the empty paper, or an example, is somebody else."""
    told = on_page("""
      await state.eight.showNext();
      await state.eight.pick(state.eight.now.faces[2]);
      await state.draw(png + "less", false, { isPreview: true });
      await state.draw("none", true, { isPreview: true });
      await state.draw("none", true);
      await state.draw(png, false, { isStep: true });
      tell(state.face.person, state.eight.numFresh, state.eight.now.picks);
      await state.draw("none", true);
      await state.draw(png + "new", false);
      tell("keep" in asked.at(-1), state.eight.rounds.list.length);
      await state.stay(code(5));
      await state.draw("none", true);
      await state.start(state.starts[0]);
      tell("keep" in asked.at(-1));
    """)
    assert told == [code(102), 8, [2], False, 0, False]


def test_a_reload_brings_the_drawing_back_and_a_full_browser_says_so():
    told = on_page(f"""
      state.dispatch({{ type: "who", who: {{ seed: 7 }} }});
      await state.set({{ likely: 0.75 }});
      await state.draw("{PNG}mine", false);
      const again = new State(host, store);
      await again.open();
      tell(again.given.uri, again.given.seed, again.settings.likely);
      isFull = true;
      await again.set({{ likely: 0.25 }});
      tell(kept.settings.likely, again.status[0].includes("keeps nothing"));
      await again.anew();
      tell(kept, again.given.seed, again.settings.likely);
    """)
    assert told[:5] == [f"{PNG}mine", 7, 0.75, 0.75, True]
    assert told[5:] == [None, defaults()["seed"], defaults()["likely"]]


def test_a_pen_replaces_the_palm_that_rests_on_the_paper():
    told = run_node(
        "strokes.js",
        """
      const on = {}, did = [];
      const box = { left: 0, top: 0, width: 100 };
      const note = (name) => () => did.push(name);
      const paper = { canvas: { width: 100 }, line: note("ink"), curve: note("ink"),
        move: note("undone"), reads: "sketch", ground: "#fff" };
      const pad = { paper, tool: "pencil", width: 2, canDraw: true,
        root: { focus() {} }, moved() {}, drawn: note("drawn") };
      const stage = { addEventListener(name, act) { on[name] = act; },
        getBoundingClientRect: () => box, setPointerCapture() {} };
      new Strokes(pad, stage);
      const fire = (name, pointerId, pointerType, at) => on[name]({ pointerId, pointerType,
        clientX: at, clientY: at, buttons: 1, button: 0, pressure: 0.5, preventDefault() {} });
      fire("pointerdown", 1, "touch", 10);
      fire("pointerdown", 2, "touch", 50);
      fire("pointermove", 2, "touch", 60);
      tell([...did]);
      fire("pointerdown", 3, "pen", 10);
      fire("pointermove", 3, "pen", 40);
      fire("pointerup", 3, "pen", 40);
      tell([...did].slice(1));
    """,
    )
    assert told == [["ink"], ["undone", "ink", "ink", "ink", "drawn"]]


def test_a_proxy_s_page_and_a_server_s_refusal_are_said():
    told = run_node(
        "host.js",
        """
      const say = (error) => tell(error.message, error.code ?? "");
      globalThis.fetch = async () => new Response("<html>");
      await models().catch(say);
      const refusal = JSON.stringify({ detail: "no face", code: "no-face" });
      globalThis.fetch = async () => new Response(refusal, { status: 422 });
      await models().catch(say);
    """,
    )
    assert told == ["the app does not answer: is it still running?", "", "no face", "no-face"]


def test_a_file_that_cannot_be_read_is_said():
    told = run_node(
        "files.js",
        """
      const broken = { slice: () => ({ arrayBuffer: () => Promise.reject(new Error()) }) };
      await smaller(broken).catch((error) => tell(error.message));
    """,
    )
    assert told == ["this file cannot be read: choose it again, or another one"]


def test_a_person_who_is_picked_no_more_is_kept_no_more_and_another_one_takes_no_pick():
    told = on_page("""
      await state.eight.showNext();
      const [, , third, fourth] = state.eight.now.faces;
      await state.eight.pick(fourth);
      tell(state.given.keep);
      await state.eight.pick(fourth);
      tell(state.given.keep);
      await state.eight.pick(third);
      host.translate = async (file, fields) => {
        asked.push(fields);
        const pictures = [{ png: png + asked.length, person: code(500) }];
        return { pictures, warnings: [], codes: [] };
      };
      await state.set({ person: { age: 1 } });
      await state.eight.fill();
      tell(state.eight.now.picks);
      await state.eight.pick(state.eight.now.faces[0]);
      await state.eight.showAlike();
      tell(asked.at(-1).chosen);
    """)
    assert told == [code(103), None, [], f"{code(500)}/"], "eight times the same person is one pick"
    DrawingRequest.of({"chosen": told[-1]})
