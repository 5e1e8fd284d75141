// What stands beside the pictures: the kind of answer, its shape, the person, the model; and the versions that were kept.

import { make, slider } from "./dom.js";
import { ANSWERS, PARTS } from "./question.js";
import { fillSelect } from "./tools.js";

const FIRST_TONES = { hair: "#a0582c", skin: "#c68e66" };
const TONES = Object.keys(FIRST_TONES);

// A tone of the person, told by pad.ask.
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

// Of a person: name, what it is called, and what its ends mean.
const SAID = [["age", "Age", "young", "old"], ["smile", "Mouth", "closed", "smiling"], ["hair_length", "Hair", "short", "long"],
  ["curls", "Curls", "straight", "curly"],
  ["glasses", "Glasses", "no", "yes"], ["beard", "Beard", "no", "yes"], ["hat", "Hat", "no", "yes"]];

// How far each part goes from the lines to a likely face: one slider for all, and one each.
function likely(pad) {
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
      all.put(values.reduce((sum, value) => sum + value, 0) / values.length);
      each.forEach((one, n) => one.put(values[n]));
    },
  };
}

// What is known of the person beside the drawing: tones, and sliders on whose middle nothing is said.
function person(pad) {
  const tones = TONES.map((part) => hint(pad, part));
  const each = SAID.map(([name, text, left, right]) => {
    const says = (at) => (at === 0.5 ? "not said" : `${at < 0.5 ? left : right}, ${Math.round(200 * Math.abs(at - 0.5))} %`);
    const tell = (value) => pad.ask("person", { name, value: value === 0 ? null : value });
    const own = slider(text, left, right, () => tell(Math.round(20 * Number(own.input.value) - 10) / 10), 0.5, says);
    if (left === "no") own.input.setAttribute("step", 0.5); // or not said
    return { box: own.box, set(value) { own.put(0.5 + 0.5 * value); } };
  });
  const sliders = make("div", { class: "s2f-many" }, ...each.map((one) => one.box));
  const box = make("details", { class: "s2f-parts s2f-person" }, make("summary", {}, "The person"),
    make("div", { class: "s2f-row" }, ...tones.map((one) => one.box)), sliders);
  let said = 0;
  return {
    box,
    show(values, hints) {
      each.forEach((one, n) => one.set(values[SAID[n][0]] ?? 0));
      for (const one of tones) one.show(hints);
      const num = Object.keys(values).length + Object.keys(hints).length;
      if (num > said) box.open = true; // what was said before a reload is in sight
      said = num;
    },
  };
}

// The controls of a question. pad.ask(kind, content) is told what changes, pad.mark(null) that another model is chosen.
export function settings(pad) {
  const choose = () => { pad.mark(null); pad.ask("model", { name: models.value }); };
  const models = make("select", { "aria-label": "model", onchange: choose });
  const answers = make("select", { "aria-label": "kind of answer", onchange: () => pad.ask("set", { answer: answers.value }) });
  const answer = make("label", { class: "s2f-slider" }, make("span", {}, "Answer"), answers);
  const detail = slider("Detail", "faithful", "invented detail", () => pad.ask("set", { detail: Number(detail.input.value) }));
  const strength = slider("Enhancement", "off", "invented detail", () => pad.ask("set", { strength: Number(strength.input.value) }));
  const restorers = make("select", { "aria-label": "restorer", onchange: () => pad.ask("set", { restorer: restorers.value }) });
  const shape = likely(pad), said = person(pad);
  const more = make("details", { class: "s2f-parts s2f-more" }, make("summary", {}, "More"),
    make("label", { class: "s2f-slider s2f-model" }, make("span", {}, "Model"), models), detail.box, strength.box, restorers);
  let model = null;
  return {
    box: make("div", { class: "s2f-settings" }, answer, shape.box, said.box, more),
    show(state) {
      fillSelect(models, state.models, state.model);
      answer.hidden = shape.box.hidden = said.box.hidden = !state.chooses;
      fillSelect(answers, ANSWERS, state.answer);
      shape.show(state.likely);
      said.show(state.person, state.hints);
      detail.box.hidden = !state.has_detail;
      detail.put(state.detail);
      strength.put(state.strength);
      strength.box.hidden = !state.restorers.length;
      fillSelect(restorers, state.restorers, state.restorer || state.restorers[0]?.[0]);
      restorers.hidden = state.restorers.length < 2;
      if (model !== state.model) more.open = more.open || (!!state.model && !state.chooses); // where there is little else to set
      model = state.model;
    },
  };
}

export function versions(pad) {
  const box = make("div", { class: "s2f-strip", "aria-label": "versions", role: "group" });
  const picture = (uri) => make("img", { src: uri, alt: "", draggable: "false" });
  function version(one, n) {
    const back = () => { pad.mark(null); pad.ask("back", { number: n }); };
    const hint = `Drop ${one.name}`, drop = () => pad.ask("drop", { number: n });
    const shown = [make("div", {}, picture(one.given), picture(one.face)), make("span", {}, one.name)], title = `Go back to ${one.name}`;
    return make("div", { class: "s2f-version" },
      make("button", { type: "button", class: "s2f-tile", "aria-label": title, title, onclick: back }, ...shown),
      make("button", { type: "button", class: "s2f-drop", "aria-label": hint, title: hint, onclick: drop }, "×"));
  }
  let shown = null; // tiles stay, with the focus, while versions are the same
  return {
    box,
    show(state) {
      if (shown === state.versions) return;
      shown = state.versions;
      box.hidden = !shown.length;
      box.replaceChildren(make("b", {}, "Versions"), ...shown.map(version));
    },
  };
}
