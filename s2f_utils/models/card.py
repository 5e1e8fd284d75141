"""What a model says of itself, its `ModelCard`: in its class, in its file's header, and as README.md on the hub."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from s2f_utils.pictures.images import GENERATED_NOTE

TRANSLATES, ADDS_DETAIL, DRAWS = "translates", "adds detail", "draws"
RESTORES, JUDGES, MEASURES, RENDERS = "restores", "judges", "measures", "renders"
# The ways that models go, as people say them: what is read, and what is made of it.
DIRECTIONS = ("sketch-to-photo", "photo-to-sketch")
FROM_NOISE = "noise-to-photo"
FROM_DAMAGED = "damaged-to-photo"
COARSE, MIDDLE = 3, 7  # of a face's styles: the first of the middle level, and of the fine one
TO_FACES = ("sketch-to-photo", "map-to-photo", "both-to-photo", "photo-to-photo")  # of pSp
READS = {"both": "sketch and map", "noise": "", "damaged": "photo"}  # where a direction says it in another word
TRAINING = ("method", "settings", "seed", "code", "trained", "data", "terms", "pictures", "parents")  # fields
SAME_PICTURES = "those of the model itself"  # a parent's, where they are those of the model that began with it
NO_LICENCE = "other"  # the hub's word for a licence that is not in its list
FOLDERS = re.compile(r"^.*?[\\/](?=(?:\d{4}-[^\\/]*[\\/])?[^\\/]*[\\/]*$)")  # all but a run's, which has a number
README = """\
---
license: {{ licence }}
{% if licence == "other" %}
license_name: none-chosen
{% endif %}
library_name: sketch-to-face
pipeline_tag: {{ "unconditional-image-generation" if card.does == "draws" else "image-to-image" }}
tags: {{ (["sketch-to-face", "face"] + tags) | tojson }}
{% if card.terms %}
training_data_terms: {{ card.terms | list | tojson }}
{% endif %}
---

# {{ repo.partition("/")[2] }}

A model that {{ card.does }} faces, trained with Sketch to Face {{ card.code }}.

**{{ note }}**

- Do not use it to identify or to accuse anybody, nor to pass an answer off as a photo of a real person.
- It knows faces like those it learned from. Whoever is rare there gets a worse answer. Fairness was not evaluated.

| | |
| --- | --- |
| reads | {{ reads or "nothing" }} |
| makes | {{ makes }} |
| network | {{ card.network }} `{{ card.args | tojson }}`, {{ card.size_px }} × {{ card.size_px }} pixels |
| method | {{ card.method }} |
{% if card.trained %}
| trained | {{ card.trained }} |
{% endif %}
| images seen in training | {{ "{:,}".format(card.images_seen) }} |
{% for name, size in files.items() %}
| {{ name }} | {{ "%.1f" % (size / 1e6) }} MB |
{% endfor %}

## How to use it

```python
import s2f_utils as s2f  # and pip install huggingface_hub

photo = s2f.load("hf:{{ repo }}")("{{ "photo" if reads == "photo" else "drawing" }}.jpg")  # RGB, uint8
```

## What it learned from

The data set “{{ card.data or "not recorded" }}”; \
{% for side, found in card.pictures.items() %}{{ "{:,}".format(found.num) }} {{ side }}, {% endfor %}
{% for parent in card.parents %}after {{ parent.name }}, {% endfor %}
with these settings: `{{ card.settings | tojson }}`

## Scores

{% for scored, names in scores %}
{{ scored.num_images }} pictures of the split “{{ scored.split }}”, {{ scored.direction }}: means and 95 % intervals.
{% if scored.seen and scored.seen.num %}
The model was trained on {{ scored.seen.num }} of them.
{% endif %}

| | {{ names | join(" | ") }} |
| --- |{{ " --- |" * names | length }}
{% for key, row in scored.rows.items() %}
| {{ row.label or key }} |\
{% for name in names %}
{% if row[name] is mapping %} {{ "%.4f (%.4f–%.4f)" % (row[name].mean, row[name].low, row[name].high) }} |\
{% else %} {{ row[name] if name in row else "–" }} |\
{% endif %}
{% endfor %}

{% endfor %}
{% else %}
Not scored.
{% endfor %}

## Terms

Licence of the weights: {{ licence }}. Terms of the training data: {{ card.shown_terms }}.
"""


class UnknownNetworkError(ValueError):
    """A state dict that fits no network of the project, or a network that does not do what was asked; the message says
    what differs.
    """


def read_by(direction: str) -> str:
    """What a model reads that goes this way: "sketch", "photo", "map", "sketch and map", or "" for chance alone."""
    first = direction.partition("-to-")[0]
    return READS.get(first, first)


def made_by(direction: str) -> str:
    """What it makes: "photo" or "sketch"; "" where no direction is known."""
    return direction.partition("-to-")[2]


@dataclass(frozen=True)
class ModelCard:
    """What a model is. Its class and arguments fix the first five fields, before a weight is read; its file has all.

    does: it "translates" a picture, "adds detail" to another network's answer or "renders" it, "draws" faces from
    chance, "restores" aligned faces, or "judges" or "measures" pictures.
    direction: the way that its arguments fix, "" where they do not. either_way: its published files go one way or the
    other, and do not say which. knows: what a question may ask beside the picture: "seed", "detail",
    "styles". size_px: of its pictures, where its arguments fix that; else 0.

    network, args: its key in `models.NETWORKS`, and its arguments. fit: how oblong pictures become square, "stretch" or
    "pad". settings, seed: of the training. code: the library's version. trained: the date when it began, as ISO 8601.
    data: the data set's name. terms: what the owners of the training pictures allow; None where nobody wrote it down.
    pictures: {"sketches" or "photos": {"num", "sha256"}}, how many it learned from and their hashes (`metrics.leaks`).
    parents: the models that it began with or learned from, each with "name", "sha256", and "data", "terms", "pictures"
    and "parents" as their cards say.
    """

    does: str = TRANSLATES
    direction: str = ""
    either_way: bool = False
    knows: frozenset[str] = frozenset()
    size_px: int = 0
    network: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    method: str = ""
    fit: str = ""
    images_seen: int = 0
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    code: str = ""
    trained: str = ""
    data: str = ""
    terms: Sequence[str] | None = None
    pictures: Mapping[str, Any] = field(default_factory=dict)
    parents: Sequence[Mapping[str, Any]] = ()

    def as_json(self, direction: str = "") -> dict[str, Any]:
        """What the network is, for a file's header. direction: the way that it was trained to go."""
        way = direction or self.direction
        return {"does": self.does, "reads": read_by(way), "makes": made_by(way), "knows": sorted(self.knows)}

    def training(self) -> dict[str, Any]:
        """What it was trained on and how, for a file's header and a run's folder; {} where nothing is known."""
        told = {name: getattr(self, name) for name in TRAINING}
        return told if self.data or self.pictures else {}

    def with_header(self, meta: Mapping[str, Any], training: Mapping[str, Any]) -> ModelCard:
        """The card with what a file's header says of the network and its training; unknown keys are ignored."""
        known = {name: training[name] for name in TRAINING if name in training}
        own = ("network", "args", "method", "direction", "size_px", "fit", "images_seen", "trained")
        known |= {name: meta[name] for name in own if meta.get(name)}
        return dataclasses.replace(self, **known)

    def public(self) -> ModelCard:
        """The card as it is passed on: without hashes of pictures, and without folders in settings and names."""
        return dataclasses.replace(
            self,
            settings={k: _without_folders(v) if isinstance(v, str) else v for k, v in self.settings.items()},
            pictures={side: {"num": found["num"]} for side, found in self.pictures.items()},
            parents=[{"name": _without_folders(parent["name"])} for parent in self.parents],
        )

    @property
    def shown_terms(self) -> str:
        """What the owners of the training pictures allow, in words."""
        return "not recorded" if self.terms is None else "; ".join(self.terms) or "the data set names none"

    def readme(self, repo: str, files: Mapping[str, int], scores: Sequence[Mapping[str, Any]], licence: str) -> str:
        """README.md of a repository on the hub, with the YAML that the hub reads.

        repo: "user/model". files: sizes in bytes, by name. scores: what `s2f evaluate` wrote, for each way and split.
        licence: the hub's name for that of the weights.
        """
        from jinja2 import Environment

        template = Environment(trim_blocks=True, keep_trailing_newline=True).from_string(README)
        reads, makes = read_by(self.direction), made_by(self.direction)
        facts = {"note": GENERATED_NOTE, "reads": reads, "makes": makes, "tags": [*filter(None, (reads, self.method))]}
        columns = [[*dict.fromkeys(k for row in one["rows"].values() for k in row if k != "label")] for one in scores]
        return template.render(
            card=self, repo=repo, files=files, scores=[*zip(scores, columns, strict=True)], licence=licence, **facts
        )


def _without_folders(paths: str) -> str:
    """Paths, with commas, without their folders; names of models on the hub stay."""
    return ",".join(path if path.startswith("hf:") else FOLDERS.sub("", path) for path in paths.split(","))
