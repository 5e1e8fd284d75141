"""Speed of the metrics: `python benchmarks/metrics_speed.py`. Drawn faces of 256 px; about four minutes on two cores.

Writes results/metrics_speed.json: milliseconds a pair for each metric that needs no download, seconds for 1,000 pairs
through all of them, and the patch test's seconds for 100 images. With the argument `sets`, about ten minutes: the
seconds and the memory of FID and KID for random features of 30,000 and 30,000 images, into results/set_metrics.json.
"""

from __future__ import annotations

import sys
import time

import common
import cv2
import numpy as np

from s2f_utils import metrics
from s2f_utils.metrics import distribution, retrieval, structure
from s2f_utils.pictures.drawn.synthetic import draw_face

NUM_DRAWN, NUM_PAIRS, SIZE_PX = 100, 1000, 256
NUM_IN_A_SET, NUM_FEATURES = 30_000, 2048


def measure_sets() -> None:
    """Time FID and KID of two large sets of features, which lie in memory as float32; write the results."""
    rng = np.random.default_rng(0)
    made, true = (rng.random((NUM_IN_A_SET, NUM_FEATURES), dtype=np.float32) for _ in range(2))
    facts = {
        "num_images": NUM_IN_A_SET,
        "num_features": NUM_FEATURES,
        "features_mib": (made.nbytes + true.nbytes) >> 20,
    }
    for name, distance in (("fid", distribution.frechet_distance), ("kid", distribution.kernel_distance)):
        began = time.perf_counter()
        distance(made, true)
        common.sync()
        facts[f"{name}_seconds"] = round(time.perf_counter() - began, 1)
    common.write("set_metrics", facts | {"peak_memory_mib": round(common.peak_memory_mib())})


def main() -> None:
    """Time each metric alone, all together on 1,000 pairs, and the patch test; write the results."""
    reals = np.stack([draw_face(n, size_px=SIZE_PX).photo for n in range(NUM_DRAWN)])
    fakes = np.stack([cv2.GaussianBlur(photo, (0, 0), 1.5) for photo in reals])
    known = metrics.group("all")
    names = [name for name in known if name not in metrics.not_measured(known, SIZE_PX, SIZE_PX)]
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


def table(found: dict) -> str:
    """Times of the metrics."""
    r = found["results"]
    rows = [[name, f"{value:g} ms"] for name, value in r["milliseconds_a_pair"].items()]
    return (
        f"At {r['size_px']} px ({common.machine_of(found)}):\n\n{common.markdown(['metric', 'time a pair'], rows)}\n\n"
        f"1,000 pairs through all of them, with retrieval: {r['seconds_for_1000_pairs']:.0f} s. The patch test on 100"
        f" pictures: {r['patch_test_seconds_for_100_images']:.0f} s."
    )


TABLES = {"metrics-speed": table}


if __name__ == "__main__":
    measure_sets() if sys.argv[1:] == ["sets"] else main()
