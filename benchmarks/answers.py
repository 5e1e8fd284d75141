"""How long answers take on a GPU: drawings translated and rendered, faces restored, StyleGAN2 and pSp.

`python benchmarks/answers.py` (a GPU; some 2 minutes). What ships answers whole drawings, one and several in a pass, as
`engine_speed` measures them on a CPU; the stage that renders is timed alone, too, from tensors on the device to tensors
there; restorers as in `enhance_speed`; StyleGAN2 and pSp, 256 and 1024 px, with weights by chance, as in
`stylegan2_speed`. `--tiny` shows on any machine that it works. Writes results/answers.json, from a GPU
answers_gpu.json.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping
from typing import Any

import common
import engine_speed
import enhance_speed
import stylegan2_speed
import torch
from kept import Kept, one_line, why_not

from s2f_studio.old.network import GIVEN_PX
from s2f_utils import inference, runtime, weights
from s2f_utils.inference import restorers
from s2f_utils.pictures.attributes import TEXTURED

ENGINES = {name: engine_speed.ENGINES[name] for name in ("torch", "torch, bfloat16")}  # float16 where there is no other
BATCHES, TINY_ASKED = (1, 8, 32), ("faithful", "rendered")


def rendered(num: int, rounds: int) -> dict[str, float]:
    """Milliseconds of a face in the stage that renders, `num` in a pass, in float32."""
    model = inference.load("sketch-to-photo", "auto", engine="torch")
    stage, device = model.engine.stage("render"), model.engine.precision.device
    torch.manual_seed(0)
    expected = torch.rand(num, 5, GIVEN_PX, GIVEN_PX, device=device)
    seeds, traits = torch.arange(num, device=device), torch.full((num, len(TEXTURED)), torch.nan, device=device)

    @torch.inference_mode()
    def call() -> Any:
        return stage(expected, seeds, traits)

    return {"ms_per_face": round(1000 * common.alternate({"render": call}, rounds)["render"] / num, 3)}


def restored(name: str, rounds: int) -> dict[str, Any]:
    """Milliseconds of each step of restoring a face in a photo of 512 px; left out where no detector is to be had."""
    ours = name != "gfpgan, 512 px"
    restorer = restorers.load(weights.RESTORER, engine="torch") if ours else enhance_speed.published()
    try:
        return enhance_speed.at_512(restorer, rounds)
    except weights.WeightsError as error:
        return {"left_out": one_line(error)}


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="fewer and smaller: only to see that it works")
    args = parser.parse_args()
    tiny, kept = args.tiny, Kept("answers", __file__, tiny=args.tiny)
    rounds = 1 if tiny else engine_speed.ROUNDS
    kept.row("setting", lambda: {"precision": runtime.pick_precision(runtime.pick_device()).name})
    asked = {name: engine_speed.ASKED[name] for name in TINY_ASKED} if tiny else engine_speed.ASKED
    for batch in (1, 2) if tiny else BATCHES:
        measure = functools.partial(engine_speed.speed, "auto", ENGINES, asked, [batch], rounds)
        kept.row(f"translate, {batch} at once", lambda measure=measure: {"rows": measure()})
        kept.row(f"render, {batch} at once", functools.partial(rendered, batch, rounds))
    for name in ("ours, 256 px", "gfpgan, 512 px"):
        kept.row(f"restore, {name}", functools.partial(restored, name, rounds))
    for size_px in (64, 256) if tiny else (256, 1024):
        kept.row(f"faces, {size_px} px", lambda size=size_px: stylegan2_speed.one_image([size])[f"{size} px"])
    if not tiny:
        kept.row("one convolution", stylegan2_speed.against_published)
    kept.finish()


def table(found: Mapping[str, Any]) -> str:
    """A table of drawings, one of faces; what failed, below."""
    rows = {name: row for name, row in found["results"].items() if not why_not(row)}
    drawn = [one for name, row in rows.items() if name.startswith("translate") for one in row["rows"]]
    cells = [[one["answer"], str(one["batch"]), *(f"{one[name]:.1f}" for name in ENGINES)] for one in drawn]
    cells += [
        ["the stage that renders, alone", name.split()[1], f"{row['ms_per_face']:.1f}", "–"]
        for name, row in rows.items()
        if name.startswith("render")
    ]
    others = []
    for name, row in rows.items():
        if name.startswith("restore"):
            others.append([name, ", ".join(f"{step} {ms:.1f}" for step, ms in row.items())])
        if name.startswith("faces"):
            others.append([f"pSp, {name}", f"encoder {row['encoder_ms']:.1f}, StyleGAN2 {row['generator_ms']:.1f}"])
        if name == "one convolution":
            others += [
                [f"StyleGAN2 as published: {what}", f"{one['ratio']:.2f} times ours"] for what, one in row.items()
            ]
    failed = [f"- {name}: {why_not(row)}" for name, row in found["results"].items() if why_not(row)]
    head = ["answer", "in one pass", "float32, ms a picture", f"{found['results']['setting']['precision']}, ms"]
    parts = [f"On {common.machine_of(found)}:", common.markdown(head, cells), common.markdown(["", "ms"], others)]
    return "\n\n".join([*parts, "\n".join(failed)]).rstrip()


TABLES = {"gpu-answers": table}
WAITING = "Waits for a GPU."


if __name__ == "__main__":
    main()
