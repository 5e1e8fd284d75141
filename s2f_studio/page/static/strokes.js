// Strokes of a mouse, a pen or a finger, put on the paper while they are drawn.

const INK = "#262626";
const ERASER_TIMES = 3; // as wide as the pencil
const PEN_ERASER = 32; // of a pointer's buttons
const LEAST_PX = 0.3; // between two points of a stroke
const ENDS = ["pointerup", "pointercancel", "lostpointercapture"];

export class Strokes {
  // pad: has paper, tool, width and colour; pad.moved() and pad.drawn() are called as a stroke goes.
  constructor(pad, stage) {
    this.pad = pad;
    this.stage = stage;
    this.stroke = null;
    stage.addEventListener("pointerdown", (event) => this.down(event));
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const name of ENDS) stage.addEventListener(name, (event) => this.up(event));
    stage.addEventListener("contextmenu", (event) => event.preventDefault());
    const keepStill = (event) => {
      if (pad.canDraw) event.preventDefault(); // else the page scrolls
    };
    stage.addEventListener("touchstart", keepStill, { passive: false });
  }

  place(event) {
    const box = this.stage.getBoundingClientRect();
    const scale = this.pad.paper.canvas.width / box.width;
    const isPressed = event.pointerType === "pen" && event.pressure > 0;
    const force = isPressed ? 0.35 + 1.3 * event.pressure : 1;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale, force };
  }

  down(event) {
    const { pad, stroke } = this;
    const isPalm = event.pointerType === "pen" && stroke?.type === "touch";
    if (!pad.canDraw || (stroke && !isPalm)) return;
    if (event.pointerType === "mouse" && event.button > 0) return;
    event.preventDefault();
    this.stage.setPointerCapture(event.pointerId);
    pad.root.focus({ preventScroll: true }); // for Ctrl+Z
    if (isPalm) pad.paper.move(0); // the hand's marks go when its pen comes
    const point = this.place(event);
    const erases = pad.tool === "eraser" || (event.buttons & PEN_ERASER) > 0;
    this.stroke = { id: event.pointerId, type: event.pointerType, points: [point], erases };
    this.mark("line", point, { x: point.x + 0.01, y: point.y });
  }

  move(event) {
    if (event.pointerId !== this.stroke?.id) return;
    const merged = event.getCoalescedEvents?.() ?? [];
    for (const one of merged.length ? merged : [event]) this.extend(this.place(one));
    this.pad.moved();
  }

  extend(point) {
    const { points } = this.stroke;
    const last = points.at(-1);
    if (Math.hypot(point.x - last.x, point.y - last.y) < LEAST_PX) return;
    points.push(point);
    if (this.pad.paper.reads === "map") return this.mark("line", last, point);
    const [a, b, c] = points.slice(-3);
    if (c) this.mark("curve", a, b, c);
    else this.mark("line", a, middle(a, b));
  }

  mark(shape, ...points) {
    const { pad, stroke } = this;
    const width = pad.width * (stroke.erases ? ERASER_TIMES : stroke.points.at(-1).force);
    pad.paper[shape](...points, Math.max(1, width), this.colour());
  }

  colour() {
    if (this.stroke.erases) return this.pad.paper.ground;
    return this.pad.colour ?? INK;
  }

  up(event) {
    if (event.pointerId !== this.stroke?.id) return;
    const [a, b] = this.stroke.points.slice(-2);
    if (b && this.pad.paper.reads !== "map") this.mark("line", middle(a, b), b);
    this.stroke = null;
    this.pad.drawn();
  }
}

function middle(a, b) {
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
}
