// Two pictures, one over the other, and a line between them that is dragged.

function render({ model, el }) {
  const frame = document.createElement("div");
  frame.className = "s2f-divider";
  frame.style.cssText = "position:relative;display:inline-block;line-height:0;cursor:ew-resize;touch-action:none;" +
    "max-width:100%;user-select:none";
  const [before, after] = ["before", "after"].map((side) => {
    const picture = document.createElement("img");
    picture.alt = model.get("labels")[side === "before" ? 0 : 1];
    picture.draggable = false;
    picture.style.cssText = "display:block;max-width:100%";
    frame.append(picture);
    return picture;
  });
  after.style.cssText += ";position:absolute;left:0;top:0;width:100%;height:100%";
  const line = document.createElement("div");
  line.style.cssText = "position:absolute;top:0;bottom:0;width:2px;margin-left:-1px;background:#fff;" +
    "box-shadow:0 0 3px #000;pointer-events:none";
  frame.append(line);
  const names = document.createElement("div");
  names.style.cssText = "display:flex;justify-content:space-between;font-size:90%";
  const range = document.createElement("input");
  range.type = "range"; range.min = 0; range.max = 1; range.step = 0.01;
  range.setAttribute("aria-label", "divider between before and after");
  range.style.cssText = "display:block;width:100%;box-sizing:border-box;margin:2px 0";
  function draw() {
    const at = model.get("at");
    before.src = model.get("before"); after.src = model.get("after");
    after.style.clipPath = `inset(0 0 0 ${100 * at}%)`;
    line.style.left = `${100 * at}%`;
    range.value = at;
    names.replaceChildren(...model.get("labels").map((text) => {
      const name = document.createElement("span"); name.textContent = text; return name;
    }));
  }
  function set(at) { model.set("at", Math.min(1, Math.max(0, at))); model.save_changes(); }
  function follow(event) {
    const box = frame.getBoundingClientRect();
    set((event.clientX - box.left) / box.width);
  }
  frame.addEventListener("pointerdown", (event) => { frame.setPointerCapture(event.pointerId); follow(event); });
  frame.addEventListener("pointermove", (event) => { if (frame.hasPointerCapture(event.pointerId)) follow(event); });
  range.addEventListener("input", () => set(Number(range.value)));
  range.addEventListener("keydown", (event) => {  // JupyterLab keeps a native slider from seeing its keys
    const step = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, Home: -1, End: 1 }[event.key];
    if (step === undefined) return;
    event.preventDefault(); event.stopPropagation();
    set(model.get("at") + step);
  });
  for (const name of ["at", "before", "after", "labels"]) model.on(`change:${name}`, draw);
  const outer = document.createElement("div");
  outer.style.cssText = "display:inline-block;max-width:100%";
  outer.append(names, frame, range);
  el.append(outer);
  draw();
}
export default { render };
