"""The words in which a person is described: looks, of pictures by people who labelled them and of
drawings by the reader, and traits, which are numbers and are read off a person's code.
"""

from __future__ import annotations

# look → its values, in the order of their numbers
LOOKS: dict[str, tuple[str, ...]] = {
    "age": ("child", "young", "middle", "old"),  # under 16, 35, 58, and above
    "presents": ("man", "woman"),
    "glasses": ("no", "yes"),
    "hat": ("none", "brim", "cap", "beanie", "scarf"),
    "beard": ("none", "moustache", "goatee", "full"),
    "length": ("bald", "receding", "short", "medium", "long"),
    "texture": ("straight", "wavy", "curly"),
    "fringe": ("no", "yes"),
    "lips": ("closed", "parted", "teeth"),
}
UNKNOWN = -1
NUM_VALUES = sum(map(len, LOOKS.values()))
_ENDS = [0]
for _values in LOOKS.values():
    _ENDS.append(_ENDS[-1] + len(_values))
# look → where its values are among all V of them
SPANS: dict[str, slice] = {
    name: slice(start, end) for name, start, end in zip(LOOKS, _ENDS, _ENDS[1:], strict=False)
}
# What is known of a person of the generator from the code alone, beside shape and hair.
TRAITS = (
    "age",  # the logarithm of years
    "presents",  # from 0, as a man, to 1, as a woman
    "glasses",
    "beard",
    "hat",
    "hair_length",  # from 0, bald, to 4, long
    "curls",  # from 0 to 2
    "fringe",
    "teeth",
    "gap",  # between the inner lips, in eye distances
    "smile",  # how much higher the corners of the lips are than their middle, in eye distances
    "busy",  # the logarithm of the mean gradient at the picture's rim
    "wall",  # lightness of the rim, CIELAB
    "skin_l",
    "skin_a",
    "skin_b",
    "hair_l",
    "hair_a",
    "hair_b",
)


def place(look: str, value: str) -> int:
    """Where a look's value is among all V of them."""
    return SPANS[look].start + LOOKS[look].index(value)
