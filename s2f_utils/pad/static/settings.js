// What stands beneath the pictures: model, sliders, a witness's hints, variants, and the versions that were kept.

import { button, make, slider } from "./dom.js";
import { picker } from "./files.js";
import { fillSelect } from "./tools.js";

const METHODS = {
  "style mixing": "other styles are mixed in, and shown within the part",
  "colour transfer": "the part is recoloured in CIELAB",
};
export const ANSWERS = [["auto", "by the drawing"], ["faithful", "every line kept"], ["expected", "the face that is meant"]];
const FIRST_TONES = { hair: "#a0582c", skin: "#c68e66" };

function hint(pad, part) {
  const colour = make("input", { type: "color", value: FIRST_TONES[part], "aria-label": `tone of the ${part}` });
  const on = make("input", { type: "checkbox", "aria-label": `use a tone for the ${part}` });
  const tell = () => pad.ask("hint", { part, colour: on.checked ? colour.value : null });
  on.addEventListener("change", tell);
  colour.addEventListener("change", () => { on.checked = true; tell(); });
  return {
    box: make("label", { class: "s2f-hint" }, on, part, colour),
    show(tones) {
      on.checked = part in tones;
      if (on.checked) colour.value = tones[part];
    },
  };
}

export function settings(pad) {
  const choose = () => { pad.mark(null); pad.ask("model", { name: models.value }); };
  const models = make("select", { "aria-label": "model", onchange: choose });
  const answers = make("select", { "aria-label": "kind of answer", onchange: () => pad.ask("set", { answer: answers.value }) });
  const answer = make("label", { class: "s2f-slider" }, make("span", {}, "Answer"), answers);
  const detail = slider("Detail", "faithful", "invented detail", () => pad.ask("set", { detail: Number(detail.input.value) }));
  const strength = slider("Enhancement", "off", "invented detail", () => pad.ask("set", { strength: Number(strength.input.value) }));
  const method = make("span", { class: "s2f-method" });
  const hints = Object.keys(FIRST_TONES).map((part) => hint(pad, part));
  const photo = picker("upload", "Photo", "Take hair and skin tone from a reference photo", (content) => pad.ask("photo", content));
  const box = make("div", { class: "s2f-settings" },
    make("label", { class: "s2f-slider s2f-model" }, make("span", {}, "Model"), models), answer, detail.box, strength.box,
    make("div", { class: "s2f-slider s2f-hints" }, make("span", {}, "Witness's hints ", method),
      make("div", { class: "s2f-row" }, ...hints.map((one) => one.box), ...photo)));
  return {
    box,
    show(state) {
      fillSelect(models, state.models, state.model);
      answer.hidden = !state.has_answer;
      fillSelect(answers, ANSWERS, state.answer);
      detail.box.hidden = !state.has_detail;
      detail.input.value = state.detail;
      strength.input.value = state.strength;
      strength.box.title = `by ${state.restorer}`;
      method.textContent = `(${state.hint_method})`;
      method.title = METHODS[state.hint_method];
      for (const one of hints) one.show(state.hints);
    },
  };
}

function tile(uris, text, label, act) {
  return make("button", { type: "button", class: "s2f-tile", "aria-label": label, title: label, onclick: act },
    make("div", {}, ...uris.map((uri) => make("img", { src: uri, alt: "", draggable: "false" }))), make("span", {}, text));
}

function strip(name) { return make("div", { class: "s2f-strip", "aria-label": name, role: "group" }); }

export function variants(pad) {
  const box = strip("variants"), choose = (number) => () => pad.ask("choose", { number });
  return {
    box,
    show(state) {
      box.hidden = !state.has_variants;
      const made = state.variants.map((uri, n) => tile([uri], `${n + 1}`, `Go on with variant ${n + 1}`, choose(n)));
      const last = made.length
        ? button("undo", "own colours", "own colours: back to the drawing's own styles", choose(null))
        : button("dice", "Make eight", "Make eight variants", () => pad.ask("variants"));
      box.replaceChildren(make("b", {}, "Variants"), ...made, last);
    },
  };
}

export function versions(pad) {
  const box = strip("versions");
  function version(one, n) {
    const back = () => { pad.mark(null); pad.ask("back", { number: n }); };
    const hint = `Drop ${one.name}`, drop = () => pad.ask("drop", { number: n });
    return make("div", { class: "s2f-version" }, tile([one.given, one.face], one.name, `Go back to ${one.name}`, back),
      make("button", { type: "button", class: "s2f-drop", "aria-label": hint, title: hint, onclick: drop }, "×"));
  }
  return {
    box,
    show(state) {
      box.hidden = !state.versions.length;
      box.replaceChildren(make("b", {}, "Versions"), ...state.versions.map(version));
    },
  };
}
