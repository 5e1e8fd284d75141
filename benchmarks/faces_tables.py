"""The tables of results/faces.json: crude drawings and CUHK in docs/metrics.md, FS2K in
docs/fs2k.md.
"""

from __future__ import annotations

from collections.abc import Sequence

import common
from crude_drawings import DEGREES
from faces_sets import SETS

FS2K = ("fs2k-zero-shot", "fs2k-trained")
FAMILIES = {
    "fs2k-zero-shot": "not trained on FS2K",
    "fs2k-trained": "trained on FS2K, scored on its test pairs",
}

HEADS = {  # of the tables in docs: what is shown of each set, with its digits
    "lay": {
        "frechet_ratio": ("Fréchet, × true halves' ↓", 1),
        "precision": ("precision, of theirs → 1", 2),
        "recall": ("recall → 1", 2),
        "spread_identity": ("identity over codes, × people's → 1", 2),
        "spread_skin_tone": ("skin", 2),
        "spread_hair": ("hair", 2),
        "too_like": ("too like a training photo ↓", 2),
    },
    "fs2k-mouths": {
        "closed_to_open": ("closed mouths that open ↓", 2),
        "open_to_closed": ("open ones that close ↓", 2),
        "mesh_off": ("face mesh off, of the eye distance ↓", 3),
        "mesh_off_of_drawings": ("the drawings' own", 3),
    },
    "crude": {
        "patch_auc": ("patch AUC → .5", 2),
        "detector": ("detector ↑", 2),
        "landmarks_median": ("landmarks ↓", 3),
        "residue": ("residue → 0", 2),
        "sharpness": ("sharpness → 1", 2),
        "kept_glasses": ("glasses kept", 2),
        "kept_beard": ("beard", 2),
        "kept_hair": ("long hair", 2),
        "spread_skin_tone": ("spread of skin", 2),
        "spread_hair": ("of hair", 2),
        "nearest_photo_max": ("likest training photo", 2),
        "copied": ("too like one", 3),
        "fooled": ("strangers: photo ↑", 2),
        "retouched": ("retouched photo", 2),
    },
    "fs2k-zero-shot": {
        "ssim": ("SSIM ↑", 3),
        "psnr": ("PSNR ↑", 1),
        "l1": ("L1 ↓", 1),
        "face_ssim": ("in the face: SSIM ↑", 3),
        "face_psnr": ("PSNR ↑", 1),
        "face_l1": ("L1 ↓", 1),
        "face_light": ("brightness ↓", 1),
        "light_shift": ("shift", 1),
        "skin_tone": ("skin tone ↓", 1),
        "sharpness": ("sharpness → 1", 2),
        "residue": ("residue → 0", 2),
        "patch_auc": ("patch AUC → .5", 2),
        "landmarks": ("landmarks ↓", 3),
    },
}
HEADS["cuhk"] = HEADS["fs2k-trained"] = HEADS["fs2k-zero-shot"]


def faces_table(found: dict) -> str:
    """Crude drawings and CUHK: models, answers that need none, and the true photos themselves."""
    parts = [_of_set(found, name) for name in SETS if name not in FS2K]
    return "\n\n".join(filter(None, parts)) + f"\n\n{common.machine_of(found)}."


def _of_set(found: dict, name: str) -> str:
    rows = _rows(found, [name])
    cells = [
        [
            _label(r, rows),
            r["league"],
            *(_cell(r, c, digits) for c, (_, digits) in HEADS[name].items()),
        ]
        for r in rows
    ]
    head = [
        f"{name} ({rows[0]['num']})" if rows else "",
        "trained on",
        *(title for title, _ in HEADS[name].values()),
    ]
    return common.markdown(head, cells) if rows else ""


def _rows(found: dict, sets: Sequence[str]) -> list[dict]:
    return [r for name in sets for r in found["results"]["rows"] if r["set"] == name]


def _label(row: dict, rows: Sequence[dict]) -> str:
    """The model, its seed where there are several, and how many pictures it was trained on where
    that is known.
    """
    seeds = sum(r["model"] == row["model"] for r in rows)
    parts = [f"{row['run']['images']:,} pictures"] if "run" in row else []
    parts += [f"seed {row['seed']}"] if seeds > 1 else ["one seed"] if parts else []
    return ", ".join([row["model"], *parts])


def _cell(row: dict, column: str, digits: int) -> str:
    return "–" if row.get(column) is None else f"{row[column]:.{digits}f}"


def fs2k_table(found: dict) -> str:
    """FS2K's leaderboard: a table of models that never saw FS2K, and one of those that learned from
    it; both with the answers that need no model.
    """
    parts = []
    for name in FS2K:
        rows = _with_plain(found, name)
        cells = [
            [
                _label(r, rows),
                r["league"],
                *(_with_interval(r, c, digits) for c, (_, digits) in HEADS[name].items()),
            ]
            for r in rows
        ]
        head = [
            f"{FAMILIES[name]} ({rows[0]['num']} pairs)",
            "trained on",
            *(t for t, _ in HEADS[name].values()),
        ]
        parts.append(common.markdown(head, cells))
    return "\n\n".join(parts) + f"\n\n{common.machine_of(found)}."


def _with_plain(found: dict, name: str) -> list[dict]:
    """The models of one of FS2K's tables, the best in the face first, and the answers that need
    none.
    """
    models = sorted(
        (r for r in _rows(found, [name]) if r["kind"] == "model"), key=lambda r: -r["face_ssim"]
    )
    return [*models, *(r for r in _rows(found, FS2K[:1]) if r["kind"] != "model")]


def _with_interval(row: dict, column: str, digits: int) -> str:
    if (
        column not in ("ssim", "face_ssim", "sharpness")
        or row["kind"] == "control"
        or row.get(column) is None
    ):
        return _cell(row, column, digits)
    low, high = row["intervals"][column]
    return f"{row[column]:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"


def fs2k_styles(found: dict) -> str:
    """FS2K by artist: SSIM in the face, and sharpness."""
    rows = [r for r in _rows(found, FS2K) if r["kind"] != "control"]
    styles = list(rows[0]["by_kind"])
    cells = [
        [
            _label(r, rows),
            *(
                f"{r['by_kind'][s]['face_ssim']:.3f}, {r['by_kind'][s]['sharpness']:.2f}"
                for s in styles
            ),
        ]
        for r in rows
    ]
    return common.markdown(["SSIM in the face, sharpness", *styles], cells)


def fs2k_paired(found: dict) -> str:
    """By how much models are above ridge regression on the same pairs."""
    rows = [r for r in _rows(found, FS2K) if r.get("over_ridge")]
    digits = {
        "face_ssim": ("SSIM in the face", 3),
        "ssim": ("SSIM", 3),
        "psnr": ("PSNR", 1),
        "l1": ("L1", 1),
    }
    cells = [
        [_label(r, rows), *(_signed(r["over_ridge"][n], d) for n, (_, d) in digits.items())]
        for r in rows
    ]
    head = ["above ridge regression", *(title for title, _ in digits.values())]
    return common.markdown(head, cells) if rows else "Not measured yet."


def _signed(gap: Sequence[float], digits: int) -> str:
    mean, low, high = (f"{value:+.{digits}f}" for value in gap)
    return f"{mean} ({low} to {high})"


def fs2k_attributes(found: dict) -> str:
    """FS2K by what its annotation says of people, for the rows that were measured so, in two tables
    as the leaderboard: SSIM in the face, sharpness.
    """
    tables = []
    for name in FS2K:
        rows = _of_attributes(found, name)
        cells = []
        for attribute, word, num in _words(rows):
            scores = [r["by_attribute"][attribute][word] for r in rows]
            shown = [
                f"{s['face_ssim'][0]:.3f} ±{(s['face_ssim'][2] - s['face_ssim'][1]) / 2:.3f}, {s['sharpness'][0]:.2f}"
                for s in scores
            ]
            cells.append([f"{attribute}: {word}", str(num), *shown])
        if rows:
            tables.append(
                common.markdown([FAMILIES[name], "pairs", *(r["model"] for r in rows)], cells)
            )
    return "\n\n".join(tables) or "Not measured yet."


def _words(rows: Sequence[dict]) -> list[tuple[str, str, int]]:
    """Attribute, word, and of how many people it is said: the words of most first."""
    said = rows[0]["by_attribute"] if rows else {}
    return [
        (a, w, own["num"])
        for a, words in said.items()
        for w, own in sorted(words.items(), key=lambda pair: -pair[1]["num"])
    ]


def _of_attributes(found: dict, name: str) -> list[dict]:
    left_out = ("the drawing itself", "true photo", "nearest")
    return [r for r in _rows(found, [name]) if "by_attribute" in r and r["model"] not in left_out]


def residue_table(found: dict) -> str:
    """Crude drawings by their degree: what is left of the strokes, and where the landmarks are."""
    rows = [r for r in found["results"]["rows"] if r["set"] == "crude"]
    cells = [
        [
            r["model"],
            *(
                f"{own['residue']:.2f}, {own['landmarks']:.3f}, {own['detector']:.2f}"
                for own in (r["by_kind"][degree] for degree in DEGREES)
            ),
        ]
        for r in rows
    ]
    return common.markdown(["residue, landmarks, detector", *DEGREES], cells)


BY_MARKER = {
    "faces": faces_table,
    "faces-degrees": residue_table,
    "fs2k": fs2k_table,
    "fs2k-styles": fs2k_styles,
    "fs2k-attributes": fs2k_attributes,
    "fs2k-paired": fs2k_paired,
}
