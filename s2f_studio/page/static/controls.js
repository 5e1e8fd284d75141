// The controls: tools above the paper, parts of a face to paint, and how the answer is made.

import { button, make, plainButton, select, slider } from "./dom.js";

const WIDTHS = { sketch: { max: 40, value: 4 }, map: { max: 30, value: 8 } };
const FIRST_PART = 13; // hair
const ANSWERS = [
  ["person", "one person who fits"],
  ["average", "the average of all"],
];
const SHARE = { min: 0, max: 1, step: 0.05 };
const BOTH_WAYS = { min: -1, max: 1, step: 0.1 };
const THREE = { min: -1, max: 1, step: 1 };
// Of a person: name, label, what the ends mean, the steps; in the middle nothing is asked for.
const PERSON = [
  ["presents", "Man or woman", ["man", "woman"], BOTH_WAYS],
  ["age", "Age", ["young", "old"], BOTH_WAYS],
  ["smile", "Mouth", ["closed", "smiling"], BOTH_WAYS],
  ["hair_length", "Hair length", ["short", "long"], BOTH_WAYS],
  ["curls", "Curls", ["straight", "curly"], BOTH_WAYS],
  ["glasses", "Glasses", ["no", "yes"], THREE],
  ["beard", "Beard", ["no", "yes"], THREE],
  ["hat", "Hat", ["no", "yes"], THREE],
];
const ANY = "any";
const COLOURS = [["skin", "Skin"], ["hair", "Hair colour"]];

// pad: has choose(tool), move(steps) and clear().
export function toolbar(pad) {
  const tools = {
    pencil: button("pencil", "Draw", "Pencil: draw (P)", () => pad.choose("pencil")),
    brush: button("brush", "Paint", "Brush: paint the chosen part (P)", () => pad.choose("brush")),
    eraser: button("eraser", "Erase", "Eraser (E)", () => pad.choose("eraser")),
  };
  const width = make("input", { type: "range", min: 1, "aria-label": "line width" });
  const undo = button("undo", "", "Undo (Ctrl+Z)", () => pad.move(-1));
  const redo = button("redo", "", "Redo (Ctrl+Shift+Z)", () => pad.move(1));
  const clear = button("clear", "Clear", "Clear the drawing", () => pad.clear());
  const wide = make("label", { class: "s2f-width", title: "line width" }, "Width", width);
  const bar = { class: "s2f-tools", role: "toolbar", "aria-label": "drawing tools" };
  const box = make("div", bar, ...Object.values(tools), wide, undo, redo, clear);

  // The button that a key stands for, or null.
  function ofKey({ key, ctrlKey, metaKey, altKey, shiftKey }) {
    const pressed = key.toLowerCase();
    if (ctrlKey || metaKey) {
      if (pressed === "y" || (pressed === "z" && shiftKey)) return redo;
      return pressed === "z" ? undo : null;
    }
    if (altKey) return null;
    if (pressed === "e") return tools.eraser;
    if (pressed !== "p") return null;
    return tools.brush.hidden ? tools.pencil : tools.brush;
  }

  return {
    box,
    ofKey,
    get width() {
      return Number(width.value);
    },
    begin(reads) {
      box.hidden = reads === "photo";
      tools.pencil.hidden = reads === "map";
      tools.brush.hidden = reads !== "map";
      if (WIDTHS[reads]) Object.assign(width, WIDTHS[reads]);
    },
    show(tool, canMove) {
      for (const [name, node] of Object.entries(tools)) {
        node.setAttribute("aria-pressed", name === tool);
      }
      undo.disabled = !canMove(-1);
      redo.disabled = !canMove(1);
    },
  };
}

// labels: [name, colour] of each part; picked() is called when another one is chosen.
export function palette(labels, picked) {
  let chosen = FIRST_PART;
  const named = { role: "radiogroup", "aria-label": "parts of the face" };
  const swatches = labels.map(([name, colour], n) => {
    const tile = make("i");
    tile.style.background = colour;
    const act = () => {
      pick(n);
      picked();
    };
    const swatch = { type: "button", role: "radio", class: "s2f-swatch", onclick: act };
    return make("button", swatch, tile, make("span", {}, name));
  });
  const box = make("div", { class: "s2f-palette", ...named }, ...swatches);
  function pick(n) {
    chosen = n;
    swatches.forEach((node, at) => node.setAttribute("aria-checked", at === n));
  }
  pick(chosen);
  return {
    box,
    get colour() {
      return labels[chosen][1];
    },
  };
}

function labelled(text, node) {
  return make("label", { class: "s2f-field" }, make("span", {}, text), node);
}

// A row of colours, {name: colour}; one that is chosen again is taken back: onchange(null).
function colours(label, shades, onchange) {
  const nodes = Object.entries(shades).map(([shade, colour]) => {
    const name = `${label}: ${shade}`;
    const toggle = () => onchange(node.getAttribute("aria-pressed") === "true" ? null : colour);
    const named = { "aria-label": name, title: name };
    const node = make("button", { type: "button", class: "s2f-colour", onclick: toggle, ...named });
    node.style.background = colour;
    return node;
  });
  const row = make("div", { class: "s2f-colours" }, ...nodes);
  const box = make("div", { class: "s2f-field" }, make("span", {}, label), row);
  function put(value) {
    Object.values(shades).forEach((colour, n) => {
      nodes[n].setAttribute("aria-pressed", colour === value);
    });
  }
  return { box, put };
}

// What is known of the person beside the drawing, of what the host knows.
function person(state) {
  const isKnown = ([name]) => state.about.person.includes(name);
  const say = (name, value) => {
    const { [name]: _, ...others } = state.settings.person;
    state.set({ person: value ? { ...others, [name]: value } : others });
  };
  const swatches = COLOURS.filter(isKnown).map(([name, label]) => {
    const shades = state.about.shades[name];
    return { name, ...colours(label, shades, (colour) => say(name, colour)) };
  });
  const sliders = PERSON.filter(isKnown).map(([name, label, [left, right], range]) => {
    const meanings = [left, ANY, right];
    return { name, ...slider(label, meanings, range, (value) => say(name, value)) };
  });
  const rows = [...swatches, ...sliders];
  const title = make("summary", {}, "The person");
  const unsay = plainButton("Reset all", () => state.set({ person: {} }));
  const fields = make("div", { class: "s2f-person" }, ...rows.map((one) => one.box), unsay);
  const box = make("details", {}, title, fields);
  function show(values) {
    for (const { name, put } of rows) put(values[name] ?? 0);
    const num = Object.keys(values).length;
    unsay.disabled = !num;
    title.textContent = num ? `The person (${num} set)` : "The person";
  }
  return { box, show };
}

// The code of who is in sight, to be copied; somebody whose code is pasted stays.
function personCode(state) {
  const hint = "Copy it to find this person again; paste one, and that person stays";
  const named = { "aria-label": "A person's code", title: hint };
  const typed = { type: "text", autocomplete: "off", spellcheck: "false" };
  const input = make("input", { ...typed, ...named, onchange: () => state.stay(input.value.trim()) });
  const box = make("label", { class: "s2f-field" }, make("span", {}, "A person's code"), input);
  function put(value) {
    if (!input.matches(":focus")) input.value = value;
  }
  return { box, put };
}

// What is set otherwise than usual, beside the face: [text, the changes that take it back] of each.
function unusual({ about, canEnhance, model, settings }) {
  const { answer, likely, temperature, person, strength } = settings;
  const usual = about.query;
  const found = [];
  if (model.chooses) {
    const names = Object.fromEntries(ANSWERS);
    if (answer !== usual.answer) found.push([names[answer], { answer: usual.answer }]);
    if (likely !== usual.likely) found.push([`Shape: ${likely}`, { likely: usual.likely }]);
    if (temperature !== null) found.push([`Varied: ${temperature}`, { temperature: null }]);
    for (const [name, value] of Object.entries(person)) {
      const { [name]: _, ...others } = person;
      found.push([worded(name, value, about.shades), { person: others }]);
    }
  }
  if (canEnhance && strength > 0) found.push([`Enhance: ${strength}`, { strength: 0 }]);
  return found;
}

// "Skin: dark", "Age: old".
function worded(name, value, shades) {
  const [, label, ends] = [...COLOURS, ...PERSON].find(([one]) => one === name);
  if (ends) return `${label}: ${value < 0 ? ends[0] : ends[1]}`;
  const shade = Object.entries(shades[name]).find(([, colour]) => colour === value);
  return `${label}: ${shade?.[0] ?? value}`;
}

// A button for each of these, that takes it back.
export function chips(state) {
  const box = make("div", { class: "s2f-chips" });
  let shown = "";
  function show() {
    const rows = unusual(state);
    const wanted = JSON.stringify(rows);
    if (wanted === shown) return;
    shown = wanted;
    const nodes = rows.map(([text, changes]) => {
      const named = { "aria-label": `take back ${text.replace(":", ",")}` };
      return plainButton(`${text} ×`, () => state.set(changes), named);
    });
    box.replaceChildren(...nodes);
  }
  return { box, show };
}

// How the answer is made, and by which model.
export function settings(state) {
  const setShape = (likely) => state.set({ likely });
  const shape = slider("Shape", ["my lines", "a likely face"], SHARE, setShape);
  const answers = select("kind of answer", (answer) => state.set({ answer }));
  const known = person(state);
  const code = personCode(state);
  const enhance = (value) => state.set({ strength: value });
  const strength = slider("Enhance", ["off", "invented detail"], SHARE, enhance);
  const models = select("model", (model) => state.choose({ model }));
  const answer = labelled("Answer", answers.node);
  const model = labelled("Model", models.node);
  const parts = [answer, shape.box, strength.box, model, code.box, known.box];
  const box = make("div", { class: "s2f-settings" }, ...parts);

  function show() {
    const { settings: now, model: chosen } = state;
    answers.show(ANSWERS, now.answer);
    shape.put(now.likely);
    known.show(now.person);
    code.put(state.face.person);
    strength.put(now.strength);
    const alike = state.models.filter((one) => one.direction === chosen.direction);
    models.show(alike.map(({ id, title }) => [id, title]), now.model);
    answer.hidden = !chosen.chooses;
    shape.box.hidden = !chosen.chooses;
    code.box.hidden = !chosen.chooses || now.answer === "average";
    known.box.hidden = !chosen.chooses || !state.about.person.length;
    strength.box.hidden = !state.canEnhance;
    model.hidden = alike.length < 2;
    box.hidden = parts.every((one) => one.hidden);
  }
  return { box, show };
}
