// A frame of the visitor's camera.

import { make, plainButton } from "./dom.js";

// A PNG's blob, null where the visitor closes the dialog; raises where there is no camera, or none is allowed.
export async function snapshot() {
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
    dialog.remove();
  }
}
