// Elements of a page: any one with its attributes and children, buttons with icons, sliders.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  pencil: "M4 20l1-5L16 4l4 4L9 19l-5 1z M14 6l4 4",
  brush: "M20 4L10 14 M10 14c-3 0-4 2-4 4-1 1-2 1-3 1 2 2 8 2 9-2 0-2-1-3-2-3z",
  eraser: "M8 20l-5-5L14 4l6 6-10 10H8z M9 9l6 6 M8 20h12",
  undo: "M9 6L4 11l5 5 M4 11h10a6 6 0 010 9h-3",
  redo: "M15 6l5 5-5 5 M20 11H10a6 6 0 000 9h3",
  clear: "M5 7h14 M10 7V4h4v3 M7 7l1 13h8l1-13",
  anew: "M4 12a8 8 0 108-8 M12 4H7 M7 1v6",
  upload: "M12 16V4 M7 9l5-5 5 5 M4 20h16",
  crop: "M7 2v15h15 M2 7h15v15",
  save: "M12 4v12 M7 11l5 5 5-5 M4 20h16",
  people: "M9 11a3 3 0 100-6 3 3 0 000 6z M3 19c0-6 12-6 12 0 M16 5a3 3 0 010 6 M18 14c2 1 3 3 3 5",
};

export function make(tag, attributes = {}, ...children) {
  const isSvg = tag === "svg" || tag === "path";
  const node = isSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

// A button with an icon; without text its hint is its name.
export function button(icon, text, hint, onclick) {
  const drawn = make("path", { d: ICONS[icon] });
  const picture = make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, drawn);
  const words = text ? [make("span", {}, text)] : [];
  const attributes = { type: "button", "aria-label": hint, title: hint, onclick };
  return make("button", attributes, picture, ...words);
}

export function plainButton(text, onclick, more = {}) {
  return make("button", { type: "button", class: "s2f-plain", onclick, ...more }, text);
}

// A choice with its label; show(rows, value) fills it with [value, text].
export function select(label, onchange) {
  const node = make("select", { "aria-label": label, onchange: () => onchange(node.value) });
  let shown = "";
  function show(rows, value) {
    const wanted = JSON.stringify(rows);
    if (wanted !== shown) {
      const options = rows.map(([one, text]) => make("option", { value: one }, text));
      node.replaceChildren(...options);
    }
    shown = wanted;
    node.value = value;
  }
  return { node, show };
}

// A slider; `meanings` say what its ends mean, and its middle. put(value) leaves one that is being
// dragged.
export function slider(label, meanings, range, onchange) {
  const attributes = { type: "range", "aria-label": label, ...range };
  const input = make("input", { ...attributes, onchange: () => onchange(Number(input.value)) });
  const marks = make("small", {}, ...meanings.map((text) => make("span", {}, text)));
  const box = make("label", { class: "s2f-field" }, make("span", {}, label), input, marks);
  function put(value) {
    if (!input.matches(":active")) input.value = value;
  }
  return { box, put };
}
