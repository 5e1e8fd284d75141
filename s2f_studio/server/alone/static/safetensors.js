// A file of weights as the numbers that graphs want: all floating tensors in float32, one after the other, sorted by their
// names (s2f_utils/weights/compact.py).
// What is stored in bytes has its scales beside it, under its name and SCALE.

const SCALE = "@scale";
const START = 8; // bytes, of the header's length
const KINDS = { F32: Float32Array, F64: Float64Array, I8: Int8Array };

let halves = null;

// A number of 16 bits, for each of its patterns.
function tableOfHalves() {
  return (halves ??= Float32Array.from({ length: 0x10000 }, (_, bits) => {
    const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, share = bits & 1023;
    if (exponent === 31) return share ? NaN : sign * Infinity;
    return sign * (exponent ? 2 ** (exponent - 15) * (1 + share / 1024) : 2 ** -14 * (share / 1024));
  }));
}

function numbersOf(content, start, { dtype, data_offsets: [first, end] }) {
  const own = content.buffer.slice(content.byteOffset + start + first, content.byteOffset + start + end);
  if (dtype === "F16") {
    const table = tableOfHalves();
    return Float32Array.from(new Uint16Array(own), (bits) => table[bits]);
  }
  if (!KINDS[dtype]) throw new Error(`weights of kind ${dtype} are not known: export the page again`);
  return Float32Array.from(new KINDS[dtype](own));
}

// Bytes times the scale of their channel, the one dimension in which scales differ.
function scaled(values, shape, scales, scaleShape) {
  const channel = Math.max(0, scaleShape.findIndex((num) => num > 1)), step = shape.slice(channel + 1).reduce((a, b) => a * b, 1);
  for (let n = 0; n < values.length; n++) values[n] *= scales[scales.length === 1 ? 0 : Math.floor(n / step) % shape[channel]];
  return values;
}

// The content of a .safetensors file, a Uint8Array, as float32 in a Uint8Array.
export function expanded(content) {
  const view = new DataView(content.buffer, content.byteOffset), length = Number(view.getBigUint64(0, true)), start = START + length;
  const { __metadata__: _, ...tensors } = JSON.parse(new TextDecoder().decode(content.subarray(START, start)));
  const isOne = (name) => !name.endsWith(SCALE) && (tensors[name].dtype.startsWith("F") || name + SCALE in tensors);
  const names = Object.keys(tensors).filter(isOne).sort();
  const parts = names.map((name) => {
    const own = numbersOf(content, start, tensors[name]), scale = tensors[name + SCALE];
    return scale ? scaled(own, tensors[name].shape, numbersOf(content, start, scale), scale.shape) : own;
  });
  const made = new Float32Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    made.set(one, at);
    at += one.length;
  }
  return new Uint8Array(made.buffer);
}
