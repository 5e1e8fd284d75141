// What comes back: the answers, and a divider between one of them and what was given.

import { make, plainButton } from "./dom.js";

const CALLED = { rendered: "the face that is meant", expected: "its average" };

function called(name) { return CALLED[name] || name.replace("variation", "somebody else,"); }

// Two pictures in one frame and a divider between them, which is a range: mouse, finger and arrow keys move it.
function divider() {
  const [before, after] = ["before", "after"].map((name) => make("img", { alt: name, class: `s2f-${name}`, draggable: "false" }));
  const label = "divider between the picture that was given and the answer";
  const bar = make("input", { type: "range", min: 0, max: 100, value: 50, "aria-label": label });
  const box = make("div", { class: "s2f-divider" }, before, after, make("i", { "aria-hidden": "true" }), bar);
  const move = () => box.style.setProperty("--at", `${bar.value}%`);
  bar.addEventListener("input", move);
  move();
  return { box, show(given, made) { before.src = given; after.src = made; } };
}

// again() asks for others.
export function answers(again) {
  let picked = 0;
  const compare = divider();
  const tiles = make("div", { class: "s2f-answers", role: "group", "aria-label": "answers" });
  const save = make("a", { class: "s2f-plain" }, "Download PNG");
  const others = plainButton("Other answers", again);
  const actions = make("div", { class: "s2f-actions" }, save, others);
  const box = make("div", { class: "s2f-result", hidden: true }, compare.box, actions, tiles);
  function pick(told, n) {
    picked = n;
    compare.show(told.given, told.pictures[n].png);
    save.href = told.pictures[n].png;
    save.download = `${told.direction}.png`;
    [...tiles.children].forEach((one, at) => one.setAttribute("aria-pressed", at === n));
  }
  return {
    box, others,
    begin() { picked = 0; },
    show(told) {
      box.hidden = false;
      tiles.replaceChildren(...told.pictures.map((one, n) => make("button",
        { type: "button", class: "s2f-answer", "aria-label": `answer ${n + 1}: ${called(one.name)}`, onclick: () => pick(told, n) },
        make("img", { src: one.png, alt: "" }), make("span", {}, called(one.name)))));
      tiles.hidden = told.pictures.length < 2;
      pick(told, Math.min(picked, told.pictures.length - 1));
    },
  };
}
