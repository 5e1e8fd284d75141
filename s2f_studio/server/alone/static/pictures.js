// Pictures from files and to files, with a canvas: decoded on white paper, written as PNG with notes.

import { FACTS } from "./facts.js";
import { dataUri } from "./files.js";
import { resized } from "./pixels.js";

const { about, upload, note_prefix: prefix } = FACTS;
const MOST_PIXELS = 32e6;
const HEADER = 33; // bytes of a PNG before its second chunk

const canvasOf = (width, height) => new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });

function rgbOf({ width, height, data }) {
  const made = new Uint8Array(3 * width * height);
  for (let n = 0, at = 0; n < data.length; n += 4) {
    made[at++] = data[n]; made[at++] = data[n + 1]; made[at++] = data[n + 2];
  }
  return { width, height, data: made };
}

// The picture in a file, upright, on white where it is transparent, its longer side at most FACTS.upload.most_px.
export async function decoded(blob) {
  // EXIF's orientation is obeyed unasked; "from-image" is unknown to Safari before 17.2, which then reads nothing.
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(blob, options).catch(() => {
    throw new Error("this is no picture that this browser can read: save it as PNG or JPEG");
  });
  const { width, height } = bitmap;
  if (width * height > MOST_PIXELS) throw new Error(`the picture has ${width} x ${height} pixels: ${MOST_PIXELS / 1e6} million are the most; save a smaller copy`);
  if (Math.min(width, height) < upload.least_px) throw new Error(`the picture has ${width} x ${height} pixels: ${upload.least_px} are needed each way, 256 are better`);
  const pen = canvasOf(width, height);
  pen.fillStyle = "#fff"; pen.fillRect(0, 0, width, height);
  pen.imageSmoothingEnabled = false;
  pen.drawImage(bitmap, 0, 0);
  bitmap.close();
  const whole = rgbOf(pen.getImageData(0, 0, width, height)), scale = upload.most_px / Math.max(width, height);
  if (scale >= 1) return whole;
  const [wide, high] = [width, height].map((side) => Math.max(upload.least_px, Math.round(side * scale)));
  return resized(whole, wide, high, "box");
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  let value = n;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb88320 ^ (value >>> 1) : value >>> 1;
  return value;
});

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const one of bytes) sum = TABLE[(sum ^ one) & 255] ^ (sum >>> 8);
  return (sum ^ 0xffffffff) >>> 0;
}

// A note as a part of a PNG.
function textChunk(key, text) {
  const said = Uint8Array.from(`tEXt${key}\0${text}`, (one) => one.charCodeAt(0)), made = new Uint8Array(said.length + 8);
  const view = new DataView(made.buffer);
  view.setUint32(0, said.length - 4);
  made.set(said, 4);
  view.setUint32(4 + said.length, checksum(said));
  return made;
}

// A picture as a PNG in a data address; notes: {key: text}, with which it says that it is generated, null for none.
export async function addressOf({ width, height, data }, notes = null) {
  const pen = canvasOf(width, height), shown = pen.createImageData(width, height);
  for (let n = 0, at = 0; at < data.length; n += 4) {
    shown.data[n] = data[at++]; shown.data[n + 1] = data[at++]; shown.data[n + 2] = data[at++]; shown.data[n + 3] = 255;
  }
  pen.putImageData(shown, 0, 0);
  const bytes = new Uint8Array(await (await pen.canvas.convertToBlob({ type: "image/png" })).arrayBuffer());
  const said = notes ? { Description: about.note, ...Object.fromEntries(Object.entries(notes).map(([key, text]) => [prefix + key, text])) } : {};
  const chunks = Object.entries(said).map(([key, text]) => textChunk(key, text));
  return dataUri(new Blob([bytes.subarray(0, HEADER), ...chunks, bytes.subarray(HEADER)], { type: "image/png" }));
}
