"""Make docs/demo.png from a demo run: sketches, what the network made of them, the truth.

The faces shown are the first of the test split, not the best.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from s2f_utils import datasets, evaluation, images, inference, viz  # noqa: E402  (from the clone)


def main(arguments: list[str] | None = None) -> int:
    """Command line."""
    parser = argparse.ArgumentParser(prog="demo_picture", description=__doc__.partition("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("data", type=Path)
    parser.add_argument("--num", type=int, default=8)
    options = parser.parse_args(arguments)
    translator = inference.load(options.run)
    pairs = datasets.read_manifest(options.data).split("test")[: options.num]
    inputs, truths = evaluation.load_pairs(pairs, translator.size_px, translator.direction)
    made = translator.translate_batch(inputs)
    print(images.save(ROOT / "docs" / "demo.png", viz.sheet([inputs, made, truths]), generated=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
