// Pixels: read from a PNG, written as a PNG with notes; and tensors of them.
// A picture is {width, height, data: RGB, Uint8Array}.

import { FACTS } from "./facts.js";
import { dataUri } from "./files.js";

const HEADER = 33; // bytes of a PNG before its second chunk

function penOf(width, height) {
  const options = { willReadFrequently: true, colorSpace: "srgb" };
  return new OffscreenCanvas(width, height).getContext("2d", options);
}

// The picture in a PNG's blob.
export async function decoded(blob) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const bitmap = await createImageBitmap(blob, options);
  const { width, height } = bitmap;
  const pen = penOf(width, height);
  pen.drawImage(bitmap, 0, 0);
  const rgba = pen.getImageData(0, 0, width, height).data;
  return { width, height, data: new Uint8Array(rgba.filter((_, n) => n % 4 < 3)) };
}

function checksum(bytes) {
  let sum = 0xffffffff;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = sum & 1 ? 0xedb88320 ^ (sum >>> 1) : sum >>> 1;
  }
  return (sum ^ 0xffffffff) >>> 0;
}

// A note as a chunk of a PNG: its length, its text, its checksum.
function textChunk([key, text]) {
  const said = Uint8Array.from(`tEXt${key}\0${text}`, (one) => one.charCodeAt(0));
  const chunk = new Uint8Array(said.length + 8);
  const view = new DataView(chunk.buffer);
  view.setUint32(0, said.length - 4);
  chunk.set(said, 4);
  view.setUint32(4 + said.length, checksum(said));
  return chunk;
}

// A picture as a PNG in a data address, with notes, {key: text}.
export async function pngOf({ width, height, data }, notes) {
  const pen = penOf(width, height);
  const shown = pen.createImageData(width, height);
  shown.data.fill(255);
  for (let n = 0; n < width * height; n++) {
    shown.data.set(data.subarray(3 * n, 3 * n + 3), 4 * n);
  }
  pen.putImageData(shown, 0, 0);
  const blob = await pen.canvas.convertToBlob({ type: "image/png" });
  const chunks = Object.entries(notes).map(textChunk);
  const parts = [blob.slice(0, HEADER), ...chunks, blob.slice(HEADER)];
  return dataUri(new Blob(parts, { type: "image/png" }));
}

// The share-th percentile of numbers, as NumPy's.
function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  const at = (share / 100) * (sorted.length - 1);
  const low = Math.floor(at);
  const next = sorted[Math.min(low + 1, sorted.length - 1)];
  return sorted[low] + (at - low) * (next - sorted[low]);
}

// The median colour of the outermost pixels; where drawn hair fills them, the lightest tenth.
export function paperColour({ width, height, data }) {
  const rim = [[], [], []];
  for (let n = 0; n < width * height; n++) {
    const x = n % width;
    const y = Math.floor(n / width);
    const isCorner = (x === 0 || x === width - 1) && (y === 0 || y === height - 1);
    if (x > 0 && x < width - 1 && y > 0 && y < height - 1) continue;
    for (let c = 0; c < 3; c++) {
      rim[c].push(data[3 * n + c]);
      if (isCorner) rim[c].push(data[3 * n + c]); // of a row and of a column
    }
  }
  const isHair = percentile(rim.flat(), 50) < percentile(data, 50) - FACTS.hair_at_rim;
  return rim.map((one) => Math.trunc(percentile(one, isHair ? 90 : 50)));
}

// What goes into graphs and comes out: {type, data, dims}.

export function floats(values, ...dims) {
  return { type: "float32", data: Float32Array.from(values), dims };
}

export function whole(value) {
  return { type: "int64", data: BigInt64Array.of(BigInt(value)), dims: [1] };
}

export function pixels({ width, height, data }) {
  return { type: "uint8", data, dims: [1, height, width, 3] };
}

// The colours of pictures with masks, as a picture that graphs take.
export function colours({ data, dims: [num, , height, width] }) {
  return floats(data.subarray(0, 3 * height * width), num, 3, height, width);
}

export function pictureOf({ data, dims: [, height, width] }) {
  return { width, height, data: new Uint8Array(data) };
}
