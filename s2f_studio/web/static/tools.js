// The tools above the drawing: pencil, brush, eraser, regions, undo, starts; and the parts of a face to paint.

import { button, make } from "./dom.js";
import { picker } from "./files.js";

const WIDTHS = { sketch: { most: 40, first: 4 }, map: { most: 60, first: 16 } }; // of a line
const TOOLS = [
  ["pencil", "Pencil", "Pencil: draw (P)"],
  ["brush", "Brush", "Brush: paint the chosen part (P)"],
  ["eraser", "Eraser", "Eraser (E)"],
  ["box", "Region", "Region: drag a rectangle (R), which is redrawn; the rest of the face stays"],
];

const LESSON = "Lesson: "; // so the titles of small models begin, which show how others work

// Options of a select, as [value, text, disabled], lessons apart.
export function optionsOf(rows) {
  const one = ([value, text, disabled]) => make("option", { value, disabled }, text.replace(LESSON, ""));
  const lessons = rows.filter(([, text]) => text.startsWith(LESSON)), others = rows.filter((row) => !lessons.includes(row));
  if (!lessons.length) return others.map(one);
  return [...others.map(one), make("optgroup", { label: "Lessons: small faces, to learn from" }, ...lessons.map(one))];
}

// The options of a select, made anew only where they are others.
export function fillSelect(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.replaceChildren(...optionsOf(options));
    select.dataset.options = wanted;
  }
  select.value = value;
}

function lineWidth() {
  const input = make("input", { type: "range", min: 1, max: 40, step: 1, value: 4, "aria-label": "line width", title: "line width" });
  const dot = make("span", { class: "s2f-dot", "aria-hidden": "true" });
  const draw = () => { dot.style.width = dot.style.height = `${Math.min(22, 2 + input.value / 2)}px`; };
  input.addEventListener("input", draw);
  const shown = make("span", { class: "s2f-dotbox" }, dot);
  const box = make("label", { class: "s2f-set s2f-width" }, make("span", {}, "Width"), input, shown);
  return { box, input, begin({ most, first }) { input.max = most; input.value = first; draw(); } };
}

export function toolbar(pad) {
  const tools = Object.fromEntries(TOOLS.map(([name, text, hint]) => [name, button(name, text, hint, () => pad.choose(name))]));
  const width = lineWidth();
  const undo = button("undo", "", "Undo (Ctrl+Z)", () => pad.sheet.undo() && pad.send());
  const redo = button("redo", "", "Redo (Ctrl+Shift+Z)", () => pad.sheet.redo() && pad.send());
  const clear = button("clear", "", "Clear the drawing", () => { pad.sheet.clear(); pad.sheet.push(); pad.send(); });
  const anew = button("anew", "Start anew", "Start anew: put away the drawing, the settings and the versions", () => pad.anew());
  const starts = make("select", { "aria-label": "start from a drawn face", onchange: () => {
    if (starts.value) { pad.mark(null); pad.ask("start", { name: starts.value }); starts.value = ""; }
  } });
  const upload = picker("upload", "Upload", "Upload a drawing: its paper is cleaned, its face laid upright",
    (content) => { pad.mark(null); pad.ask("upload", content); });
  const set = (...children) => make("div", { class: "s2f-set" }, ...children);
  const box = make("div", { class: "s2f-bar", role: "toolbar", "aria-label": "drawing tools" },
    set(tools.pencil, tools.brush, tools.eraser), width.box, set(undo, redo, clear), set(tools.box),
    set(starts, ...upload, anew));
  return {
    box, tools, undo, redo,
    width: () => Number(width.input.value),
    begin: (reads) => width.begin(WIDTHS[reads]),
    choose(name) { for (const [key, node] of Object.entries(tools)) node.setAttribute("aria-pressed", key === name); },
    show(state) {
      tools.pencil.hidden = state.reads === "map";
      anew.hidden = !pad.core.anew;
      tools.brush.hidden = state.reads !== "map";
      fillSelect(starts, [["", "Start from …"], ...state.starts.map((name) => [name, name])], "");
    },
  };
}

export function palette(pad) {
  const box = make("div", { class: "s2f-palette", role: "radiogroup", "aria-label": "parts of the face" });
  function pick(n) {
    pad.label = n;
    [...box.children].forEach((node, at) => node.setAttribute("aria-checked", at === n));
    if (pad.tool === "eraser") pad.choose("brush");
  }
  return {
    box,
    show(state) {
      box.hidden = state.reads !== "map";
      if (box.children.length) return;
      box.append(...state.labels.map(([name, colour], n) => {
        const swatch = make("i");
        swatch.style.background = colour;
        return make("button",
          { type: "button", role: "radio", class: "s2f-swatch", "aria-label": name, title: name, onclick: () => pick(n) },
          swatch, make("span", {}, name));
      }));
      pick(pad.label);
    },
  };
}

// The tool that a key stands for, or nothing.
export function toolOfKey({ tools, undo, redo }, event, reads) {
  const typing = event.target.matches("select, input:not([type=range]):not([type=checkbox])");
  const key = event.key.toLowerCase(), control = event.ctrlKey || event.metaKey;
  if (control && key === "z") return event.shiftKey ? redo : undo;
  if (control && key === "y") return redo;
  if (control || event.altKey || typing) return null;
  const isMap = reads === "map", { pencil, brush, eraser: e, box: r } = tools;
  return { p: isMap ? brush : pencil, e, r }[key];
}
