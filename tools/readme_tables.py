"""Write the tables of README.md and docs/ from benchmarks/results/*.json, between their markers: `make tables`.

`--check` changes nothing and fails when a file does not say what the results say.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"


def table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table; every column but the first is aligned to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join("| " + " | ".join(row) + " |" for row in (header, rule, *rows))


def speed_table(results: Path = RESULTS) -> str:
    """Times and memory, from train_speed*.json and data_speed.json."""
    parts = []
    for path in sorted(results.glob("train_speed*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        r = found["results"]
        rows = [
            [name, f"{1000 * seconds:.0f} ms", f"{r['speedup_over_plain'][name]:.2f}"]
            for name, seconds in r["seconds_per_image"].items()
        ]
        memory = ", ".join(f"{value / 1024:.1f} GB in {name}" for name, value in r["peak_memory_mib"].items())
        parts.append(
            f"Training, {r['setting']} ({_machine(found)}):\n\n"
            + table(["step", "time an image", "times as fast as plain"], rows)
            + f"\n\nThe whole loop takes {r['loop_over_bare_step']:.2f} times the bare step; peak memory {memory}."
        )
    path = results / "data_speed.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [[name, f"{value:g}"] for name, value in found["results"].items() if name != "unit"]
        parts.append(f"Data ({_machine(found)}):\n\n" + table(["work", found["results"]["unit"]], rows))
    path = results / "faces_found.json"
    if path.exists():
        parts.append(_faces_table(json.loads(path.read_text(encoding="utf-8"))))
    path = results / "commands.json"
    if path.exists():
        found = json.loads(path.read_text(encoding="utf-8"))
        rows = [[f"`{name}`", value] for name, value in found["results"].items()]
        parts.append(f"Commands, after installation ({_machine(found)}):\n\n" + table(["command", "time"], rows))
    return "\n\n".join(parts)


def _faces_table(found: dict[str, Any]) -> str:
    """How often a face is found in drawings, from faces_found.json."""
    photos = found["results"]["portraits"]
    spread = max(value for eye in photos["eyes_spread_percent_of_width"] for value in eye)
    rows = [
        [
            f"{name} ({r['num']})",
            *(
                f"{100 * r[key]:.1f} %"
                for key in ("found_at_0.9", "found_as_drawing", "far_off", "far_off_and_not_doubted", "doubted")
            ),
        ]
        for name, r in found["results"].items()
        if name != "portraits"
    ]
    return (
        f"Faces: found in {100 * photos['found']:.1f} % of {photos['num']} portraits; after alignment the eyes' places"
        f" spread by {spread:.1f} % of the width or less (standard deviation). In drawings of them, and how often a"
        " landmark is far off:\n\n"
        + table(["drawings", "score 0.9", "found as a drawing", "far off", "far off, not warned", "warned"], rows)
    )


def _results(results: Path, name: str) -> dict[str, Any] | None:
    path = results / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8"))["results"] if path.exists() else None


def quality_table(results: Path = RESULTS) -> str:
    """The leaderboard of CUHK's 100 test faces, from leaderboard_cuhk.json."""
    found = _results(results, "leaderboard_cuhk")
    if not found:
        return ""
    digits = {"ssim": 3, "psnr": 1, "l1": 1, "fsim": 3, "sharpness": 2, "patch_auc": 2, "rank1": 2}
    names = ["SSIM ↑", "PSNR ↑", "L1 ↓", "FSIM ↑", "sharpness → 1", "patch AUC → 0.5", "rank-1 ↑"]

    seeds: dict[str, list[dict[str, Any]]] = {}
    for row in found["rows"]:
        seeds.setdefault(row["model"], []).append(row)

    def cell(same: list[dict[str, Any]], name: str) -> str:
        if same[0].get(name) is None:
            return "–"
        value = f"{statistics.fmean(row[name] for row in same):.{digits[name]}f}"
        if len(same) > 1:
            return f"{value} (±{max(row[name] for row in same) / 2 - min(row[name] for row in same) / 2:.3f})"
        low, high = same[0]["intervals"][name]
        return value + (f" ({low:.{digits[name]}f}–{high:.{digits[name]}f})" if name in ("ssim", "psnr", "l1") else "")

    rows = [
        [f"{name}, {len(same)} seeds" if len(same) > 1 else name, same[0]["league"], *(cell(same, n) for n in digits)]
        for name, same in seeds.items()
    ]
    return table(["CUHK 88/100, 256 px", "league", *names], rows) + f"\n\n{found['retrieval_note']}"


def metrics_speed_table(results: Path = RESULTS) -> str:
    """Times of the metrics, from metrics_speed.json."""
    path = results / "metrics_speed.json"
    if not path.exists():
        return ""
    found = json.loads(path.read_text(encoding="utf-8"))
    r = found["results"]
    rows = [[name, f"{value:g} ms"] for name, value in r["milliseconds_a_pair"].items()]
    return (
        f"At {r['size_px']} px ({_machine(found)}):\n\n{table(['metric', 'time a pair'], rows)}\n\n1,000 pairs through"
        f" all of them, with retrieval: {r['seconds_for_1000_pairs']:.0f} s. The patch test on 100 pictures:"
        f" {r['patch_test_seconds_for_100_images']:.0f} s."
    )


GOALS = {"faithful": "≥ .78, ≥ 19.1, ≤ 22.2", "realistic": "≥ .74, AUC ≤ .75, sharpness .85–1.1, ≤ 1.5 dB"}


def _db(octaves: list[float]) -> str:
    return " ".join(f"{value:+.1f}" for value in octaves)


def _mean(found: Any) -> float:
    return found["mean"] if isinstance(found, dict) else found


def best_table(results: Path = RESULTS) -> str:
    """Both models on CUHK's test faces, seed by seed, beside the goals, from best_cuhk.json."""
    rows = (_results(results, "best_cuhk") or {}).get("final")
    if not rows:
        return ""
    shown = [
        [
            f"{r['model']}, seed {r['seed']}",
            *(
                f"{_mean(r[name]):.{digits}f}"
                for name, digits in (("ssim", 4), ("psnr", 2), ("l1", 2), ("sharpness", 2))
            ),
            _db(r["octaves_db"]),
            f"{r['train_seconds'] / 60:.0f} min",
        ]
        for r in rows
    ]
    head = ["CUHK 88/100", "SSIM", "PSNR", "L1", "sharpness", "spectrum by octave, dB (finest first)", "training"]
    goals = "; ".join(f"{name}: {goal}" for name, goal in GOALS.items())
    return table(head, shown) + f"\n\nThe goals were, {goals}."


def curve_table(results: Path = RESULTS) -> str:
    """One realistic model with more and more of its detail, from best_cuhk.json."""
    rows = (_results(results, "best_cuhk") or {}).get("curve")
    if not rows:
        return ""
    names = (("ssim", 4), ("psnr", 2), ("l1", 2), ("sharpness", 2))
    shown = [
        [f"{r['detail']:g}", *(f"{r[name]:.{digits}f}" for name, digits in names), _db(r["octaves_db"]),
         f"{r['patch_auc']:.3f}"]
        for r in rows
    ]  # fmt: skip
    return table(["detail", "SSIM", "PSNR", "L1", "sharpness", "spectrum by octave, dB", "patch AUC"], shown)


def shipped_table(results: Path = RESULTS) -> str:
    """Size, time and training of the models that come with the project, from shipped_models.json."""
    found = _results(results, "shipped_models")
    if not found:
        return ""
    rows = [
        [
            f"`{name}`",
            f"{r['megabytes']:.1f} MB",
            f"{r['milliseconds_an_image']:.0f} ms",
            f"{int(r['training']['training_pairs']):,} pairs, {int(r['training']['images_seen']):,} images,"
            f" {float(r['training']['training_seconds']) / 60:.0f} min",
        ]
        for name, r in found["models"].items()
    ]
    return table(["model", "file (float16)", "time an image", "training"], rows)


def portraits_table(results: Path = RESULTS) -> str:
    """The shipped models on people whom no training saw, from shipped_models.json."""
    found = _results(results, "shipped_models")
    if not found:
        return ""
    digits = {"ssim": 3, "psnr": 1, "l1": 1, "sharpness": 2, "spectrum": 1, "patch_auc": 2}
    rows = [
        [title.partition(", ")[2], r["model"],
         *("–" if r.get(n) is None else f"{r[n]:.{d}f}" for n, d in digits.items())]
        for title, rows in found.items()
        if title.startswith("portraits")
        for r in rows
        if r["kind"] != "control" or r["model"].startswith("filtered")
    ]  # fmt: skip
    head = ["sketches", "model", "SSIM ↑", "PSNR ↑", "L1 ↓", "sharpness → 1", "spectrum, dB ↓", "patch AUC → 0.5"]
    if all(row[-1] == "–" for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    return table(head, rows)


def nearest_table(results: Path = RESULTS) -> str:
    """How like the nearest training photo eight outputs are, from shipped_models.json."""
    found = _results(results, "shipped_models")
    if not found:
        return ""
    alike = found["nearest"]["correlation_with_nearest_training_photo"]
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in alike.items()]
    head = ["correlation with the nearest training photo", *(str(n + 1) for n in range(len(rows[0]) - 1))]
    return table(head, rows) + f"\n\nA copy has {found['nearest']['a_copy_has_at_least']:g} or more."


def finetune_table(results: Path = RESULTS) -> str:
    """Fine-tuning against training from scratch at the same time of training, from finetune.json."""
    found = _results(results, "finetune")
    if not found:
        return ""
    rows = [
        [f"{r['minutes']:g} minutes, {r['start']}", f"{r['total_images']:,}",
         *(f"{r[n]['mean']:.{d}f} ({r[n]['low']:.{d}f}–{r[n]['high']:.{d}f})"
           for n, d in (("ssim", 3), ("psnr", 1), ("l1", 1)))]
        for r in found["rows"]
    ]  # fmt: skip
    return table(["CUHK 88/100, faithful", "images", "SSIM ↑", "PSNR ↑", "L1 ↓"], rows)


def unpaired_table(results: Path = RESULTS) -> str:
    """CycleGAN beside what pairs bring, from cyclegan_cuhk.json."""
    found = _results(results, "cyclegan_cuhk")
    return _boards(found["boards"]) if found else ""


def psp_cuhk_table(results: Path = RESULTS) -> str:
    """pSp beside the trivial answers, from psp_cuhk.json."""
    found = _results(results, "psp_cuhk")
    return _boards(found["boards"]) if found else ""


def _boards(boards: dict[str, list[dict[str, Any]]]) -> str:
    digits = {"ssim": 3, "psnr": 1, "l1": 1, "fsim": 3, "sharpness": 2, "patch_auc": 2}

    def cell(row: dict[str, Any], name: str) -> str:
        if row.get(name) is None:
            return "–"
        low, high = row["intervals"][name]
        interval = f" ({low:.{digits[name]}f}–{high:.{digits[name]}f})" if name in ("ssim", "psnr", "l1") else ""
        return f"{row[name]:.{digits[name]}f}{interval}"

    parts = []
    for way, board in boards.items():
        rows = []
        for row in board:
            if row["kind"] == "control":
                continue
            minutes = row.get("train_seconds", 0) / 60
            half = ", both directions" if row.get("both_directions") else ""
            budget = f"{row['images']:,} images, {minutes:.0f} min{half}" if minutes else "–"
            rows.append([row["model"], *(cell(row, name) for name in digits), budget])
        names = ["SSIM ↑", "PSNR ↑", "L1 ↓", "FSIM ↑", "sharpness → 1", "patch AUC → 0.5", "training"]
        parts.append(table([way.replace("-to-", " → "), *names], rows))
    return "\n\n".join(parts)


def _machine(found: dict[str, Any]) -> str:
    machine = found["machine"]
    where = machine["gpu"] if machine["gpu"] != "none" else machine["processor"]
    return f"{where}, torch {machine['torch'].split('+')[0]}"


def faces_card_table(results: Path = RESULTS) -> str:
    """Size and training of the generator and its encoders, from psp_faces.json."""
    found = _results(results, "psp_faces")
    if not found:
        return ""
    named = {"faces-64": found["generator"], **{n: found[n] for n in ("sketch-to-face-64", "map-to-face-64")}}
    rows = [
        [
            f"`{name}`",
            f"{r['megabytes']:.1f} MB",
            f"{int(r['training']['training_pairs']):,} faces, {int(r['training']['images_seen']):,} images,"
            f" {float(r['training']['training_seconds']) / 60:.0f} min",
        ]
        for name, r in named.items()
    ]
    return table(["model", "file (float16)", "training"], rows)


def faces_kid_table(results: Path = RESULTS) -> str:
    """KID of made faces at several truncations, and how like training faces they are, from psp_faces.json."""
    found = _results(results, "psp_faces")
    if not found:
        return ""
    r = found["generator"]
    parts = [table(["5,000 new drawn faces, against", "KID"], [[name, f"{v:,.1f}"] for name, v in r["kid"].items()])]
    alike = r["correlation_with_nearest_training_face"]
    rows = [[name, *(f"{value:.2f}" for value in values)] for name, values in alike.items()]
    parts.append(table(["correlation with the nearest training face", *(str(n + 1) for n in range(8))], rows))
    parts.append(f"A copy has {r['a_copy_has_at_least']:.3f} or more.")
    return "\n\n".join(parts)


def psp_table(results: Path = RESULTS) -> str:
    """What the encoders keep of a map, and how far colours spread, from psp_faces.json."""
    found = _results(results, "psp_faces")
    if not found:
        return ""
    names = ("map-to-face-64", "sketch-to-face-64")
    own = found["segmenter"]["mean_iou"]
    rows = [["a true photo", f"{own:.3f}", "", "", ""]]
    if r := found.get("fitted"):
        name = f"styles fitted to the photo, {r['steps']} steps, {r['faces']} faces"
        agreement = f"{r['agreement']:.3f} ({r['share_of_the_networks_own']:.0%})"
        rows.append([name, agreement, "", "", f"{r['ssim_with_the_photo']:.3f}"])
    for name in names:
        r = found[name]
        alone = f"{r['agreement']:.3f} ({r['share_of_the_networks_own']:.0%})"
        seeded = f"{r['agreement_over_seeds']:.3f} ({r['share_over_seeds']:.0%})"
        layers = f"{r['open_layers'][0]}–{r['open_layers'][1]}"
        rows.append([f"`{name}`", alone, seeded, layers, f"{r['ssim_with_the_photo']:.3f}"])
    parts = [
        table(["face from", "mean IoU with the map", "over eight seeds", "open layers", "SSIM with the photo"], rows)
    ]
    kinds = list(found[names[0]]["colour_spread"])
    rows = [
        [f"`{name}`, over eight seeds", *(f"{found[name]['colour_spread'][kind]['over_seeds']:.1f}" for kind in kinds)]
        for name in names
    ]
    people = found[names[0]]["colour_spread"]
    rows.append(["over 500 people", *(f"{people[kind]['over_people']:.1f}" for kind in kinds)])
    parts.append(table(["spread of colours, CIELAB", *kinds], rows))
    return "\n\n".join(parts)


def stylegan_speed_table(results: Path = RESULTS) -> str:
    """Our form of StyleGAN2 against the published one, and the time of one image, from stylegan2_speed*.json."""
    parts = []
    for path in sorted(results.glob("stylegan2_speed*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        r = found["results"]
        rows = [
            [name, f"{1000 * s['ours_s']:.0f} ms", f"{1000 * s['published_s']:.0f} ms", f"{s['ratio']:.2f}"]
            for name, s in r["against_published"].items()
        ]
        parts.append(f"On {_machine(found)}:")
        parts.append(table(["", "one convolution", "a group for each image", "ratio"], rows))
        rows = [
            [
                f"{size}, {'small' if s['kind'] == 'small' else 'published'}",
                f"{s['encoder_ms']:.0f} ms",
                f"{s['generator_ms']:.0f} ms",
                f"{s['encoder_millions']:.1f} + {s['generator_millions']:.1f} M",
            ]
            for size, s in r["one_image"].items()
        ]
        parts.append(table(["one face, float32", "encoder", "generator", "weights"], rows))
    return "\n\n".join(parts)


_ENHANCED = {
    "ssim": ("SSIM ↑", 3), "psnr": ("PSNR ↑", 1), "l1": ("L1 ↓", 1), "fsim": ("FSIM ↑", 3),
    "landmarks": ("landmarks ↓", 3), "sharpness": ("sharpness → 1", 2), "patch_auc": ("patch AUC → 0.5", 2),
    "rank1": ("rank 1 ↑", 2), "mrr": ("MRR ↑", 2),
}  # fmt: skip


def restore_table(results: Path = RESULTS) -> str:
    """The restorer against methods without learning, from restore_portraits.json."""
    found = _results(results, "restore_portraits")
    if found is None:
        return ""
    names = ("psnr", "ssim", "l1", "fsim", "sharpness", "patch_auc")
    parts = []
    for strength, of in found["strengths"].items():
        rows = []
        for method, row in of["rows"].items():
            cells = [
                method if method in ("damaged", "bicubic", "restorer") else f"{method} ({of['chosen'][_KEYS[method]]})"
            ]
            for name in names:
                digits, value = _ENHANCED[name][1], row[name]
                wide = f" ({value['low']:.{digits}f}–{value['high']:.{digits}f})" if name in ("psnr", "ssim") else ""
                cells.append(f"{value['mean']:.{digits}f}{wide}")
            rows.append(cells)
        parts.append(table([f"{strength} damage", *(_ENHANCED[name][0] for name in names)], rows))
    return "\n\n".join(parts)


_KEYS = {"unsharp masking": "unsharp", "Wiener's filter": "wiener"}


def helps_table(results: Path = RESULTS) -> str:
    """What models made, as it is and enhanced, from enhance_cuhk.json; an asterisk: sure to be another value."""
    found = _results(results, "enhance_cuhk")
    if found is None:
        return ""
    rows = []
    for row in found["rows"]:
        rows.append([f"{row['model']}, {row['size_px']} px", "–"])
        rows[-1] += [f"{row['raw'][name]['mean']:.{digits}f}" for name, (_, digits) in _ENHANCED.items()]
        for strength, values in row["enhanced"].items():
            cells = [f"enhanced, strength {strength}", str(values["without_face"])]
            for name, (_, digits) in _ENHANCED.items():
                apart = values["difference"][name]
                sure = "" if apart["low"] <= 0 <= apart["high"] else "*"
                cells.append(f"{values[name]['mean']:.{digits}f}{sure}")
            rows.append(cells)
    return table(["", "no face", *(title for title, _ in _ENHANCED.values())], rows)


def enhance_speed_table(results: Path = RESULTS) -> str:
    """Time and memory of enhancing, from enhance_speed*.json."""
    parts = []
    for path in sorted(results.glob("enhance_speed*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        r = found["results"]
        steps = list(next(iter(r["at_512_px"].values())))
        rows = [[name, *(f"{ms[step]:.0f} ms" for step in steps)] for name, ms in r["at_512_px"].items()]
        parts.append(f"On {_machine(found)}:")
        parts.append(table(["a photo of 512 px, one face", *steps], rows))
        rows = [
            [name, str(of["faces"]), f"{of['seconds']:.1f} s", f"{of['mib_at_most'] / 1024:.2f} GB"]
            for name, of in r["twelve_megapixels"].items()
        ]
        parts.append(table(["12 megapixels", "faces", "time", "memory of the process, at most"], rows))
    return "\n\n".join(parts)


def kills_table(results: Path = RESULTS) -> str:
    """Killed trainings beside an undisturbed one, from kill_resume.json."""
    found = _results(results, "kill_resume")
    if not found:
        return ""
    kinds = {"saving": "while it was saved", "any": "at any moment", "opening": "while the run was opened"}
    rows = []
    for kind, words in kinds.items():
        kills = [kill for kill in found["kills"] if kill["kind"] == kind]
        lost = [kill["lost_images"] for kill in kills]
        middle, equal = (sum(bool(kill[name]) for kill in kills) for name in ("half_written", "equal"))
        rows.append([words, str(len(kills)), str(middle), f"{statistics.median(lost):g}, at most {max(lost)}"])
        rows[-1].append(f"{equal} of {len(kills)}")
    header = ["killed", "times", "a file was half written", "images trained anew", "resumed bit for bit"]
    end = found["equal_at_the_end"]
    return (
        table(header, rows)
        + f"\n\n{found['images']:,} images in the end, {found['live_changes']} live changes obeyed,"
        + f" {found['live_changes_lost']} of them lost; saved every {found['settings']['save_every_s']:g} s, at"
        + f" {found['images_of_a_second']:g} images a second. {found['states_compared']} states were compared."
        + f" Equal at the end: {', '.join(name for name, same in end.items() if same)}"
        + (f". Not equal: {', '.join(n for n, same in end.items() if not same)}." if not all(end.values()) else ".")
    )


def saving_table(results: Path = RESULTS) -> str:
    """What a save costs, from saving_cost.json."""
    found = _results(results, "saving_cost") or {}
    rows = [
        [
            name,
            f"{r['resume_mb']:,.0f} + {r['generators_mb']:,.0f} MB",
            f"{r['on_disk_mb']:,.0f} MB",
            f"{r['times_a_plain_write']:.1f}",
            f"{r['steps_a_save_costs']:.1f}",
            f"{100 * r['share_of_training']:.1f} %",
        ]
        for name, r in found.items()
    ]
    header = ["", "resume file + generators", "on disk", "times one plain write", "steps", "share of training"]
    return table(header, rows) if rows else ""


def preflight_table(results: Path = RESULTS) -> str:
    """Estimated memory beside the measured peak, from preflight_memory.json."""
    rows = [
        [
            name,
            f"{r['estimate_mib']:,} MiB",
            f"{r['measured_mib']:,} MiB",
            f"{100 * r['error']:+.0f} %",
            f"{r['seconds']:.1f} s",
        ]
        for name, r in (_results(results, "preflight_memory") or {}).items()
    ]
    return table(["", "estimate", "measured peak", "off by", "the estimate took"], rows) if rows else ""


def load_table(results: Path = RESULTS) -> str:
    """How many the web app answers, from app_load.json."""
    path = results / "app_load.json"
    if not path.exists():
        return ""
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for r in found["runs"]:
        ms, memory = r["ms"], r["memory_mb"]
        rows.append(["here" if r["detector"] else "not here"])
        rows[-1] += [f"up to {r['most_batch']}" if r["most_batch"] > 1 else "each alone", f"{r['per_second']:.1f}"]
        rows[-1] += [f"{ms['p50'] / 1000:.2f} / {ms['p95'] / 1000:.2f} / {ms['p99'] / 1000:.2f} s"]
        rows[-1] += [f"{memory['first_quarter']} / {memory['end']} MB", f"{r['answered']:,} of {r['requests']:,}"]
    header = ["face detector", "pictures in a pass", "answers a second", "waiting: median / 95 % / 99 %"]
    header += ["memory: most in the first quarter / at the end", "answered"]
    return table(header, rows) + f"\n\n{found['runs'][0]['clients']} clients at once ({_machine(found)})."


# file → marker → what stands there
TABLES: dict[str, dict[str, Callable[[Path], str]]] = {
    "README.md": {"bench": speed_table, "quality": quality_table},
    "docs/metrics.md": {"metrics-speed": metrics_speed_table},
    "docs/models.md": {
        "best": best_table,
        "curve": curve_table,
        "shipped": shipped_table,
        "portraits": portraits_table,
        "nearest": nearest_table,
        "finetune": finetune_table,
    },
    "docs/stylegan.md": {
        "faces-card": faces_card_table,
        "faces-kid": faces_kid_table,
        "psp": psp_table,
        "psp-cuhk": psp_cuhk_table,
        "stylegan-speed": stylegan_speed_table,
    },
    "docs/enhance.md": {"restore": restore_table, "helps": helps_table, "enhance-speed": enhance_speed_table},
    "docs/lost-work.md": {
        "kills": kills_table,
        "saving": saving_table,
        "preflight": preflight_table,
    },
    "docs/app.md": {"load": load_table},
    "docs/cyclegan.md": {"unpaired": unpaired_table},
}


def filled(text: str, results: Path = RESULTS, file: str = "README.md") -> str:
    """A file's text with its tables in place. Raises ValueError when a pair of markers is missing."""
    for name, make in TABLES[file].items():
        start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
        if start not in text or end not in text:
            raise ValueError(f"{file} has no markers {start} … {end}")
        head, rest = text.split(start, 1)
        text = f"{head}{start}\n\n{make(results) or 'Not measured yet.'}\n\n{end}{rest.split(end, 1)[1]}"
    return text


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when the files say what the results say."""
    parser = argparse.ArgumentParser(prog="readme_tables", description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="change nothing; exit status 1 when out of date")
    options = parser.parse_args(arguments)
    stale = 0
    for file in TABLES:
        path = ROOT / file
        before = path.read_text(encoding="utf-8")
        after = filled(before, file=file)
        if options.check:
            print(f"{file} is " + ("up to date" if before == after else "out of date: run 'make tables'"))
            stale |= before != after
        else:
            path.write_text(after, encoding="utf-8")
    return int(stale)


if __name__ == "__main__":
    sys.exit(main())
