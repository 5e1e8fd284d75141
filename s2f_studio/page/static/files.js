// Pictures from files, small enough to be sent, and to files.

import { make } from "./dom.js";

const MOST_PX = 1600;
const UNREADABLE = "this file cannot be read: choose it again, or another one";
const NOTES_BYTES = 1e5; // of a PNG: its notes are before its pixels
const PERSON_NOTE = "tEXts2f:person\0";
const LARGE_BYTES = 1e6; // smaller files are sent as they are

export async function decoded(uri) {
  const picture = new Image();
  picture.src = uri;
  await picture.decode();
  return picture;
}

// A file of at most 1600 pixels wide and high, on white; one that this browser cannot read stays as
// it is, for the server may.
export async function smaller(file) {
  const start = await file.slice(0, 1).arrayBuffer().catch(() => null);
  if (!start) throw new Error(UNREADABLE);
  if (file.size < LARGE_BYTES) return file;
  const picture = await createImageBitmap(file).catch(() => null);
  if (!picture) return file;
  const scale = Math.min(1, MOST_PX / Math.max(picture.width, picture.height));
  const width = Math.round(picture.width * scale);
  const height = Math.round(picture.height * scale);
  const canvas = make("canvas", { width, height });
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#fff";
  pen.fillRect(0, 0, width, height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(picture, 0, 0, width, height);
  const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg", 0.92));
  return blob ?? file;
}

// The code of the person in a PNG that a pad has saved (its text chunk "s2f:person"); "" in others.
export async function personIn(file) {
  const head = await file.slice(0, NOTES_BYTES).arrayBuffer().catch(() => new ArrayBuffer(0));
  const text = new TextDecoder("latin1").decode(head);
  const at = text.indexOf(PERSON_NOTE);
  if (at < 4) return "";
  const numBytes = new DataView(head).getUint32(at - 4); // of name and text
  return text.slice(at + PERSON_NOTE.length, at + 4 + numBytes);
}

export function dataUri(blob) {
  return new Promise((done, fail) => {
    const reader = new FileReader();
    reader.onload = () => done(reader.result);
    reader.onerror = () => fail(new Error(UNREADABLE));
    reader.readAsDataURL(blob);
  });
}

// The PNG in a data address.
export function blobOf(uri) {
  const text = atob(uri.slice(uri.indexOf(",") + 1));
  const bytes = Uint8Array.from(text, (one) => one.charCodeAt(0));
  return new Blob([bytes], { type: "image/png" });
}

// Have the browser save the PNG in a data address.
export function saveAs(uri, name) {
  const link = make("a", { href: URL.createObjectURL(blobOf(uri)), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
