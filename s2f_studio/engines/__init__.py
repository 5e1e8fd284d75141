"""What runs a model's stages; PyTorch's engine is in `s2f_utils.infer.torch_engine`."""
