"""The words in which looks are described: of pictures by people who labelled them, of drawings by
the reader.
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


def place(look: str, value: str) -> int:
    """Where a look's value is among all V of them."""
    return SPANS[look].start + LOOKS[look].index(value)
