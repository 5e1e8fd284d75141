"""The pretrained generator's weights, read out of the package `random-face` without importing it.

The package holds two networks in OpenVINO's intermediate representation: an XML file that lists the
constants of a network, and a binary file with their numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from s2f_utils.runtime import atomic_path

DATA = "random_face/data"  # the folder of both networks in the package
NUM_MAPPING_LAYERS = 8
ACTIVATION_GAIN = np.float32(np.sqrt(2))  # after each leaky ReLU of the mapping network
SLOPE, EPS = np.float32(0.2), np.float32(1e-8)
NUM_FOR_MEAN = 10_000  # random codes whose mean is `mean_w`
# Parts of the package's names, and of the names in `networks.mobile_stylegan`; in this order.
RENAMED = {
    "layers.6.to_img.conv.modulation": "to_img_modulation",
    "layers.6.to_img.conv": "to_img",
    "layers.6.to_img": "to_img",
    "conv.modulation": "modulation",
    "up.modulation": "up",
    "conv.weight_dw": "depthwise.weight",
    "conv1.bias": "conv1.conv.bias",
    "conv2.bias": "conv2.conv.bias",
    "input.input": "input",
}


def convert(package: Path, target: Path, header: dict[str, dict]) -> None:
    """Write the weights as one safetensors file, complete or not at all.

    package: the folder in which the package `random_face` lies. header: parts of the file's header,
    which are written as JSON.
    """
    from safetensors.numpy import save

    metadata = {part: json.dumps(values) for part, values in header.items()}
    with atomic_path(target) as temporary:
        temporary.write_bytes(save(tensors_of(package), metadata))


def tensors_of(package: Path) -> dict[str, np.ndarray]:
    """All weights of `networks.mobile_stylegan`, float32, by their names there.

    package: as in `convert`; the published one, which is not checked here.
    """
    tensors = _mapping_tensors(_constants(package, "MappingNetwork"))
    tensors["mean_w"] = _mean_w(tensors)
    tensors |= _synthesis_tensors(_constants(package, "SynthesisNetwork"))
    return {name: np.ascontiguousarray(values) for name, values in tensors.items()}


def _constants(package: Path, network: str) -> Iterator[tuple[str, np.ndarray]]:
    """The float constants of one network with their names, in the file's order."""
    numbers = (package / DATA / f"{network}.bin").read_bytes()
    for layer in ElementTree.parse(package / DATA / f"{network}.xml").iterfind("layers/layer"):
        data = layer.find("data")
        if layer.get("type") != "Const" or data.get("element_type") != "f32":
            continue
        shape = [int(side) for side in data.get("shape").split(",") if side.strip()]
        start, size = int(data.get("offset")), int(data.get("size"))
        values = np.frombuffer(numbers[start : start + size], "<f4")
        yield layer.get("name"), values.reshape(shape)


def _mapping_tensors(constants: Iterable[tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Weights (D, D) and biases (D,) in turn, with the gain after each activation folded in: a
    leaky ReLU lets positive factors through.
    """
    tensors = {}
    large = [values for _, values in constants if values.size > 1]
    for layer in range(NUM_MAPPING_LAYERS):
        tensors[f"mapping.{2 * layer}.weight"] = large[2 * layer] * ACTIVATION_GAIN
        tensors[f"mapping.{2 * layer}.bias"] = large[2 * layer + 1] * ACTIVATION_GAIN
    return tensors


def _synthesis_tensors(constants: Iterable[tuple[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Weights that have names in the file, and three kinds that have none of their own: the factor
    of a modulation stands behind it, a convolution's weight and its noise stand before its bias.
    """
    tensors, name = {}, ""
    weight = noise = None
    for theirs, values in constants:
        if theirs.startswith("m."):
            name = _renamed(theirs)
            tensors[name] = values.ravel() if name.endswith("bias") else values
            if name.endswith(".conv.bias"):
                tensors[name.replace("bias", "weight")] = weight
                tensors[name.replace("conv.bias", "noise")] = noise
            elif name.endswith("depthwise.weight"):
                tensors[name] = values.squeeze(1)  # (C, 1, 1, 3, 3): groups of one channel
        elif theirs.startswith("Mul_") and theirs.endswith("_copy"):
            weight = values
        elif values.shape == (1, 1, 1, 1):
            modulation = name.removesuffix(".bias")
            for part in ("weight", "bias"):
                tensors[f"{modulation}.{part}"] = tensors[f"{modulation}.{part}"] * values.item()
        elif values.shape[:2] == (1, 1):
            noise = values  # (1, 1, S, S)
    return tensors


def _renamed(theirs: str) -> str:
    """The name in `networks.mobile_stylegan` of a weight that has one in the file."""
    name = theirs.removeprefix("m.")
    for part, ours in RENAMED.items():
        name = name.replace(part, ours)
    return name


def _mean_w(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """The mean of random codes w: float32 (D,)."""
    x = np.random.default_rng(0).standard_normal((NUM_FOR_MEAN, 512), dtype=np.float32)
    x = x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + EPS)
    for layer in range(NUM_MAPPING_LAYERS):
        weight, bias = (tensors[f"mapping.{2 * layer}.{part}"] for part in ("weight", "bias"))
        x = x @ weight.T + bias
        x = np.maximum(x, SLOPE * x)
    return x.mean(axis=0)
