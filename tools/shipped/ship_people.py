"""Write the network that renders photos for careful drawings into the package.

`python -m tools.shipped.ship_people STATE`, STATE a folder with `renderer.safetensors`, of
`tools.shipped.people.renderer`, and `appearance.npz`, of `tools.shipped.people.appearance`. They
become sketch-to-photo-person.safetensors, a byte for each value. Then `python -m
tools.shipped.ship_graphs`.
"""

from __future__ import annotations

import argparse
import datetime
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import load_file

from data_prep.fetch.open_portraits import open_sets
from s2f_studio import shipped
from s2f_utils import networks
from s2f_utils.networks import checkpoints
from s2f_utils.networks.info import ModelInfo
from tools.shipped.packed import learned_from
from tools.shipped.people.appearance import Appearance


def ship_network(state: Path, path: Path) -> None:
    """Write the network of a training's folder to a file."""
    appearance = Appearance.load(state / "appearance.npz")
    file = state / "renderer.safetensors"
    net = networks.build("person", num_components=len(appearance.deviation))
    net.appearance.load_state_dict(appearance.state_dict())
    net.renderer.load_state_dict({name: one.float() for name, one in load_file(file).items()})
    with safe_open(file, framework="pt") as opened:
        images_seen = int(opened.metadata()["images_seen"])
    meta = {
        "name": shipped.PERSON,
        "size_px": 128,
        "images_seen": images_seen,
        "trained": datetime.date.fromtimestamp(file.stat().st_mtime).isoformat(),
    }
    info = ModelInfo(data="open-portraits", terms=learned_from(open_sets()))
    checkpoints.save_generator(path, net, meta, info, compact=True)


def main() -> None:
    """Ship it."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("state", type=Path)
    state = parser.parse_args().state
    network = shipped.file_of(shipped.PERSON)
    ship_network(state, network)
    print(f"{network}: {network.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
