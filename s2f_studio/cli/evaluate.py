"""The command `s2f evaluate`: a trained network scored on pairs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from s2f_studio.cli import options
from s2f_studio.cli.options import Data, Device, Direction, Mode

if TYPE_CHECKING:
    from s2f_utils.metrics.evaluation import Evaluation


def evaluate(
    model: str,
    /,
    *,
    data: Data,
    split: Literal["train", "val", "test"] = "test",
    out: Path | None = None,
    by: str | None = None,
    direction: Direction | None = None,
    mode: Mode = "deterministic",
    device: Device = "auto",
    metrics: str = "default",
) -> None:
    """Score a trained network on pairs.

    SSIM, sharpness, PSNR, MSE, L1 and L2 norm with 95 % intervals, beside the trivial answers.

    Args:
        model: run folder, .safetensors or .pth file, or hf:USER/MODEL
        split: which of the pairs
        out: folder for the results; default: a new one beside the model, or in runs
        by: column of manifest.csv for each of whose values the means are printed, too
        metrics: with commas; default (SSIM, sharpness, PSNR, MSE, L1, L2 norm), all, project1 (with
            its published errors), sets (FID, KID, …), or features (perceptual, Fréchet, precision,
            recall), too
    """
    from s2f_studio.loading import load
    from s2f_utils import runtime
    from s2f_utils.data import read_manifest
    from s2f_utils.metrics import evaluation

    manifest = read_manifest(data)
    if by:
        evaluation.check_attribute(manifest, split, by)
    engine = "torch" if mode == "paper" else "auto"  # graphs have no dropout
    translator = load(model, device, direction=direction, engine=engine)
    with runtime.preferred_device(device):
        result = evaluation.evaluate(
            translator,
            manifest,
            out or _new_folder(model, split),
            split=split,
            mode=mode,
            metric_names=options.metric_names(metrics),
            name=translator.info.method or Path(model).stem,
        )
    _print(result, by)


def _print(result: Evaluation, by: str | None) -> None:
    """The tables of an evaluation, what stands against it, and where its files are."""
    from s2f_utils import runtime

    manifest, split, size_px = result.manifest, result.split, result.size_px
    num = runtime.counted(len(result.pairs), "pair")
    print(f"{result.data}, split {split}: {num} of {size_px}x{size_px} pixels\n")
    print(result.table())
    if by:
        print(f"\n{result.table_by(by)}\n")
    print(f"trained on: {result.rows[0].trained_on or 'unknown'}")
    if num_unpaired := len(manifest.split(split)) - len(result.pairs):
        print(f"{num_unpaired} rows of the split have one picture only, and were not scored")
    for metric, reason in result.missing.items():
        print(f"not measured: {metric}: {reason}")
    print(
        f"per image: {result.folder / 'per_image.csv'}; summary: {result.folder / 'metrics.json'}"
    )


def _new_folder(model: str, split: str) -> Path:
    """A folder that is not there yet, beside the model, so that one evaluation does not mix with
    another.
    """
    from s2f_studio import shipped
    from s2f_studio.loading import find_generator
    from s2f_utils import weights
    from s2f_utils.runtime import free_stem

    # Nothing is written into the project or a cache.
    names = (*shipped.NAMES, *weights.model_names())
    is_name = model in names or weights.is_on_hub(model)
    parent = Path("runs") if is_name else find_generator(model).parent
    name = f"{re.sub(r'[^A-Za-z0-9._-]', '-', model)}-{split}" if is_name else split
    return parent / free_stem(parent, f"evaluation-{name}")
