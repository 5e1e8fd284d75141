// Pictures from files of one's own, made small enough to be sent.

import { button, make } from "./dom.js";

const MOST_PX = 1600;

// At most 1600 pixels wide and high, on white; what this browser cannot read stays as it is, for Python may.
export async function smaller(file) {
  try {
    const picture = await createImageBitmap(file), scale = Math.min(1, MOST_PX / Math.max(picture.width, picture.height));
    const canvas = make("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = scale < 1;
    pen.drawImage(picture, 0, 0, canvas.width, canvas.height);
    return await new Promise((done) => canvas.toBlob(done, scale < 1 ? "image/jpeg" : "image/png", 0.92)) ?? file;
  } catch { return file; }
}

export function dataUri(blob) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(reader.error);
    reader.readAsDataURL(blob);
  });
}

// The PNG in a data address.
export function blobOf(uri) {
  return new Blob([Uint8Array.from(atob(uri.slice(uri.indexOf(",") + 1)), (one) => one.charCodeAt(0))], { type: "image/png" });
}

// A button, and the input behind it; take gets the file's name and its picture as a data address. isExact: whether the file
// has to stay as it is, as a map, whose classes do not mix.
export function picker(name, text, hint, take, isExact) {
  const input = make("input", { type: "file", accept: "image/*,.heic", hidden: true, tabindex: "-1" });
  input.addEventListener("change", async () => {
    const file = input.files[0];
    input.value = "";
    if (file) take({ name: file.name, picture: await dataUri(isExact() ? file : await smaller(file)) });
  });
  return [button(name, text, hint, () => input.click()), input];
}
