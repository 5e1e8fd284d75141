"""What the shipped StyleGAN2 and its encoders can do, on drawn faces that no training saw.

`python benchmarks/psp_faces.py --data DATA/faces [--runs runs/psp-faces]`, DATA as in tools/train_weights.py. The
generator: KID against 5,000 newly drawn faces, on the features of `segmenter.py`'s network, at several truncations,
beside what 5,000 training faces reach; how like the nearest training faces eight of its faces are. The encoders, on 500
test faces: whether the map of what they answer agrees with the map that was asked for, by that network (beside what the
generator can reach at all, its styles fitted to the photos), and how far hair, skin and background vary over eight
seeds while the map stays. Sheets to look at are left in RUNS. Results:
results/psp_faces.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import common
import numpy as np
import segmenter
import torch
from skimage.color import rgb2lab
from torch import nn

import data_prep
from s2f_utils import inference
from s2f_utils.data import Manifest, read_manifest
from s2f_utils.metrics.distribution import kernel_distance
from s2f_utils.metrics.pixel import ssim
from s2f_utils.models import checkpoints
from s2f_utils.pictures import duplicates, images, masks, viz
from s2f_utils.training.loading import find_discriminator
from s2f_utils.training.losses import judged_distance

GENERATOR, ENCODERS = "faces-64", ("map-to-face-64", "sketch-to-face-64")
NUM_KID, NUM_TEST, NUM_SEEDS = 5_000, 500, 8
NUM_FITTED, FIT_STEPS = 64, 100  # of styles to photos
FRESH_SEED = 4321  # of faces that nothing was trained on
PARTS = {"hair": ("hair",), "skin": ("skin", "nose"), "background": ("background",), "clothes": ("cloth",)}
LEAST_PIXELS = 12  # of a part, for its colour


def generator(net: nn.Sequential, manifest: Manifest, runs: Path) -> dict[str, Any]:
    """KID at several truncations, nearest training faces, and sheets."""
    model = inference.load_styles(GENERATOR, "cpu")
    size = model.size_px
    fresh_set = data_prep.make_synthetic(runs / "fresh", num=NUM_KID, size_px=size, seed=FRESH_SEED)
    fresh = segmenter.load_photos(read_manifest(fresh_set).pairs, size)
    known = segmenter.load_photos(manifest.split("train"), size)
    true = segmenter.features(net, fresh)
    spread = true.std(0) + 1e-9  # all features count alike

    def from_fresh(photos: np.ndarray) -> float:
        return kernel_distance(segmenter.features(net, photos) / spread, true / spread)

    kid = {"5,000 training faces": from_fresh(known[:NUM_KID])}
    for psi in (1.0, 0.7, 0.5):
        kid[f"made, truncation {psi:g}"] = from_fresh(model.decode(model.draw(NUM_KID, seed=1, psi=psi)))
    blurred = np.stack([images.resize(images.resize(p, size // 4), size) for p in fresh])
    kid["the same faces at a quarter of the size"] = from_fresh(blurred)

    many = model.decode(model.draw(64, seed=2, psi=1.0))
    images.save(runs / "64-faces.png", viz.sheet(list(many.reshape(8, 8, size, size, 3))), generated=True)
    few = model.draw(8, seed=3, psi=1.0)
    rows = [model.decode(model.truncate(few, psi)) for psi in (0.0, 0.25, 0.5, 0.75, 1.0)]
    images.save(runs / "truncation.png", viz.sheet(rows), generated=True)
    small = [duplicates.thumbnail(photo) for photo in known]
    alike, nearest = {}, {}
    others = segmenter.load_photos(manifest.split("test")[:8], size)
    for kind, faces in (("made", rows[-1]), ("test faces", others)):
        found = [[duplicates.correlation(duplicates.thumbnail(face), thumb) for thumb in small] for face in faces]
        alike[kind] = [round(float(max(row)), 3) for row in found]
        nearest[kind] = known[[int(np.argmax(row)) for row in found]]
    sheet = viz.sheet([rows[-1], nearest["made"], others, nearest["test faces"]])
    images.save(runs / "nearest.png", sheet)
    return {
        "kid": {name: round(value, 5) for name, value in kid.items()},
        "correlation_with_nearest_training_face": alike,
        "a_copy_has_at_least": duplicates.SURE_CORRELATION,
        **common.card(GENERATOR),
    }


def colours(photos: np.ndarray, labels: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """The mean colour of a part, CIELAB (N, 3); NaN where there is too little of it."""
    numbers = [masks.CLASSES.index(name) for name in names]
    out = np.full((len(photos), 3), np.nan)
    for n, (photo, label) in enumerate(zip(photos, labels, strict=True)):
        place = np.isin(label, numbers)
        if place.sum() >= LEAST_PIXELS:
            out[n] = rgb2lab(photo[place][None])[0].mean(0)
    return out


def spread_of(found: np.ndarray) -> float:
    """How far colours (K, N, 3) spread over K: the root of the summed variances, its mean over N, in CIELAB units."""
    return float(np.nanmean(np.sqrt(np.var(found, axis=0, ddof=1).sum(-1))))


def fitted(net: nn.Sequential, own: float, truth: dict[str, np.ndarray], pairs: list) -> dict[str, Any]:
    """What the generator itself can reach: each face's styles fitted to its true photo, from the encoder's on."""
    model = inference.load_styles(ENCODERS[0], "cpu")
    judge = checkpoints.load_network(find_discriminator(GENERATOR))[0].requires_grad_(False)
    photos, labels = truth["photos"][:NUM_FITTED], truth["labels"][:NUM_FITTED]
    wanted = [x.detach() for x in judge.features(images.to_tensor(photos))]
    found = np.concatenate([model.encode(masks.load(pair.mask)) for pair in pairs[:NUM_FITTED]])
    w = torch.from_numpy(found).requires_grad_()
    opt = torch.optim.Adam([w], lr=0.05)
    for _ in range(FIT_STEPS):
        fake = model.net.decoder(w, input_is_latent=True, randomize_noise=False)
        loss = judged_distance(judge.features(fake), wanted)
        opt.zero_grad()
        loss.backward()
        opt.step()
    made = model.decode(w.detach().numpy())
    agreement = segmenter.mean_iou(segmenter.read(net, made), labels)[0]
    return {
        "faces": NUM_FITTED,
        "steps": FIT_STEPS,
        "agreement": round(agreement, 4),
        "share_of_the_networks_own": round(agreement / own, 3),
        "ssim_with_the_photo": round(float(np.mean([ssim(a, b) for a, b in zip(made, photos, strict=True)])), 4),
    }


def encoder(name: str, net: nn.Sequential, pairs: list, own: float, truth: dict[str, np.ndarray], runs: Path) -> dict:
    """Agreement with the map, alone and over seeds, and how far the colours spread."""
    model = inference.load_styles(name, "cpu")
    given = [masks.load(pair.mask) if model.reads == "map" else images.load_rgb(pair.sketch) for pair in pairs]
    w = np.concatenate([model.encode(picture) for picture in given])
    answers = {"own": model.decode(w)}
    for seed in range(NUM_SEEDS):
        late = model.draw(len(w), seed=1000 + seed, psi=1.0)
        answers[f"seed {seed}"] = model.decode(model.mix(w, late, model.open_layers))
    labels = truth["labels"]
    agree = {kind: segmenter.mean_iou(segmenter.read(net, made), labels)[0] for kind, made in answers.items()}
    seeded = [kind for kind in answers if kind != "own"]
    varied = {}
    for part, names in PARTS.items():
        over_seeds = np.stack([colours(answers[kind], labels, names) for kind in seeded])
        over_people = colours(truth["photos"], labels, names)
        people = over_people[~np.isnan(over_people[:, 0])]
        varied[part] = {
            "over_seeds": round(spread_of(over_seeds), 1),
            "over_people": round(float(np.sqrt(np.var(people, axis=0, ddof=1).sum())), 1),
        }
    shown = [masks.colour(p) if model.reads == "map" else p for p in given[:12]]
    rows = [np.stack(shown), truth["photos"][:12], *(made[:12] for made in answers.values())]
    images.save(runs / f"{name}.png", viz.sheet(rows), generated=True)
    _, each = segmenter.mean_iou(segmenter.read(net, answers["own"]), labels)
    alike = [ssim(a, b) for a, b in zip(answers["own"], truth["photos"], strict=True)]
    return {
        "agreement": round(agree["own"], 4),
        "share_of_the_networks_own": round(agree["own"] / own, 3),
        "agreement_by_class": {part: round(value, 3) for part, value in each.items()},
        "agreement_over_seeds": round(float(np.mean([agree[kind] for kind in seeded])), 4),
        "share_over_seeds": round(float(np.mean([agree[kind] for kind in seeded])) / own, 3),
        "open_layers": [model.open_layers.start, model.open_layers.stop - 1],
        "colour_spread": varied,
        "ssim_with_the_photo": round(float(np.mean(alike)), 4),
        **common.card(name),
    }


def main() -> None:
    """Measure and write results/psp_faces.json."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/psp-faces"))
    args = parser.parse_args()
    manifest = read_manifest(args.data)
    size = inference.load_styles(GENERATOR, "cpu").size_px
    net = segmenter.trained(manifest, size, args.runs / "segmenter.pt")
    pairs = manifest.split("test")[:NUM_TEST]
    photos, labels = segmenter.load_faces(pairs, size)
    own, by_class = segmenter.mean_iou(segmenter.read(net, photos), labels)
    truth = {"photos": photos, "labels": labels}
    results = {
        "segmenter": {
            "mean_iou": round(own, 4),
            "by_class": {name: round(value, 3) for name, value in by_class.items()},
        },
        "generator": generator(net, manifest, args.runs),
        "fitted": fitted(net, own, truth, pairs),
        **{name: encoder(name, net, pairs, own, truth, args.runs) for name in ENCODERS},
    }
    common.write("psp_faces", results)


def cards(found: dict) -> dict[str, dict]:
    """What is known of the generator and its encoders, by name."""
    r = found["results"]
    return {GENERATOR: r["generator"], **{name: r[name] for name in reversed(ENCODERS)}}


def card_table(found: dict) -> str:
    """Size and training of the generator and its encoders."""
    rows = [
        [
            f"`{name}`",
            f"{of['megabytes']:.1f} MB",
            common.training_of(of, "faces"),
        ]
        for name, of in cards(found).items()
    ]
    return common.markdown(["model", "file (float16)", "training"], rows)


def kid_table(found: dict) -> str:
    """KID of made faces at several truncations, and how like training faces they are."""
    r = found["results"]["generator"]
    kid = [[name, f"{value:,.1f}"] for name, value in r["kid"].items()]
    alike = [
        [kind, *(f"{value:.2f}" for value in values)]
        for kind, values in r["correlation_with_nearest_training_face"].items()
    ]
    return "\n\n".join(
        [
            common.markdown(["5,000 new drawn faces, against", "KID"], kid),
            common.markdown(["correlation with the nearest training face", *(str(n + 1) for n in range(8))], alike),
            f"A copy has {r['a_copy_has_at_least']:.3f} or more.",
        ]
    )


def encoders_table(found: dict) -> str:
    """What the encoders keep of a map, and how far colours spread."""
    r = found["results"]
    rows = [["a true photo", f"{r['segmenter']['mean_iou']:.3f}", "", "", ""]]
    reached = r["fitted"]
    name = f"styles fitted to the photo, {reached['steps']} steps, {reached['faces']} faces"
    agreement = f"{reached['agreement']:.3f} ({reached['share_of_the_networks_own']:.0%})"
    rows.append([name, agreement, "", "", f"{reached['ssim_with_the_photo']:.3f}"])
    for name in ENCODERS:
        of = r[name]
        alone = f"{of['agreement']:.3f} ({of['share_of_the_networks_own']:.0%})"
        seeded = f"{of['agreement_over_seeds']:.3f} ({of['share_over_seeds']:.0%})"
        layers = f"{of['open_layers'][0]}–{of['open_layers'][1]}"
        rows.append([f"`{name}`", alone, seeded, layers, f"{of['ssim_with_the_photo']:.3f}"])
    spread = [
        [f"`{name}`, over eight seeds", *(f"{part['over_seeds']:.1f}" for part in r[name]["colour_spread"].values())]
        for name in ENCODERS
    ]
    people = r[ENCODERS[0]]["colour_spread"]
    spread.append(["over 500 people", *(f"{part['over_people']:.1f}" for part in people.values())])
    head = ["face from", "mean IoU with the map", "over eight seeds", "open layers", "SSIM with the photo"]
    return common.markdown(head, rows) + "\n\n" + common.markdown(["spread of colours, CIELAB", *people], spread)


TABLES = {"faces-card": card_table, "faces-kid": kid_table, "psp": encoders_table}


if __name__ == "__main__":
    main()
