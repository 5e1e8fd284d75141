// Shapes of faces: similarities, the way to a likely face, and the spline that lays a face; as in Python, in float64.
//
// Points are [[x, y], …] in pixels, (0, 0) the centre of the first one; an affine map is [[a, b, c], [d, e, f]].

import { FACTS } from "./facts.js";

const { mesh, shapes, bending, aligned } = FACTS;
const UNIT_PX = 1024; // of the spline's kernel: squared, 32 pixels

export const pairs = (values) => Array.from({ length: values.length / 2 }, (_, n) => [values[2 * n], values[2 * n + 1]]);
export const five = (points) => mesh.five.map((n) => points[n]);
export const away = ([ax, ay], [bx, by]) => Math.hypot(bx - ax, by - ay);
export const eyeDistance = (points) => away(points[mesh.five[0]], points[mesh.five[1]]);
export const middleOf = (points) => [0, 1].map((n) => points.reduce((sum, one) => sum + one[n], 0) / points.length);

// The similarity transform that brings points closest to others, least squares (Umeyama 1991).
export function similarity(from, to, weights = null) {
  const given = weights || from.map(() => 1), total = given.reduce((a, b) => a + b, 0), share = given.map((one) => one / total);
  const mean = (points) => [0, 1].map((n) => points.reduce((sum, one, at) => sum + share[at] * one[n], 0));
  const [ax, ay] = mean(from), [bx, by] = mean(to);
  let spread = 0, real = 0, imaginary = 0;
  from.forEach(([x, y], n) => {
    const [u, v, s, t] = [x - ax, y - ay, to[n][0] - bx, to[n][1] - by];
    spread += share[n] * (u * u + v * v);
    real += share[n] * (u * s + v * t);
    imaginary += share[n] * (u * t - v * s);
  });
  if (!(spread > 0)) throw new Error("the points lie on one place: move them apart");
  const [c, s] = [real / spread, imaginary / spread];
  return [[c, -s, bx - c * ax + s * ay], [s, c, by - s * ax - c * ay]];
}

export const moved = (points, [[a, b, c], [d, e, f]]) => points.map(([x, y]) => [a * x + b * y + c, d * x + e * y + f]);
export const scaleOf = ([[a, b], [d, e]]) => Math.sqrt(Math.abs(a * e - b * d));

export function inverse([[a, b, c], [d, e, f]]) {
  const by = a * e - b * d, [p, q, r, s] = [e / by, -b / by, -d / by, a / by];
  return [[p, q, -p * c - q * f], [r, s, -r * c - s * f]];
}

// The map from a picture's pixels to those of its crop of so many pixels, in which faces of a layout lie.
export function alignment(landmarks, sizePx, { layout = aligned.template, zoom = 1 } = {}) {
  const target = layout.map((point) => point.map((value) => ((value - 0.5) * zoom + 0.5) * sizePx - 0.5));
  return similarity(landmarks, target, aligned.weights);
}

// Solve a system of equations, rows as Float64Array, for several right sides; both are used up. Gauss, with pivots.
export function solved(rows, sides) {
  const num = rows.length, wide = sides[0].length;
  for (let at = 0; at < num; at++) {
    let best = at;
    for (let row = at + 1; row < num; row++) if (Math.abs(rows[row][at]) > Math.abs(rows[best][at])) best = row;
    [rows[at], rows[best]] = [rows[best], rows[at]];
    [sides[at], sides[best]] = [sides[best], sides[at]];
    const own = rows[at], side = sides[at];
    for (let row = at + 1; row < num; row++) {
      const share = rows[row][at] / own[at];
      if (share === 0) continue;
      for (let n = at; n < num; n++) rows[row][n] -= share * own[n];
      for (let n = 0; n < wide; n++) sides[row][n] -= share * side[n];
    }
  }
  for (let at = num - 1; at >= 0; at--) {
    for (let n = 0; n < wide; n++) {
      let value = sides[at][n];
      for (let other = at + 1; other < num; other++) value -= rows[at][other] * sides[other][n];
      sides[at][n] = value / rows[at][at];
    }
  }
  return sides;
}

// Where a face lies along the components of shapes, in standard deviations. off: by how much each point may be off.
export function coordinates(points, off) {
  const { mean, components, spread, most, usual_off_px: usual } = shapes;
  const laid = similarity(points, mean), scale = scaleOf(laid);
  const sure = off.map((own) => 1 / Math.max(scale * own, usual) ** 2);
  const far = moved(points, laid).flatMap(([x, y], n) => [x - mean[n][0], y - mean[n][1]]);
  const basis = components.map((one, k) => one.map((value) => value * spread[k]));
  const weighted = basis.map((one) => one.map((value, n) => value * sure[n >> 1]));
  const dot = (a, b) => a.reduce((sum, value, n) => sum + value * b[n], 0);
  const system = weighted.map((row, k) => Float64Array.from(basis, (column, j) => dot(row, column) + (j === k ? 1 : 0)));
  return solved(system, weighted.map((row) => [dot(row, far)])).map(([value]) => Math.min(most, Math.max(-most, value)));
}

// A face's points on the way to a likely face. amounts: {part: from 0, as they are, to 1, as people's}.
export function likely(points, amounts, off) {
  if (!Object.values(amounts).some((own) => own > 0)) return points.map((one) => [...one]);
  const { mean, components, spread, parts } = shapes, at = coordinates(points, off);
  const shape = mean.map((point, n) => point.map((value, axis) =>
    value + at.reduce((sum, own, k) => sum + own * spread[k] * components[k][2 * n + axis], 0)));
  const wanted = moved(shape, inverse(similarity(points, mean))), share = new Float64Array(points.length);
  for (const [part, own] of Object.entries(amounts)) {
    for (const name of parts[part]) for (const n of mesh.parts[name]) share[n] = own;
  }
  return points.map(([x, y], n) => [x + share[n] * (wanted[n][0] - x), y + share[n] * (wanted[n][1] - y)]);
}

function kernel(ax, ay, [bx, by]) {
  const squared = ((ax - bx) ** 2 + (ay - by) ** 2) / UNIT_PX;
  return 0.5 * squared * Math.log(Math.max(squared, 1e-12));
}

// Where blocks of a picture are taken from, so that what lies at the mean shape comes to lie at the points `to`: Float32Array
// of (G, G, 2), by a thin-plate spline (Bookstein 1989).
export function coarseField(to, sizePx = bending.size_px) {
  const origin = mesh.mean, middle = middleOf(to);
  const around = bending.ring.map(([x, y]) => [middle[0] + x, middle[1] + y]);
  const points = [...to, ...around], from = [...origin, ...moved(around, similarity(to, origin))], num = points.length;
  const rows = points.map(([x, y], n) => {
    const row = new Float64Array(num + 3);
    points.forEach((other, k) => { row[k] = kernel(x, y, other); });
    row[n] += bending.smooth;
    row.set([1, x, y], num);
    return row;
  });
  for (const n of [0, 1, 2]) rows.push(Float64Array.from({ length: num + 3 }, (_, k) => (k < num ? [1, ...points[k]][n] : 0)));
  const weights = solved(rows, [...from.map((one) => Float64Array.from(one)), ...[0, 1, 2].map(() => new Float64Array(2))]);
  const side = sizePx / bending.step_px, field = new Float32Array(2 * side * side);
  for (let n = 0; n < side * side; n++) {
    const x = (n % side + 0.5) * bending.step_px - 0.5, y = (Math.floor(n / side) + 0.5) * bending.step_px - 0.5;
    const own = weights.slice(num);
    let [u, v] = [0, 1].map((axis) => own[0][axis] + own[1][axis] * x + own[2][axis] * y);
    for (let k = 0; k < num; k++) {
      const near = kernel(x, y, points[k]);
      u += near * weights[k][0];
      v += near * weights[k][1];
    }
    field.set([u, v], 2 * n);
  }
  return field;
}
