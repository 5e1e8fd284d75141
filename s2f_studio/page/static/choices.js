// What may be chosen under Upload: the question, as on the pad, how many answers, the paper, and which face.

import { make } from "./dom.js";
import { CHANGES, begun, fieldsOf, shownOf } from "./question.js";
import { settings } from "./settings.js";

const PAPER = [["auto", "clean up where needed"], ["whole", "clean up, cut nothing out"], ["always", "always clean up"], ["never", "leave as it is"]];

function options(rows, selected) { return rows.map(([value, text]) => make("option", { value, selected: value === selected }, text)); }
function named(text, node) { return make("label", { class: "s2f-slider" }, make("span", {}, text), node); }

// query: the defaults of all that can be asked; candidates: how many answers are shown at first. shown() is called when other
// choices are open, later() when another answer is wanted.
export function choices({ query, candidates }, shown, later) {
  const asked = begun(query), ready = { models: [], restorers: [] };
  const numbers = [1, 2, 3, 4, 6, 8].map((n) => [n, n === 1 ? "one" : `${n} side by side`]);
  const several = make("select", { "aria-label": "number of answers", onchange: () => later() }, ...options(numbers, candidates));
  const clean = make("select", { "aria-label": "paper", onchange: () => later() }, ...options(PAPER, query.clean));
  const face = make("select", { "aria-label": "face", onchange: () => later() });
  const form = settings({ mark() {}, ask(kind, content) {
    Object.assign(asked, CHANGES[kind](asked, content));
    shown();
    later();
  } });
  const severalBox = named("How many", several), cleanBox = named("Paper", clean), faceBox = named("Face", face);
  const chosen = () => ready.models.find((one) => one.id === asked.model) || {};
  return {
    box: make("div", { class: "s2f-choices" }, severalBox, cleanBox, faceBox, form.box),
    asked,
    get known() { return ready.models.length > 0; },
    get hasSeveral() { return chosen().answers > 1; },
    another() { asked.seed += Number(several.value); later(); },
    take(listed) {
      const here = listed.filter((one) => one.state === "ready");
      ready.models = here.filter((one) => one.kind === "model");
      ready.restorers = here.filter((one) => one.kind === "restorer");
    },
    // So many faces are in the picture; the one that was chosen stays while they are as many.
    fillFaces(num) {
      if (!face.length || num !== face.length - 1) {
        const places = Array.from({ length: num }, (_, n) => [n + 1, n ? `${n + 1} from the left` : "leftmost"]);
        face.replaceChildren(...options([["", "the largest"], ...places]));
      }
      faceBox.hidden = num < 2;
    },
    // The model that was chosen stays where it goes this way.
    show(way) {
      const there = ready.models.filter((one) => one.direction === way);
      if (!there.some((one) => one.id === asked.model)) asked.model = there[0]?.id ?? "";
      form.show({ ...shownOf(asked, chosen(), ready.restorers), models: there.map(({ id, title }) => [id, title]) });
      severalBox.hidden = chosen().answers === 1;
      cleanBox.hidden = way !== "sketch-to-photo";
    },
    takeFace(number) { face.value = number; later(); },
    // The fields of a request to the app.
    fields() {
      const fields = { ...fieldsOf(asked, chosen()), candidates: this.hasSeveral ? several.value : 1 };
      if (!cleanBox.hidden) fields.clean = clean.value;
      if (!faceBox.hidden && face.value) fields.face = face.value;
      if (chosen().size_px === 256) fields.large = true;
      return fields;
    },
  };
}
