"""Notebook 08's cell for ControlNet runs with diffusers: tiny networks with random weights, saved
as the published ones are. Says nothing about the published networks' faces.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
import torch

from s2f_utils.pictures import images, viz

NOTEBOOK = Path(__file__).resolve().parents[1] / "notebooks" / "08_diffusion.ipynb"
CPU = torch.device("cpu")
SIZE_PX = 64


def run_cell() -> tuple[dict, str]:
    """The cell's names as a laptop without a GPU runs it, and what it printed."""
    cells = nbformat.read(NOTEBOOK, as_version=4).cells
    (source,) = [cell.source for cell in cells if cell.id == "published"]
    names = {"torch": torch, "np": np, "images": images, "viz": viz}
    names["session"] = SimpleNamespace(device=CPU)
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(source, str(NOTEBOOK), "exec"), names)
    return names, said.getvalue()


def test_without_a_gpu_the_cell_says_what_it_needs():
    assert "Skipped: this needs a GPU, the internet, diffusers" in run_cell()[1]


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Folders of a ControlNet and of a pipeline, laid out as on the hub."""
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")
    torch.manual_seed(0)
    blocks = {"block_out_channels": (8, 16), "layers_per_block": 1, "norm_num_groups": 4}
    down = ("DownBlock2D", "CrossAttnDownBlock2D")
    unet = diffusers.UNet2DConditionModel(
        sample_size=SIZE_PX // 2,
        down_block_types=down,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=16,
        attention_head_dim=2,
        **blocks,
    )
    control = diffusers.ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=(8, 16))
    for layer in (*control.controlnet_down_blocks, control.controlnet_mid_block):
        torch.nn.init.normal_(layer.weight)  # as after a training: they begin at zero
    torch.nn.init.normal_(control.controlnet_cond_embedding.conv_out.weight)
    codec = diffusers.AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        **blocks,
    )
    letters = ["<|startoftext|>", "<|endoftext|>", *"abcdefghijklmnopqrstuvwxyz"]
    letters += [f"{letter}</w>" for letter in letters[2:]]
    vocabulary = {letter: number for number, letter in enumerate(letters)}
    words = transformers.CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=77,
        bos_token_id=0,
        eos_token_id=1,
    )
    pipe = diffusers.StableDiffusionControlNetPipeline(
        vae=codec,
        text_encoder=transformers.CLIPTextModel(words),
        tokenizer=transformers.CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77),
        unet=unet,
        controlnet=control,
        scheduler=diffusers.PNDMScheduler(skip_prk_steps=True, steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    folder = tmp_path_factory.mktemp("published")
    control.save_pretrained(folder / "control")
    pipe.save_pretrained(folder / "base")
    return folder / "control", folder / "base"


def test_the_pipeline_obeys_drawing_and_seed(published):
    names, _ = run_cell()
    pipe = names["scribble_pipeline"](*published, CPU)
    blank = np.full((256, 256, 3), 255, np.uint8)
    drawing = blank.copy()
    drawing[60:200, 120:136] = 0
    settings = {"prompt": "a face", "size_px": SIZE_PX, "num_steps": 2}

    def made(given, seed):
        return np.asarray(names["scribbled"](pipe, given, seed=seed, **settings)).astype(int)

    first = made(drawing, 0)
    assert first.shape == (SIZE_PX, SIZE_PX, 3)
    assert (first == made(drawing, 0)).all()
    assert np.abs(first - made(drawing, 1)).mean() > 1
    assert np.abs(first - made(blank, 0)).mean() > 0.1
