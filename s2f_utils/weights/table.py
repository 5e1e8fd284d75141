"""Weights by name: where they come from, under which terms, and a file that is checked before it is used.

Our own models are files of the package (`SHIPPED`). Any other name is looked for in the folder that S2F_WEIGHTS names,
in the cache, and is then downloaded into the cache (`~/.cache/sketch-to-face`, or below XDG_CACHE_HOME).
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from s2f_utils.weights.download import DownloadError, fetch, sha256_of


class WeightsError(ValueError):
    """Weights that are not there, or not what they should be; the message says what to do."""


@dataclass(frozen=True)
class WeightsFile:
    """A published file: its addresses (the first that answers is taken), size in bytes, SHA-256, and terms.

    Where nobody published a SHA-256 it is empty and the size is rounded.
    use: "metric" (also finding faces), "model" of faces and "restorer", both used by name, "loss" of a training, or
    "background" of an enlarged photo. rounded: only the size is not known to the byte.
    """

    name: str
    file_name: str
    urls: tuple[str, ...]
    size: int
    sha256: str
    licence: str
    what: str
    use: str = "metric"
    rounded: bool = False


def _official_psp(name: str, file_name: str, drive_id: str, sha256: str, what: str, *mirrors: str) -> WeightsFile:
    """A file of pixel2style2pixel's authors, who keep theirs in Google Drive and published no digests; sha256: as a
    mirror says it, which is asked where Drive has another file.
    """
    drive = f"https://drive.usercontent.google.com/download?id={drive_id}&export=download&confirm=t"
    terms = (
        "code MIT (Richardson et al.), but learned from CelebAMask-HQ and FFHQ and with NVIDIA's StyleGAN2 inside:"
        " non-commercial use only"
    )
    return WeightsFile(
        name, file_name, (drive, *mirrors), 1_200_000_000, sha256, terms, what, use="model", rounded=True
    )


def _restorer(name: str, url: str, size: int, sha256: str, licence: str, what: str, *mirrors: str, **other: bool):
    """A published network that restores faces."""
    return WeightsFile(
        name, url.rpartition("/")[2], (url, *mirrors), size, sha256, licence, what, use="restorer", **other
    )


GFPGAN_FILES = "https://github.com/TencentARC/GFPGAN/releases/download/"
GFPGAN_TERMS = (
    "Apache-2.0, (c) Tencent, but learned from FFHQ and with NVIDIA's StyleGAN2 inside: non-commercial use only"
)
PSP_MIRROR = "https://huggingface.co/trysem/pixel2style2pixel/resolve/main/"
WEIGHTS: dict[str, WeightsFile] = {
    entry.name: entry
    for entry in (
        WeightsFile(
            "yunet",
            "face_detection_yunet_2026may.onnx",
            (
                "https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2026may.onnx",
                "https://huggingface.co/opencv/face_detection_yunet/resolve/main/face_detection_yunet_2026may.onnx",
            ),
            229_738,
            "ebafce4e3c118d6554634be5c27ab333b4c047a9a8c3faf1d7cf93101c22f0f0",
            "MIT, (c) Shiqi Yu",
            "face detector with five landmarks (Wu, Peng and Yu 2023), from the OpenCV Zoo",
        ),
        WeightsFile(
            "alexnet",
            "alexnet-owt-7be5be79.pth",
            ("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
            244_408_911,
            "7be5be791159472b1fbf3c69796f7cb30dca7ad8466c2df70058c37116cdee02",
            "BSD-3-Clause (torchvision), trained on ImageNet (non-commercial research)",
            "AlexNet, for LPIPS",
        ),
        WeightsFile(
            "vgg16",
            "vgg16-397923af.pth",
            ("https://download.pytorch.org/models/vgg16-397923af.pth",),
            553_433_881,
            "397923af8e79cdbb6a7127f12361acd7a2f83e06b05044ddf496e83de57a5bf0",
            "BSD-3-Clause (torchvision), trained on ImageNet (non-commercial research)",
            "VGG-16, for LPIPS and DISTS",
        ),
        WeightsFile(
            "vgg19",
            "vgg19-dcbb9e9d.pth",
            ("https://download.pytorch.org/models/vgg19-dcbb9e9d.pth",),
            574_673_361,
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            "BSD-3-Clause (torchvision), trained on ImageNet (non-commercial research)",
            "VGG-19, for GFPGAN's perceptual and style losses",
            use="loss",
        ),
        WeightsFile(
            "dists",
            "DISTS_weights-f5e65c96.pth",
            (
                "https://huggingface.co/chaofengc/IQA-PyTorch-Weights/resolve/main/DISTS_weights-f5e65c96.pth",
                "https://github.com/dingkeyan93/DISTS/raw/master/DISTS_pytorch/weights.pt",
            ),
            12_288,
            "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
            "MIT, (c) Keyan Ding",
            "the weights of texture and structure in DISTS",
        ),
        WeightsFile(
            "inception",
            "pt_inception-2015-12-05-6726825d.pth",
            (
                "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
                "https://github.com/toshas/torch-fidelity/releases/download/v0.2.0/weights-inception-2015-12-05-6726825d.pth",
            ),
            95_628_359,
            "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
            "Apache-2.0 (TensorFlow's, ported by pytorch-fid), trained on ImageNet (non-commercial research)",
            "Inception of 2015-12-05, for FID and KID",
        ),
        WeightsFile(
            "arcface",
            "recognition_arcface_ir_se50.pth",
            ("https://github.com/xinntao/facexlib/releases/download/v0.1.0/recognition_arcface_ir_se50.pth",),
            175_367_323,
            "a035c768259b98ab1ce0e646312f48b9e1e218197a0f80ac6765e88f8b6ddf28",
            "MIT (TreB1eN's InsightFace_Pytorch), trained on MS-Celeb-1M faces that were collected without consent",
            "IR-SE50 ArcFace features of faces, for the identity score",
        ),
        _official_psp(
            "psp-sketch",
            "psp_celebs_sketch_to_face.pt",
            "1lB7wk7MwtdxL-LL4Z_T76DuCfk00aSXA",
            "6a5058223b79a8db514d6b6815e9062dbb19fc752992ac2b967707cb49b64ed9",
            "pSp, from a sketch to a face of 1024 px",
            PSP_MIRROR + "psp_celebs_sketch_to_face.pt",
        ),
        _official_psp(
            "psp-map",
            "psp_celebs_seg_to_face.pt",
            "1VpEKc6E6yG3xhYuZ0cq8D2_1CbT0Dstz",
            "",  # no mirror says it
            "pSp, from a segmentation map to a face of 1024 px",
        ),
        _official_psp(
            "psp-photo",
            "psp_ffhq_encode.pt",
            "1bMTNWkh5LArlaWSc_wa8VKyq2V42T2z0",
            "f786ac5cf18fcdbc5c57c9f3f12cbedca69381fbdf5694dd132294e3133749d7",
            "pSp, from a photo to the styles of a face of 1024 px",
            PSP_MIRROR + "psp_ffhq_encode.pt",
        ),
        _restorer(
            "gfpgan-1.2",
            GFPGAN_FILES + "v1.3.0/GFPGANv1.2.pth",
            348_632_874,
            "29e25ee90c170f4231163f4c83df6b59c968b73f3ce00cb884015ae005db083c",
            GFPGAN_TERMS,
            "GFPGAN 1.2, the sharpest",
            rounded=True,
        ),
        _restorer(
            "gfpgan-1.3",
            GFPGAN_FILES + "v1.3.0/GFPGANv1.3.pth",
            348_632_874,
            "c953a88f2727c85c3d9ae72e2bd4846bbaf59fe6972ad94130e23e7017524a70",
            GFPGAN_TERMS,
            "GFPGAN 1.3, more natural",
        ),
        _restorer(
            "gfpgan-1.4",
            GFPGAN_FILES + "v1.3.0/GFPGANv1.4.pth",
            348_632_874,
            "e2cd4703ab14f4d01fd1383a8a8b266f9a5833dacee8e6a79d3bf21a1b6be5ad",
            GFPGAN_TERMS,
            "GFPGAN 1.4, nearer to the person",
            GFPGAN_FILES + "v1.3.4/GFPGANv1.4.pth",
        ),
        _restorer(
            "restoreformer",
            GFPGAN_FILES + "v1.3.4/RestoreFormer.pth",
            291_000_000,
            "07404d446d62ca3d5ed38b1de09a947a1e77d46dbccec961a74d713a8f24ace0",  # as three mirrors say it
            "Apache-2.0, (c) Wang et al. 2022, but learned from FFHQ: non-commercial use only",
            "RestoreFormer, as GFPGAN's authors offer it",
            rounded=True,
        ),
        _restorer(
            "codeformer",
            "https://github.com/sczhou/CodeFormer/releases/download/v0.1.0/codeformer.pth",
            376_637_898,
            "1009e537e0c2a07d4cabce6355f53cb66767cd4b4297ec7a4a64ca4b8a5684b7",
            "S-Lab License 1.0: non-commercial use only; its code is a further package, spandrel-extra-arches",
            "CodeFormer",
        ),
        WeightsFile(
            "realesrgan",
            "RealESRGAN_x2plus.pth",
            ("https://github.com/xinntao/Real-ESRGAN/releases/download/v0.2.1/RealESRGAN_x2plus.pth",),
            67_061_725,
            "49fafd45f8fd7aa8d31ab2a22d14d91b536c34494a5cfe31eb5d89c2fa266abb",
            "BSD-3-Clause, (c) Xintao Wang",
            "Real-ESRGAN, which enlarges what is around a face by two",
            use="background",
        ),
    )
}


# Our own, trained by tools/train_weights.py; docs/models.md has their cards.
SHIPPED_FOLDER = Path(__file__).with_name("shipped")
GRAPHS = SHIPPED_FOLDER / "graphs"  # of them, as ONNX, without weights: tools/ship_graphs.py writes them
FACES = "faces-64"
FAITHFUL, DETAIL = "sketch-to-photo-faithful", "sketch-to-photo-detail"
EXPECT, RENDER, FINDER = "sketch-to-photo-expected", "sketch-to-photo-rendered", "finder"
DEFAULT = "sketch-to-photo"  # the two of them together
OWN_TERMS = "MIT, comes with the project"
SHIPPED: dict[str, str] = {
    FAITHFUL: "what is to be expected of a drawn face, soft",
    DETAIL: "the detail of photos that is added to it, invented",
    EXPECT: "the face that a drawing of few lines means, soft",
    RENDER: "a believable photo of that face",
    "photo-to-sketch": "a pencil and ink drawing of a photographed face",
    FACES: "StyleGAN2 that paints drawn faces by chance, 64 px",
    "sketch-to-face-64": "pSp for it: from a sketch to a drawn face, and many of them",
    "map-to-face-64": "pSp for it: from a segmentation map to a drawn face, and many of them",
}

FINDERS: dict[str, str] = {FINDER: "the points of a face in a drawing or a photo, and what else is there"}
RESTORER = "restorer-256"
SHIPPED_RESTORERS: dict[str, str] = {RESTORER: "GFPGAN's network, small: faces that are blurred, noisy or too small"}

SHOW_PROGRESS_FROM = 5_000_000  # bytes
RETRY_AFTER_S = 300.0  # a download that failed is not tried again at once, for every picture of a set
_failed: dict[tuple[str, Path], tuple[float, str]] = {}


def cache_folder() -> Path:
    """Where downloaded weights are kept: `sketch-to-face` below XDG_CACHE_HOME, else below ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sketch-to-face"


def shipped(name: str) -> Path | None:
    """The file of one of our own models, None for any other name."""
    return SHIPPED_FOLDER / f"{name}.safetensors" if name in {**SHIPPED, **SHIPPED_RESTORERS, **FINDERS} else None


def model_names() -> list[str]:
    """The models that can be used by name: our own, and published ones that are downloaded when they are used."""
    return [DEFAULT, *SHIPPED, *(name for name, entry in WEIGHTS.items() if entry.use == "model")]


def entry_of(name: str) -> WeightsFile:
    """What is known of the weights of this name. Raises WeightsError for an unknown one."""
    if name not in WEIGHTS:
        raise WeightsError(f"there are no weights named {name!r}: the names are {', '.join(sorted(WEIGHTS))}")
    return WEIGHTS[name]


def places() -> tuple[Path, ...]:
    """The folders where weights are looked for, in order: what a loaded network that is kept depends on."""
    chosen = os.environ.get("S2F_WEIGHTS")
    return (*([Path(chosen)] if chosen else []), cache_folder())


def find(name: str) -> Path | None:
    """The file of these weights on this machine, None if it is not here; nothing is downloaded.

    Raises WeightsError for an unknown name, for S2F_WEIGHTS that names no folder, and for a file under the right name
    that is not the published one.
    """
    entry = entry_of(name)
    chosen = os.environ.get("S2F_WEIGHTS")
    if chosen and not Path(chosen).is_dir():
        raise WeightsError(f"S2F_WEIGHTS={chosen}: no such folder: name the folder with the weights, or unset it")
    for place in places():
        path = place / entry.file_name
        if path.is_file():
            sized = entry.rounded or path.stat().st_size == entry.size
            if entry.sha256 and not (sized and sha256_of(path) == entry.sha256):
                raise WeightsError(f"{path}: not the published file (damaged or another version): delete it")
            return path
    return None


def problem(*names: str) -> str:
    """Why these weights cannot be used, with the way to get them; "" when all are here. Nothing is downloaded."""
    try:
        gone = [entry_of(name) for name in names if find(name) is None]
    except WeightsError as error:
        return str(error)
    if not gone:
        return ""
    size = sum(entry.size for entry in gone) / 1e6
    listed = " ".join(entry.name for entry in gone)
    return f"its weights are not here ({size:,.{0 if size >= 10 else 1}f} MB): s2f weights {listed}"


def get(name: str, *, timeout_s: float = 30.0, attempts: int = 3, offline: bool | None = None) -> Path:
    """The file of these weights, downloaded into the cache if it is not on this machine.

    The terms are printed before a download. Raises WeightsError when no address delivers it, saying where to put the
    file by hand; for five minutes after that it is raised again without another try; and at once where S2F_OFFLINE
    is set, which forbids downloads (`offline` says otherwise, whatever is set).
    """
    if path := find(name):
        return path
    if offline or (offline is None and os.environ.get("S2F_OFFLINE")):
        raise WeightsError(f"{problem(name)} (nothing is downloaded here: S2F_OFFLINE is set)")
    entry = entry_of(name)
    target = cache_folder() / entry.file_name
    failed_at, message = _failed.get((name, target), (-RETRY_AFTER_S, ""))
    if time.monotonic() - failed_at < RETRY_AFTER_S and message:
        raise WeightsError(message)
    about = f"{entry.size / 1e6:,.1f} MB): {entry.what}; licence: {entry.licence}"
    print(f"downloading {entry.file_name} ({about}", file=sys.stderr)
    try:
        return _download(entry, target, timeout_s, attempts)
    except DownloadError as error:
        message = (
            f"{entry.file_name} could not be downloaded ({error}). Get it by hand, put it into a folder, and name that"
            " folder in S2F_WEIGHTS"
        )
        _failed[(name, target)] = (time.monotonic(), message)
        raise WeightsError(message) from None


def _download(entry: WeightsFile, target: Path, timeout_s: float, attempts: int) -> Path:
    """Fetch the file from the first address that delivers it; DownloadError says why none did.

    Raises WeightsError where the file cannot be written.
    """
    from tqdm.auto import tqdm

    known = {"sha256": entry.sha256 or None, "size": entry.size if entry.sha256 and not entry.rounded else None}
    reasons = []
    with tqdm(total=entry.size, unit="B", unit_scale=True, disable=entry.size < SHOW_PROGRESS_FROM) as bar:
        for url in entry.urls:
            try:
                fetch(url, target, **known, timeout_s=timeout_s, attempts=attempts, on_bytes=bar.update)
                if not entry.sha256:
                    _check_unpublished(entry, url, target)
                return target
            except OSError as error:
                raise WeightsError(
                    f"{target}: cannot be written ({error.strerror}): free some space, or name another folder in"
                    " XDG_CACHE_HOME; the download goes on where it stopped"
                ) from None
            except DownloadError as error:
                reasons.append(str(error))
                if not entry.sha256:  # what another server sends may not continue it
                    target.with_name(f"{target.name}.partial").unlink(missing_ok=True)
    raise DownloadError("; ".join(reasons))


def _check_unpublished(entry: WeightsFile, url: str, path: Path) -> None:
    """Of a file without a published SHA-256 only the rough size can be checked."""
    size = path.stat().st_size
    if size < entry.size / 2:
        path.unlink()
        raise DownloadError(f"{url}: {size:,} bytes came instead of about {entry.size:,}")
    print(f"no SHA-256 was published; that of what came is {sha256_of(path)}", file=sys.stderr)
