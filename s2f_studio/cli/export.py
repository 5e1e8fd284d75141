"""The command `s2f export`: a model as ONNX, or a page to draw on with the models inside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from s2f_studio.cli.options import Direction

PAGE = "page"  # what stands for the page in a model's place; a run of this name is given as ./page


def export(
    model: str,
    out: Path,
    /,
    *,
    format: Literal["onnx"] = "onnx",
    direction: Direction | None = None,
    ort: Annotated[Path | None, Parameter(metavar="PACKAGE")] = None,
) -> None:
    """Write a model as ONNX, or a page that draws and answers without a server.

    Of a model: an ONNX graph for each of its steps, and model.json, which says what they take and
    give; docs/deploy.md says how to use the graphs elsewhere. With 'page' for the model: the pad
    as a folder that any web server serves, in which the browser itself answers (docs/deploy.md).
    The pretrained generator goes with it, under the terms that its LICENSES.txt names.

        s2f export sketch-to-photo face-onnx
        s2f translate face-onnx drawing.jpg
        s2f export page site
        python -m http.server -d site

    Args:
        model: a name, a run folder, a .safetensors or .pth file, or page
        out: a new folder
        format: of a model
        ort: of the page: the npm package onnxruntime-web, a .tgz (default: fetched)
    """
    if model == PAGE:
        if direction:
            raise ValueError("--direction is for a model: the page takes drawings")
        from s2f_studio.page.exported.page_folder import export_page

        made = export_page(out, ort=ort)
        use = f"open it with 'python -m http.server -d {made}', or put it on any static host"
    elif ort:
        raise ValueError(f"--ort is for the page alone: 's2f export {PAGE} {out}'")
    else:
        made, use = _of_model(model, out, direction)
    size = sum(path.stat().st_size for path in made.rglob("*") if path.is_file())
    print(f"{made}: {size / 1e6:.0f} MB; {use}")


def _of_model(name: str, out: Path, direction: str | None) -> tuple[Path, str]:
    """Where a model was written, and how to use it."""
    from s2f_studio.export import writing
    from s2f_studio.loading import load
    from s2f_utils.infer import restorers

    writing.check_installed()
    if name in restorers.names():
        model = restorers.load(name, "cpu", engine="torch")
        use = "s2f enhance photo.jpg --restorer {}"
    else:
        model = load(name, "cpu", direction=direction, engine="torch")
        use = "s2f translate {} drawing.jpg"
    made = writing.export(model, out)
    return made, f"use it with '{use.format(made)}'"
