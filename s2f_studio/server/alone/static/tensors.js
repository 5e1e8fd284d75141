// What goes into graphs and comes out: {type, data, dims}.

export const tensor = {
  floats: (values, dims) => ({ type: "float32", data: Float32Array.from(values), dims }),
  whole: (...values) => ({ type: "int64", data: BigInt64Array.from(values, BigInt), dims: [values.length] }),
  pictures: ({ width, height, data }) => ({ type: "uint8", data, dims: [1, height, width, 3] }),
};

// The picture that a graph made.
export const pictureOf = ({ data, dims: [, height, width] }) => ({ width, height, data: new Uint8Array(data) });
