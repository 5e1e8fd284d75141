// Where the face is: by points that a person placed, by the detector, or by the finder of our own.

import { FACTS } from "./facts.js";
import { warped } from "./crop.js";
import { allFaces, chosen, detect, detectDrawn, faceAround, isPlausible, refined } from "./detecting.js";
import { hasLines, paperColour, picture, square } from "./pixels.js";
import { alignment, five, inverse, moved, similarity } from "./shapes.js";
import { isVague, understood } from "./understanding.js";

const { aligned, has_detector: hasDetector, looking, yunet } = FACTS;
const NO_POINTS = "the points are not a face: the order is the eye on the left, the eye on the right, the mouth";

// A face from the eyes and the middle of the mouth, in pixels.
export function faceFromPoints(points) {
  const template = aligned.template, mouth = [0, 1].map((n) => (template[3][n] + template[4][n]) / 2);
  const laid = moved(template, similarity([template[0], template[1], mouth], points)), landmarks = [points[0], points[1], ...laid.slice(2)];
  const [x, y] = [points[1][0] - points[0][0], points[1][1] - points[0][1]], long = Math.max(Math.hypot(x, y), 1e-9);
  const level = landmarks.map(([u, v]) => [(u * x + v * y) / long, (v * x - u * y) / long]);
  if (!isPlausible(level)) throw new Error(NO_POINTS);
  return { ...faceAround(landmarks, 1), method: "points" };
}

// A picture in the middle of a square of its paper, and the map from its pixels to the square's.
function squared(given) {
  const { width, height, data } = given, side = Math.max(width, height), whole = picture(side, side), paper = paperColour(given);
  const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
  for (let n = 0; n < side * side; n++) whole.data.set(paper, 3 * n);
  for (let y = 0; y < height; y++) whole.data.set(data.subarray(3 * y * width, 3 * (y + 1) * width), 3 * ((y + top) * side + left));
  const scale = looking.look_px / side, shift = (start) => (start + 0.5) * scale - 0.5;
  return { small: square(whole, looking.look_px), matrix: [[scale, 0, shift(left)], [0, scale, shift(top)]] };
}

// The face as our own finder sees it: in the whole picture, then once more where it lies as the finder learned it.
async function foundByOwn(engine, given, isDrawing) {
  const { small, matrix } = squared(given);
  let seen = await understood(engine, small), landmarks = moved(five(seen.points), inverse(matrix));
  if (isPlausible(landmarks)) {
    const map = alignment(landmarks, looking.look_px), crop = warped(given, map, looking.look_px, isDrawing ? "paper" : "reflect");
    const again = await understood(engine, crop), points = moved(five(again.points), inverse(map));
    if (isPlausible(points)) [seen, landmarks] = [again, points];
  }
  const isFace = isPlausible(landmarks), remark = isVague(seen) || !isFace ? "no-face" : "rough-face";
  if (!isFace) landmarks = moved(aligned.template.map((point) => point.map((value) => value * looking.look_px - 0.5)), inverse(matrix)); // it fills the picture
  return { face: { ...faceAround(landmarks, 0), method: "finder" }, remarks: [{ code: remark }] };
}

function aboutFaces(faces, taken, { width, height }) {
  const boxes = faces.map(({ box }) => box.map((value, n) => Math.round((1e4 * value) / [width, height][n % 2]) / 1e4));
  return [{ code: "faces", data: { num: faces.length, taken: taken + 1, boxes } }];
}

// Of several faces the one that is meant, and what there is to say: [face, remarks]; [null, []] where there is one, or none.
async function amongOthers(engine, given, isDrawing, number) {
  const faces = await allFaces(engine, given);
  if (faces.length < 2) return [isDrawing && faces[0]?.score >= yunet.drawing_score ? faces[0] : null, []];
  const taken = chosen(faces, number, given);
  if (taken < 0) throw new Error(`there is no face ${number}: ${faces.length} found, counted from the left`);
  return [faces[taken], aboutFaces(faces, taken, given)];
}

// The face of a drawing or a photo, and what there is to say: {face, remarks}. number: which face, counted from the left.
export async function faceOf(engine, given, { isDrawing, points = null, number = 0 }) {
  if (points) return { face: faceFromPoints(points), remarks: [] };
  if (!hasDetector || (isDrawing && !hasLines(given))) return foundByOwn(engine, given, isDrawing);
  const [one, remarks] = await amongOthers(engine, given, isDrawing, number), isAlone = !remarks.length;
  const found = one ?? (isDrawing ? await detectDrawn(engine, given) : (await detect(engine, given))[0]);
  if (!found) return foundByOwn(engine, given, isDrawing);
  const face = { ...(await refined(engine, given, found, isDrawing, isAlone)), method: "yunet" };
  return { face, remarks: isDrawing && face.score < yunet.trusted ? [...remarks, { code: "rough-face" }] : remarks };
}

// What is said of a remark.
export const worded = ({ code, data = {} }, words) => (words[code] ?? code).replace(/\{(\w+)\}/g, (_, name) => data[name]);

// Eyes and mouth as shares of the picture's sides.
export function sharesOf(landmarks, { width, height }) {
  const mouth = [0, 1].map((n) => (landmarks[3][n] + landmarks[4][n]) / 2);
  return [landmarks[0], landmarks[1], mouth].map((point) => point.map((value, n) => {
    const share = Math.min(1, Math.max(0, (value + 0.5) / [width, height][n]));
    return Math.round(1e4 * share) / 1e4;
  }));
}
