"""Writes the page that answers by itself: `s2f export page OUT`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from s2f_studio.drawings import prepare as drawings
from s2f_studio.export.exported import description_file, graph_file, read_description
from s2f_studio.page import drawing, page
from s2f_studio.server.alone.facts import MODELS, facts_of_page, script_of
from s2f_studio.server.alone.ort import PACKAGE, VERSION, write_runtime
from s2f_utils import weights
from s2f_utils.pictures import images

STATIC = Path(__file__).with_name("static")
LEFT_OUT = ("host.js", "docs.css", "widget.js", "host_widget.js")  # of the page's files
DETECTOR = "yunet"
CHARSET = '<meta charset="utf-8">'
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; style-src 'self';"
    " img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'"
)
HERE = "Nothing leaves this browser: the models come with the page and answer on your own machine."
ABOUT = (
    (
        "<p>Pictures are kept in memory while they are worked on, and are never written to disk;",
        f"<p><b>{HERE}</b> There is no server behind it, no log and no count of visitors. The models are fetched when"
        " the page is opened first; the browser keeps them.</p>\n<p>Pictures are kept in memory while they are worked"
        " on;",
    ),
    (" The log has times and sizes, no pictures and no names of files.", ""),
    (
        "<p>PNG, JPEG, WebP, BMP and TIFF are taken, up to 20 MB and 32 million pixels.",
        "<p>What a browser can show is taken, PNG, JPEG and WebP at least, up to 32 million pixels.",
    ),
    (
        '<p>For programs: <code>POST /api/translate</code>; <a href="docs">the interface\'s description</a>.</p>',
        "<p>The app on a machine of your own (<code>s2f app</code>) does more. This page cuts no sheet of paper out of"
        " its picture, evens out soft shadows alone, restores no faces, and takes no label maps.</p>",
    ),
)
# What stands in the app's page, and what stands here instead.
CHANGES = (
    (CHARSET, f'{CHARSET}\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">'),
    (
        'href="app/files/app.css">',
        'href="files/app.css">\n<link rel="stylesheet" href="files/alone.css">',
    ),
    ("app/files/", "files/"),
    (
        "<p>Draw or upload a face; a network guesses a photo.</p>",
        f'<p class="s2f-here">{HERE} <span>Draw or upload a face; a network guesses a photo.</span></p>',
    ),
    *ABOUT,
)


def export_page(out: str | Path, *, ort: str | Path | None = None) -> Path:
    """Write the page into the new folder `out`, complete or not at all; returns the folder.

    It needs no server: any host of static files serves it, such as `python -m http.server`. ort:
    the npm package onnxruntime-web, as a .tgz; None: fetched. The face detector comes along where
    it is on this machine.

    Raises FileExistsError where the folder holds something, RuntimeMissingError where
    onnxruntime-web cannot be had, OSError.
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FileExistsError(f"{out}: holds something already: choose a new folder")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as temporary:
        folder = Path(temporary) / "page"
        for name in ("files", "models", "ort", "examples", "starts"):
            (folder / name).mkdir(parents=True)
        build = write_runtime(folder / "ort", ort)  # first: what may be missing
        graphs, held = _write_models(folder / "models")
        detector = weights.find(DETECTOR)
        if detector is not None:
            shutil.copyfile(detector, folder / "models" / "yunet.onnx")
            graphs["yunet"] = "models/yunet.onnx"
        _write_pictures(folder)
        _write_scripts(folder, build, graphs, held)
        (folder / "index.html").write_text(page_html(), encoding="utf-8")
        (folder / "LICENSES.txt").write_text(
            _licences(has_detector=detector is not None), encoding="utf-8"
        )
        (folder / ".nojekyll").touch()  # GitHub Pages serves it as it is
        if out.is_dir():
            out.rmdir()
        folder.chmod(0o755)
        shutil.move(folder, out)
    return out


def page_html() -> str:
    """The app's page, as it stands without a server."""
    text = page.INDEX.read_text(encoding="utf-8")
    for before, after in CHANGES:
        if before not in text:
            raise AssertionError(
                f"index.html has no {before!r} any more: say here what stands on the page instead"
            )
        text = text.replace(before, after)
    return text


def _write_models(folder: Path) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The graphs that come along, and the files of weights that they need: {stage: file}, {stage:
    files}, from the page's folder.
    """
    graphs, held = {}, {}
    for name in MODELS:
        for stage, said in read_description(description_file(name))["stages"].items():
            graphs[stage] = f"models/{graph_file((stage, said))}"
            held[stage] = [f"models/{one}" for one in said["weights"]]
    for name in {
        Path(file).name
        for file in (*graphs.values(), *(one for files in held.values() for one in files))
    }:
        inside = weights.GRAPHS / name
        shutil.copyfile(
            inside if inside.is_file() else weights.SHIPPED_FOLDER / name, folder / name
        )
    return graphs, held


def _write_pictures(folder: Path) -> None:
    """The examples, as they are for uploads and as a pad begins with them."""
    _each(
        drawing.STARTS["aligned"], folder / "starts", lambda name: drawing.start_of("aligned", name)
    )
    _each((*drawings.EXAMPLES, *page.PHOTOS), folder / "examples", page.example)


def _each(names: tuple[str, ...], folder: Path, made: Callable[[str], np.ndarray]) -> None:
    for name in names:
        picture = made(name)
        is_grey = bool((picture == picture[..., :1]).all())  # a third of the bytes
        images.save(
            folder / f"{name.replace(' ', '-')}.png", picture[..., 0] if is_grey else picture
        )


def _write_scripts(
    folder: Path, build: dict[str, str], graphs: dict[str, str], held: dict[str, list[str]]
) -> None:
    """The scripts, styles and pictures of the page; the facts that they read."""
    own = {path.name: path for path in STATIC.iterdir()}
    for name, path in (
        {name: p for name, p in page.FILES.items() if name not in LEFT_OUT} | own
    ).items():
        shutil.copyfile(path, folder / "files" / name)
    runtime: dict[str, Any] = {what: f"ort/{file}" for what, file in build.items()}
    files = {
        *graphs.values(),
        *(one for names in held.values() for one in names),
        runtime["binary"],
    }
    sizes = {name: (folder / name).stat().st_size for name in sorted(files)}
    runtime |= {"graphs": graphs, "weights": held, "bytes": sizes}
    facts = facts_of_page(has_detector="yunet" in graphs) | {"runtime": runtime}
    (folder / "files" / "facts.js").write_text(script_of(facts), encoding="utf-8")


def _licences(*, has_detector: bool) -> str:
    """Under which terms what lies in the folder may be used."""
    parts = [
        "Sketch to Face: the page, its scripts, its examples and its models (files, examples, starts, models).\n\n"
        + MIT.format(holders="(c) 2026 The Sketch to Face authors"),
        f"{PACKAGE} {VERSION} (ort): https://github.com/microsoft/onnxruntime; what it is made of stands in its"
        " ThirdPartyNotices.txt there.\n\n" + MIT.format(holders="(c) Microsoft Corporation"),
    ]
    if has_detector:
        entry = weights.entry_of(DETECTOR)
        parts.append(
            f"YuNet (models/yunet.onnx): {entry.what}; {entry.urls[0]}\n\n{MIT.format(holders=YUNET_HOLDERS)}"
        )
    return f"\n\n{'-' * 78}\n\n".join(parts) + "\n"


YUNET_HOLDERS = "(c) 2020 Shiqi Yu <shiqi.yu@gmail.com>"
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
