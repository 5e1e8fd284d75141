"""What a training writes besides its log: the state from which it resumes, its generators with
their card, and sheets of samples. A diverged state is not saved; a full disk ends no training.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

import s2f_utils
from s2f_utils import metrics, weights
from s2f_utils.data import Manifest, terms_of
from s2f_utils.infer import find_generator
from s2f_utils.methods.method import Method
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo, generator_file
from s2f_utils.pictures import images, viz
from s2f_utils.runtime import distributed, machine_facts, what_to_do, write_json
from s2f_utils.train import NotSavedError
from s2f_utils.train.data import sample_pictures
from s2f_utils.train.state import TrainingRun

T = TypeVar("T")

SOON_S = 60.0  # between two saves at least
SAVING_SHARE = 0.01  # of the time, that early saves may take


def check_space(folder: Path, model: Method, copies: int) -> None:
    """Raise OSError if the disk has no room for this many copies of the model's weights."""
    need = 4 * copies * sum(p.numel() for net in model.nets.values() for p in net.parameters())
    there = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir()
    )
    free = shutil.disk_usage(there).free
    if free < need:
        raise OSError(
            errno.ENOSPC,
            f"{free / 1e6:.0f} MB are free, the run needs {need / 1e6:.0f} MB",
            str(folder),
        )


def is_save_due(run: TrainingRun) -> bool:
    """Whether to write the resume file: `save_every_s` after the last time, or earlier where that
    costs little.
    """
    early = max(SOON_S, run.save_took_s / SAVING_SHARE)
    return time.monotonic() - run.last_save >= min(run.config.save_every_s, early)


def save(run: TrainingRun, notify: Callable[..., None], *, at_end: bool = False) -> None:
    """Write the resume file and the generators. A full disk is reported, and training continues; at
    its end it raises NotSavedError.
    """
    run.mean_losses()  # a diverged state is not saved
    run.last_save = time.monotonic()
    try:
        write_state(run)
    except OSError as error:
        last = ", the last" if at_end else ""
        text = (
            f"could not save at image {run.images_seen}{last}: {what_to_do(error, run.folder)}; "
            f"{run.last_saved}"
        )
        if not at_end:
            run.log.problem(f"{text}; training goes on")
            return
        text += ". Then, in a notebook, call train(run): it saves this session's state"
        run.log.event("problem", message=text)
        raise NotSavedError(error.errno, text) from error
    run.save_took_s = time.monotonic() - run.last_save
    run.log.event("save", images=run.images_seen)
    notify("on_save", run.resume_path)


def write_state(run: TrainingRun) -> None:
    """Write the generators and then the resume file, each complete or not at all: a run whose last
    generator could not be written is not at its end. Raises TrainingDiverged, and writes nothing,
    if weights are NaN; OSError if the folder cannot be written to, or is gone.
    """
    os.stat(run.folder)  # a missing folder, as of an unmounted Drive, is not created elsewhere
    check_space(run.folder, run.model, copies=3)
    check_finite(run)
    write_generators(run)
    for name, net in run.model.other_networks.items():
        path = run.folder / f"{name}.safetensors"
        checkpoints.save_generator(path, net, {"method": run.method}, run.card)
    checkpoints.save_resume(run.resume_path, run.state_dict())
    run.saved_at = run.images_seen


def check_finite(run: TrainingRun) -> None:
    """Raise TrainingDiverged if a loss since the last row, a weight, a batch norm's statistic, or
    an average of these is NaN or infinite. Waits for the device once.
    """
    run.mean_losses()
    averages = {f"the average of {way}": ema.net for way, ema in run.ema.items()}
    nets = run.model.nets | averages
    finite = torch.stack([_is_finite(net) for net in nets.values()]).tolist()
    what = "weights or batch norm's statistics"
    wrong = [
        f"{what} of {name} are NaN or infinite"
        for name, is_finite in zip(nets, finite, strict=True)
        if not is_finite
    ]
    if wrong:
        raise run.diverged(wrong)


def _is_finite(net: torch.nn.Module) -> torch.Tensor:
    """Whether all weights and statistics of a network are finite, as a tensor on its device."""
    tensors = [*net.parameters(), *net.buffers()]
    return torch.stack([t.detach().isfinite().all() for t in tensors]).all()


def write_generators(run: TrainingRun, folder: str = "", ending: str = "") -> None:
    """Write the generators into a subfolder of the run; ending: appended to their names."""
    meta = {
        "method": run.method,
        "size_px": run.model.output_px,
        "fit": run.fit,
        "images_seen": run.images_seen,
    }
    if run.is_aligned:
        meta["aligned"] = "similarity"
    for direction, net in run.generators.items():
        name = generator_file(direction if direction != run.config.direction else None)
        path = run.folder / folder / name.replace(".safetensors", f"{ending}.safetensors")
        facts = {**meta, "direction": direction, **run.model.metadata}
        checkpoints.save_generator(path, net, facts, run.card)


def write_config(
    run: TrainingRun, origin: Mapping[str, str], manifest: Manifest, begins: Mapping[str, Any]
) -> None:
    """Write a new run's `config.json`: its settings and where each comes from, its data, its
    initial model, and the machine.
    """
    facts = {
        "method": run.method,
        "config": run.config.model_dump(),
        "origin": origin,
        "data": str(manifest.path.resolve()),
        "data_settings": manifest.settings,
        "total_images": run.total_images,
        **begins,
        "precision": run.precision.name,
        "device": run.precision.device.type,
        "memory_format": run.precision.memory_format,
        "ranks": distributed.world_size(),
        "machine": machine_facts(),
    }
    write_json(run.folder / "config.json", facts)


def card_of(folder: Path | None) -> ModelInfo:
    """The card in a run's generator; an empty one where there is none yet."""
    saved = folder / generator_file() if folder else None
    return checkpoints.info_of(saved) if saved and saved.is_file() else ModelInfo()


def new_card(run: TrainingRun, manifest: Manifest, known: ModelInfo) -> ModelInfo:
    """The run's training data and settings, with the data of its initial model. known: the present
    card of its generator.
    """
    data = manifest.path.resolve().parent.name
    sets, terms = _initial_data(run.folder)
    return ModelInfo(
        method=run.method,
        settings=run.config.model_dump(),
        seed=run.config.seed,
        code=s2f_utils.__version__,
        trained=known.trained or time.strftime("%Y-%m-%d"),
        data=data,
        trained_on=known.trained_on or sorted({data, *sets}),
        terms=sorted({*terms_of(manifest.settings), *(known.terms or ()), *terms}),
    )


def _initial_data(folder: Path) -> tuple[Sequence[str], Sequence[str]]:
    """The data sets that a run's initial model was trained on, by name, and their terms; its own
    name where they are unknown.
    """
    init = json.loads((folder / "config.json").read_text(encoding="utf-8")).get("init")
    if not init:
        return [], []
    if init in weights.WEIGHTS:
        return [init], [f"{init}: {weights.WEIGHTS[init].licence}"]
    name = "/".join(Path(init).parts[-2:])
    try:
        card = checkpoints.info_of(find_generator(init))
    except (FileNotFoundError, ImportError, ValueError):  # perhaps gone when an old run resumes
        return [name], []
    return card.trained_on or [name], card.terms or []


def write_sheet(run: TrainingRun) -> Path:
    """Write the sheet of samples: always the same inputs (never from the test set), the answers,
    and the ground truth. Log its scores (`run.scores`). Uses no random numbers. Raises
    TrainingDiverged as `check_finite`, and ImageError for an answer with NaN or infinity.
    """
    check_finite(run)
    sketches, photos = sample_pictures(run.samples)
    a, b = (sketches, photos) if run.to_photo else (photos, sketches)
    a, b = (run.precision.images(images.to_tensor(side)) for side in (a, b))
    with torch.no_grad(), run.precision.autocast():
        samples = run.model.samples(a, b, run.generators)
    rows = {name: images.to_uint8(pictures.float()) for name, pictures in samples.items()}
    run.scores = {}
    if run.samples.paired:
        values = metrics.measure(rows["fake_b"], rows["b"], ("ssim", "psnr", "mse", "l1"))
        run.scores = {name: round(value.mean().item(), 4) for name, value in values.items()}
    path = run.folder / "samples" / f"{run.images_seen:08d}.png"
    images.save(path, viz.sheet(list(rows.values())), generated=True)
    run.log.event("sample", images=run.images_seen, file=f"samples/{path.name}", **run.scores)
    return path


def attempt(run: TrainingRun, what: str, action: Callable[[], T]) -> T | None:
    """The result of an action that writes; if it fails (a full disk, or an output that is no
    picture), report it and continue: None.
    """
    try:
        os.stat(run.folder)  # a missing folder, as of an unmounted Drive, is not created elsewhere
        return action()
    except OSError as error:
        why = what_to_do(error, run.folder)
    except images.ImageError as error:  # NaN or infinity
        why = str(error)
    run.log.problem(f"could not {what} at image {run.images_seen}: {why}; training goes on")
