"""The command `s2f faces`: faces by chance, or many answers to one sketch, map or photo, from
StyleGAN2 and pSp.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from s2f_studio.cli.options import (
    Device,
    Engine,
    Out,
    Seed,
    Share,
    between,
    check_out,
    each_picture,
)

if TYPE_CHECKING:
    import numpy as np

    from s2f_utils.infer.styles import StyleModel


def faces(
    model: str,
    inputs: tuple[str, ...] = (),
    /,
    *,
    label_map: Annotated[Path | None, Parameter("--map")] = None,
    out: Out = Path("faces"),
    num: Annotated[int, between(0, 256)] = 8,
    seed: Seed = 0,
    psi: Annotated[float | None, between(0, 2)] = None,
    strength: Share = 1.0,
    layers: Annotated[str, Parameter(metavar="NAME|A-B")] = "open",
    device: Device = "auto",
    engine: Engine = "auto",
) -> int:
    """Faces by chance, or many answers to one drawing (StyleGAN2, pSp).

    Without INPUTS: faces by chance. With INPUTS, sketches, maps or photos as the model reads them:
    the face of each, and NUM others that keep its coarse styles and have the rest by chance.

        s2f faces sketch-to-face-512 --num 16 --psi 0.7
        s2f faces sketch-to-face-512 drawing.png --num 8 --seed 3
        s2f faces map-to-face-512 map.png --layers 10-22
        s2f faces psp-sketch drawing.png

    Args:
        model: run folder or file of stylegan2 or psp, or a name (s2f weights lists them)
        inputs: pictures, square and aligned as in training
        label_map: the map beside the sketch, for a model that reads both
        num: how many faces by chance
        seed: of what is drawn by chance
        psi: truncation: 1 as varied as in training, 0 the mean face (default: 0.7; with INPUTS 1)
        strength: of what is mixed in, from 0 to 1
        layers: which styles come from chance: open (as the encoder learned it), coarse, middle,
            fine, or 5-9
    """
    from s2f_studio import shipped
    from s2f_utils import infer
    from s2f_utils.pictures import images
    from s2f_utils.runtime import counted

    if model in shipped.NAMES:
        raise ValueError(
            f"{model}: 's2f translate' gives its faces for a drawing; this needs a stylegan2 or psp"
            " model, such as sketch-to-face-512"
        )
    paths = infer.find_pictures(inputs) if inputs else []
    check_out(out, inputs, "pictures")
    if label_map and len(paths) != 1:
        raise ValueError("--map belongs to one sketch: name that sketch")
    if num == 0 and not paths:
        raise ValueError("--num 0 and no picture: nothing to do")
    if not paths and (layers, strength) != ("open", 1.0):
        raise ValueError("--layers and --strength belong to pictures: name one")
    net = infer.load_styles(model, device, engine=engine)
    if not paths:
        random = net.draw(num, seed, 0.7 if psi is None else psi)
        _write(out, f"seed-{seed}", net.decode(random))
        print(f"{counted(num, 'face')} in {out}; {images.GENERATED_NOTE}")
        return 0
    chosen = {"seed": seed, "strength": strength, "layers": net.layers(layers)}
    chosen["psi"] = 1.0 if psi is None else psi

    def work(path: Path) -> None:
        picture, faces = _answers(net, path, label_map, num, chosen)
        _write(out, path.stem, faces, images.resize(picture, net.info.size_px, "stretch"))

    return each_picture(paths, work, f"answered in {out}")


def _answers(
    net: StyleModel, path: Path, label_map: Path | None, num: int, chosen: dict[str, Any]
) -> tuple[np.ndarray, list[np.ndarray]]:
    """A picture as it is shown, and the faces for it: of its styles, and of `num` variants."""
    from s2f_utils.pictures import images, masks

    given = masks.load(path) if net.info.reads == "map" else images.load_rgb(path)
    styles = net.encode(given, masks.load(label_map) if label_map else None)
    faces = list(net.decode(styles))
    if num:
        faces += list(net.decode(net.variants(styles, num, **chosen)))
    picture = masks.picture_of(given) if net.info.reads == "map" else given
    return picture, faces


def _write(
    folder: Path, stem: str, faces: Sequence[np.ndarray], given: np.ndarray | None = None
) -> None:
    """Each face as a PNG, and a sheet of all, beginning with what was given; nothing is
    overwritten.
    """
    from s2f_utils.pictures import images, viz
    from s2f_utils.runtime import free_stem

    named = {
        f"face-{n}" if n else "face": face
        for n, face in enumerate(faces, 1 if given is None else 0)
    }
    tiles = faces if given is None else [given, *faces]
    named["faces"] = viz.sheet([tiles[n : n + 8] for n in range(0, len(tiles), 8)])
    stem = free_stem(folder, stem, [f"-{name}.png" for name in named])
    for name, picture in named.items():
        images.save(folder / f"{stem}-{name}.png", picture, generated=True)
