"""Which engine runs a model's stages, and onnxruntime's; PyTorch's is in `s2f_utils.inference.stages`."""
