// A drawing that takes clicks on both eyes and the mouth.

function render({ model, el }) {
  const names = model.get("names");
  const frame = document.createElement("div");
  frame.style.cssText = "position:relative;display:inline-block;cursor:crosshair;line-height:0";
  const picture = document.createElement("img");
  picture.src = model.get("source");
  picture.alt = "your drawing: click on the eyes and the mouth";
  picture.draggable = false;
  frame.append(picture);
  const line = document.createElement("div");
  line.setAttribute("role", "status");
  const again = document.createElement("button");
  again.textContent = "start over";
  again.style.margin = "4px 0";
  function draw() {
    frame.querySelectorAll("span").forEach((dot) => dot.remove());
    const points = model.get("shown");
    for (const [x, y] of points) {
      const dot = document.createElement("span");
      const size = picture.clientWidth / picture.naturalWidth || 1;
      dot.style.cssText = `position:absolute;left:${x * size - 6}px;top:${y * size - 6}px;width:12px;height:12px;` +
        "border-radius:50%;border:2px solid #d22;background:#fff8;box-sizing:border-box;pointer-events:none";
      frame.append(dot);
    }
    line.textContent = points.length < names.length ? `click on ${names[points.length]}` : "all three are set";
  }
  function set(points) { model.set("shown", points); model.save_changes(); draw(); }
  picture.addEventListener("click", (event) => {
    const points = model.get("shown");
    const size = picture.naturalWidth / picture.clientWidth;  // where the page shows the picture smaller
    if (points.length < names.length) set([...points, [event.offsetX * size, event.offsetY * size]]);
  });
  again.addEventListener("click", () => set([]));
  model.on("change:shown", draw);
  el.append(line, frame, document.createElement("br"), again);
  picture.addEventListener("load", draw);
  draw();
}
export default { render };
