// Elements of a page: any one with its attributes and children, buttons with an icon, sliders.

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  pencil: "M4 20l1-5L16 4l4 4L9 19l-5 1z M14 6l4 4",
  eraser: "M8 20l-5-5L14 4l6 6-10 10H8z M9 9l6 6 M8 20h12",
  brush: "M20 4L10 14 M10 14c-3 0-4 2-4 4-1 1-2 1-3 1 2 2 8 2 9-2 0-2-1-3-2-3z",
  box: "M4 5h16v14H4z",
  anew: "M4 12a8 8 0 108-8 M12 4H7 M7 1v6 M9 12h6 M12 9v6",
  undo: "M9 6L4 11l5 5 M4 11h10a6 6 0 010 9h-3",
  redo: "M15 6l5 5-5 5 M20 11H10a6 6 0 000 9h3",
  clear: "M5 7h14 M10 7V4h4v3 M7 7l1 13h8l1-13",
  upload: "M12 16V4 M7 9l5-5 5 5 M4 20h16",
  save: "M12 4v12 M7 11l5 5 5-5 M4 20h16",
  dice: "M5 5h14v14H5z M9 9h.01 M15 9h.01 M12 12h.01 M9 15h.01 M15 15h.01",
  keep: "M7 4h10v16l-5-4-5 4z",
};

export function make(tag, attributes = {}, ...children) {
  const node = ["svg", "path"].includes(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value !== false && value != null) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

export function button(name, text, label, act) {
  return make("button", { type: "button", "aria-label": label, title: label, onclick: act },
    make("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, make("path", { d: ICONS[name] })),
    ...(text ? [make("span", {}, text)] : []));
}

// From 0 to 1; left and right are what its ends mean, says(value) is read out. put(value) sets it, unless it is being dragged.
export function slider(text, left, right, onchange, value, says = null) {
  const input = make("input", { type: "range", min: 0, max: 1, step: 0.05, value, "aria-label": text, onchange });
  const ends = make("small", {}, make("span", {}, left), make("span", {}, right));
  const tell = () => { if (says) input.setAttribute("aria-valuetext", says(Number(input.value))); };
  const put = (wanted) => { if (!input.matches(":active")) { input.value = wanted; tell(); } };
  input.addEventListener("input", tell);
  tell();
  return { input, put, box: make("label", { class: "s2f-slider" }, make("span", {}, text), input, ends) };
}

// A line of what is said, read out whenever its words change; what stands beside them, such as seconds, is only seen.
export function statusLine() {
  const words = make("span"), beside = make("span", { "aria-hidden": "true" });
  const box = make("div", { class: "s2f-status", role: "status", "aria-live": "polite" }, words, beside);
  function say(text, wrong = false, more = "") {
    if (words.textContent !== text) words.textContent = text;
    beside.textContent = more;
    box.classList.toggle("s2f-wrong", wrong);
  }
  return { box, words, say };
}

// Whenever a part of the page comes into sight: a tab that is opened.
export function whenSeen(el, act) {
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) act(); }).observe(el);
}

export function plainButton(text, onclick, more = {}) {
  return make("button", { type: "button", class: "s2f-plain", onclick, ...more }, text);
}
