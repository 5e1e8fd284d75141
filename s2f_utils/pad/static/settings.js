// What stands beneath the pictures: model, sliders, a witness's hints, variants, and the versions that were kept.

import { button, make, slider } from "./dom.js";
import { picker } from "./files.js";
import { fillSelect } from "./tools.js";

const METHODS = {
  "style mixing": "other styles are mixed in, and shown within the part",
  "colour transfer": "the part is recoloured in CIELAB",
  "the person's own tone": "the face is made anew, of somebody with this tone; the faithful answer is recoloured",
};
export const ANSWERS = [["auto", "by the drawing"], ["faithful", "every line kept"], ["rendered", "a photo of the face that is meant"],
  ["expected", "that face on average, soft"]];
const FIRST_TONES = { hair: "#a0582c", skin: "#c68e66" };

export const TONES = Object.keys(FIRST_TONES);

// A tone of the person, told by pad.ask.
export function hint(pad, part) {
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

export const PARTS = ["eyes", "brows", "nose", "mouth", "outline"];
// Of a person: name, what it is called, and what its ends mean.
const SAID = [["age", "Age", "young", "old"], ["smile", "Mouth", "closed", "smiling"], ["hair_length", "Hair", "short", "long"],
  ["curls", "Curls", "straight", "curly"], ["glasses", "Glasses", "no", "yes"], ["beard", "Beard", "no", "yes"], ["hat", "Hat", "no", "yes"]];

// How far each part goes from the lines to a likely face: one slider for all, and one each.
export function likely(pad) {
  const all = slider("Shape", "my lines", "a likely face", () => pad.ask("likely", { amount: Number(all.input.value) }));
  const each = PARTS.map((part) => {
    const own = slider(part, "", "", () => pad.ask("likely", { part, amount: Number(own.input.value) }));
    own.input.setAttribute("aria-label", `shape of the ${part}`);
    return own;
  });
  const parts = make("details", { class: "s2f-parts" }, make("summary", {}, "Each part"), ...each.map((one) => one.box));
  return {
    box: make("div", {}, all.box, parts),
    show(amounts) {
      const values = PARTS.map((part) => amounts[part]);
      all.input.value = values.reduce((sum, value) => sum + value, 0) / values.length;
      each.forEach((one, n) => { one.input.value = values[n]; });
    },
  };
}

// What is known of the person beside the drawing; in the middle nothing is said.
export function person(pad) {
  const each = SAID.map(([name, text, left, right]) => {
    const tell = () => {
      const value = Math.round(20 * Number(own.input.value) - 10) / 10;
      pad.ask("person", { name, value: value === 0 ? null : value });
    };
    const own = slider(text, left, right, tell, 0.5);
    return own;
  });
  return {
    box: make("details", { class: "s2f-parts s2f-person" }, make("summary", {}, "The person"), ...each.map((one) => one.box)),
    show(values) { each.forEach((one, n) => { one.input.value = 0.5 + 0.5 * (values[SAID[n][0]] ?? 0); }); },
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
  const shape = likely(pad), said = person(pad);
  const box = make("div", { class: "s2f-settings" },
    make("label", { class: "s2f-slider s2f-model" }, make("span", {}, "Model"), models), answer, shape.box, detail.box, strength.box,
    make("div", { class: "s2f-slider s2f-hints" }, make("span", {}, "Witness's hints ", method),
      make("div", { class: "s2f-row" }, ...hints.map((one) => one.box), ...photo)), said.box);
  return {
    box,
    show(state) {
      fillSelect(models, state.models, state.model);
      answer.hidden = !state.has_answer;
      fillSelect(answers, ANSWERS, state.answer);
      shape.box.hidden = !state.has_likely || state.answer === "faithful";
      said.box.hidden = !state.has_person || state.answer === "faithful";
      shape.show(state.likely);
      said.show(state.person);
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
