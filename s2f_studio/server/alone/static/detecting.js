// YuNet, the face detector (Wu, Peng and Yu 2023), and how it is asked about drawings; as s2f_utils/pictures/faces/finding.py.
//
// A face is {landmarks: eyes, nose, corners of the mouth, box: [left, top, width, height], score}, in pixels.

import { FACTS } from "./facts.js";
import { blurred, warped } from "./crop.js";
import { median, resized } from "./pixels.js";
import { alignment, away, inverse, middleOf, moved } from "./shapes.js";

const { yunet } = FACTS;
const STRIDES = [8, 16, 32], MULTIPLE = 32, LEAST_PX = 16;
const eyesOf = ([left, right]) => away(left, right);

// A face with the box that a detector would put around these landmarks.
export function faceAround(landmarks, score) {
  const eyes = middleOf(landmarks.slice(0, 2)), mouth = middleOf(landmarks.slice(3)), [x, y] = middleOf([eyes, mouth]);
  const side = 2 * Math.max(eyesOf(landmarks), 0.9 * away(eyes, mouth));
  return { landmarks, box: [x - side / 2, y - 0.6 * side, side, 1.25 * side], score };
}

// Whether five points can be an upright face, tilted by less than 60°.
export function isPlausible([left, right, nose, leftMouth, rightMouth]) {
  const across = [right[0] - left[0], right[1] - left[1]];
  const down = [0, 1].map((n) => (leftMouth[n] + rightMouth[n] - left[n] - right[n]) / 2);
  const eyes = Math.hypot(...across), height = Math.hypot(...down);
  if (eyes < 2 || height < 2 || Math.abs(Math.atan2(across[1], across[0])) > Math.PI / 3) return false;
  const upright = (across[0] * down[1] - across[1] * down[0]) / (eyes * height);
  const noseAt = [0, 1].reduce((sum, n) => sum + (nose[n] - (left[n] + right[n]) / 2) * down[n], 0) / height ** 2;
  return upright > 0.7 && height / eyes > 0.5 && height / eyes < 4.5 && noseAt > 0.1 && noseAt < 1;
}

// What the network reads: blue, green, red, with black to the right and below up to a multiple of what it halves.
function tensorOf({ width, height, data }) {
  const [wide, high] = [width, height].map((side) => MULTIPLE * Math.ceil(side / MULTIPLE)), values = new Float32Array(3 * wide * high);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) for (let c = 0; c < 3; c++) values[c * wide * high + y * wide + x] = data[3 * (y * width + x) + 2 - c];
  }
  return { input: { type: "float32", data: values, dims: [1, 3, high, wide] }, wide, high };
}

function overlap([ax, ay, aw, ah], [bx, by, bw, bh]) {
  const wide = Math.min(ax + aw, bx + bw) - Math.max(ax, bx), high = Math.min(ay + ah, by + bh) - Math.max(ay, by);
  const shared = Math.max(0, wide) * Math.max(0, high);
  return shared / (aw * ah + bw * bh - shared || 1);
}

// Of faces that overlap, the surest.
function distinct(faces) {
  const kept = [], whole = (face) => face.box.map(Math.trunc);
  for (const face of faces.sort((a, b) => b.score - a.score)) {
    if (kept.every((other) => overlap(whole(face), whole(other)) <= yunet.overlap)) kept.push(face);
  }
  return kept.slice(0, yunet.most);
}

// The faces in a picture as it is.
async function seen(engine, given) {
  const { input, wide } = tensorOf(given), made = await engine.run("yunet", input), found = [];
  const share = (value) => Math.min(1, Math.max(0, value));
  for (const stride of STRIDES) {
    const [cls, obj, box, points] = ["cls", "obj", "bbox", "kps"].map((name) => made[`${name}_${stride}`].data), columns = wide / stride;
    for (let n = 0; n < cls.length; n++) {
      const score = Math.sqrt(share(cls[n]) * share(obj[n]));
      if (score < yunet.lowest_score) continue;
      const [x, y] = [n % columns, Math.floor(n / columns)], [width, height] = [2, 3].map((k) => Math.exp(box[4 * n + k]) * stride);
      const landmarks = [0, 1, 2, 3, 4].map((k) => [(points[10 * n + 2 * k] + x) * stride, (points[10 * n + 2 * k + 1] + y) * stride]);
      found.push({ landmarks, score, box: [(x + box[4 * n]) * stride - width / 2, (y + box[4 * n + 1]) * stride - height / 2, width, height] });
    }
  }
  return distinct(found);
}

async function seenAt(engine, given, scale) {
  const [width, height] = [given.width, given.height].map((side) => Math.max(1, Math.round(side * scale)));
  if (Math.min(width, height) < LEAST_PX) return [];
  const small = scale === 1 ? given : resized(given, width, height, "box"), back = [given.width / width, given.height / height];
  const faces = (await seen(engine, small)).map(({ landmarks, box, score }) => ({
    landmarks: landmarks.map((point) => point.map((value, n) => (value + 0.5) * back[n] - 0.5)), score, box: box.map((value, n) => value * back[n % 2]),
  }));
  return faces.filter(({ landmarks, box }) => isPlausible(landmarks) && box[2] >= yunet.least_share * Math.min(given.width, given.height));
}

// All faces that are found, the largest first.
export async function detect(engine, given, minScore = yunet.photo_score) {
  const longest = Math.max(given.width, given.height);
  for (const side of [yunet.side_px, yunet.side_px / 2, 2 * yunet.side_px]) {
    if (side !== yunet.side_px && longest <= Math.min(side, yunet.side_px)) continue;
    const faces = (await seenAt(engine, given, Math.min(1, side / longest))).filter((face) => face.score >= minScore);
    if (faces.length) return faces.sort((a, b) => b.box[2] * b.box[3] - a.box[2] * a.box[3]);
  }
  return [];
}

const surestOf = (faces) => faces.reduce((best, face) => (!best || face.score > best.score ? face : best), null);

function mirrored({ width, height, data }) {
  const made = new Uint8Array(data.length);
  for (let n = 0; n < width * height; n++) {
    const from = 3 * (n - (n % width) + width - 1 - (n % width));
    made.set(data.subarray(from, from + 3), 3 * n);
  }
  return { width, height, data: made };
}

// The face of a drawing, looked at in six ways where the first is not sure: its lines softened twice, each mirrored.
export async function detectDrawn(engine, given) {
  const answers = await detect(engine, given, yunet.lowest_score), surest = surestOf(answers);
  if (surest && surest.score >= yunet.drawing_score) return surest;
  for (const sigma of [0, ...yunet.blurs]) {
    const soft = sigma ? blurred(given, sigma * Math.max(given.width, given.height)) : given;
    if (sigma) answers.push(...(await detect(engine, soft, yunet.lowest_score)));
    for (const face of await detect(engine, mirrored(soft), yunet.lowest_score)) {
      const points = face.landmarks.map(([x, y]) => [given.width - 1 - x, y]);
      answers.push(faceAround([1, 0, 2, 4, 3].map((n) => points[n]), face.score));
    }
  }
  const best = surestOf(answers);
  if (!best) return null;
  const at = middleOf(best.landmarks), reach = 0.5 * eyesOf(best.landmarks);
  const agree = answers.map((face) => face.landmarks).filter((points) => middleOf(points).every((value, n) => Math.abs(value - at[n]) < reach));
  const points = best.landmarks.map((_, k) => [0, 1].map((axis) => median(agree.map((own) => own[k][axis]))));
  return isPlausible(points) ? faceAround(points, best.score) : best;
}

// The same face with its landmarks found once more, in its upright crop.
export async function refined(engine, given, face, isDrawing, alone) {
  const matrix = alignment(face.landmarks, yunet.refine_px, { zoom: 0.9 }), crop = warped(given, matrix, yunet.refine_px, isDrawing ? "paper" : "reflect");
  const again = isDrawing ? await detectDrawn(engine, crop) : (await detect(engine, crop))[0];
  if (!again || again.score < face.score - 0.05) return face;
  const landmarks = moved(again.landmarks, inverse(matrix)), isFar = away(middleOf(landmarks), middleOf(face.landmarks)) > 0.5 * eyesOf(face.landmarks);
  return !(isDrawing && alone) && isFar ? face : { ...face, landmarks, score: Math.max(face.score, again.score) };
}

// The faces that count beside each other, from left to right.
export async function allFaces(engine, given) {
  const kept = [];
  for (const face of (await detect(engine, given, yunet.lowest_score)).sort((a, b) => b.score - a.score)) {
    if (face.score < yunet.enough) break;
    const isApart = (other) => away(middleOf(face.landmarks), middleOf(other.landmarks)) > 1.5 * Math.max(eyesOf(face.landmarks), eyesOf(other.landmarks));
    if (kept.every(isApart)) kept.push(face);
  }
  const widest = Math.max(0, ...kept.map((face) => face.box[2]));
  return kept.filter((face) => face.box[2] >= yunet.large_enough * widest).sort((a, b) => middleOf(a.landmarks)[0] - middleOf(b.landmarks)[0]);
}

// The place of the face that is meant among those from left to right: its number, or the largest, most central one.
export function chosen(faces, number, { width, height }) {
  if (number) return number <= faces.length ? number - 1 : -1;
  const widest = Math.max(...faces.map((face) => face.box[2])), far = (face) => away(middleOf(face.landmarks), [width / 2, height / 2]);
  const large = faces.filter((face) => face.box[2] >= yunet.as_large * widest);
  return faces.indexOf(large.reduce((best, face) => (far(face) < far(best) ? face : best)));
}
