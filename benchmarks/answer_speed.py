"""How long an answer to one's own drawing takes, by kind of answer: `python benchmarks/answer_speed.py`, half a minute.

Each answer is to an example that differs in a pixel, so that nothing that was understood before is found again. Ratios
are to the faithful answer of the same run. Writes results/answer_speed.json.
"""

from __future__ import annotations

import itertools

import common
import numpy as np

from s2f_studio.drawings import prepare as drawings
from s2f_studio.drawings.understanding import understand
from s2f_utils import inference, runtime
from s2f_utils.pictures import images

ASKED = {
    "faithful": {"answer": "faithful", "detail": 0.0},
    "faithful, with detail": {"answer": "faithful", "detail": 0.5},
    "expected": {"answer": "expected"},
    "expected, other colours": {"answer": "expected", "seed": 3, "colours": True},
    "rendered": {"answer": "rendered"},
    "rendered, somebody else": {"answer": "rendered", "seed": 3},
    "rendered, of a person of whom something is said": {"answer": "rendered", "person": {"age": 0.5}},
    "rendered, 512 pixels": {"answer": "rendered", "large": True},
    "chosen by the drawing": {"answer": "auto"},
}
ROUNDS = 15


def measured() -> dict:
    """Milliseconds of each kind of answer, and of understanding alone; the most memory, before loading and after."""
    drawing = images.resize(drawings.prepare(drawings.example("plain-man")).image, 256)
    places = itertools.count()

    def another() -> np.ndarray:
        number = next(places)
        moved = drawing.copy()
        moved[0, number % 256] = (number // 256, 0, 0)  # one pixel: another drawing to whoever remembers
        return moved

    before = common.peak_resident_mib()
    model = inference.load("sketch-to-photo", device="cpu")
    calls = {name: lambda asked=asked: model.translate(another(), **asked) for name, asked in ASKED.items()}
    calls["understanding alone"] = lambda: understand([another()])
    seconds = common.alternate(calls, ROUNDS)
    rows = [
        {"answer": name, "ms": round(1000 * took, 1), "ratio": round(took / seconds["faithful"], 2)}
        for name, took in seconds.items()
    ]
    return {"rows": rows, "mib_before": round(before), "mib_after": round(common.peak_resident_mib())}


def table(found: dict) -> str:
    """A row for each kind of answer."""
    results = found["results"]
    cells = [[row["answer"], f"{row['ms']:.0f}", f"{row['ratio']:.2f}"] for row in results["rows"]]
    rows = common.markdown(["answer", "ms", "× faithful"], cells)
    memory = f"{results['mib_before']} MiB before the models, at most {results['mib_after']} after"
    return f"{rows}\n\nMemory of the process: {memory}. {common.machine_of(found)}."


TABLES = {"answer-speed": table}


def main() -> None:
    """Measure and write."""
    found = {**common.facts(), "results": measured()}
    runtime.write_json(common.RESULTS / "answer_speed.json", found)
    print(table(found))


if __name__ == "__main__":
    main()
