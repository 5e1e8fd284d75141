"""Writes the page that answers by itself: `s2f export page OUT`."""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path
from typing import Any

from s2f_studio import shipped
from s2f_studio.page import drawing, page
from s2f_studio.page.exported.facts import facts_of_page, script_of
from s2f_studio.page.exported.ort import PACKAGE, VERSION, write_runtime
from s2f_utils import weights
from s2f_utils.infer.graphs import graph_file, read_description, weights_of_graph
from s2f_utils.networks.info import description_file
from s2f_utils.pictures import images
from s2f_utils.weights.compact import packed_arrays, tensors_of

STATIC = Path(__file__).with_name("static")
INDEX = STATIC / "index.html"
# A graph of the page alone: what is drawn, in the size that is looked at, as Pillow reduces it.
# tools/shipped/ship_graphs.py writes it.
REDUCE = STATIC / "reduce.onnx"
# Of the app's files those that the exported page takes as well.
SHARED = (
    "app.css",
    "app.js",
    "controls.js",
    "crop.js",
    "dom.js",
    "eight.js",
    "files.js",
    "icon.svg",
    "jobs.js",
    "pad.css",
    "pad.js",
    "paper.js",
    "reduce.js",
    "rounds.js",
    "state.js",
    "store.js",
    "strip.js",
    "strokes.js",
)


def export_page(out: str | Path, *, ort: str | Path | None = None) -> Path:
    """Write the page into the new folder `out`, complete or not at all; returns the folder.

    It needs no server: any host of static files serves it, such as `python -m http.server`. ort:
    the npm package onnxruntime-web, as a .tgz; None: fetched.

    Raises FileExistsError where the folder holds something, WeightsError and RuntimeMissingError
    where the generator and onnxruntime-web cannot be had, OSError.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out}: holds something already: choose a new folder")
    generator = weights.generator()  # first: what may be missing
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        folder = Path(temporary) / "page"
        for name in ("files", "models", "ort", "starts"):
            (folder / name).mkdir(parents=True)
        runtime: dict[str, Any] = write_runtime(folder / "ort", ort)
        runtime = {what: f"ort/{file}" for what, file in runtime.items()}
        runtime |= _write_models(folder / "models", generator)
        runtime["bytes"] = {
            path.relative_to(folder).as_posix(): path.stat().st_size
            for name in ("models", "ort")
            for path in sorted((folder / name).iterdir())
        }
        _write_starts(folder / "starts")
        _write_scripts(folder / "files", runtime)
        shutil.copyfile(INDEX, folder / "index.html")
        (folder / "LICENSES.txt").write_text(_licences(), encoding="utf-8")
        (folder / ".nojekyll").touch()  # GitHub Pages serves it as it is
        if out.is_dir():
            out.rmdir()
        folder.chmod(0o755)
        shutil.move(folder, out)
    return out


def _write_models(folder: Path, generator: Path) -> dict[str, Any]:
    """Write the graphs and the files of weights that they need, all packed by gzip: {"graphs":
    {stage: file}, "weights": {stage: files}}, from the page's folder, and {"outputs": {stage:
    names}}.
    """
    graphs: dict[str, str] = {"reduce": REDUCE.name}
    needed: dict[str, list[str]] = {"reduce": []}
    outputs: dict[str, list[str]] = {"reduce": ["reduced"]}
    sources = {generator.name: generator, REDUCE.name: REDUCE}
    for model, beside in ((weights.FINDER, weights.GRAPHS), (shipped.EXPECT, shipped.GRAPHS)):
        file = description_file(model, beside)
        for stage, facts in read_description(file)["stages"].items():
            graphs[stage] = graph_file((stage, facts))
            needed[stage] = list(facts["weights"])
            outputs[stage] = facts["gives"]
            sources[graphs[stage]] = file.with_name(graphs[stage])
            for name in needed[stage]:
                sources.setdefault(name, weights_of_graph(file, name))
    for name, source in sources.items():
        content = _in_bytes(source) if source == generator else source.read_bytes()
        (folder / name).write_bytes(gzip.compress(content, 9, mtime=0))
    return {
        "graphs": {stage: f"models/{name}" for stage, name in graphs.items()},
        "weights": {stage: [f"models/{one}" for one in names] for stage, names in needed.items()},
        "outputs": outputs,
    }


def _in_bytes(path: Path) -> bytes:
    """A file of weights with one byte a weight: of the generator a quarter of the bytes, and in its
    pictures 0.9 of 255 levels on average.
    """
    from safetensors.numpy import save

    return save(packed_arrays(tensors_of(path)))


def _write_starts(folder: Path) -> None:
    """The drawings that the pad begins with, in grey: a third of the bytes."""
    for name in drawing.STARTS["sketch"]:
        picture = drawing.start_of("sketch", name)
        is_grey = bool((picture == picture[..., :1]).all())
        images.save(folder / f"{name}.png", picture[..., 0] if is_grey else picture)


def _write_scripts(folder: Path, runtime: dict[str, Any]) -> None:
    """The page's scripts and styles, and the facts that they read."""
    for name in SHARED:
        shutil.copyfile(page.STATIC / name, folder / name)
    for path in STATIC.glob("*.js"):
        shutil.copyfile(path, folder / path.name)
    facts = facts_of_page() | {"runtime": runtime}
    (folder / "facts.js").write_text(script_of(facts), encoding="utf-8")


def _licences() -> str:
    """Under which terms what lies in the folder may be used."""
    page_terms = MIT.format(holders="(c) 2026 The Sketch to Face authors")
    ort_terms = MIT.format(holders="(c) Microsoft Corporation")
    generator = weights.entry_of(weights.GENERATOR)
    parts = [
        "Sketch to Face: the page, its scripts, its drawings and its models (files, starts,"
        f" models), but for the generator.\n\n{page_terms}",
        f"The generator (models/{generator.file_name}), made smaller: {generator.licence}. Use it"
        " for teaching and research; clear its terms before you sell its answers.",
        f"{PACKAGE} {VERSION} (ort): https://github.com/microsoft/onnxruntime; what it is made of"
        f" stands in its ThirdPartyNotices.txt there.\n\n{ort_terms}",
    ]
    return f"\n\n{'-' * 78}\n\n".join(parts) + "\n"


MIT = """MIT License

Copyright {holders}

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE."""
