"""The codes of `s2f_studio/render`: principal components of how photos differ from what was
expected of them.

    python -m tools.shipped.fit_codes DATA OUT.safetensors EXPECTED-FOLD-0 EXPECTED-FOLD-1

DATA is a set of `python -m tools.shipped.scribbles_set`; the other two are runs of `expect`, each
of which learned from one half of its people (manifest-fold-0.csv, manifest-fold-1.csv). OUT is a
network that renders, with the components and
no training: what a run of `render` begins with. Some ten minutes on one core.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F
from tqdm import tqdm

from s2f_studio.faces.method import tones_of
from s2f_studio.faces.shaped import ShapedData
from s2f_studio.render.method import RenderMethod, before_wall
from s2f_utils import networks, runtime
from s2f_utils.data import read_manifest
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from s2f_utils.train.config import resolve

BATCH, ITERATIONS = 32, 3


@torch.no_grad()
def apart(method: RenderMethod, data: ShapedData) -> tuple[torch.Tensor, torch.Tensor]:
    """How photos differ from what was expected with their tones told, (N, 3072), and how often a
    pixel shows a person, (1024,).
    """
    found, seen = [], torch.zeros(32, 32)
    for start in tqdm(range(0, len(data), BATCH), desc="expecting"):
        a, b = (
            images.to_tensor(side)
            for side in data.batch(range(start, min(start + BATCH, len(data))))
        )
        expected = method.expected(a, tones_of(F.avg_pool2d(b, 2)))
        expected, true = (before_wall(x[:, :3], x[:, 3:]) for x in (expected, b[:, :4]))
        person = F.avg_pool2d(0.5 + 0.5 * true[:, 3:4], 8)
        seen += person.sum(dim=(0, 1))
        found.append((F.avg_pool2d(true[:, :3], 8) - F.avg_pool2d(expected[:, :3], 4)).half())
    return torch.cat(found), seen / len(data)


def main() -> None:
    """Write the network."""
    data, out, *experts = sys.argv[1:]
    manifest = read_manifest(Path(data))
    method = RenderMethod(
        resolve("render", "full", {"expected_by": ",".join(experts)}).config,
        runtime.pick_precision(),
    )
    rows = [row for row in manifest.split("train") if row.attributes["hat"] == "0"]
    differ, seen = apart(
        method, ShapedData(manifest, rows, 128, torch.device("cpu"), larger=2, folded=True)
    )
    weight = torch.where(
        seen > 0.5, seen, 0.0
    ).square()  # where nearly everybody is seen, not the hair's outline
    differ = (differ.float() * weight).flatten(1)
    torch.manual_seed(0)
    net = networks.build("render")
    mean = differ.mean(dim=0)
    _, _, components = torch.svd_lowrank(differ - mean, q=3 * net.num_codes, niter=ITERATIONS)
    components = components[:, : net.num_codes]
    codes = differ @ components
    net.components.copy_(components * weight.flatten().repeat(3)[:, None])
    net.spread.copy_(codes.std(dim=0))
    explained = codes.var(dim=0).sum() / differ.var(dim=0).sum()
    print(f"{len(rows)} drawings, {net.num_codes} components: {float(explained):.1%}")
    checkpoints.save_generator(
        Path(out), net, {"direction": "sketch-to-photo", "size_px": 256, "method": "render"}
    )


if __name__ == "__main__":
    main()
