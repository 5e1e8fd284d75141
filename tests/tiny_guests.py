"""Guests in the form in which theirs are published (keys, nesting, file names, half precision, a pickle where theirs is
one), tiny and with random weights: built by the libraries' own classes.
"""

from __future__ import annotations

import io
import json
import tempfile
from pathlib import Path

import torch

from s2f_utils.weights.guests import GUESTS, Guest

CROSS = 32  # width of the text encoder
UNET = {
    "block_out_channels": (8, 16), "layers_per_block": 1, "in_channels": 4, "norm_num_groups": 4,
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"), "cross_attention_dim": CROSS, "attention_head_dim": 4,
}  # fmt: skip
TEXT, SAFETY = "text_encoder/model.fp16.safetensors", "safety_checker/model.fp16.safetensors"
VAE_BLOCKS = 4  # a latent pixel is 8 pixels, as theirs
SCHEDULERS = {
    "sd-turbo-scribble": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
    "sd15-scribble": ("PNDMScheduler", {"skip_prk_steps": True, "steps_offset": 1, "set_alpha_to_one": False}),
}


def files_of(guest: Guest, seed: int = 0) -> dict[str, dict[str, bytes]]:
    """{repository: {file: content}} of a guest, as `GUESTS` says what is fetched."""
    torch.manual_seed(seed)
    unet = _unet()
    found = {guest.base.repo: _base(guest, unet), guest.control.repo: _control(guest)}
    if guest.lora:
        found[guest.lora.repo] = {next(iter(guest.lora.weights)): _lora(unet)}
    return found


PATCH = """
import dataclasses, sys
sys.path.insert(0, {root!r})
from s2f_utils.weights import guests
for name, guest in list(guests.GUESTS.items()):
    parts = {{part: dataclasses.replace(one, sha256={{}}) for part, one in guest.parts.items()}}
    guests.GUESTS[name] = dataclasses.replace(guest, **parts)
"""


def elsewhere(place: Path, cache: str) -> dict[str, str]:
    """What the environment of another process needs to find the tiny files in a cache of the hub, where they have other
    digests than the published ones.
    """
    (place / "sitecustomize.py").write_text(PATCH.format(root=str(Path(__file__).resolve().parents[1])))
    return {"HF_HUB_CACHE": cache, "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(place)}


def all_files(seed: int = 0) -> dict[str, dict[str, bytes]]:
    """Those of every guest."""
    return {repo: files for guest in GUESTS.values() for repo, files in files_of(guest, seed).items()}


def _unet():
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        **UNET, sample_size=64, out_channels=4, up_block_types=("CrossAttnUpBlock2D", "UpBlock2D")
    )


def _base(guest: Guest, unet) -> dict[str, bytes]:
    from diffusers import AutoencoderKL, schedulers
    from transformers import CLIPTextConfig, CLIPTextModel

    vae = AutoencoderKL(
        block_out_channels=[8] * VAE_BLOCKS, down_block_types=["DownEncoderBlock2D"] * VAE_BLOCKS,
        up_block_types=["UpDecoderBlock2D"] * VAE_BLOCKS, latent_channels=4, norm_num_groups=4, layers_per_block=1,
    )  # fmt: skip
    vocabulary, merges = _tokens()
    text = CLIPTextModel(
        CLIPTextConfig(
            hidden_size=CROSS, intermediate_size=32, num_attention_heads=4, num_hidden_layers=2,
            vocab_size=len(vocabulary), bos_token_id=len(vocabulary) - 2, eos_token_id=len(vocabulary) - 1,
            pad_token_id=len(vocabulary) - 1,
        )
    )  # fmt: skip
    name, changes = SCHEDULERS[guest.name]
    betas = {"beta_schedule": "scaled_linear", "beta_start": 0.00085, "beta_end": 0.012}
    scheduler = getattr(schedulers, name)(**betas, **changes)
    parts = {"unet": unet, "vae": vae, "text_encoder": text}
    found = {f"{part}/{name}": content for part, net in parts.items() for name, content in _saved(net, "fp16").items()}
    found[TEXT] = _nested(found[TEXT], {"": "text_model."}, {"text_model.embeddings.position_ids": 77})
    found |= {f"scheduler/{name}": content for name, content in _saved(scheduler).items()}
    found |= {
        "tokenizer/vocab.json": json.dumps(vocabulary).encode(),
        "tokenizer/merges.txt": "\n".join(["#version: 0.2", *merges, ""]).encode(),
        "tokenizer/special_tokens_map.json": json.dumps(
            {"bos_token": "<|startoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
        ).encode(),
        "tokenizer/tokenizer_config.json": json.dumps(
            {"tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "add_prefix_space": False}
        ).encode(),
    }
    checked = "safety_checker/config.json" in guest.base.settings
    index = {
        "_class_name": "StableDiffusionPipeline", "_diffusers_version": "0.24.0.dev0",
        "feature_extractor": ["transformers", "CLIPImageProcessor"] if checked else [None, None],
        "safety_checker": ["stable_diffusion", "StableDiffusionSafetyChecker"] if checked else [None, None],
        "requires_safety_checker": checked, "scheduler": ["diffusers", name],
        "text_encoder": ["transformers", "CLIPTextModel"], "tokenizer": ["transformers", "CLIPTokenizer"],
        "unet": ["diffusers", "UNet2DConditionModel"], "vae": ["diffusers", "AutoencoderKL"],
    }  # fmt: skip
    found["model_index.json"] = json.dumps(index).encode()
    return found | (_safety() if checked else {})


def _safety() -> dict[str, bytes]:
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPImageProcessor

    small = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = CLIPConfig(
        vision_config={**small, "image_size": 32, "patch_size": 16}, text_config=small, projection_dim=16
    )
    checker = StableDiffusionSafetyChecker(config)
    with torch.no_grad():  # nothing is near to what it looks for
        checker.concept_embeds_weights.fill_(10.0)
        checker.special_care_embeds_weights.fill_(10.0)
    processor = CLIPImageProcessor(size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32})
    found = {f"safety_checker/{name}": content for name, content in _saved(checker, "fp16").items()}
    found[SAFETY] = _nested(
        found[SAFETY], {"vision_model.": "vision_model.vision_model."},
        {"vision_model.vision_model.embeddings.position_ids": 5},
    )  # fmt: skip
    return found | {f"feature_extractor/{name}": content for name, content in _saved(processor).items()}


def _control(guest: Guest) -> dict[str, bytes]:
    from diffusers import ControlNetModel

    net = ControlNetModel(**UNET, conditioning_embedding_out_channels=(8,) * VAE_BLOCKS)
    with torch.no_grad():  # a new ControlNet begins at zero, and says nothing
        for part in (*net.controlnet_down_blocks, net.controlnet_mid_block, net.controlnet_cond_embedding.conv_out):
            torch.nn.init.normal_(part.weight, std=0.5)
    found = _saved(net, "fp16")
    (name,) = guest.control.weights
    if name.endswith(".bin"):
        buffer = io.BytesIO()
        torch.save(net.half().state_dict(), buffer)
        return {"config.json": found["config.json"], name: buffer.getvalue()}
    return found


def _lora(unet, rank: int = 2) -> bytes:
    """A LoRA in kohya's keys, as LCM-LoRA is published."""
    from safetensors.torch import save

    tensors = {}
    for name, part in unet.named_modules():
        if isinstance(part, torch.nn.Linear) and "attn" in name:
            key = f"lora_unet_{name.replace('.', '_')}"
            tensors[f"{key}.lora_down.weight"] = torch.randn(rank, part.in_features).half()
            tensors[f"{key}.lora_up.weight"] = torch.randn(part.out_features, rank).half()
            tensors[f"{key}.alpha"] = torch.tensor(float(rank)).half()
    return save(tensors)


def _tokens() -> tuple[dict[str, int], list[str]]:
    """A vocabulary of single letters, as CLIP writes it: every letter alone, and at a word's end."""
    letters = [chr(code) for code in range(33, 127)]
    words = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return {word: n for n, word in enumerate(words)}, []


def _nested(content: bytes, prefixes: dict[str, str], positions: dict[str, int]) -> bytes:
    """Weights under the keys that were usual when they were published: libraries rename them when they load."""
    from safetensors.torch import load, save

    tensors = load(content)
    for old, new in prefixes.items():
        changed = {key: new + key.removeprefix(old) for key in tensors if key.startswith(old)}
        changed = {key: name for key, name in changed.items() if not key.startswith(new)}
        tensors = {changed.get(key, key): value for key, value in tensors.items()}
    tensors |= {name: torch.arange(num)[None] for name, num in positions.items()}
    return save(tensors, {"format": "pt"})


def _saved(thing, variant: str | None = None) -> dict[str, bytes]:
    """The files that a library writes of something; its weights in half precision where there is a variant."""
    with tempfile.TemporaryDirectory() as folder:
        if variant:
            thing.half().save_pretrained(folder, variant=variant)
            thing.float()
        else:
            thing.save_pretrained(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
