// Shapes of faces: similarities, the way to a likely face, and the spline that lays a face; as in
// Python, in float64. Points are [[x, y], …] in pixels, (0, 0) the centre of the first one; an
// affine map is [[a, b, c], [d, e, f]].

import { FACTS } from "./facts.js";

const { mesh, shapes, bending, aligned } = FACTS;
const UNIT_PX = 1024; // of the spline's kernel: squared, 32 pixels

export function pairs(values) {
  const num = values.length / 2;
  return Array.from({ length: num }, (_, n) => [values[2 * n], values[2 * n + 1]]);
}

// Both eyes, the nose, the corners of the mouth.
export function five(points) {
  return mesh.five.map((n) => points[n]);
}

export function eyeDistance(points) {
  const [left, right] = five(points);
  return Math.hypot(right[0] - left[0], right[1] - left[1]);
}

function dot(a, b) {
  return a.reduce((sum, value, n) => sum + value * b[n], 0);
}

function mean(points, share = points.map(() => 1 / points.length)) {
  return [0, 1].map((axis) => dot(share, points.map((one) => one[axis])));
}

// The similarity transform that brings points closest to others, least squares (Umeyama 1991).
function similarity(from, to, weights = from.map(() => 1)) {
  const total = weights.reduce((a, b) => a + b, 0);
  const share = weights.map((one) => one / total);
  const [ax, ay] = mean(from, share);
  const [bx, by] = mean(to, share);
  let spread = 0;
  let real = 0;
  let imaginary = 0;
  from.forEach(([x, y], n) => {
    const [u, v] = [x - ax, y - ay];
    const [s, t] = [to[n][0] - bx, to[n][1] - by];
    spread += share[n] * (u * u + v * v);
    real += share[n] * (u * s + v * t);
    imaginary += share[n] * (u * t - v * s);
  });
  const c = real / spread;
  const s = imaginary / spread;
  return [[c, -s, bx - c * ax + s * ay], [s, c, by - s * ax - c * ay]];
}

function moved(points, [[a, b, c], [d, e, f]]) {
  return points.map(([x, y]) => [a * x + b * y + c, d * x + e * y + f]);
}

// The inverse of a similarity.
function inverse([[a, b, c], [, , f]]) {
  const squared = a * a + b * b;
  const [p, q] = [a / squared, b / squared];
  return [[p, -q, -p * c + q * f], [q, p, -q * c - p * f]];
}

// The map from a picture's pixels to those of its crop of so many pixels, as models expect a face.
export function alignment(landmarks, sizePx) {
  const target = aligned.template.map((point) => point.map((value) => value * sizePx - 0.5));
  return similarity(landmarks, target, aligned.weights);
}

// Solve a system of equations, rows as Float64Array, for several right sides; both are used up.
// Gauss, with pivots. ONNX has no operator for it: so spline and coordinates are not in graphs.
function solved(rows, sides) {
  const num = rows.length;
  const take = (row, from, share) => {
    for (let n = 0; n < num; n++) rows[row][n] -= share * rows[from][n];
    for (let n = 0; n < sides[row].length; n++) sides[row][n] -= share * sides[from][n];
  };
  for (let at = 0; at < num; at++) {
    let best = at;
    for (let row = at + 1; row < num; row++) {
      if (Math.abs(rows[row][at]) > Math.abs(rows[best][at])) best = row;
    }
    [rows[at], rows[best]] = [rows[best], rows[at]];
    [sides[at], sides[best]] = [sides[best], sides[at]];
    for (let row = at + 1; row < num; row++) {
      if (rows[row][at] !== 0) take(row, at, rows[row][at] / rows[at][at]);
    }
  }
  for (let at = num - 1; at >= 0; at--) {
    sides[at] = sides[at].map((value) => value / rows[at][at]);
    for (let row = 0; row < at; row++) {
      for (let n = 0; n < sides[at].length; n++) sides[row][n] -= rows[row][at] * sides[at][n];
    }
  }
  return sides;
}

// Where a face lies along the components of shapes, in standard deviations. off: by how much each
// point may be off.
export function coordinates(points, off) {
  const { mean: usual, components, spread, most, usual_off_px: least } = shapes;
  const laid = similarity(points, usual);
  const scale = Math.hypot(laid[0][0], laid[0][1]);
  const sure = off.map((own) => 1 / Math.max(scale * own, least) ** 2);
  const far = moved(points, laid).flatMap(([x, y], n) => [x - usual[n][0], y - usual[n][1]]);
  const basis = components.map((one, k) => one.map((value) => value * spread[k]));
  const weighted = basis.map((one) => one.map((value, n) => value * sure[n >> 1]));
  const system = weighted.map((row, k) => {
    return Float64Array.from(basis, (column, j) => dot(row, column) + (j === k ? 1 : 0));
  });
  const found = solved(system, weighted.map((row) => [dot(row, far)]));
  return found.map(([value]) => Math.min(most, Math.max(-most, value)));
}

// A face's points on the way to a likely face: amount from 0, as they are, to 1.
export function likely(points, amount, off) {
  if (amount === 0) return points;
  const { mean: usual, components, spread } = shapes;
  const values = coordinates(points, off).map((value, k) => value * spread[k]);
  const shape = usual.map((point, n) => point.map((value, axis) => {
    return value + dot(values, components.map((one) => one[2 * n + axis]));
  }));
  const wanted = moved(shape, inverse(similarity(points, usual)));
  return points.map(([x, y], n) => {
    return [x + amount * (wanted[n][0] - x), y + amount * (wanted[n][1] - y)];
  });
}

// A face's points where a portrait has a face.
export function asPortrait(points) {
  return moved(points, similarity(points, mesh.mean));
}

function kernel(ax, ay, [bx, by]) {
  const squared = ((ax - bx) ** 2 + (ay - by) ** 2) / UNIT_PX;
  return 0.5 * squared * Math.log(Math.max(squared, 1e-12));
}

// Where blocks of a picture are taken from, so that what lies at the mean shape comes to lie at the
// points `to`: Float32Array of (G, G, 2), by a thin-plate spline (Bookstein 1989).
export function coarseField(to) {
  const { ring, smooth, step_px: step, size_px: size } = bending;
  const centre = mean(to);
  const around = ring.map(([x, y]) => [centre[0] + x, centre[1] + y]);
  const points = [...to, ...around];
  const from = [...mesh.mean, ...moved(around, similarity(to, mesh.mean))];
  const weights = spline(points, from, smooth);
  const [across, down] = [0, 1].map((axis) => weights.map((own) => own[axis]));
  const side = size / step;
  const field = new Float32Array(2 * side * side);
  for (let n = 0; n < side * side; n++) {
    const x = ((n % side) + 0.5) * step - 0.5;
    const y = (Math.floor(n / side) + 0.5) * step - 0.5;
    const basis = [...points.map((one) => kernel(x, y, one)), 1, x, y];
    field.set([dot(basis, across), dot(basis, down)], 2 * n);
  }
  return field;
}

// The weights of the spline through points, (N + 3, 2): of each point's kernel, of 1, x and y.
function spline(points, values, smooth) {
  const rows = points.map(([x, y], n) => {
    const row = Float64Array.from([...points.map((other) => kernel(x, y, other)), 1, x, y]);
    row[n] += smooth;
    return row;
  });
  for (const part of [() => 1, ([x]) => x, ([, y]) => y]) {
    rows.push(Float64Array.from([...points.map(part), 0, 0, 0]));
  }
  const none = Array.from({ length: 3 }, () => [0, 0]);
  return solved(rows, [...values.map((one) => [...one]), ...none]);
}
