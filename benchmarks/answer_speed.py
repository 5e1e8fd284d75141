"""How long an answer to one's own drawing takes, by kind of answer: `python
benchmarks/answer_speed.py`, a minute.

"person, 256 pixels" is what a page shows while somebody draws, "person" its usual answer, of 512,
and "eight people" what there is to choose from. All begin with reading the drawing. Each answer is
to an example that differs in a pixel, so that nothing that was understood before is found again.
Ratios are to the average of the same run. `--engine torch` or `onnx` measures one engine alone;
`--device auto` a GPU where there is one. Writes results/answer_speed.json, from a GPU
answer_speed_gpu.json.
"""

from __future__ import annotations

import argparse
import functools
import itertools

import common
import numpy as np

import s2f_studio
from s2f_studio.drawings import prepare as drawings
from s2f_studio.request import DrawingRequest
from s2f_utils import runtime
from s2f_utils.infer.landmarks import find_all_landmarks
from s2f_utils.pictures import images

PREVIEW = {"preview": True}
ASKED = {  # the requests of each kind of answer
    "average": [{"answer": "average"}],
    "average, 256 pixels": [{"answer": "average"} | PREVIEW],
    "person, 256 pixels": [PREVIEW],
    "person": [{}],
    "person, 1024 pixels": [{"large": True}],
    "person, older, 256 pixels": [PREVIEW | {"person": {"age": 1.0}}],
    "eight people, 256 pixels": [PREVIEW | {"seed": seed} for seed in range(8)],
}
ROUNDS = 15


def measured(device: str, engine: str, rounds: int) -> dict:
    """Milliseconds a picture of each kind of answer, and of understanding alone; the most memory,
    before loading and after.
    """
    drawing = images.resize(drawings.prepare(drawings.example("plain-man")).image, 256)
    places = itertools.count()

    def another() -> np.ndarray:
        number = next(places)
        moved = drawing.copy()
        moved[0, number % 256] = (
            number // 256,
            0,
            0,
        )  # one pixel: another drawing to whoever remembers
        return moved

    before = common.peak_resident_mib()
    model = s2f_studio.load("sketch-to-photo", device, engine=engine)

    def answer(asked: list[dict]) -> None:
        requests = [DrawingRequest(**fields) for fields in asked]
        model.answer([another()] * len(requests), requests)

    calls = {name: functools.partial(answer, asked) for name, asked in ASKED.items()}
    calls["understanding alone"] = lambda: find_all_landmarks([another()])
    seconds = common.alternate(calls, rounds)
    rows = [
        {
            "answer": name,
            "ms": round(1000 * took, 1),
            "ratio": round(took / seconds["average"], 2),
        }
        for name, took in seconds.items()
    ]
    memory = {"mib_before": round(before), "mib_after": round(common.peak_resident_mib())}
    return {"rows": rows, **memory, "engine": engine}


def table(found: dict) -> str:
    """A row for each kind of answer."""
    results = found["results"]
    cells = [[row["answer"], f"{row['ms']:.0f}", f"{row['ratio']:.2f}"] for row in results["rows"]]
    rows = common.markdown(["answer", "ms", "× average"], cells)
    memory = f"{results['mib_before']} MiB before the models, at most {results['mib_after']} after"
    return f"{rows}\n\nMemory of the process: {memory}. {common.machine_of(found)}."


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", choices=["cpu", "auto"])
    parser.add_argument(
        "--engine",
        default="auto",
        choices=["auto", "torch", "onnx"],
        help="default: as `s2f` chooses",
    )
    parser.add_argument("--tiny", action="store_true", help="one round: only to see that it works")
    args = parser.parse_args()
    found = {
        **common.facts(),
        "results": measured(args.device, args.engine, 1 if args.tiny else ROUNDS),
    }
    name = common.on_device("answer_speed") if args.device == "auto" else "answer_speed"
    runtime.write_json(common.RESULTS / f"{name}.json", found)
    print(table(found))


if __name__ == "__main__":
    main()
