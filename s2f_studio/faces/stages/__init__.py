"""Steps of an answer as networks, so that PyTorch and onnxruntime run the same."""
