"""Time and memory of enhancing: network, detection, pasting at 512 px, and a photo of 12 megapixels with five faces.

`python benchmarks/enhance_speed.py` (about 5 minutes and 3 GB on two cores). GFPGAN's published network is there with
weights by chance: they do not change how long it takes. Writes results/enhance_speed.json.
"""

from __future__ import annotations

import argparse
import json
import time

import common
import numpy as np
import psutil
from PIL import Image

from s2f_utils import models, runtime, weights
from s2f_utils.inference import enhance, restorers
from s2f_utils.pictures import faces

LARGE = (3000, 4000)


def published() -> restorers.Restorer:
    """GFPGAN of 512 px, with weights by chance."""
    import torch

    torch.manual_seed(0)
    chosen = runtime.pick_precision(runtime.pick_device("auto"), "float32")
    net = models.build("gfpgan").eval().requires_grad_(False)
    return restorers.restorer_of("gfpgan, 512 px", net, chosen)


def portrait(size_px: int = 512) -> np.ndarray:
    """The astronaut, a real face."""
    import skimage.data

    return np.asarray(Image.fromarray(skimage.data.astronaut()).resize((size_px, size_px), Image.Resampling.LANCZOS))


def crowd() -> np.ndarray:
    """12 megapixels, with five faces of different sizes."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(90, 160, (30, 40, 3), dtype=np.uint8)
    photo = np.array(Image.fromarray(coarse).resize((LARGE[1], LARGE[0]), Image.Resampling.BICUBIC))
    for n, (x, y, size) in enumerate(
        [(0, 0, 2000), (2100, 200, 900), (3050, 400, 940), (2100, 1300, 700), (2900, 1900, 1000)]
    ):
        face = portrait(size) if n % 2 == 0 else np.ascontiguousarray(portrait(size)[:, ::-1])
        photo[y : y + size, x : x + size] = face
    return photo


def at_512(restorer: restorers.Restorer, rounds: int = 5) -> dict[str, float]:
    """Milliseconds of each step for one photo of 512 px with one face."""
    photo = portrait()
    (face,) = faces.detect_all(photo)
    matrix = faces.alignment(face.landmarks, restorer.size_px)
    crop = faces.warp(photo, matrix, restorer.size_px)
    change = restorer.restore(crop).astype(np.float32) - crop
    out = photo.copy()
    seconds = common.alternate(
        {
            "detect": lambda: faces.detect_all(photo),
            "align": lambda: faces.warp(photo, matrix, restorer.size_px),
            "network": lambda: restorer.restore(crop),
            "paste": lambda: enhance._paste_all(out, [change], [matrix], 1.0, 255),
        },
        rounds,
    )
    return {name: round(1000 * value, 1) for name, value in seconds.items()}


def large(name: str, upscale: int) -> None:
    """One large photo, in a process of its own: prints seconds and the most memory."""
    restorer = published() if name == "published" else restorers.load(weights.RESTORER)
    photo = crowd()
    before = psutil.Process().memory_info().rss / 2**20
    start = time.perf_counter()
    done = enhance.enhance(photo, restorer, upscale=upscale)
    seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "faces": len(done.faces),
                "seconds": round(seconds, 2),
                "steps": done.seconds,
                "mib_before": round(before),
                "mib_at_most": round(common.peak_resident_mib()),
            }
        )
    )


def main() -> None:
    """Measure and write results/enhance_speed.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--large", nargs=2, metavar=("RESTORER", "UPSCALE"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.large:
        large(args.large[0], int(args.large[1]))
        return
    ours = restorers.load(weights.RESTORER)
    steps = {ours.name: at_512(ours), "gfpgan, 512 px": at_512(published())}
    whole = {
        f"{name}, upscale {upscale}": common.in_a_process(__file__, "--large", name, str(upscale))
        for name in ("ours", "published")
        for upscale in (1, 2)
    }
    common.write("enhance_speed", {"at_512_px": steps, "twelve_megapixels": whole})


def table(found: dict) -> str:
    """Time and memory."""
    r = found["results"]
    steps = list(next(iter(r["at_512_px"].values())))
    small = [[name, *(f"{ms[step]:.0f} ms" for step in steps)] for name, ms in r["at_512_px"].items()]
    whole = [
        [name, str(of["faces"]), f"{of['seconds']:.1f} s", f"{of['mib_at_most'] / 1024:.2f} GB"]
        for name, of in r["twelve_megapixels"].items()
    ]
    return "\n\n".join(
        [
            f"On {common.machine_of(found)}:",
            common.markdown(["a photo of 512 px, one face", *steps], small),
            common.markdown(["12 megapixels", "faces", "time", "memory of the process, at most"], whole),
        ]
    )


TABLES = {"enhance-speed": table}


if __name__ == "__main__":
    main()
