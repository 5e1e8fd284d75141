"""Speed and memory of training: the loop against the bare step, and our step against a plain one.

`python benchmarks/train_speed.py [--method cyclegan] [--size 256] [--batch 1]
[--precision float32]`, on a quiet machine;
some fifteen minutes on two cores. Times are medians of alternating calls in one run; what counts
are the ratios. Plain is the published step: float32, NCHW, torch's convolutions, default Adam, and
for CycleGAN one pass of a network after the other. On a GPU some steps of the loop also run while
waiting for the GPU is an error: "waits" says what was waited for. `--tiny` shows on any machine
that it works. Writes results/train_speed.json for pix2pix at batch 8, train_speed_METHOD_BATCH.json
for the others; from a GPU with _gpu.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import common
import torch
import torch.nn.functional as F

import data_prep
from s2f_utils import runtime
from s2f_utils.data import read_manifest
from s2f_utils.methods import METHODS
from s2f_utils.methods.cyclegan import CycleGAN
from s2f_utils.methods.method import Batch, Context, Method
from s2f_utils.train import config, saving
from s2f_utils.train.loop import train
from s2f_utils.train.run import open_run
from s2f_utils.train.state import TrainingRun

BATCHES = {
    "pix2pix": (8, 1),
    "cyclegan": (1,),
    "stylegan2": (8,),
}  # what is measured where no batch is named
SIZES = {"stylegan2": 128}  # 256 of the others
ROUNDS = {"pix2pix": 7}  # 3 of the others
FORMATS = {"channels_last": "channels last", "contiguous": "NCHW"}
# StyleGAN2 without what it does in some steps only, and with half of its channels.
CHANGES: dict[str, dict[str, Any]] = {
    "stylegan2": {
        "r1_every": 0,
        "path_every": 0,
        "lambda_path": 0.0,
        "augment_disc": "none",
        "width": 256,
        "channel_multiplier": 1.0,
    },
}
TINY: dict[str, dict[str, Any]] = {"stylegan2": {"width": 16}}
PLAIN = "plain: float32, NCHW, default Adam"
CHECKED = 20  # steps that may not wait


def made(
    method: str,
    changes: dict[str, Any],
    precision: str = "auto",
    memory_format: str = "auto",
    *,
    profile: str = "full",
    plain: bool = False,
) -> tuple[Method, torch.Tensor, torch.Tensor]:
    """A method with networks by chance, and a batch of random pictures a and b, as its step takes
    them.

    memory_format: "auto" is that of a training. plain: its optimisers as torch makes them when
    nothing is said.
    """
    resolved = config.resolve(method, profile, CHANGES.get(method, {}) | changes, has_gpu=True)
    device = runtime.pick_device()
    if memory_format == "auto" and device.type in ("cpu", "cuda"):
        memory_format = METHODS[method].memory_format(resolved.config, device)
    chosen = runtime.pick_precision(device, precision, memory_format)
    torch.manual_seed(0)
    model = METHODS[method](resolved.config, chosen)
    if plain:
        _plain_optimizers(model)
    num = resolved.config.batch_size
    a, b = (
        chosen.images(torch.rand(num, *shape, device=chosen.device) * 2 - 1)
        for shape in model.shapes
    )
    return model, a, b


def _plain_optimizers(model: Method) -> None:
    for lr_name, old in model.optimizers.items():
        groups = [{**group, "fused": None} for group in old.param_groups]
        model.optimizers[lr_name] = type(old)(groups)
        for attribute, value in list(vars(model).items()):
            if value is old:
                setattr(model, attribute, model.optimizers[lr_name])


def bare(
    method: str,
    changes: dict[str, Any],
    precision: str = "auto",
    memory_format: str = "auto",
    *,
    profile: str = "full",
    plain: bool = False,
):
    """A function that makes one step (forward, backward, optimiser) on random tensors; what it
    takes is as of `made`.

    plain: as published; for other methods than CycleGAN our step with torch's own optimisers.
    """
    model, a, b = made(method, changes, precision, memory_format, profile=profile, plain=plain)
    live = model.live_values()
    if plain and method == "cyclegan":
        return lambda: plain_cyclegan_step(model, a, b, live)
    ctx = Context(live, model.precision)

    def step() -> None:
        model.step(Batch(a, b), ctx)
        ctx.steps += 1

    return step


class StepProcess:
    """A process of its own in which each call makes one training step: ours as a training runs it
    (`runtime.tuned`), the plain one as PyTorch comes. The arguments are those of `made`.
    """

    def __init__(
        self,
        method: str,
        changes: dict[str, Any],
        precision: str,
        memory_format: str,
        profile: str,
        *,
        plain: bool = False,
    ) -> None:
        arguments = f"{method!r}, {changes!r}, {precision!r}, {memory_format!r}"
        context = "contextlib.nullcontext()" if plain else "runtime.tuned(runtime.pick_device())"
        code = (
            f"import contextlib, sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
            "import common, train_speed\n"
            "from s2f_utils import runtime\n"
            f"step = train_speed.bare({arguments}, profile={profile!r}, plain={plain})\n"
            f"with {context}:\n"
            "    for _ in sys.stdin:\n"
            "        step()\n"
            "        common.sync()\n"
            "        print('done', flush=True)\n"
        )
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([sys.executable, "-c", code], text=True, **pipes)

    def __call__(self) -> None:
        self.process.stdin.write("go\n")
        self.process.stdin.flush()
        if self.process.stdout.readline() != "done\n":
            raise RuntimeError(f"the step ended with status {self.process.wait()}")

    def close(self) -> None:
        """End the process."""
        self.process.communicate()


def plain_cyclegan_step(
    m: CycleGAN, a: torch.Tensor, b: torch.Tensor, live: dict[str, float]
) -> None:
    """Zhu et al. 2017 in the order of their published code: every network on one picture after the
    other.
    """
    fake_b = m.net_g_photo(a)
    rec_a = m.net_g_sketch(fake_b)
    fake_a = m.net_g_sketch(b)
    rec_b = m.net_g_photo(fake_a)
    m.nets_d.requires_grad_(False)
    same_b, same_a = m.net_g_photo(b), m.net_g_sketch(a)
    on_b, on_a = m.net_d_photo(fake_b), m.net_d_sketch(fake_a)
    loss = F.mse_loss(on_b, torch.ones_like(on_b)) + F.mse_loss(on_a, torch.ones_like(on_a))
    loss = (
        loss
        + 10 * (F.l1_loss(rec_a, a) + F.l1_loss(rec_b, b))
        + 5 * (F.l1_loss(same_a, a) + F.l1_loss(same_b, b))
    )
    m.opt_g.zero_grad()
    loss.backward()
    m.opt_g.step()
    m.nets_d.requires_grad_(True)
    m.opt_d.zero_grad()
    for net, real, fake, pool in (
        (m.net_d_photo, b, fake_b, m.photo_pool),
        (m.net_d_sketch, a, fake_a, m.sketch_pool),
    ):
        on_real, on_fake = net(real), net(pool.query(fake.detach()))
        loss = F.mse_loss(on_real, torch.ones_like(on_real)) + F.mse_loss(
            on_fake, torch.zeros_like(on_fake)
        )
        (loss * 0.5).backward()
    m.opt_d.step()


def opened(
    method: str, folder: Path, changes: dict[str, Any], *, profile: str = "full"
) -> TrainingRun:
    """A run on drawn faces that is past its first sheet of samples, makes no other, and saves
    nothing.
    """
    usual = {
        "total_images": 10**9,
        "ema_half_life_images": 1000.0,
        "sample_every_images": 10**9,
        "log_every_images": 100,
    }
    resolved = config.resolve(
        method, profile, CHANGES.get(method, {}) | usual | changes, has_gpu=True
    )
    size_px = resolved.config.size_px
    path = folder / f"faces-{size_px}" / "manifest.csv"
    if not path.exists():
        data_prep.make_people(path.parent, 32, size_px, sketches="pencil", progress=False)
    run = open_run(resolved, read_manifest(path), folder / "runs", resume="never", progress=False)
    run.images_seen = resolved.config.batch_size
    saving.write_state = lambda run: None  # a save takes what the disk takes; it is timed apart
    return run


class Stop:
    """Ends a training after so many steps."""

    def __init__(self, num_steps: int) -> None:
        self.left = num_steps

    def on_step(self, run: TrainingRun) -> None:
        """One less."""
        self.left -= 1
        if not self.left:
            run.live.set("stop", True, "benchmark")


class NoWaiting(Stop):
    """Between two steps and in them, a wait for the GPU is an error; at the end of a training it is
    none.
    """

    def on_start(self, run: TrainingRun) -> None:
        """From now on."""
        torch.cuda.set_sync_debug_mode("error")

    def on_step(self, run: TrainingRun) -> None:
        """Until the last step."""
        super().on_step(run)
        if not self.left:
            torch.cuda.set_sync_debug_mode("default")


def loop(
    method: str, folder: Path, changes: dict[str, Any], num_steps: int, *, profile: str = "full"
):
    """A function that trains `num_steps` steps in the real loop: drawn faces, jitter, EMA, log,
    bar; without saving.
    """
    run = opened(method, folder, changes, profile=profile)
    return lambda: train(run, callbacks=[Stop(num_steps)], progress=True)


def waits(method: str, folder: Path, changes: dict[str, Any], *, profile: str = "full") -> str:
    """ "never", or what it waited for, of steps in which no row of the log is due; "not known"
    without a GPU.
    """
    if not torch.cuda.is_available():
        return "not known"
    run = opened(method, folder, changes | {"log_every_images": 10**9}, profile=profile)
    train(run, callbacks=[Stop(3)], progress=False)  # what is made once
    try:
        train(run, callbacks=[NoWaiting(CHECKED)], progress=False)
    except RuntimeError as error:
        return str(error).splitlines()[0]
    finally:
        torch.cuda.set_sync_debug_mode("default")
    return "never"


def memory_of(
    method: str, changes: dict[str, Any], precision: str, memory_format: str, profile: str
) -> float:
    """Peak memory in MiB of three steps in a fresh process."""
    arguments = f"{method!r}, {changes!r}, {precision!r}, {memory_format!r}, profile={profile!r}"
    code = (
        f"import sys; sys.path[:0] = [{str(Path(__file__).parent)!r}]\n"
        "import common, train_speed\n"
        f"step = train_speed.bare({arguments})\n"
        "for _ in range(3): step()\n"
        "print(common.peak_memory_mib())"
    )
    return common.in_a_process("-c", code)


def measure(
    method: str, size: int, batch: int, rounds: int, precision: str = "auto", profile: str = "full"
) -> dict[str, Any]:
    """All ratios of one method. precision: of ours."""
    chosen = runtime.pick_precision(runtime.pick_device(), precision)
    changes = {"size_px": size, "load_size_px": round(size * 286 / 256), "batch_size": batch}
    changes |= TINY.get(method, {}) if profile == "fast" else {}
    settings = config.resolve(method, profile, CHANGES.get(method, {}) | changes).config
    ours = METHODS[method].memory_format(settings, chosen.device)
    other = next(name for name in FORMATS if name != ours)
    steps = {
        "ours": StepProcess(method, changes, precision, ours, profile),
        f"ours, {FORMATS[other]}": StepProcess(method, changes, precision, other, profile),
        PLAIN: StepProcess(method, changes, "float32", "contiguous", profile, plain=True),
    }
    if chosen.name != "float32":
        name = f"float32, {FORMATS['channels_last']}"
        steps[name] = StepProcess(method, changes, "float32", "channels_last", profile)
    try:
        seconds = common.alternate(steps, rounds)
    finally:
        for process in steps.values():
            process.close()
    per_image = {name: value / batch for name, value in seconds.items()}
    plain = per_image[PLAIN]

    num_steps = 4 if method == "pix2pix" else 2
    if chosen.device.type == "cuda":
        num_steps *= 16
    changes = changes | {"precision": precision}
    step = bare(method, changes, precision, ours, profile=profile)
    with tempfile.TemporaryDirectory() as folder:
        whole = loop(
            method,
            Path(folder),
            changes | {"log_every_images": 4 * batch},
            num_steps,
            profile=profile,
        )
        pair = common.alternate(
            {"loop": whole, "bare": lambda: [step() for _ in range(num_steps)]}, rounds
        )
        waited_for = waits(method, Path(folder), changes, profile=profile)
    memory = {
        p: round(memory_of(method, changes, p, ours, profile))
        for p in dict.fromkeys([chosen.name, "float32"])
    }
    filters = {"width": "channels", "base_filters": "filters"}
    num = next(
        f"{getattr(settings, name)} {word}"
        for name, word in filters.items()
        if hasattr(settings, name)
    )
    return {
        "setting": ", ".join(
            (method, f"{size} px", f"batch {batch}", num, chosen.device.type, chosen.name)
        ),
        "seconds_per_image": {name: round(value, 4) for name, value in per_image.items()},
        "speedup_over_plain": {name: round(plain / value, 2) for name, value in per_image.items()},
        "loop_over_bare_step": round(pair["loop"] / pair["bare"], 3),
        "peak_memory_mib": memory,
        "waits": waited_for,
    }


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", nargs="*", choices=list(BATCHES), default=list(BATCHES))
    parser.add_argument("--size", type=int, help="default: 256, 128 for stylegan2")
    parser.add_argument(
        "--batch", type=int, help="default: 8 and 1 for pix2pix, 1 for cyclegan, 8 for stylegan2"
    )
    parser.add_argument("--rounds", type=int, help="default: 7 for pix2pix, 3 for the others")
    parser.add_argument("--precision", default="auto", help="of our step (default: auto)")
    parser.add_argument(
        "--tiny", action="store_true", help="64 px, one round: only to see that it works"
    )
    args = parser.parse_args()
    for method in args.method:
        size = 64 if args.tiny else args.size or SIZES.get(method, 256)
        rounds = 1 if args.tiny else args.rounds or ROUNDS.get(method, 3)
        for batch in (args.batch,) if args.batch else BATCHES[method]:
            profile = "fast" if args.tiny else "full"
            results = measure(method, size, batch, rounds, args.precision, profile)
            name = "train_speed" + (
                "" if (method, batch) == ("pix2pix", 8) else f"_{method}_{batch}"
            )
            common.write(common.on_device(name), results, table)


def table(found: dict[str, Any]) -> str:
    """Times and memory of one method."""
    r = found["results"]
    rows = [
        [name, f"{1000 * seconds:.0f} ms", f"{r['speedup_over_plain'][name]:.2f}"]
        for name, seconds in r["seconds_per_image"].items()
    ]
    memory = ", ".join(
        f"{value / 1024:.1f} GB in {name}" for name, value in r["peak_memory_mib"].items()
    )
    waited_for = r.get("waits", "not known")
    ends = f"peak memory {memory}" + (
        "" if waited_for == "not known" else f"; waits for the GPU: {waited_for}"
    )
    return (
        f"Training, {r['setting']} ({common.machine_of(found)}):\n\n"
        + common.markdown(["step", "time an image", "times as fast as plain"], rows)
        + f"\n\nThe whole loop takes {r['loop_over_bare_step']:.2f} times the bare step; {ends}."
    )


if __name__ == "__main__":
    main()
