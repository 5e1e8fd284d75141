"""Train notebook 03b's healthy GAN: the notebook's own cells, run for longer.

`python -m tools.shipped.healthy_gan POOL STATE`, POOL a folder of `tools.shipped.generated.pairs`,
STATE any folder outside of the project. It executes the cells that define networks, losses, signs
and the loop, and calls the loop `run` for one part after the other, on the notebook's people and
those of POOL. Beside the loop it keeps an average of the generator's weights, which is what it
ships. It writes `gan.json`, `gan.jpg` and `gan.safetensors` to s2f_series/long_runs. Given again,
it goes on after the last complete part.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

from s2f_series.long_runs import FOLDER
from s2f_utils.pictures import images

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "03b_when_it_fails.ipynb"
CELLS = ("b-data", "b-nets", "b-losses", "b-signs", "b-loop", "b-run-2")
SIZE_PX = 64
BATCH, STEPS = 16, 500  # of a part
LOG_STEPS = 50  # between two rows of the curves
RATES = (1e-3,) * 8 + (5e-4,) * 2 + (2e-4,)  # the learning rate of each part
EMA_DECAY = 0.998  # of the average of the generator's weights
SHOWN = (1, 3, len(RATES))  # parts after which faces are shown
NUM_FACES = 12
# Three runs that fail, as the notebook's figure 3b.1 names them: steps, and what is changed.
FAILURES: dict[str, tuple[int, dict[str, Any]]] = {
    "A": (40, {"g_steps": 8}),
    "B": (150, {"doubling": "kernel 4"}),
    "C": (40, {"lr": 0.02}),
}


def notebook_cells(session: SimpleNamespace, *more: str) -> dict[str, Any]:
    """What `CELLS` define, and `more` of the notebook's cells after them.
    session: with the notebook's `profile`, `device` and `folder`.
    """
    sources = {cell.id: cell.source for cell in nbformat.read(NOTEBOOK, as_version=4).cells}
    # Outside of a notebook nothing is displayed.
    defined: dict[str, Any] = {"session": session, "DATA": "people", "display": lambda *_: None}
    for name in (*CELLS, *more):
        exec(compile(sources[name], name, "exec"), defined)
    return defined


def add_painted(defined: dict[str, Any], pool: Path) -> None:
    """Let the notebook's loop learn from the people of `pool` as well as from its own."""
    paths = sorted(pool.glob("*/photos/*.png"))
    painted = np.stack([images.resize(images.load_rgb(path), SIZE_PX) for path in paths])
    defined["photos"] = torch.cat([defined["photos"], images.to_tensor(painted)])
    print(f"{len(defined['photos'])} people", flush=True)


def half_precision() -> torch.autocast:
    """Weights change inside of it, so that none is kept in half precision."""
    return torch.autocast("cpu", torch.bfloat16, cache_enabled=False)


class Averaged:
    """The notebook's Adam for its generator, which also averages the weights after each step."""

    def __init__(self, adam: Any, average: list[torch.Tensor], num_steps: int) -> None:
        self.adam, self.average, self.num_steps = adam, average, num_steps

    def __call__(self, net: torch.nn.Module, lr: float) -> torch.optim.Optimizer:
        optimizer = self.adam(net, lr)

        def update(*_: Any) -> None:
            self.num_steps += 1
            decay = min(EMA_DECAY, self.num_steps / (self.num_steps + 10))  # the first soon fade
            with torch.no_grad():
                for mean, weight in zip(self.average, net.parameters(), strict=True):
                    mean.lerp_(weight, 1 - decay)

        optimizer.register_step_post_hook(update)
        return optimizer


def train(defined: dict[str, Any], state: Path) -> list[dict[str, Any]]:
    """All parts, each from the networks of the one before; what `run` returned for each."""
    nets = defined["new_nets"]()
    averaged = defined["new_nets"]()[0]
    defined["LOG_STEPS"] = LOG_STEPS
    whole = torch.autocast("cpu", enabled=False)  # the slope of a slope, in single precision
    defined["r1_penalty"] = whole(defined["r1_penalty"])
    parts = []
    for number, rate in enumerate(RATES):
        path = state / f"part-{number:02d}.pt"
        if not path.is_file():
            began = time.process_time()
            mean = list(averaged.parameters())
            make_opt_g = Averaged(defined["adam"], mean, number * STEPS)
            with half_precision():
                part = defined["run"](nets, STEPS, lr=rate, seed=number, make_opt_g=make_opt_g)
            part["weights"] = [net.state_dict() for net in part.pop("nets")]
            part["averaged"] = averaged.state_dict()
            part["seconds"] = time.process_time() - began
            with torch.no_grad():
                faces = images.to_uint8(averaged(defined["fixed_z"]))
            part["faces"], part["film"] = torch.from_numpy(faces), None
            part["curves"] = {name: x.tolist() for name, x in part["curves"].items()}
            torch.save(part, path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)
            last = {name: round(values[-1], 3) for name, values in part["curves"].items()}
            print(f"part {number}, lr {rate:g}, {part['seconds']:.0f} s: {last}", flush=True)
            sheet = defined["viz"].sheet(faces.reshape(4, 16, SIZE_PX, SIZE_PX, 3))
            images.save(path.with_suffix(".png"), sheet)
        part = torch.load(path, weights_only=True)
        for net, weights in zip(
            (*nets, averaged), (*part["weights"], part["averaged"]), strict=True
        ):
            net.load_state_dict(weights)
        parts.append(part)
    return parts


def fail(defined: dict[str, Any], part: dict[str, Any]) -> dict[str, np.ndarray]:
    """The faces of each of `FAILURES`, uint8 (N, S, S, 3), from the trained networks; another way
    of doubling begins with new ones.
    """
    nets = defined["new_nets"]()
    for net, weights in zip(nets, (part["averaged"], part["weights"][1]), strict=True):
        net.load_state_dict(weights)
    faces = {}
    for name, (num_steps, changed) in FAILURES.items():
        changed = dict(changed)
        doubling = changed.pop("doubling", None)
        begin = defined["new_nets"](doubling) if doubling else nets
        with half_precision():
            faces[name] = defined["run"](begin, num_steps, **changed)["faces"]
    return faces


def ship(
    parts: list[dict[str, Any]],
    failed: dict[str, np.ndarray],
    num_people: int,
    variety: Callable[[np.ndarray], float],
) -> None:
    """Write curves, faces and networks, half precision, as the notebook reads them."""
    rows, measures = [], []
    for number, part in enumerate(parts):
        at_end = float(f"{variety(part['faces'].numpy()):.4g}")
        measures.append({"images": BATCH * STEPS * (number + 1), "variety": at_end})
        # The variety that ships is that of the averaged generator.
        curves = {name: values for name, values in part["curves"].items() if name != "variety"}
        for values in zip(*curves.values(), strict=True):
            row = {name: float(f"{x:.4g}") for name, x in zip(curves, values, strict=True)}
            step = row.pop("steps")
            if step % LOG_STEPS == 0:
                rows.append({"images": BATCH * (number * STEPS + step)} | row)
    shown = [BATCH * STEPS * number for number in SHOWN]
    settings = {"size_px": SIZE_PX, "batch_size": BATCH, "steps": STEPS, "rates": RATES}
    settings |= {"people": num_people, "ema_decay": EMA_DECAY}
    settings["seconds"] = round(sum(part["seconds"] for part in parts))
    text: dict[str, Any] = {
        "settings": settings,
        "changes": {"healthy": {}},
        "shown": {"healthy": shown},
        "runs": {"healthy": {"rows": rows, "measures": measures}},
    }
    strips = [np.hstack(parts[number - 1]["faces"].numpy()[:NUM_FACES]) for number in SHOWN]
    for name, (num_steps, changed) in FAILURES.items():
        text["changes"][name] = changed
        text["shown"][name] = [BATCH * num_steps]
        text["runs"][name] = {"rows": [], "measures": []}
        strips.append(np.hstack(failed[name][:NUM_FACES]))
    (FOLDER / "gan.json").write_text(json.dumps(text) + "\n")
    Image.fromarray(np.vstack(strips)).save(FOLDER / "gan.jpg", quality=92, subsampling=0)
    weights = {}
    of_nets = parts[-1]["averaged"], parts[-1]["weights"][1]
    for name, net in zip(("net_g", "net_d"), of_nets, strict=True):
        floats = {key: value for key, value in net.items() if value.is_floating_point()}
        weights |= {f"{name}.{key}": x.half().contiguous() for key, x in floats.items()}
    path = FOLDER / "gan.safetensors"
    save_file(weights, path)
    path.chmod(0o644)


def main() -> None:
    """Train, ship."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("pool", type=Path, metavar="POOL")
    parser.add_argument("state", type=Path, metavar="STATE")
    args = parser.parse_args()
    args.state.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    session = SimpleNamespace(profile="full", device=torch.device("cpu"), folder=args.state)
    defined = notebook_cells(session)
    add_painted(defined, args.pool)
    parts = train(defined, args.state)
    ship(parts, fail(defined, parts[-1]), len(defined["photos"]), defined["variety"])


if __name__ == "__main__":
    main()
