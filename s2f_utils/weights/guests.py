"""Guests: models of others, far larger than ours, that lie on the Hugging Face hub and are fetched when somebody has
agreed to their size and terms.

A guest is a published diffusion model, what steers it by a drawing's lines (a ControlNet), and, of some, a LoRA that
lets it answer in few steps. Each is held to a commit, which fixes every byte, or to the SHA-256 of its weights.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from s2f_utils.weights import hub
from s2f_utils.weights.table import WeightsError

AGREED = "S2F_AGREE"  # names of guests, with commas, whose terms somebody has agreed to
SETTINGS = re.compile(r"(\w+/)?[\w.-]+\.(json|txt)")  # beside the weights; small
SPARE_BYTES = 200_000_000  # of the disk that are left alone
NOT_YET = "this project has never run it with its true weights: docs/guests.md says what to expect"


@dataclass(frozen=True)
class Part:
    """What is fetched of one repository.

    weights: the files by their names, and their sizes in bytes, rounded. sha256: of those whose owners' pages say it.
    """

    repo: str
    revision: str
    weights: Mapping[str, int]
    sha256: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] = ("config.json",)

    @property
    def model(self) -> str:
        """As `hub.folder` names it."""
        return f"{hub.PREFIX}{self.repo}@{self.revision}"

    def wanted(self, terms: str = "") -> hub.Wanted:
        """Its files, for `hub.folder`."""
        return hub.Wanted((*self.settings, *self.weights), SETTINGS, self.sha256, terms)


@dataclass(frozen=True)
class Guest:
    """A published model that answers drawings. title: in a list of models.

    base: the diffusion model; control: the ControlNet; lora: what lets it answer in few steps, where it needs that.
    variant: of the file names, "fp16" for weights in half precision. size_px: of its answers. scheduler: "" for the
    base's own, or "lcm". steps: of the denoising. guidance: how much the words are exaggerated; with 1 or less,
    negative words do nothing. strength: as in `Ask`, as a rule. parameters: of all its networks. gpu_bytes: of its
    memory, on a GPU, in float16, reckoned (benchmarks/guests.py).
    """

    name: str
    title: str
    what: str
    base: Part
    control: Part
    terms: str
    terms_url: str
    parameters: int
    gpu_bytes: int
    lora: Part | None = None
    scheduler: str = ""
    variant: str = "fp16"
    size_px: int = 512
    steps: int = 4
    guidance: float = 1.5
    strength: float = 0.8

    @property
    def parts(self) -> dict[str, Part]:
        """Its parts by their names."""
        parts = {"base": self.base, "control": self.control}
        return parts | ({"lora": self.lora} if self.lora else {})

    @property
    def size(self) -> int:
        """Bytes that are fetched, about."""
        return sum(sum(part.weights.values()) for part in self.parts.values())


TOKENIZER = ("tokenizer/merges.txt", "tokenizer/vocab.json")
OF_A_PIPELINE = (
    "model_index.json", "scheduler/scheduler_config.json", "text_encoder/config.json", "unet/config.json",
    "vae/config.json", *TOKENIZER,
)  # fmt: skip
CONTROL, PICKLED = "diffusion_pytorch_model.fp16.safetensors", "diffusion_pytorch_model.bin"
UNET, VAE, TEXT = (
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "vae/diffusion_pytorch_model.fp16.safetensors",
    "text_encoder/model.fp16.safetensors",
)
GUESTS: dict[str, Guest] = {
    entry.name: entry
    for entry in (
        Guest(
            "sd-turbo-scribble",
            "SD-Turbo, a guest",
            "SD-Turbo (Sauer et al. 2023), one to four steps, steered by a ControlNet for scribbles",
            base=Part(
                "stabilityai/sd-turbo",
                "b261bac6fd2cf515557d5d0707481eafa0485ec2",
                {UNET: 1_730_000_000, VAE: 167_000_000, TEXT: 681_000_000},
                settings=OF_A_PIPELINE,
            ),
            control=Part(
                "thibaud/controlnet-sd21-scribble-diffusers",
                "da7af04cee555ad9eda6055e90fe694a29296fd3",
                {PICKLED: 729_000_000},  # a pickle of tensors; read without running code
                {PICKLED: "c52455378e48c939f2d6586f01552b0e310c3840a481d5e6730ecd459467ffbb"},
            ),
            terms="SD-Turbo: Stability AI Community License (no commercial use above its limit of revenue); ControlNet:"
            " OpenRAIL++-M (uses that it lists are forbidden); both learned from pictures off the web (LAION)",
            terms_url="https://huggingface.co/stabilityai/sd-turbo/blob/main/LICENSE.md",
            parameters=1_654_180_667,
            gpu_bytes=5_950_000_000,
            steps=2,
            guidance=0.0,
        ),
        Guest(
            "sd15-scribble",
            "Stable Diffusion 1.5, a guest",
            "Stable Diffusion 1.5 (Rombach et al. 2022) in four steps (LCM-LoRA, Luo et al. 2023), steered by"
            " ControlNet 1.1 for scribbles (Zhang et al. 2023)",
            base=Part(
                "stable-diffusion-v1-5/stable-diffusion-v1-5",
                "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
                {
                    UNET: 1_720_000_000,
                    VAE: 167_000_000,
                    TEXT: 246_000_000,
                    "safety_checker/model.fp16.safetensors": 608_000_000,
                },
                {VAE: "4fbcf0ebe55a0984f5a5e00d8c4521d52359af7229bb4d81890039d2aa16dd7c"},
                settings=(*OF_A_PIPELINE, "safety_checker/config.json", "feature_extractor/preprocessor_config.json"),
            ),
            control=Part(
                "lllyasviel/control_v11p_sd15_scribble",
                "main",  # its weights are held to their SHA-256
                {CONTROL: 723_000_000},
                {CONTROL: "46be9cc44d61ed0a0bed0b34746541c1b274e7194f2262dca7671048562bdfa1"},
            ),
            lora=Part(
                "latent-consistency/lcm-lora-sdv1-5",
                "cf2fced511dbe7e26c8d1d397e728fbab875db4b",
                {"pytorch_lora_weights.safetensors": 135_000_000},
                settings=(),
            ),
            terms="CreativeML OpenRAIL-M (uses that it lists are forbidden; its safety checker stays on); learned from"
            " pictures off the web (LAION)",
            terms_url="https://huggingface.co/spaces/CompVis/stable-diffusion-license",
            parameters=1_731_496_015,
            gpu_bytes=7_550_000_000,
            scheduler="lcm",
        ),
    )
}


def entry_of(name: str) -> Guest:
    """What is known of a guest. Raises WeightsError for an unknown one."""
    if name not in GUESTS:
        raise WeightsError(f"there is no guest named {name!r}: the names are {', '.join(GUESTS)}")
    return GUESTS[name]


def find(name: str) -> dict[str, Path] | None:
    """The folders of a guest's parts, {"base": …, "control": …}, where all of it is on this machine, else None; nothing
    is asked or fetched. Raises WeightsError for an unknown one, ImportError without the hub's client.
    """
    found = {part: hub.here(one.model, one.wanted()) for part, one in entry_of(name).parts.items()}
    return None if None in found.values() else found  # type: ignore[return-value]


def told(name: str) -> str:
    """What somebody agrees to: size, where it comes from, and terms, in a few lines."""
    guest = entry_of(name)
    parts = "\n".join(f"  {one.repo}, {one.revision[:12]}" for one in guest.parts.values())
    return (
        f"{name}: {guest.what}\n{guest.size / 1e9:.1f} GB are fetched into {hub.cache()}:\n{parts}\n"
        f"terms: {guest.terms}\nto be read at {guest.terms_url}\n{NOT_YET}"
    )


def problem(name: str) -> str:
    """Why a guest cannot be asked, with the way to get it; "" where it can be. Nothing is fetched."""
    try:
        if find(name):
            return ""
    except (WeightsError, ImportError) as error:
        return str(error)
    return f"{name} is not on this machine ({entry_of(name).size / 1e9:.1f} GB): s2f weights {name}"


def agreed(name: str) -> bool:
    """Whether S2F_AGREE names this guest."""
    return name in [one.strip() for one in os.environ.get(AGREED, "").split(",")]


def get(name: str, *, agree: bool = False, offline: bool | None = None) -> dict[str, Path]:
    """The folders of a guest's parts, fetched if need be.

    agree: whether somebody has agreed to its size and terms (`told`); S2F_AGREE may say so as well. offline: whether
    that is forbidden, whatever S2F_OFFLINE says. Raises WeightsError where nobody has, where the disk is too small,
    and what `hub.folder` raises; ImportError without the hub's client.
    """
    guest = entry_of(name)
    hub.check_installed()
    if found := find(name):
        return found
    if not (agree or agreed(name)):
        raise WeightsError(
            f"{problem(name)} shows its terms and asks; in a notebook: weights.guests.get({name!r}, agree=True)"
        )
    _check_disk(guest)
    return {part: hub.folder(one.model, one.wanted(guest.terms), offline=offline) for part, one in guest.parts.items()}


def _check_disk(guest: Guest) -> None:
    """Raise WeightsError where what is missing of a guest does not fit."""
    missing = [one for one in guest.parts.values() if hub.here(one.model, one.wanted()) is None]
    need = sum(sum(one.weights.values()) for one in missing) + SPARE_BYTES
    place = next(one for one in (hub.cache(), *hub.cache().parents) if one.exists())
    free = shutil.disk_usage(place).free
    if free < need:
        raise WeightsError(
            f"{guest.name} needs {need / 1e9:.1f} GB on the disk, and {place} has {free / 1e9:.1f}: free some, or name"
            " a folder on another disk in HF_HOME"
        )
