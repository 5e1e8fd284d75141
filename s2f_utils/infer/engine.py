"""What runs a model's stages, for annotations alone: two classes with the same methods. PyTorch,
which the second needs, may be missing.
"""

from s2f_utils.infer.onnx_engine import OnnxEngine
from s2f_utils.infer.stages import TorchEngine

Engine = OnnxEngine | TorchEngine
