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

// The options of a select, made anew only where they are others.
export function fillSelect(select, options, value) {
  const wanted = JSON.stringify(options);
  if (select.dataset.options !== wanted) {
    select.replaceChildren(...options.map(([value, text]) => make("option", { value }, text)));
    select.dataset.options = wanted;
  }
  select.value = value;
}

export function toolbar(pad) {
  const tools = Object.fromEntries(TOOLS.map(([name, text, hint]) => [name, button(name, text, hint, () => pad.choose(name))]));
  const width = make("input", { type: "range", min: 1, "aria-label": "line width", title: "line width" });
  const undo = button("undo", "", "Undo (Ctrl+Z)", () => pad.sheet.move(-1) && pad.send());
  const redo = button("redo", "", "Redo (Ctrl+Shift+Z)", () => pad.sheet.move(1) && pad.send());
  const clear = button("clear", "", "Clear the drawing", () => { pad.sheet.clear(); pad.sheet.push(); pad.send(); });
  const anew = button("anew", "Start anew", "Start anew: put away the drawing, the settings and the versions", () => pad.anew());
  const starts = make("select", { "aria-label": "start from a drawn face", onchange: () => {
    if (starts.value) { pad.mark(null); pad.ask("start", { name: starts.value }); starts.value = ""; }
  } });
  const upload = picker("upload", "Upload", "Upload a drawing: its paper is cleaned, its face laid upright",
    (content) => { pad.mark(null); pad.ask("upload", content); }, pad.say, () => pad.state.reads === "map");
  const set = (...children) => make("div", { class: "s2f-set" }, ...children);
  const box = make("div", { class: "s2f-bar", role: "toolbar", "aria-label": "drawing tools" },
    set(tools.pencil, tools.brush, tools.eraser), make("label", { class: "s2f-set s2f-width" }, "Width", width),
    set(undo, redo, clear), set(tools.box), set(starts, ...upload, anew));
  return {
    box, tools, undo, redo,
    width: () => Number(width.value),
    begin(reads) { width.max = WIDTHS[reads].most; width.value = WIDTHS[reads].first; },
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
