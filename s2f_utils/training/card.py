"""The card of a model that is published: what is known of it, from its saved file and its run's scores, as Markdown.

It has the data that the hub reads (YAML, written as JSON, which YAML contains) and no more than is known: no pictures,
no names of pictures, no folders.
"""

from __future__ import annotations

import dataclasses
import importlib.metadata
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from s2f_utils import metrics
from s2f_utils.metrics.baselines import trivial_labels
from s2f_utils.models.card import (
    ADDS_DETAIL,
    DIRECTIONS,
    DRAWS,
    FROM_NOISE,
    RENDERS,
    RESTORES,
    ModelCard,
    made_by,
    read_by,
)
from s2f_utils.pictures import images
from s2f_utils.training import methods

LIBRARY = "sketch-to-face"
NO_LICENCE = "other"  # as the hub says it where a licence is none of its list
FEW_PICTURES = 1000
INVENTED = {DRAWS, RENDERS, RESTORES, ADDS_DETAIL}
WITH_A_JUDGE = ("pix2pix", "cyclegan", "cgan", "realistic", "render", "stylegan2", "psp", "restore")


@dataclass(frozen=True)
class Known:
    """What is known of a model that is to be published.

    repo: "user/model". sizes: of its files, bytes, by name. meta: what its file says it is. about: what its network is.
    num_weights: how many numbers it has learned. told: what it learned from, without hashes (`learned_from.read`).
    profile: its settings', "" where that is not known. scores: what `s2f evaluate` wrote, for each way and split.
    terms: what the owners of the training pictures allow; None where nothing was recorded. licence: the hub's name for
    it. version: of this library.
    """

    repo: str
    sizes: Mapping[str, int]
    meta: Mapping[str, Any]
    about: ModelCard
    num_weights: int
    told: Mapping[str, Any]
    profile: str = ""
    scores: Sequence[Mapping[str, Any]] = field(default_factory=list)
    terms: Sequence[str] | None = None
    licence: str = NO_LICENCE
    version: str = ""

    @property
    def direction(self) -> str:
        own = self.meta.get("direction") or self.about.direction
        return own or (FROM_NOISE if self.about.does == DRAWS else DIRECTIONS[0])

    @property
    def data(self) -> str:
        """The training data's name, "" where it is not known."""
        return self.told.get("data", "")


def write(known: Known) -> str:
    """The card, README.md of a repository on the hub."""
    parts = [
        _front_matter(known),
        f"# {known.repo.partition('/')[2]}",
        _lead(known),
        f"**{images.GENERATED_NOTE}**",
        "## What it is\n\n" + _table(("what", "value"), _facts(known)),
        "## How to use it\n\n" + _use(known),
        "## What it learned from\n\n" + _learned(known),
        "## Scores\n\n" + _scores(known),
        "## Known faults and limits\n\n" + "\n".join(f"- {fault}" for fault in _faults(known)),
        "## Use it with care\n\n" + _care(),
        "## Terms\n\n" + _terms(known),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(known: Known) -> str:
    draws = known.about.does == DRAWS
    facts: dict[str, Any] = {"license": known.licence}
    if known.licence == NO_LICENCE:
        facts |= {"license_name": "none-chosen"}
    facts |= {"library_name": LIBRARY, "pipeline_tag": "unconditional-image-generation" if draws else "image-to-image"}
    method = [known.meta["method"]] if known.meta.get("method") in methods.METHODS else []
    facts |= {"tags": [LIBRARY, "face", *([] if draws else ["sketch"]), *method]}
    if known.terms:
        facts |= {"training_data_terms": list(known.terms)}
    lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in facts.items()]
    return "\n".join(["---", *lines, "---"])


def _lead(known: Known) -> str:
    reads, makes = read_by(known.direction), made_by(known.direction)
    what = f"from a {reads} to a {makes}" if reads else "faces by chance"
    if known.about.does == RESTORES:
        what = "faces of photos restored"
    address = _address()
    library = f"[Sketch to Face]({address})" if address else "Sketch to Face"
    return f"A network: {what}. Trained with {library} {known.version}."


def _address() -> str:
    """The library's public address, as it was installed; "" where it was not."""
    try:
        urls = importlib.metadata.metadata(LIBRARY).get_all("Project-URL") or []
    except importlib.metadata.PackageNotFoundError:
        return ""
    return next((url.partition(", ")[2] for url in urls if url.startswith("Repository")), "")


def _facts(known: Known) -> list[tuple[str, str]]:
    meta, told = known.meta, known.told
    size = meta.get("size_px") or known.about.size_px
    reads = read_by(known.direction) or "nothing: faces come by chance"
    rows = [
        ("reads", reads), ("makes", made_by(known.direction)), ("pictures", f"{size} × {size} pixels" if size else ""),
        ("an oblong picture", {"stretch": "is stretched", "pad": "is padded"}.get(meta.get("fit", ""), "")),
        ("may be asked for", ", ".join(sorted(known.about.knows))),
        ("network", f"{meta['network']}, {known.num_weights:,} weights"),
        ("files", ", ".join(f"{name} ({size / 1e6:.1f} MB)" for name, size in known.sizes.items())),
        ("method", meta.get("method", "")), ("profile", known.profile),
        ("images seen in training", f"{meta['images_seen']:,}" if "images_seen" in meta else ""),
        ("seed", str(told.get("seed", ""))), ("trained by version", told.get("code", "")),
    ]  # fmt: skip
    return [(name, value) for name, value in rows if value]


def _use(known: Known) -> str:
    name = f"hf:{known.repo}"
    if known.about.does == RESTORES:
        return f"```\ns2f enhance photo.jpg --restorer {name}\n```"
    if known.about.does == ADDS_DETAIL:
        return f"It adds detail to another model's answers: `s2f train realistic --set detail_init={name}`."
    if known.about.does == DRAWS:
        return f"```\ns2f faces {name} --num 8\n```"
    picture = "photo.jpg" if read_by(known.direction) == "photo" else "drawing.jpg"
    both = [way for way in DIRECTIONS if f"generator-{way}.safetensors" in known.sizes]
    more = f"\n\nThe other way: `s2f.load({name!r}, direction={both[0]!r})`." if both else ""
    return (
        f'```python\nimport s2f_utils as s2f\n\nmade = s2f.load("{name}")("{picture}")  # RGB, uint8\n```\n\n'
        f"or `s2f translate {name} {picture}`. `{name}@REVISION` is one commit, tag or branch. Needs"
        f" `pip install huggingface_hub`.{more}"
    )


def _learned(known: Known) -> str:
    told = known.told
    if not told:
        return "Its file does not say."
    numbers = ", ".join(f"{side['num']:,} {name}" for name, side in told.get("pictures", {}).items())
    lines = [f"The data set “{known.data}”: {numbers or 'the number of pictures is not recorded'}."]
    if parents := [parent["name"] for parent in told.get("parents", ())]:
        lines.append(f"It began with: {', '.join(parents)}; what that learned from is in it, too.")
    if changed := _changed(known):
        lines.append("Settings that differ from the paper's:\n\n" + _table(("setting", "value"), changed))
    return "\n\n".join(lines)


def _changed(known: Known) -> list[tuple[str, str]]:
    """The settings that differ from the method's own."""
    kind = methods.METHODS.get(known.told.get("method", ""))
    if kind is None:
        return []
    usual = dataclasses.asdict(kind.settings())
    settings = known.told.get("settings", {})
    return [(name, f"`{value!r}`") for name, value in settings.items() if name in usual and value != usual[name]]


def _scores(known: Known) -> str:
    if not known.scores:
        return "Not scored: nothing is known of how good it is. `s2f evaluate` scores it on pairs of yours."
    return "\n\n".join(_score_table(scored) for scored in known.scores)


def _score_table(scored: Mapping[str, Any]) -> str:
    names = [name for name in metrics.METRICS if any(name in row for row in scored["rows"].values())]
    rows = [
        (row.get("label", key), *(_cell(name, row.get(name)) for name in names)) for key, row in scored["rows"].items()
    ]
    alike = len(scored.get("alike_in_training") or ())
    note = f" {alike} of them are much like a training photo." if alike else ""
    seen = scored.get("seen", {}).get("num", 0)
    note += f" The model has seen {seen} of them in its training." if seen else ""
    data = f" of “{scored['data']}”" if scored.get("data") else ""
    way = scored["direction"].replace("-to-", " → ")
    lead = (
        f"{way}, {scored['num_images']} pictures of the split “{scored['split']}”{data} at {scored['size_px']} px;"
        f" means with 95 % intervals; below the model, answers that need none.{note}"
    )
    return lead + "\n\n" + _table(("", *(metrics.METRICS[name].heading for name in names)), rows)


def _cell(name: str, value: Any) -> str:
    digits = metrics.METRICS[name].digits
    if isinstance(value, Mapping):
        return f"{value['mean']:.{digits}f} ({value['low']:.{digits}f}–{value['high']:.{digits}f})"
    return "–" if value is None else f"{value:.{digits}f}"


def _faults(known: Known) -> list[str]:
    reads, makes = read_by(known.direction), made_by(known.direction)
    num = max((side["num"] for side in known.told.get("pictures", {}).values()), default=0)
    found = [fault for scored in known.scores for fault in _beaten(scored)]
    if known.told.get("layout") == "synthetic":
        found.append("Its training faces were drawn by code: it does not know real ones.")
    if reads in ("sketch", "map") and makes == "photo":
        found.append("Colours are not in a sketch: skin, hair and wall get what is likely in its data.")
    if known.about.does in INVENTED or "detail" in known.about.knows or known.meta.get("method") in WITH_A_JUDGE:
        found.append("Detail is invented: likely, not true.")
    if 0 < num < FEW_PICTURES:
        found.append(
            f"{num:,} pictures are soon known by heart: an answer may look like somebody in the training data."
        )
    return [
        *found,
        "It knows faces like those it learned from. Whoever is rare there gets a worse answer, and what is no upright"
        " face, prepared as in training, gets a smeared one.",
        "Fairness was not evaluated: not by skin, age, sex or origin.",
    ]


def _beaten(scored: Mapping[str, Any]) -> list[str]:
    """The trivial answers that the model does not beat."""
    trivial = trivial_labels(scored["direction"])
    own = {key: row for key, row in scored["rows"].items() if key not in trivial}
    found = []
    for key, row in own.items():
        for name, metric in metrics.METRICS.items():
            mine, others = _number(row.get(name)), {k: _number(scored["rows"].get(k, {}).get(name)) for k in trivial}
            sign = {True: 1, False: -1}.get(metric.higher_is_better, 0)
            better = [k for k, value in others.items() if sign * (value - mine) >= 0 and sign]
            if better:
                labels = ", ".join(trivial[k] for k in better)
                found.append(f"By {metric.short}, {key} is no better than answers that need no model ({labels}).")
    return found


def _number(value: Any) -> float:
    value = value["mean"] if isinstance(value, Mapping) else value
    return math.nan if value is None else float(value)


def _care() -> str:
    return (
        "- An answer is a guess, one of many: it is not evidence, and does not show how somebody looks.\n"
        "- Do not use it to identify or to accuse anybody, nor to pass an answer off as a photo of a real person.\n"
        "- Say that pictures are generated where you show them, and ask people before you use their pictures."
    )


def _terms(known: Known) -> str:
    chosen = f"Licence of the weights: {known.licence}."
    if known.licence == NO_LICENCE:
        chosen = "No licence was chosen for the weights: ask their owner before you use them."
    if known.terms is None:
        data = "The terms of the training data were not recorded."
    elif known.terms:
        data = "Terms of the training data, which hold as well:\n\n" + "\n".join(f"- {one}" for one in known.terms)
    else:
        data = "The training data set names no terms."
    return f"{chosen} {data}"


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines)
