// Pictures from files of one's own, made small enough to be sent; and those that are made here, as PNG files with their notes.

import { button, make } from "./dom.js";

const MOST_PX = 1600;
const SIGNATURE = 8; // bytes before the first chunk of a PNG
const AROUND = 12; // of a chunk: its length, its type, its checksum

export const UNREADABLE = "this file cannot be read: choose it again, or another one";
export const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

// At most 1600 pixels wide and high, on white; what this browser cannot read stays as it is, for Python may.
export async function smaller(file) {
  try {
    const picture = await createImageBitmap(file), scale = Math.min(1, MOST_PX / Math.max(picture.width, picture.height));
    const canvas = make("canvas", { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    const pen = canvas.getContext("2d");
    pen.fillStyle = "#fff"; pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.imageSmoothingEnabled = scale < 1;
    pen.imageSmoothingQuality = "high";
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

// A button, and the input behind it; take gets the file's name and its picture as a data address; say tells what went
// wrong. isExact: whether the file has to stay as it is, as a map, whose classes do not mix.
export function picker(name, text, hint, take, say, isExact) {
  const input = make("input", { type: "file", accept: "image/*,.heic", hidden: true, tabindex: "-1" });
  input.addEventListener("change", async () => {
    const file = input.files[0];
    input.value = "";
    if (!file) return;
    if (!await isReadable(file)) return say(UNREADABLE, true);
    take({ name: file.name, picture: await dataUri(isExact() ? file : await smaller(file)) });
  });
  return [button(name, text, hint, () => input.click()), input];
}

const bytesOf = async (blob) => new Uint8Array(await blob.arrayBuffer());

// The parts of a PNG: {type, bytes}, each with its length, its type and its checksum.
function chunksOf(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset), found = [];
  for (let at = SIGNATURE; at < bytes.length;) {
    const length = AROUND + view.getUint32(at);
    found.push({ type: String.fromCharCode(...bytes.subarray(at + 4, at + 8)), bytes: bytes.subarray(at, at + length) });
    at += length;
  }
  return found;
}

export async function decoded(uri) {
  const shown = new Image();
  shown.src = uri;
  await shown.decode();
  return shown;
}

// A canvas as a PNG's blob, with the notes of the PNG in a data address.
export async function pngOf(canvas, noted) {
  const bytes = await bytesOf(await new Promise((done) => canvas.toBlob(done, "image/png"))), [header, ...others] = chunksOf(bytes);
  const notes = chunksOf(await bytesOf(blobOf(noted))).filter((one) => ["tEXt", "iTXt"].includes(one.type));
  return new Blob([bytes.subarray(0, SIGNATURE), ...[header, ...notes, ...others].map((one) => one.bytes)], { type: "image/png" });
}

// Have the browser save a blob under a name.
export function saveAs(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
