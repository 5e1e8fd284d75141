"""What the guests take: their networks at their true sizes, counted without weights; tiny ones, run. `python
benchmarks/guests.py`; 2 minutes.

Nothing is fetched. The settings of the published networks stand here, as their `config.json` files have them. On the
"meta" device tensors have shapes and no values: what an answer would hold at most is counted there, in float16, for one
picture. A GPU's kernels, its context and its allocator take more: `OF_CUDA` is left for them.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import common
import torch
from torch import nn

from s2f_utils import weights
from s2f_utils.inference.guests.memory import OF_CUDA
from s2f_utils.training.preflight import Ledger

ROOT = Path(__file__).resolve().parents[1]
BLOCKS = {
    "block_out_channels": (320, 640, 1280, 1280), "layers_per_block": 2, "in_channels": 4, "norm_num_groups": 32,
    "down_block_types": ("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
}  # fmt: skip
SD21 = {**BLOCKS, "cross_attention_dim": 1024, "attention_head_dim": (5, 10, 20, 20), "use_linear_projection": True}
SD15 = {**BLOCKS, "cross_attention_dim": 768, "attention_head_dim": 8}
TEXT = {
    "sd-turbo-scribble": {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 23,
                          "num_attention_heads": 16},
    "sd15-scribble": {"hidden_size": 768, "intermediate_size": 3072, "num_hidden_layers": 12,
                      "num_attention_heads": 12},
}  # fmt: skip
UNETS = {"sd-turbo-scribble": SD21, "sd15-scribble": SD15}
VISION = {  # of the safety checker
    "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16,
    "image_size": 224, "patch_size": 14,
}  # fmt: skip


def networks(name: str) -> dict[str, nn.Module]:
    """A guest's networks at their true sizes, without values."""
    from diffusers import AutoencoderKL, ControlNetModel, UNet2DConditionModel
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPTextConfig, CLIPTextModel

    with torch.device("meta"):
        found = {
            "unet": UNet2DConditionModel(
                **UNETS[name], sample_size=64, out_channels=4,
                up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
            ),
            "controlnet": ControlNetModel(**UNETS[name], conditioning_embedding_out_channels=(16, 32, 96, 256)),
            "vae": AutoencoderKL(
                block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4,
                up_block_types=("UpDecoderBlock2D",) * 4, latent_channels=4, layers_per_block=2,
            ),
            "text_encoder": CLIPTextModel(CLIPTextConfig(**TEXT[name], vocab_size=49408)),
        }  # fmt: skip
        if "safety_checker/config.json" in weights.guests.GUESTS[name].base.settings:
            found["safety_checker"] = StableDiffusionSafetyChecker(CLIPConfig(vision_config=VISION, projection_dim=768))
    return {part: net.half().eval().requires_grad_(False) for part, net in found.items()}


def held(work: Any) -> int:
    """Bytes that new tensors hold at most while `work` runs."""
    with Ledger() as ledger:
        work()
        return ledger.peak


def peaks(name: str, nets: dict[str, nn.Module], size_px: int) -> dict[str, int]:
    """What each step of an answer holds at most beside the weights; with guidance, two pictures go through the UNet."""
    batch = 2 if weights.guests.GUESTS[name].guidance > 1 else 1
    side = size_px // 8
    kind = {"device": "meta", "dtype": torch.float16}
    latents, words = (
        torch.zeros(batch, 4, side, side, **kind),
        torch.zeros(batch, 77, TEXT[name]["hidden_size"], **kind),
    )
    lines, photo = torch.zeros(batch, 3, size_px, size_px, **kind), torch.zeros(1, 3, size_px, size_px, **kind)
    when = torch.zeros(batch, device="meta")

    def denoise() -> None:
        down, middle = nets["controlnet"](latents, when, words, lines, return_dict=False)
        nets["unet"](latents, when, words, down_block_additional_residuals=down, mid_block_additional_residual=middle)

    with torch.no_grad():
        return {
            "denoising": held(denoise),
            "photo to latent": held(lambda: nets["vae"].encode(photo).latent_dist.mean),
            "latent to photo": held(lambda: nets["vae"].decode(latents[:1]).sample),
        }


def tiny(name: str) -> dict[str, float]:
    """Seconds and megabytes of a tiny form of a guest on this CPU, through the real code, from a stand-in hub."""
    sys.path.insert(0, str(ROOT))
    from s2f_utils import inference
    from s2f_utils.pictures import drawings
    from tests import hub_server, tiny_guests

    guest = weights.guests.GUESTS[name]
    kept = weights.guests.GUESTS.copy()
    with tempfile.TemporaryDirectory() as cache, hub_server.running() as server:
        os.environ["HF_ENDPOINT"] = server.address
        from huggingface_hub import constants

        constants.HF_HUB_CACHE, constants.HF_HUB_DISABLE_XET = cache, True
        unchecked = {part: dataclasses.replace(one, sha256={}) for part, one in guest.parts.items()}
        weights.guests.GUESTS[name] = guest = dataclasses.replace(guest, **unchecked)
        files = tiny_guests.files_of(guest)
        for part in guest.parts.values():
            sha = server.add(part.repo, files[part.repo])
            repo = server.repos[part.repo]
            if part.revision != "main":
                repo.commits[part.revision] = repo.commits.pop(sha)
        began = time.perf_counter()
        weights.guests.get(name, agree=True)
        fetched = time.perf_counter()
        model = inference.load(name, "cpu")
        loaded = time.perf_counter()
        picture = drawings.example("glasses")
        model(picture, seed=1)
        first = time.perf_counter()
        model(picture, seed=2)
        second = time.perf_counter()
        weights.guests.GUESTS.update(kept)
        return {
            "fetch_s": fetched - began, "load_s": loaded - fetched, "first_s": first - loaded, "next_s": second - first,
            "weights_mb": model.num_bytes / 1e6,
        }  # fmt: skip


def main() -> None:
    """Count, and run the tiny ones."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.parse_args()
    found: dict[str, Any] = {}
    for name, guest in weights.guests.GUESTS.items():
        nets = networks(name)
        parameters = {part: sum(p.numel() for p in net.parameters()) for part, net in nets.items()}
        steps = peaks(name, nets, guest.size_px)
        in_weights = 2 * sum(parameters.values())
        found[name] = {
            "parameters": parameters, "parameters_all": sum(parameters.values()), "weights_bytes": in_weights,
            "most_beside": steps, "gpu_bytes": in_weights + max(steps.values()) + OF_CUDA, "tiny": tiny(name),
        }  # fmt: skip
        print(f"{name}: {found[name]}")
    common.write("guests", {"guests": found, "extra_bytes": OF_CUDA})


def table(found: dict[str, Any]) -> str:
    """What each guest takes on a GPU, and its tiny form on this CPU."""
    rows = []
    for name, one in found["results"]["guests"].items():
        parts = ", ".join(f"{part} {number / 1e6:,.0f}" for part, number in one["parameters"].items())
        most = max(one["most_beside"], key=one["most_beside"].get)
        tiny = one["tiny"]
        rows.append([
            f"`{name}`", f"{one['parameters_all'] / 1e6:,.0f} ({parts})", f"{one['weights_bytes'] / 1e9:.1f} GB",
            f"{one['most_beside'][most] / 1e9:.1f} GB ({most})", f"{one['gpu_bytes'] / 1e9:.1f} GB",
            f"{tiny['weights_mb']:.1f} MB: loaded in {tiny['load_s']:.1f} s, an answer in {tiny['next_s']:.1f} s",
        ])  # fmt: skip
    head = ("guest", "millions of numbers", "weights in float16", "most beside them, 512 px",
            "with 1 GB for CUDA itself", "tiny form, on a CPU")  # fmt: skip
    return f"{common.markdown(head, rows)}\n\n{common.machine_of(found)}"


TABLES = {"guests": table}


if __name__ == "__main__":
    main()
