"""Speed of StyleGAN2 and pSp: activations scaled around one convolution, against the published form, whose weights are
scaled for each image and convolved in as many groups; and the time that an encoder and a generator take for one image.

Run it on a quiet machine: `python benchmarks/stylegan2_speed.py`. Medians of alternating calls in one run.
"""

from __future__ import annotations

import copy
import math
import types
from collections.abc import Sequence
from typing import Any

import common
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from s2f_utils import models, runtime
from s2f_utils.models.stylegan2 import EPS, ModulatedConv2d, StyledConv
from s2f_utils.training import config
from s2f_utils.training.methods import METHODS

SIZES = (64, 128, 256, 1024)
SMALL = {"style_dim": 128, "num_mlp": 4, "width": 128, "channel_multiplier": 0.25}  # what ships
STEP_PX = 128
ROUNDS = 5


def grouped(conv: ModulatedConv2d, x: Tensor, style: Tensor) -> Tensor:
    """The published form, in rosinality's order: each image has weights of its own."""
    num, channels, height, width = x.shape
    weight = conv.scale * conv.weight * conv.modulation(style)[:, None, :, None, None]  # [NOIkk]
    if conv.demodulate:
        weight = weight * torch.rsqrt(weight.square().sum((2, 3, 4), keepdim=True) + EPS)
    _, out, _, k, _ = weight.shape
    x = x.reshape(1, num * channels, height, width)
    if conv.blur is None:
        x = F.conv2d(x, weight.view(num * out, channels, k, k), padding=conv.padding, groups=num)
        return x.view(num, out, height, width)
    weight = weight.transpose(1, 2).reshape(num * channels, out, k, k)
    x = F.conv_transpose2d(x, weight, stride=2, groups=num)
    return conv.blur(x.view(num, out, *x.shape[2:]))


def grouped_styled(layer: StyledConv, x: Tensor, style: Tensor, noise: Tensor) -> Tensor:
    """Convolution, noise, bias, leaky ReLU and √2, one after the other."""
    x = grouped(layer.conv, x, style) + layer.noise.weight * noise
    return F.leaky_relu(x + layer.activate.bias[None, :, None, None], 0.2) * math.sqrt(2)


def published(net: nn.Module) -> nn.Module:
    """A copy of a network in the published form; the same answers."""
    net = copy.deepcopy(net)
    for module in net.modules():
        if isinstance(module, StyledConv):
            module.forward = types.MethodType(grouped_styled, module)
        elif isinstance(module, ModulatedConv2d):
            module.forward = types.MethodType(grouped, module)
    return net


def forward(net: nn.Module, num: int, chosen: runtime.Precision):
    """A function that paints `num` faces."""
    styles = torch.randn(num, net.style_dim, generator=torch.Generator().manual_seed(0)).to(chosen.device)

    def paint():
        with torch.inference_mode():
            return net(styles, randomize_noise=False)

    return paint


def step(size_px: int, num: int, *, as_published: bool):
    """A function that makes one step of training, discriminator and generator, without the lazy regularisation."""
    changes = {"size_px": size_px, "load_size_px": size_px, "batch_size": num, "r1_every": 0, "path_every": 0}
    changes |= {"lambda_path": 0.0, "augment_disc": "none", "width": 256, "channel_multiplier": 1.0}
    resolved = config.resolve("stylegan2", "full", changes)
    chosen = runtime.pick_precision(runtime.pick_device())
    method = METHODS["stylegan2"](resolved.config, chosen)
    if as_published:
        for module in method.net_g.modules():
            if isinstance(module, StyledConv):
                module.forward = types.MethodType(grouped_styled, module)
            elif isinstance(module, ModulatedConv2d):
                module.forward = types.MethodType(grouped, module)
    photos = chosen.images(torch.rand(num, 3, size_px, size_px, device=chosen.device) * 2 - 1)
    live = method.live_values()
    return lambda: method.step(photos, photos, live)


def against_published(nums: Sequence[int] = (1, 8), sizes: Sequence[int] = (64, 256)) -> dict[str, Any]:
    """Both forms, forward and step, one image and eight."""
    out = {}
    chosen = runtime.pick_precision(runtime.pick_device(), "float32")
    for num in nums:
        for size_px in sizes:
            torch.manual_seed(0)
            net = models.build("stylegan2", size_px=size_px, width=512, channel_multiplier=1.0).eval().to(chosen.device)
            plain = published(net)
            ours, theirs = forward(chosen.prepare(net), num, chosen), forward(plain, num, chosen)
            far = (ours() - theirs()).abs().max().item()
            assert far < 1e-3, f"the two forms differ by {far}"
            seconds = common.alternate({"ours": ours, "published": theirs}, ROUNDS)
            out[f"forward, {size_px} px, {num} at once"] = seconds
        pair = {"ours": step(STEP_PX, num, as_published=False), "published": step(STEP_PX, num, as_published=True)}
        out[f"training step, {STEP_PX} px, {num} at once"] = common.alternate(pair, ROUNDS)
    return {
        name: {
            "ours_s": round(s["ours"], 4),
            "published_s": round(s["published"], 4),
            "ratio": round(s["published"] / s["ours"], 2),
        }
        for name, s in out.items()
    }


def one_image(sizes: Sequence[int] = SIZES) -> dict[str, Any]:
    """Encoder and generator apart, in milliseconds for one image in float32: small ones at 64 and 128 px, the published
    ones at 256 and 1024 px.
    """
    out = {}
    chosen = runtime.pick_precision(runtime.pick_device(), "float32")
    for size_px in sizes:
        num_styles = 2 * size_px.bit_length() - 4
        decoder = {"size_px": size_px} | (SMALL if size_px < 256 else {})
        encoder = {"in_channels": 1, "num_styles": num_styles}
        encoder |= {"style_dim": 128, "input_px": size_px} if size_px < 256 else {}
        net = models.build("psp", kind="small" if size_px < 256 else "psp", encoder=encoder, decoder=decoder)
        net = chosen.prepare(net.eval().requires_grad_(False))
        x = chosen.images(torch.rand(1, 3, size_px, size_px, device=chosen.device) * 2 - 1)
        with torch.inference_mode():
            styles = net.encode(x)
            calls = {
                "encoder": lambda net=net, x=x: net.encode(x),
                "generator": lambda net=net, w=styles: net.decoder(w, input_is_latent=True, randomize_noise=False),
            }
            seconds = common.alternate(calls, ROUNDS)
        out[f"{size_px} px"] = {
            "kind": net.kind,
            "encoder_ms": round(1000 * seconds["encoder"], 1),
            "generator_ms": round(1000 * seconds["generator"], 1),
            "encoder_millions": round(models.count_parameters(net.encoder) / 1e6, 1),
            "generator_millions": round(models.count_parameters(net.decoder) / 1e6, 1),
        }
        del net
    return out


def main() -> None:
    """Measure and write results/stylegan2_speed.json (on a GPU: …_gpu.json)."""
    results = {"against_published": against_published(), "one_image": one_image()}
    common.write(common.on_device("stylegan2_speed"), results)


def table(found: dict[str, Any]) -> str:
    """Our form against the published one, and the time of one image."""
    r = found["results"]
    forms = [
        [name, f"{1000 * s['ours_s']:.0f} ms", f"{1000 * s['published_s']:.0f} ms", f"{s['ratio']:.2f}"]
        for name, s in r["against_published"].items()
    ]
    alone = [
        [
            f"{size}, {'small' if s['kind'] == 'small' else 'published'}",
            f"{s['encoder_ms']:.0f} ms",
            f"{s['generator_ms']:.0f} ms",
            f"{s['encoder_millions']:.1f} + {s['generator_millions']:.1f} M",
        ]
        for size, s in r["one_image"].items()
    ]
    return "\n\n".join(
        [
            f"On {common.machine_of(found)}:",
            common.markdown(["", "one convolution", "a group for each image", "ratio"], forms),
            common.markdown(["one face, float32", "encoder", "generator", "weights"], alone),
        ]
    )


TABLES = {"stylegan-speed": table}


if __name__ == "__main__":
    main()
