// The sketch pad in a notebook: it shows what the kernel's pad holds, and the kernel's pad holds what is drawn here.

import { Core } from "./core.js";
import { widgetHost } from "./host_widget.js";
import { mountSketchPad } from "./sketch_pad.js";

async function render({ model, el }) {
  const host = widgetHost(model), state = new Core(host);
  await state.open(model.get("pad"));
  mountSketchPad(state, el);
  const changed = () => state.open({ ...model.get("pad"), versions: state.versions }); // by a cell
  model.on("change:pad", changed);
  return () => { model.off("change:pad", changed); host.end(); };
}
export default { render };
