"""Files that training leaves:
one atomic resume file with everything in it, and generators as safetensors.
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from s2f_utils import networks, weights
from s2f_utils.networks.info import ModelInfo
from s2f_utils.runtime import atomic_path
from s2f_utils.weights.compact import SCALE, packed, unpacked

TRAINING = "learned_from"  # the part of a header that says what a model was trained on
# In the messages of torch's writer, and of safetensors', where the disk takes no more.
WRITE_FAILED = ("inline_container", "PytorchStreamWriter", "I/O error", "IoError", "No space left")


class CheckpointError(ValueError):
    """A checkpoint that is damaged or does not fit;
    the message says which file, why, and what to do.
    """


class EMA:
    """An exponential moving average of a network's weights, kept in a second network.

    `half_life_images` is the number of images after which a weight's influence has halved; it does
    not depend on the batch size; early in training it is at most a twentieth of the images seen, so
    that the first bad weights are soon forgotten. Floating-point buffers (batch-norm statistics)
    are averaged as well. Source: Karras et al. 2020 (ADA).
    """

    def __init__(self, net: nn.Module, half_life_images: float) -> None:
        self.half_life_images = half_life_images
        self.source = net
        self.net = type(net).build(**net.args)
        self.net.load_state_dict(net.state_dict())
        self.net.to(next(net.parameters()).device).eval().requires_grad_(False)

    @torch.no_grad()
    def update(self, num_images: int, images_seen: int) -> None:
        """Move the average towards the network after a step that saw `num_images`,
        `images_seen` in all.
        """
        weight = 1.0 - 0.5 ** (num_images / min(self.half_life_images, max(images_seen / 20, 1e-8)))
        torch._foreach_lerp_(_floats(self.net), _floats(self.source), weight)


def _floats(net: nn.Module) -> list[Tensor]:
    """Parameters and floating-point buffers, as they are now:
    moving a network replaces its buffers.
    """
    return [t.data for t in (*net.parameters(), *net.buffers()) if t.is_floating_point()]


def save_resume(path: Path, state: Mapping[str, Any]) -> None:
    """Write a training state: `path` is the old one or the new one, never half. OSError where the
    disk takes none.
    """
    with _written(path) as temporary:
        torch.save(dict(state), temporary)


@contextmanager
def _written(path: Path) -> Iterator[Path]:
    """A file to write, which takes the place of `path` once it is whole. A full disk is an OSError,
    also where torch and safetensors have an error of their own for it.
    """
    with atomic_path(path) as temporary:
        try:
            yield temporary
        except (RuntimeError, SafetensorError) as error:
            reason = str(error)
            if not any(sign in reason for sign in WRITE_FAILED):
                raise
            why = f"could not be written ({reason.splitlines()[0][:80]})"
            raise OSError(errno.ENOSPC, why, str(path)) from error


def load_torch_file(path: str | os.PathLike) -> Any:
    """Read a torch file without running code from it (`weights_only`), onto the CPU.

    Raises FileNotFoundError, or CheckpointError when the file is damaged, cut off, or holds Python
    objects.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, MemoryError):  # the file may be whole
        raise
    except Exception as error:  # over bytes that are no pickle the unpickler raises nearly anything
        reason = str(error) or type(error).__name__
        why = (
            f"damaged or cut off ({reason.splitlines()[0][:80]}): delete it, and copy or download"
            " it again"
        )
        if isinstance(error, pickle.UnpicklingError) and (
            "weights_only" in reason.lower() or "Unsupported" in reason
        ):
            why = (
                "holds Python objects, not only weights, and is not executed here: save"
                " net.state_dict() where you trust it; for NVIDIA's pickles docs/models.md says how"
                " to convert it elsewhere"
            )
        raise CheckpointError(f"{path}: {why}") from None


def save_generator(
    path: Path,
    net: nn.Module,
    meta: Mapping[str, Any],
    info: ModelInfo | None = None,
    *,
    compact: bool = False,
) -> Path:
    """Write a network's weights as safetensors, and in the file's header, as JSON, its name, its
    arguments, and `meta`.

    info: of its training, a part of the header. compact: in a byte for each weight.
    """
    tensors = {}
    for key, value in net.state_dict().items():
        if key.partition(".")[0] not in net.borrowed:
            tensors[key] = value.detach().contiguous().to("cpu")
    meta = {**meta, "network": net.name, "args": net.args}
    _save(path, packed(tensors) if compact else tensors, meta, info or ModelInfo())
    return path


def _save(
    path: Path, tensors: Mapping[str, Tensor], meta: Mapping[str, Any], info: ModelInfo
) -> None:
    header = {"s2f": json.dumps(meta)}
    if training := info.training():
        header[TRAINING] = json.dumps(training)
    with _written(path) as temporary:
        save_file(dict(tensors), temporary, metadata=header)


def load_network(path: str | os.PathLike) -> tuple[nn.Module, dict[str, Any]]:
    """A network in eval mode and what its file says about it, from `.safetensors`, `.pth` or `.pt`.

    Ours carry name, arguments, size and direction in the header; published checkpoints are
    recognised by their keys. Raises FileNotFoundError, CheckpointError or UnknownNetworkError.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        tensors, meta, _ = _read(path)
        if any(key.endswith(SCALE) for key in tensors):
            tensors = unpacked(tensors)
    else:
        tensors, meta = state_dict_of(path), {}
    try:
        if "network" in meta:  # ours: a state dict alone does not say how much dropout there was
            net = networks.build(meta["network"], **meta["args"])
            for part, name in net.borrowed.items():
                others = load_network(weights.get(name))[0].state_dict()
                tensors |= {f"{part}.{key}": value for key, value in others.items()}
            net.load_state_dict(tensors)
            return net.eval(), meta
        return networks.from_state_dict(tensors), meta
    except (RuntimeError, TypeError, KeyError) as error:
        raise CheckpointError(
            f"{path}: its weights do not fit what its header says ({error})"
        ) from None
    except networks.UnknownNetworkError as error:
        raise networks.UnknownNetworkError(f"{path}: {error}") from None


def load_described(path: str | os.PathLike) -> tuple[nn.Module, ModelInfo]:
    """As `load_network`, with the description of the network."""
    net, meta = load_network(path)
    if meta:
        return net, info_of(path)
    return net, dataclasses.replace(net.info, network=net.name, args=net.args)


def _read(
    path: str | os.PathLike, *, tensors: bool = True
) -> tuple[dict[str, Tensor], dict[str, Any], dict[str, Any]]:
    """The tensors of a `.safetensors` file, none unless asked for, and what it says of itself and
    of its training, {} where it is not ours. Raises FileNotFoundError, or CheckpointError where it
    is damaged.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: no such checkpoint")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            held = {key: file.get_tensor(key) for key in (file.keys() if tensors else ())}
            header = file.metadata() or {}
            parts = [json.loads(header.get(part, "{}")) for part in ("s2f", TRAINING)]
    except (SafetensorError, OSError, ValueError) as error:
        raise CheckpointError(
            f"{path}: damaged or cut off ({str(error)[:80]}): copy or download it again"
        ) from None
    meta, training = (part if isinstance(part, dict) else {} for part in parts)
    return held, meta, training


def header_of(path: str | os.PathLike) -> dict[str, Any]:
    """What a `.safetensors` file of ours says about itself, {} for others;
    the weights are not read.

    Raises FileNotFoundError or CheckpointError.
    """
    return _read(path, tensors=False)[1]


def info_of(path: str | os.PathLike) -> ModelInfo:
    """The description of the model in a `.safetensors` file;
    an empty one for a file that is not ours.

    Raises FileNotFoundError or CheckpointError.
    """
    _, meta, training = _read(path, tensors=False)
    network = networks.NETWORKS.get(meta.get("network", ""))
    info = network.describe(meta.get("args") or {}) if network else ModelInfo()
    return info.with_header(meta, training)


def publish(path: str | os.PathLike, target: str | os.PathLike) -> Path:
    """Copy a `.safetensors` file without the names of folders.

    Raises FileNotFoundError, CheckpointError, or FileExistsError where there is a file in the
    target's place already.
    """
    target = Path(target)
    if target.exists():
        raise FileExistsError(f"{target}: is there already: choose another name, or delete it")
    tensors, meta, _ = _read(path)
    _save(target, tensors, meta, info_of(path).public())
    return target


def state_dict_of(path: str | os.PathLike) -> Mapping[str, Tensor]:
    """The network's state dict in a published `.pth` or `.pt` file, as pix2pix, pSp, GFPGAN and
    rosinality's StyleGAN2 wrap theirs. Raises FileNotFoundError or CheckpointError.
    """
    content = tensors = load_torch_file(path)
    for key in ("state_dict", "net_g", "g_ema", "params_ema", "params"):
        if isinstance(tensors, Mapping) and isinstance(tensors.get(key), Mapping):
            tensors = tensors[key]
    if not isinstance(tensors, Mapping):
        raise CheckpointError(f"{path}: holds a {type(tensors).__name__}, not a state dict")
    if "decoder.input.input" in tensors and "latent_avg" not in tensors:
        return {**tensors, "latent_avg": _mean_styles(tensors, content.get("latent_avg"))}
    return tensors


def _mean_styles(tensors: Mapping[str, Tensor], mean: Any) -> Tensor:
    """The mean styles of a published pSp, (L, D), whose file has them beside the weights,
    or not at all.
    """
    style_dim = tensors["decoder.style.1.weight"].shape[0]
    heads = [
        key for key in tensors if key.startswith("encoder.") and key.endswith(".linear.weight")
    ]
    if not isinstance(mean, Tensor):
        mean = torch.zeros(style_dim)
    return mean.expand(len(heads), style_dim).clone()
