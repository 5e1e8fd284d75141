"""The command `s2f enhance`: faces in photos restored, and pasted back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from s2f_studio.cli import options
from s2f_studio.cli.options import Device, Engine, Out, Seed, Share

if TYPE_CHECKING:
    from s2f_utils.infer.restorers import Restorer


def enhance(
    photos: list[str],
    /,
    *,
    restorer: Annotated[str, Parameter(metavar="NAME|RUN|FILE")] = "auto",
    out: Out = Path("enhanced"),
    strength: Share = 1.0,
    upscale: Literal[1, 2, 3, 4] = 1,
    aligned: bool = False,
    largest: bool = False,
    faces: bool = False,
    seed: Seed = 0,
    device: Device = "auto",
    engine: Engine = "auto",
) -> int:
    """Restore the faces of photos (GFPGAN, and ours).

    Every face is found, turned upright, restored and pasted back; the rest of the photo stays as it
    is. The detail that appears is invented: likely, not true.

        s2f enhance old-photo.jpg
        s2f enhance old-photo.jpg --restorer gfpgan-1.4 --upscale 2
        s2f enhance runs/0001-pix2pix-demo/evaluation-val/outputs/deterministic --aligned --strength
        0.5

    Args:
        photos: pictures or folders of pictures; one that cannot be used is reported and left out
        restorer: auto: gfpgan-1.4 where its file is here, else ours, restorer-256; or gfpgan-1.2,
            gfpgan-1.3, a run of 's2f train restore', or a file
        strength: 0: the photo as it is, 1: as much as can be invented
        upscale: so many times as large
        aligned: each picture is one upright face that fills it, as a model's outputs are
        largest: restore the largest face only
        faces: also write each face before and after
        seed: of the noise that detail is painted with
    """
    from s2f_utils.infer import find_pictures, restorers

    options.check_out(out, photos, "photos")
    paths = find_pictures(photos)
    network = restorers.load(restorer, device, engine=engine)
    asked = {"strength": strength, "upscale": upscale, "aligned": aligned, "seed": seed}

    def work(path: Path) -> None:
        _write(path, out, network, faces, largest_only=largest, **asked)

    done = f"enhanced into {out} by {network.info.name}"
    return options.each_picture(paths, work, done, "photo")


def _write(path: Path, out: Path, network: Restorer, faces: bool, **asked: Any) -> None:
    """Write a photo with its faces restored, and each face before and after if `faces`; nothing is
    overwritten.
    """
    from s2f_utils.infer.enhance import enhance as enhanced
    from s2f_utils.pictures import images
    from s2f_utils.runtime import free_stem

    result = enhanced(images.load_rgb(path), network, **asked)
    sides = {}
    for n, face in enumerate(result.faces if faces else ()):
        sides |= {f"face-{n}-before": face.before, f"face-{n}-after": face.after}
    stem = free_stem(out, path.stem, [f"-{name}.png" for name in ("enhanced", *sides)])
    for name, side in sides.items():
        images.save(out / f"{stem}-{name}.png", side, generated=name.endswith("after"))
    notes = {"restorer": network.info.name}
    images.save(out / f"{stem}-enhanced.png", result.image, generated=True, notes=notes)
