"""Train notebook 03b's healthy GAN: the notebook's own cells, run for longer.

`python -m tools.shipped.healthy_gan STATE`, STATE any folder outside of the project. It executes
the cells that draw the faces and define networks, losses, signs and the loop, calls the loop `run`
for one part after the other, and writes `gan.json`, `gan.jpg` and `gan.safetensors` to
s2f_series/long_runs. Given again, it goes on after the last complete part.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from s2f_series.long_runs import FOLDER

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03b_when_it_fails.ipynb"
CELLS = ("b-data", "b-nets", "b-losses", "b-signs", "b-loop", "b-run-2")
BATCH, STEPS = 16, 250  # of a part
LOG_STEPS = 25  # between two rows of the shipped curves
RATES = (1e-3,) * 5 + (5e-4,) * 3  # the learning rate of each part
SHOWN = (1, 3, 8)  # parts after which faces are shown
NUM_FACES = 12


def notebook_cells(session: SimpleNamespace, *more: str) -> dict[str, Any]:
    """What `CELLS` define, and `more` of the notebook's cells after them.
    session: with the notebook's `profile`, `device` and `folder`.
    """
    sources = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    defined: dict[str, Any] = {"session": session}
    for name in (*CELLS, *more):
        exec(compile(sources[name], name, "exec"), defined)
    return defined


def train(defined: dict[str, Any], state: Path) -> list[dict[str, Any]]:
    """All parts, each from the networks of the one before; what `run` returned for each."""
    nets = defined["new_nets"]()
    parts = []
    for number, rate in enumerate(RATES):
        path = state / f"part-{number:02d}.pt"
        if not path.is_file():
            began = time.process_time()
            part = defined["run"](nets, STEPS, lr=rate, seed=number)
            part["weights"] = [net.state_dict() for net in part.pop("nets")]
            part["seconds"] = time.process_time() - began
            part["faces"] = torch.from_numpy(part["faces"])
            part["curves"] = {name: x.tolist() for name, x in part["curves"].items()}
            torch.save(part, path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)
            last = {name: round(values[-1], 3) for name, values in part["curves"].items()}
            print(f"part {number}, lr {rate:g}, {part['seconds']:.0f} s: {last}", flush=True)
            sheet = defined["viz"].sheet(part["faces"].numpy().reshape(4, 16, 64, 64, 3))
            defined["images"].save(path.with_suffix(".png"), sheet)
        part = torch.load(path, weights_only=True)
        for net, weights in zip(nets, part["weights"], strict=True):
            net.load_state_dict(weights)
        parts.append(part)
    return parts


def ship(parts: list[dict[str, Any]]) -> None:
    """Write curves, faces and networks, half precision, as the notebook reads them."""
    rows = []
    for number, part in enumerate(parts):
        curves = part["curves"]
        for values in zip(*curves.values(), strict=True):
            row = {name: float(f"{x:.4g}") for name, x in zip(curves, values, strict=True)}
            step = row.pop("steps")
            if step % LOG_STEPS == 0:
                rows.append({"images": BATCH * (number * STEPS + step)} | row)
    shown = [BATCH * STEPS * number for number in SHOWN]
    settings = {"size_px": 64, "batch_size": BATCH, "steps": STEPS, "rates": RATES}
    settings["seconds"] = round(sum(part["seconds"] for part in parts))
    run = {"rows": rows, "measures": []}
    text = {"settings": settings, "changes": {"healthy": {}}, "shown": {"healthy": shown}}
    (FOLDER / "gan.json").write_text(json.dumps(text | {"runs": {"healthy": run}}) + "\n")
    strips = [np.hstack(parts[number - 1]["faces"].numpy()[:NUM_FACES]) for number in SHOWN]
    Image.fromarray(np.vstack(strips)).save(FOLDER / "gan.jpg", quality=92, subsampling=0)
    weights = {}
    for name, net in zip(("net_g", "net_d"), parts[-1]["weights"], strict=True):
        floats = {key: value for key, value in net.items() if value.is_floating_point()}
        weights |= {f"{name}.{key}": x.half().contiguous() for key, x in floats.items()}
    path = FOLDER / "gan.safetensors"
    save_file(weights, path)
    path.chmod(0o644)


def main() -> None:
    """Train, ship."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path, metavar="STATE")
    state = parser.parse_args().state
    state.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    session = SimpleNamespace(profile="full", device=torch.device("cpu"), folder=state)
    ship(train(notebook_cells(session), state))


if __name__ == "__main__":
    main()
