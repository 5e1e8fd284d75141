"""What runs a model's stages: PyTorch, or onnxruntime; and export to ONNX."""
