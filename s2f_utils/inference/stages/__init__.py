"""The steps from a picture to an answer, each a module of arrays in and arrays out: what every engine runs.

torch runs the modules; `inference.export` writes them as ONNX, which onnxruntime runs, in Python or in a browser. So
what is done to pixels is written once. What is decided between the steps is plain Python (`inference.expecting`).
Pictures go in and come out as uint8 (N, H, W, 3), as files and canvases hold them. A stage says what it takes: by name,
the kind of number and the shape behind the batch, letters for what may be of any size.
"""

U8, F32, I64 = "uint8", "float32", "int64"
