// A PNG that is made here, with the notes of another in its metadata.

import { blobOf } from "./files.js";

const SIGNATURE = 8; // bytes before the first chunk of a PNG
const AROUND = 12; // of a chunk: its length, its type, its checksum

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
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
