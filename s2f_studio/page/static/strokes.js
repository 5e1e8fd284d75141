// Strokes of a mouse, a pen or a finger: on the paper, or around a region.

import { rectangle } from "./regions.js";

const ERASER_TIMES = 3; // as wide as the pencil
const ENDS = ["pointerup", "pointercancel", "lostpointercapture"];
const PEN_ERASER = 32; // of a pointer's buttons

export class Strokes {
  // The pad's paper, and the stages that a region may be drawn on.
  constructor(pad, paper, stages) {
    Object.assign(this, { pad, paper, pointer: null, stroke: null });
    for (const stage of stages) {
      stage.addEventListener("pointerdown", (event) => this.down(event, stage));
      stage.addEventListener("pointermove", (event) => this.moved(event, stage));
      for (const name of ENDS) stage.addEventListener(name, (event) => this.up(event));
      stage.addEventListener("contextmenu", (event) => { if (stage === paper) event.preventDefault(); });
      const keepStill = (event) => { if (stage === paper || this.isRegion) event.preventDefault(); }; // the page
      stage.addEventListener("touchstart", keepStill, { passive: false });
    }
  }

  get isRegion() { return (this.stroke ?? this.pad).tool === "box"; } // a stroke keeps the tool that it began with
  get isMap() { return this.pad.reads === "map"; }

  place(event, stage) {
    const box = stage.getBoundingClientRect(), scale = this.pad.sheet.canvas.width / box.width;
    const force = event.pointerType === "pen" && event.pressure > 0 ? 0.35 + 1.3 * event.pressure : 1;
    return { x: (event.clientX - box.left) * scale, y: (event.clientY - box.top) * scale, force };
  }

  width({ erases }, point) {
    const factor = (erases ? ERASER_TIMES : 1) * (this.isMap ? 0.5 : 1);
    return Math.max(1, this.pad.width * factor * (erases ? 1 : point.force));
  }

  ink({ erases }) {
    if (this.isMap) return this.pad.colour(erases ? 0 : this.pad.label);
    return erases ? "#ffffff" : "#262626";
  }

  down(event, stage) {
    const { pad } = this, { pointerId, pointerType: type } = event, { tool } = pad;
    const isPalm = type === "pen" && this.stroke?.type === "touch"; // of the hand that holds the pen
    if ((this.pointer !== null && !isPalm) || (type === "mouse" && event.button > 0)) return;
    if (stage !== this.paper && tool !== "box") return;
    event.preventDefault();
    pad.root.querySelector('[aria-pressed="true"]')?.focus?.({ preventScroll: true });
    stage.setPointerCapture(pointerId); // or raise, and nothing has begun
    if (isPalm) pad.sheet.move(0); // its marks go
    const at = this.place(event, stage);
    this.pointer = pointerId;
    this.stroke = { points: [at], tool, type, erases: tool === "eraser" || (event.buttons & PEN_ERASER) > 0 };
    if (!this.isRegion) this.mark("segment", at, { x: at.x + 0.01, y: at.y }, at);
  }

  moved(event, stage) {
    if (event.pointerId !== this.pointer || !this.stroke) return;
    const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
    for (const one of all.length ? all : [event]) {
      const point = this.place(one, stage);
      if (this.isRegion) this.stroke.points[1] = point; else this.extend(point);
    }
    if (this.isRegion) this.pad.mark(this.region(this.stroke)); else this.pad.preview();
  }

  extend(point) {
    const { points } = this.stroke, last = points[points.length - 1];
    if (Math.hypot(point.x - last.x, point.y - last.y) < 0.3) return;
    points.push(point);
    const [a, b, c] = points.slice(-3);
    if (this.isMap) this.mark("segment", last, point, point);
    else if (c) this.mark("curve", a, b, c, point);
    else this.mark("segment", a, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, point);
  }

  // What a stroke leaves on the paper.
  mark(shape, ...points) {
    const at = points.pop(), { stroke } = this;
    this.pad.sheet[shape](...points, this.width(stroke, at), this.ink(stroke));
  }

  up(event) {
    if (event.pointerId !== this.pointer) return;
    const { pad, stroke, isRegion } = this;
    if (!isRegion && !this.isMap && stroke.points.length > 1) {
      const [a, b] = stroke.points.slice(-2); // in whose middle the curve ended
      this.mark("segment", { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 }, b, b);
    }
    this.pointer = this.stroke = null;
    if (isRegion) return this.enclose(this.region(stroke));
    pad.sheet.push();
    pad.send();
  }

  region({ points: [from, to = from] }) { return rectangle(from, to, this.pad.sheet.canvas.width); }

  enclose(region) {
    const { pad } = this;
    pad.mark(region);
    pad.ask("region", { region });
    if (region) pad.choose(this.isMap ? "brush" : "pencil");
  }
}
