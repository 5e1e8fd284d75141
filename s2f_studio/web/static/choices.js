// What may be chosen beside the picture: model, number of answers, paper, detail, enhancement.

import { listed } from "./core.js";
import { make, slider } from "./dom.js";
import { ANSWERS, PARTS, likely, person } from "./settings.js";
import { optionsOf } from "./tools.js";

const PAPER = [["auto", "clean up where needed"], ["whole", "clean up, cut nothing out"], ["always", "always clean up"], ["never", "leave as it is"]];

function options(rows, selected) { return rows.map(([value, text]) => make("option", { value, selected: value === selected }, text)); }

function named(text, node) { return make("label", { class: "s2f-named" }, make("b", {}, text), node); }

// Models that are ready can be chosen; the one that was chosen stays.
function fill(select, rows) {
  const before = select.value, isReady = (one) => one.state === "ready";
  select.replaceChildren(...optionsOf(rows.map((one) =>
    [one.id, one.title + (isReady(one) ? "" : ` (${Math.round(one.size_mb)} MB, not here)`), !isReady(one)])));
  if (rows.some((one) => one.id === before && isReady(one))) select.value = before;
}

// query: the defaults of all that can be asked; num: how many answers are shown at first. shown() is called when other choices
// are open, later(wait) when another answer is wanted.
export function choices({ query, candidates }, shown, later) {
  let models = [];
  const model = make("select", { "aria-label": "model", onchange: () => { shown(); later(0); } });
  const numbers = [1, 2, 3, 4, 6, 8].map((n) => [n, n === 1 ? "one" : `${n} side by side`]);
  const several = make("select", { "aria-label": "number of answers", onchange: () => later(0) }, ...options(numbers, candidates));
  const clean = make("select", { "aria-label": "paper", onchange: () => later(0) }, ...options(PAPER, query.clean));
  const answer = make("select", { "aria-label": "kind of answer", onchange: () => later(0) }, ...options(ANSWERS, query.answer));
  const face = make("select", { "aria-label": "face", onchange: () => later(0) });
  const changed = () => { shown(); later(); };
  const asked = { likely: Object.fromEntries(PARTS.map((part) => [part, query.likely])), person: {}, hints: {} };
  const shape = likely({ ask: (_, { part, amount }) => {
    for (const name of part ? [part] : PARTS) asked.likely[name] = amount;
    shape.show(asked.likely);
    changed();
  } });
  shape.show(asked.likely);
  const said = person({ ask: (kind, told) => {
    if (kind === "hint") asked.hints[told.part] = told.colour; else asked.person[told.name] = told.value;
    changed();
  } });
  const detail = slider("Detail", "faithful", "realistic, invented", changed, query.detail);
  const large = make("input", { type: "checkbox", checked: true, onchange: changed });
  const largeBox = make("label", { class: "s2f-check" }, large, "512 pixels");
  const enhance = make("input", { type: "checkbox", onchange: changed });
  const strength = slider("Strength", "as translated", "invented detail", changed, query.strength);
  const restorer = make("select", { "aria-label": "restorer", onchange: () => later(0) });
  const enhanceLabel = make("label", {}, enhance, make("b", {}, "Enhance"));
  const enhanceBox = make("div", { class: "s2f-enhance" }, enhanceLabel, strength.box, restorer);
  const severalBox = named("How many", several), cleanBox = named("Paper", clean), faceBox = named("Face", face), answerBox = named("Answer", answer);
  const chosen = () => models.find((one) => one.id === model.value) || {};
  return {
    box: make("div", { class: "s2f-choices" }, named("Model", model), severalBox, answerBox, cleanBox, shape.box, faceBox, detail.box, enhanceBox, said.box, largeBox),
    model,
    get known() { return models.length > 0; },
    get hasSeveral() { return chosen().answers > 1; },
    get num() { return Number(several.value); },
    fillModels(way) { fill(model, models.filter((one) => one.kind === "model" && one.direction === way)); },
    take(found) {
      models = found;
      fill(restorer, models.filter((one) => one.kind === "restorer"));
    },
    // So many faces are in the picture; the one that was chosen stays while they are as many.
    fillFaces(num) {
      if (!face.length || num !== face.length - 1) {
        const numbers = Array.from({ length: num }, (_, n) => [n + 1, n ? `${n + 1} from the left` : "leftmost"]);
        face.replaceChildren(...options([["", "the largest"], ...numbers]));
      }
      faceBox.hidden = num < 2;
    },
    show(way) {
      detail.box.hidden = !chosen().detail || chosen().chooses;
      shape.box.hidden = said.box.hidden = answerBox.hidden = !chosen().chooses;
      largeBox.hidden = chosen().size_px !== 256;
      severalBox.hidden = chosen().answers === 1;
      cleanBox.hidden = way !== "sketch-to-photo";
      enhanceBox.hidden = way === "photo-to-sketch" || !restorer.length;
      strength.box.hidden = restorer.hidden = !enhance.checked;
    },
    takeFace(number) { face.value = number; later(0); },
    // The fields of a request to the app.
    fields() {
      const told = { model: model.value, candidates: this.hasSeveral ? several.value : 1 };
      told.enhance = enhance.checked && !enhanceBox.hidden;
      if (!detail.box.hidden) told.detail = detail.input.value;
      if (told.enhance) Object.assign(told, { strength: strength.input.value, restorer: restorer.value });
      if (!answerBox.hidden) told.answer = answer.value;
      if (!shape.box.hidden) told.likely = listed(asked.likely);
      if (!said.box.hidden) told.person = listed({ ...asked.person, ...asked.hints });
      if (!cleanBox.hidden) told.clean = clean.value;
      if (!faceBox.hidden && face.value) told.face = face.value;
      if (large.checked && !largeBox.hidden) told.large = true;
      return told;
    },
  };
}
