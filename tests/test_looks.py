"""The labels of generated people, from which the reader of looks learns."""

from __future__ import annotations

import numpy as np

from data_prep.portrait import Portrait
from s2f_studio.faces.looks import LOOKS, UNKNOWN
from tools.shipped.looks.drawings import as_portrait_labels, labels_of
from tools.shipped.looks.labels import looks_of, read_labels

# Values that are no look: hair or a hat that is not to be seen or named, a beard between two values
UNNAMED = {"hat": "other", "beard": "trimmed", "length": "u", "texture": "u"}
COLUMNS = {"length": "hair_length", "texture": "hair_texture"}


def test_every_label_of_a_picture_is_a_look_or_left_open():
    everybody = read_labels()
    assert len({one.key for one in everybody}) == len(everybody)
    nothing = np.zeros(0)
    for one in everybody:
        given = as_portrait_labels(one.labels)
        looks = looks_of(labels_of(Portrait(nothing, nothing, nothing, nothing, given)))
        for name, number in zip(LOOKS, looks, strict=True):
            value = given.get(COLUMNS.get(name, name))
            assert (number == UNKNOWN) == (value == UNNAMED.get(name, "")), (one.key, name)
        assert one.is_child == (looks[list(LOOKS).index("age")] == LOOKS["age"].index("child"))
