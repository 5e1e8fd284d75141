// What is asked beside a picture, the same on the pad and under Upload (s2f_studio/query.py).

export const PARTS = ["eyes", "brows", "nose", "mouth", "outline"];
export const ANSWERS = [["auto", "a photo of the face that is meant"], ["expected", "the average of such faces, soft"]];
const RESTORED = ["sketch-to-photo", "map-to-photo"]; // photos of faces

// The question at first. query: the defaults of every front end.
export function begun({ detail, answer, seed, likely }) {
  const parts = Object.fromEntries(PARTS.map((part) => [part, likely]));
  return { model: "", detail, answer, seed, strength: 0, restorer: "", likely: parts, person: {}, hints: {} };
}

// The values with another one of this name; null takes it away.
function without(values, name, value) {
  const { [name]: _, ...others } = values;
  return value === null ? others : { ...others, [name]: value };
}

// What a control changes in a question, by the control's kind.
export const CHANGES = {
  model: (_question, { name }) => ({ model: name }),
  set: (_question, { kind: _kind, ...changed }) => changed,
  likely: ({ likely }, { part, amount }) =>
    ({ likely: { ...likely, ...Object.fromEntries((part ? [part] : PARTS).map((one) => [one, amount])) } }),
  person: ({ person }, { name, value }) => ({ person: without(person, name, value) }),
  hint: ({ hints }, { part, colour }) => ({ hints: without(hints, part, colour) }),
};

// "age=0.5,hair=#332211".
const listed = (values) => Object.entries(values).map(([name, value]) => `${name}=${value}`).join(",");

// The fields of a request. one: the model that is asked, as it is listed.
export function fieldsOf({ model, detail, answer, seed, strength, restorer, likely, person, hints }, one) {
  const fields = { direction: one.direction, model, seed };
  if (one.detail && !one.chooses) fields.detail = detail;
  if (one.chooses) Object.assign(fields, { answer, likely: listed(likely), person: listed({ ...person, ...hints }) });
  if (strength > 0 && RESTORED.includes(one.direction)) {
    Object.assign(fields, { enhance: true, strength, ...(restorer && { restorer }) });
  }
  return fields;
}

// What controls show of a question. restorers: as they are listed.
export function shownOf(question, one, restorers) {
  return {
    ...question, chooses: one.chooses, has_detail: one.detail && !one.chooses,
    restorers: RESTORED.includes(one.direction) ? restorers.map(({ id, title }) => [id, title]) : [],
  };
}
