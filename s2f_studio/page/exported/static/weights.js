// A file of weights as the numbers that graphs want: all floating tensors in float32, one after the
// other, sorted by their names (s2f_utils/weights/compact.py). What is stored in bytes has its
// scales beside it, under its name and SCALE.

const SCALE = "@scale";
const START = 8; // bytes, of the header's length
const KINDS = { F32: Float32Array, F64: Float64Array, I8: Int8Array };

let halves = null;

// The number of 16 bits for each of its patterns.
function tableOfHalves() {
  halves ??= Float32Array.from({ length: 0x10000 }, (_, bits) => half(bits));
  return halves;
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const share = (bits & 1023) / 1024;
  if (exponent === 31) return share ? NaN : sign * Infinity;
  return exponent ? sign * 2 ** (exponent - 15) * (1 + share) : sign * 2 ** -14 * share;
}

function numbersOf(content, start, { dtype, data_offsets: [first, end] }) {
  const at = content.byteOffset + start;
  const bytes = content.buffer.slice(at + first, at + end);
  if (dtype === "F16") {
    const table = tableOfHalves();
    return Float32Array.from(new Uint16Array(bytes), (bits) => table[bits]);
  }
  if (!KINDS[dtype]) throw new Error(`weights of kind ${dtype} are not known: export the page again`);
  return Float32Array.from(new KINDS[dtype](bytes));
}

// Bytes times the scale of their channel, the one dimension in which scales differ.
function scaled(values, shape, scales, scaleShape) {
  const channel = Math.max(0, scaleShape.findIndex((num) => num > 1));
  const step = shape.slice(channel + 1).reduce((a, b) => a * b, 1);
  for (let n = 0; n < values.length; n++) {
    values[n] *= scales.length === 1 ? scales[0] : scales[Math.floor(n / step) % shape[channel]];
  }
  return values;
}

// The content of a .safetensors file, a Uint8Array, as float32 in a Uint8Array.
export function expanded(content) {
  const view = new DataView(content.buffer, content.byteOffset);
  const start = START + Number(view.getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(content.subarray(START, start)));
  const isWanted = (name) => {
    if (name === "__metadata__" || name.endsWith(SCALE)) return false;
    return header[name].dtype.startsWith("F") || name + SCALE in header;
  };
  const parts = Object.keys(header).filter(isWanted).sort().map((name) => {
    const values = numbersOf(content, start, header[name]);
    const scale = header[name + SCALE];
    if (!scale) return values;
    return scaled(values, header[name].shape, numbersOf(content, start, scale), scale.shape);
  });
  const whole = new Float32Array(parts.reduce((sum, one) => sum + one.length, 0));
  let at = 0;
  for (const one of parts) {
    whole.set(one, at);
    at += one.length;
  }
  return new Uint8Array(whole.buffer);
}
