"""Speed of the metrics: `python benchmarks/metrics_speed.py`. Drawn faces of 256 px; about four minutes on two cores.

Writes results/metrics_speed.json: milliseconds a pair for each metric that needs no download, seconds for 1,000 pairs
through all of them, and the patch test's seconds for 100 images.
"""

from __future__ import annotations

import time

import common
import cv2
import numpy as np

from s2f_utils import metrics
from s2f_utils.metrics import retrieval, structure
from s2f_utils.pictures.drawn.synthetic import draw_face

NUM_DRAWN, NUM_PAIRS, SIZE_PX = 100, 1000, 256


def main() -> None:
    """Time each metric alone, all together on 1,000 pairs, and the patch test; write the results."""
    reals = np.stack([draw_face(n, size_px=SIZE_PX).photo for n in range(NUM_DRAWN)])
    fakes = np.stack([cv2.GaussianBlur(photo, (0, 0), 1.5) for photo in reals])
    names = [n for n in metrics.ALL_METRICS if n not in metrics.not_measured(metrics.ALL_METRICS, SIZE_PX, SIZE_PX)]
    few = slice(0, 40)
    work = {name: (lambda name=name: metrics.METRICS[name].measure(fakes[few], reals[few])) for name in names}
    work["spectrum by octave"] = lambda: [structure.spectrum_db(*p) for p in zip(fakes[few], reals[few], strict=True)]
    work["features for retrieval, both pictures"] = lambda: retrieval.features([*fakes[few], *reals[few]])
    seconds = common.alternate(work, rounds=3)
    times = NUM_PAIRS // NUM_DRAWN
    many = [np.concatenate([side] * times) for side in (fakes, reals)]
    began = time.perf_counter()
    found = metrics.measure(*many, names)
    for pair in zip(*many, strict=True):
        structure.spectrum_db(*pair)
    retrieval.ranks(*(retrieval.features(side) for side in many))
    for values in found.values():
        metrics.bootstrap_mean(values)
    together = time.perf_counter() - began
    began = time.perf_counter()
    metrics.patch_test(fakes, reals, [str(n) for n in range(NUM_DRAWN)])
    patch = time.perf_counter() - began
    common.write(
        "metrics_speed",
        {
            "size_px": SIZE_PX,
            "milliseconds_a_pair": {name: round(1000 * value / 40, 2) for name, value in seconds.items()},
            "seconds_for_1000_pairs": round(together, 1),
            "patch_test_seconds_for_100_images": round(patch, 1),
            "peak_memory_mib": round(common.peak_memory_mib()),
        },
    )


if __name__ == "__main__":
    main()
