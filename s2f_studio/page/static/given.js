// What is given: a picture by drop, paste, camera or file, shown with the points that may be placed on it.

import { make, plainButton } from "./dom.js";
import { Points } from "./points.js";

const TYPES = ["png", "jpeg", "webp", "bmp", "tiff"].map((name) => `image/${name}`).join(",");

// A frame of the camera, a PNG's blob, null where the dialog is closed; raises where there is no camera, or none is allowed.
async function snapshot() {
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user", width: { ideal: 1280 } } });
  const video = make("video", { autoplay: true, playsinline: true, muted: true });
  video.srcObject = stream;
  const dialog = make("dialog", { class: "s2f-page s2f-camera", "aria-label": "camera" });
  const shot = new Promise((done) => {
    const take = plainButton("Take the picture", () => {
      const canvas = make("canvas", { width: video.videoWidth, height: video.videoHeight });
      canvas.getContext("2d").drawImage(video, 0, 0);
      canvas.toBlob(done, "image/png");
    });
    dialog.append(video, make("div", {}, take, plainButton("Close", () => done(null))));
    dialog.addEventListener("cancel", () => done(null));
  });
  document.body.append(dialog);
  dialog.showModal();
  try { return await shot; } finally {
    stream.getTracks().forEach((track) => track.stop());
    dialog.close(); // which gives the focus back
    dialog.remove();
  }
}

// Files that are dropped on a place, or pasted while it is in sight.
function takeDropped(zone, el, use) {
  zone.addEventListener("dragover", (event) => { event.preventDefault(); zone.classList.add("s2f-over-it"); });
  zone.addEventListener("dragleave", () => zone.classList.remove("s2f-over-it"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("s2f-over-it");
    if (event.dataTransfer.files[0]) use(event.dataTransfer.files[0]);
  });
  document.addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files || [])].find((one) => one.type.startsWith("image/"));
    if (file && el.offsetParent !== null) { event.preventDefault(); use(file); }
  });
}

// use(file) takes another picture, say(text) tells what went wrong, moved() that a point was placed, place() that points
// are wanted, or no more; seen() is called when the picture is shown, or cannot be.
export function given(el, { use, say, moved, place, seen }) {
  const input = make("input", { type: "file", accept: TYPES, class: "s2f-hidden", id: "s2f-file" });
  const unseen = { class: "s2f-hidden", tabindex: "-1", "aria-hidden": "true" };
  const camera = make("input", { type: "file", accept: "image/*", capture: "user", ...unseen });
  for (const one of [input, camera]) one.addEventListener("change", () => { if (one.files[0]) use(one.files[0]); one.value = ""; });
  const what = make("span", {});
  const zone = make("label", { class: "s2f-drop-zone", for: "s2f-file" }, make("b", {}, "Choose a picture"),
    make("span", {}, "or drop it here, or paste it (Ctrl+V)"), what);
  takeDropped(zone, el, use);
  const openCamera = plainButton("Camera", async () => {
    if (!navigator.mediaDevices?.getUserMedia) return camera.click();
    try {
      const shot = await snapshot();
      if (shot) use(shot);
    } catch { say("the camera cannot be used: allow it in the browser, or choose a file", true); }
  });
  const tell = { onload: () => seen(true), onerror: () => seen(false) };
  const preview = make("img", { alt: "the picture that was given", draggable: "false", ...tell });
  const cutOff = make("div", { class: "s2f-cut-off", hidden: true, title: "left out: only the sheet of paper is used" });
  const frames = make("div", { role: "group", "aria-label": "faces in the picture" });
  const stage = make("div", { class: "s2f-preview", hidden: true }, preview, cutOff, frames);
  const placing = plainButton("Place eyes and mouth", place, { "aria-pressed": "false" });
  return {
    box: make("div", { class: "s2f-given" }, zone, input, camera, make("div", { class: "s2f-actions" }, openCamera, placing), stage),
    stage, points: new Points(stage, moved),
    ask(text) { what.textContent = `(${text})`; },
    showFile(file) {
      if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
      preview.src = URL.createObjectURL(file);
      this.showSheet(null);
      this.showFaces([], 0);
    },
    // The corners of the sheet that was cut out, as shares of the sides: what lies around it is dimmed.
    showSheet(corners) {
      const around = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0], ...(corners || []), ...(corners || []).slice(0, 1)];
      cutOff.hidden = !corners;
      cutOff.style.clipPath = `polygon(evenodd, ${around.map(([x, y]) => `${100 * x}% ${100 * y}%`).join(", ")})`;
    },
    // Frames around the faces, {left, top, width, height} as shares of the sides; choose(n) takes another one.
    showFaces(boxes, taken, choose) {
      frames.replaceChildren(...boxes.map((box, n) => {
        const name = `face ${n + 1} from the left${n + 1 === taken ? ", which is taken" : ": take this one"}`;
        const frame = make("button", { type: "button", class: "s2f-frame", "aria-label": name, title: name,
          "aria-pressed": `${n + 1 === taken}`, onclick: () => choose(n + 1) }, make("b", { "aria-hidden": "true" }, `${n + 1}`));
        ["left", "top", "width", "height"].forEach((side, at) => { frame.style[side] = `${100 * box[at]}%`; });
        return frame;
      }));
    },
    show(hasPoints) {
      placing.hidden = !hasPoints || stage.hidden;
      zone.classList.toggle("s2f-small", !stage.hidden);
    },
    showPoints(shown, pressed) {
      this.points.show(shown);
      placing.setAttribute("aria-pressed", pressed);
    },
  };
}
