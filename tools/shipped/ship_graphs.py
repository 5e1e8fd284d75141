"""Write the ONNX graphs of the models that come along into s2f_utils/weights/shipped/graphs and
s2f_studio/shipped/graphs, and the exported page's own: run it when their weights, or the stages,
have changed.

The graphs have no weights: they say where these lie in the shipped files as `weights.compact` reads
them. Large constants that are no weights are kept once for all graphs of a folder, in
constants.safetensors.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, numpy_helper
from safetensors.numpy import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from s2f_studio import shipped
from s2f_studio.export.writing import LARGE, described, described_stages, graph_of, stages_of
from s2f_studio.loading import load
from s2f_studio.page.exported.page_folder import REDUCE
from s2f_utils import runtime, weights
from s2f_utils.infer import landmarks, restorers
from s2f_utils.infer.graphs import FORMAT
from s2f_utils.infer.stages import U8
from s2f_utils.pictures import images
from s2f_utils.pictures.mesh import FACE_PX
from s2f_utils.weights.compact import tensors_of

CONSTANTS = "constants.safetensors"


class Store:
    """Where each large tensor lies: in a file of weights, or among the constants, which it
    gathers. names: of the files of weights.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.constants: dict[str, np.ndarray] = {}
        self.places: dict[bytes, tuple[str, int]] = {}  # {digest: (file, first byte)}
        self.end = 0  # of the constants
        for name in names:
            first, path = 0, file_of(name)
            for tensor in tensors_of(path).values():
                self.places.setdefault(_digest(tensor), (path.name, first))
                first += tensor.nbytes

    def place(self, tensor: np.ndarray, name: str) -> tuple[str, int]:
        """The file and the first byte of a tensor. Raises ValueError for a weight that is in no
        file.
        """
        digest = _digest(tensor)
        if digest not in self.places:
            if name.endswith((".weight", ".bias")):
                raise ValueError(
                    f"{name}: the graph has other weights than the shipped files: keep them as "
                    f"they are"
                )
            half = tensor.astype(np.float16)
            exact = np.array_equal(half.astype(np.float32), tensor)
            self.constants[f"{len(self.constants):03d} {name}"] = half if exact else tensor
            self.places[digest], self.end = (CONSTANTS, self.end), self.end + tensor.nbytes
        return self.places[digest]


def file_of(name: str) -> Path:
    """The file of weights that come along, or of the generator."""
    return weights.generator() if name == weights.GENERATOR else shipped.all_files()[name]


def _digest(tensor: np.ndarray) -> bytes:
    return hashlib.sha256(np.ascontiguousarray(tensor, np.float32).tobytes()).digest()


def emptied(graph: ModelProto, store: Store) -> list[str]:
    """Take the large tensors out of a graph; the files that it needs now, in alphabetical order."""
    needed = set()
    for one in graph.graph.initializer:
        if one.data_type != TensorProto.FLOAT or np.prod(one.dims) < LARGE:
            continue
        values = numpy_helper.to_array(one)
        file, first = store.place(values, one.name)
        needed.add(file)
        one.ClearField("raw_data")
        one.data_location = TensorProto.EXTERNAL
        for key, value in (("location", file), ("offset", first), ("length", values.nbytes)):
            one.external_data.add(key=key, value=str(value))
    return sorted(needed)


class Reduced(nn.Module):
    """A square picture, uint8 (1, S, S, 3), in `FACE_PX` a side, by the bicubic filter."""

    inputs = {"picture": (U8, "S", "S", 3)}
    outputs = ("reduced",)
    batch = 1

    def forward(self, picture: Tensor) -> Tensor:
        channels = picture.permute(0, 3, 1, 2)
        size = (FACE_PX, FACE_PX)
        return F.interpolate(channels, size, mode="bicubic", antialias=True).permute(0, 2, 3, 1)


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()  # --help writes nothing
    of_library = (weights.FINDER, *weights.SHIPPED, *weights.SHIPPED_RESTORERS)
    generator = weights.GENERATOR, weights.PREVIEW
    ship(of_library, Store((*of_library, *generator)), weights.GRAPHS)
    ship((shipped.EXPECT,), Store((*shipped.FILES, *generator)), shipped.GRAPHS)
    graph = graph_of(Reduced(), {"stage": REDUCE.stem})
    REDUCE.write_bytes(graph.SerializeToString(deterministic=True))


def ship(names: Iterable[str], store: Store, graphs: Path) -> None:
    """Write the graphs of these models into a folder, in place of those that are there."""
    known: dict[bytes, str] = {}  # {content of a graph: its file}
    with tempfile.TemporaryDirectory(dir=graphs.parent) as temporary:
        folder = Path(temporary) / "graphs"
        folder.mkdir()
        for name in names:
            runtime.write_json(folder / f"{name}.json", written(name, folder, store, known))
            print(name, flush=True)
        if store.constants:
            save_file(store.constants, folder / CONSTANTS)
            (folder / CONSTANTS).chmod(0o644)
        shutil.rmtree(graphs, ignore_errors=True)
        shutil.move(folder, graphs)
    size = sum(path.stat().st_size for path in graphs.iterdir())
    print(f"{graphs}: {len(known)} graphs, {size / 1e6:.1f} MB")


def written(name: str, folder: Path, store: Store, known: dict[bytes, str]) -> dict[str, Any]:
    """Write the graphs of one model, those that are not there yet; what its description says."""
    stages, told = described_model(name)
    for stage, module in stages.items():
        graph = graph_of(module, {"stage": stage, "note": told["note"]})
        needed, content = emptied(graph, store), graph.SerializeToString(deterministic=True)
        if content not in known:
            file = f"{stage}.onnx"
            known[content] = f"{name}-{file}" if file in known.values() else file
            (folder / known[content]).write_bytes(content)
        told["stages"][stage] |= {"file": known[content], "weights": needed}
    return told


def described_model(name: str) -> tuple[dict[str, nn.Module], dict[str, Any]]:
    """The stages of a model that come along with it, and what its description says of it."""
    of_finder = dict(landmarks.finder("torch").stages)
    if name == weights.FINDER:
        about = {"format": FORMAT, "kind": "Landmarks", "name": name, "note": images.GENERATED_NOTE}
        return of_finder, about | {"stages": described_stages(of_finder)}
    if name in weights.SHIPPED_RESTORERS:
        model = restorers.load(name, "cpu", engine="torch")
    else:
        model = load(name, "cpu", engine="torch")
    stages = {key: one for key, one in stages_of(model).items() if key not in of_finder}
    return stages, described(model, stages)


if __name__ == "__main__":
    main()
