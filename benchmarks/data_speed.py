"""Images a second, on one core, of drawing synthetic faces and of batch augmentation."""

from __future__ import annotations

import common
import torch

from s2f_utils.augment import PairedAffine, crop_and_flip
from s2f_utils.images import to_tensor
from s2f_utils.synthetic import draw_face


def main() -> None:
    """Measure and write results/data_speed.json."""
    import cv2

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    results = {}
    for size_px, num in ((64, 32), (128, 32), (256, 16), (512, 8)):
        seconds = common.alternate({"draw": lambda n=num, s=size_px: [draw_face(i, size_px=s) for i in range(n)]}, 3)
        results[f"synthetic faces, {size_px} px"] = round(num / seconds["draw"], 1)
    for size_px, load_px in ((128, 143), (256, 286)):
        batch = torch.randint(0, 256, (8, 3, load_px, load_px), dtype=torch.uint8)
        affine = PairedAffine(20.0, 5.0, 5.0)

        def jitter(batch=batch, size_px=size_px):
            return crop_and_flip(batch, batch, size_px)

        def jitter_and_affine(batch=batch, size_px=size_px, affine=affine):
            return affine(*(to_tensor(part) for part in crop_and_flip(batch, batch, size_px)))

        for name, seconds in common.alternate({"crop, flip": jitter, "affine too": jitter_and_affine}, 9).items():
            results[f"augmentation ({name}), {size_px} px, batch of 8 pairs"] = round(8 / seconds, 1)
    common.write("data_speed", {"unit": "images a second on one core", **results})


if __name__ == "__main__":
    main()
