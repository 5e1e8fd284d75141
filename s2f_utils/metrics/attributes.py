"""Scores by what a manifest says of its pairs: the artist's style, hair, glasses, or any other column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from s2f_utils import metrics
from s2f_utils.data import DataError, Manifest

MOST_VALUES = 6  # of a column whose values are shown without being asked for
FEW_IMAGES = 30
FEW = f"*: fewer than {FEW_IMAGES} images, whose mean says little"
SHOWN = ("ssim", "sharpness")  # beside each other: blur raises the one and lowers the other

Attributes = Sequence[Mapping[str, str]]  # of each image
Values = Mapping[str, Mapping[str, np.ndarray]]  # {row: {metric: (N,)}}


def check_attribute(manifest: Manifest, split: str, name: str) -> None:
    """DataError where no pair of this split has a value in the manifest's column `name`."""
    known = {key for row in manifest.split(split) for key, text in row.attributes.items() if text}
    if name not in known:
        listed = ", ".join(sorted(known)) or "there are none"
        raise DataError(f"{manifest.path}: no column {name!r} with values: the columns of attributes are: {listed}")


def places(attributes: Attributes, name: str) -> dict[str, np.ndarray]:
    """{value: which images have it, bool (N,)} of an attribute, sorted; "(none)" where an image has none."""
    of_each = np.array([known.get(name) or "(none)" for known in attributes])
    return {str(value): of_each == value for value in np.unique(of_each)}


def worth_showing(attributes: Attributes) -> list[str]:
    """The attributes of few values: two to six, with two images or more each on average."""
    names = dict.fromkeys(name for known in attributes for name in known)
    most = min(MOST_VALUES, len(attributes) // 2)
    return [name for name in names if 2 <= len(places(attributes, name)) <= most]


def means(attributes: Attributes, name: str, values: Values) -> dict[str, dict[str, Any]]:
    """For a file: {value of the attribute: number of images, and of each row the means with 95 % intervals}."""
    found: dict[str, dict[str, Any]] = {}
    for value, here in places(attributes, name).items():
        rows = {
            row: {metric: vars(metrics.bootstrap_mean(each[here])) for metric, each in scores.items()}
            for row, scores in values.items()
        }
        found[value] = {"num_images": int(here.sum()), "few": bool(here.sum() < FEW_IMAGES), "rows": rows}
    return found


def table(
    attributes: Attributes,
    names: Sequence[str],
    values: Values,
    labels: Mapping[str, str],
    shown: Sequence[str] = SHOWN,
) -> tuple[list[str], list[list[str]]]:
    """A table's headings and rows: attribute, value, number of images (* for few), row, means of what is shown."""
    shown = [name for name in shown if all(name in scores for scores in values.values())]
    rows = []
    for name in names if shown else ():
        for value, here in places(attributes, name).items():
            num = f"{here.sum()}{'*' if here.sum() < FEW_IMAGES else ''}"
            for row, scores in values.items():
                cells = [f"{scores[m][here].mean():.{metrics.METRICS[m].digits}f}" for m in shown]
                rows.append([name, value, num, labels[row], *cells])
    return ["", "", "images", "", *(metrics.METRICS[name].heading for name in shown)], rows


def as_text(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as text, words to the left and numbers to the right; "" where it has no rows."""
    import tabulate

    if not rows:
        return ""
    sides = ["left", "left", "right", "left", *["right"] * (len(headings) - 4)]
    text = tabulate.tabulate(rows, headings, tablefmt="plain", colalign=sides, disable_numparse=True)
    return "\n".join([text, *([FEW] if any("*" in row[2] for row in rows) else [])])
