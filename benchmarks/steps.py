"""Every method's step against the plain one, at batches of 1 and 8 and the largest that fits: time and peak memory.

`python benchmarks/steps.py` (a GPU; some 6 minutes), and `--precision float16 --cap-gb 15` for what a T4 can hold.
Plain is float32, NCHW, torch's own convolutions and optimisers as they come, and for CycleGAN one pass of a network
after the other, as published. Networks by chance, random pictures; the median of three blocks of half a second, of one
where a step takes longer; ours, then plain. A method whose cost comes in cycles (R1) is timed over whole cycles.
`--tiny` shows on any machine that it works. Writes results/steps.json, or steps_float16.json; from a GPU with _gpu.
"""

from __future__ import annotations

import argparse
import functools
import statistics
import time
from collections.abc import Mapping
from typing import Any

import common
import torch
import train_speed
from kept import Kept, free, why_not

from s2f_utils import runtime
from s2f_utils.training.methods import METHODS

BATCHES = (1, 8)
BLOCKS, BLOCK_S = 3, 0.5
LARGEST, SLOWEST_S = 256, 1.0  # where the search for the largest batch ends: pictures, seconds of a step
FEW = ("pix2pix", "stylegan2")  # of which a tiny run looks for the largest batch
OUT_OF_MEMORY = "out of memory"


def seconds_of(step: Any, cycle: int, *, tiny: bool) -> float:
    """Of one step, the median of a few blocks of whole cycles."""
    step()
    common.sync()
    began = time.perf_counter()
    step()
    common.sync()
    took, blocks = time.perf_counter() - began, []
    num = cycle * (1 if tiny else max(1, int(BLOCK_S / took / cycle)))
    for _ in range(1 if tiny or took > BLOCK_S else BLOCKS):
        common.sync()
        began = time.perf_counter()
        for _ in range(num):
            step()
        common.sync()
        blocks.append((time.perf_counter() - began) / num)
    return statistics.median(blocks)


def measured(
    method: str, batch: int, precision: str, memory_format: str, *, plain: bool, tiny: bool
) -> dict[str, Any] | str:
    """Milliseconds an image and, on a GPU, the most memory in MiB that torch held; or that it is not enough."""
    free()
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.reset_peak_memory_stats()
    profile = "fast" if tiny else "full"
    try:
        step = train_speed.bare(method, {"batch_size": batch}, precision, memory_format, profile=profile, plain=plain)
        seconds = seconds_of(step, cycle_of(method, profile), tiny=tiny)
    except torch.OutOfMemoryError:
        return OUT_OF_MEMORY
    peak = round(common.peak_memory_mib()) if has_gpu else None
    return {"ms_per_image": round(1000 * seconds / batch, 3), "peak_mib": peak}


def cycle_of(method: str, profile: str) -> int:
    """After how many steps a method's costs repeat."""
    resolved = train_speed.config.resolve(method, profile, train_speed.WITHOUT_WEIGHTS.get(method, {}))
    return max(1, getattr(resolved.config, "r1_every", 1))


def largest(method: str, precision: str, *, tiny: bool) -> tuple[int, str]:
    """The largest power of two of which two steps fit, and what ended the search; 0 where not even two pictures do."""
    fits, profile = 0, "fast" if tiny else "full"
    for batch in (2**n for n in range(1, 3 if tiny else LARGEST.bit_length())):
        free()
        try:
            step = train_speed.bare(method, {"batch_size": batch}, precision, profile=profile)
            step()
            common.sync()
            began = time.perf_counter()
            step()
            common.sync()
        except torch.OutOfMemoryError:
            return fits, f"{batch} do not fit"
        fits, took = batch, time.perf_counter() - began
        del step
        if took > SLOWEST_S:
            return fits, f"a step takes {took:.0f} s"
    return fits, "the search ends there"


def both(method: str, batch: int, precision: str, *, tiny: bool) -> dict[str, Any]:
    """Our step and the plain one."""
    options = {"tiny": tiny}
    ours = measured(method, batch, precision, "auto", plain=False, **options)
    plain = measured(method, batch, "float32", "contiguous", plain=True, **options)
    row: dict[str, Any] = {"batch": batch, "ours": ours, "plain": plain}
    if isinstance(ours, dict) and isinstance(plain, dict):
        row["times_as_fast"] = round(plain["ms_per_image"] / ours["ms_per_image"], 2)
    return row


def at_most(method: str, precision: str, *, tiny: bool) -> dict[str, Any]:
    """As `both`, at the largest batch that fits."""
    batch, ended = largest(method, precision, tiny=tiny)
    return (both(method, batch, precision, tiny=tiny) if batch else {"batch": 0}) | {"ended": ended}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--method", nargs="*", choices=list(METHODS), default=list(METHODS))
    parser.add_argument("--precision", choices=["auto", "float16"], default="auto")
    parser.add_argument("--cap-gb", type=float, help="of a GPU's memory no more may be taken")
    parser.add_argument("--tiny", action="store_true", help="small networks, one block: only to see that it works")
    args = parser.parse_args()
    name = "steps" + ("_float16" if args.precision == "float16" else "")
    wanted = args.precision
    if not torch.cuda.is_available() and wanted == "float16":
        print("float16 needs a GPU: float32 here")
        wanted = "float32"
    precision = runtime.pick_precision(runtime.pick_device(), wanted).name
    if args.cap_gb and torch.cuda.is_available():
        whole = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, args.cap_gb * 2**30 / whole))
    kept = Kept(name, __file__, tiny=args.tiny)
    run = functools.partial(both, precision=precision, tiny=args.tiny)
    facts = {"precision": precision, "cap_gb": args.cap_gb, "profile": "fast" if args.tiny else "full"}
    kept.row("setting", lambda: facts)
    for batch in BATCHES[:1] if args.tiny else BATCHES:
        for method in args.method:
            kept.row(f"{method}, batch {batch}", functools.partial(run, method, batch))
    for method in [m for m in args.method if m in FEW or not args.tiny]:
        kept.row(f"{method}, largest", functools.partial(at_most, method, precision, tiny=args.tiny))
    kept.finish()


def cell(side: Any) -> str:
    """Time and memory in a cell of the table."""
    if not isinstance(side, dict):
        return side or "–"
    memory = f", {side['peak_mib'] / 1024:.1f} GB" if side["peak_mib"] else ""
    return f"{side['ms_per_image']:.1f} ms{memory}"


def table(found: Mapping[str, Any]) -> str:
    """A row for each method and batch."""
    rows = dict(found["results"])
    setting = rows.pop("setting")
    cells = []
    for name, row in rows.items():
        method = name.partition(",")[0]
        if why_not(row):
            cells.append([method, name.partition(",")[2], why_not(row), "–", "–"])
            continue
        ratio = f"{row['times_as_fast']:.2f}" if "times_as_fast" in row else "–"
        batch = f"{row['batch']} (largest)" if "ended" in row else str(row["batch"])
        cells.append([method, batch, cell(row.get("ours")), cell(row.get("plain")), ratio])
    cap = f", at most {setting['cap_gb']:g} GB" if setting["cap_gb"] else ""
    head = ["step", "batch", "ours: an image, memory", "plain", "times as fast"]
    return f"{setting['precision']}{cap} ({common.machine_of(found)}):\n\n{common.markdown(head, cells)}"


TABLES = {"gpu-steps": table}
WAITING = "Waits for a GPU."


if __name__ == "__main__":
    main()
