"""The doctor's findings as one HTML page with pictures, for people; nothing is loaded from
elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

from data_prep import files
from data_prep.check.findings import KINDS, Diagnosis
from data_prep.errors import printable
from s2f_utils.pictures import images, pages

PICTURES_A_KIND = 24
SHOWN_PX = 160

_STYLE = """
.verdict { border-left: 4px solid {{ "#2a7" if may_train else "#c30" }}; padding: .2rem .9rem; margin: 1.5rem 0; }
.stop { color: #c30; } .look { color: #c80; }
.cards { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: .8rem; }
.card { border: 1px solid #8884; border-radius: 6px; padding: .6rem; font-size: .85rem; }
.card { max-width: {{ 2 * px + 30 }}px; }
.card img { max-width: {{ px }}px; max-height: {{ px }}px; vertical-align: top; background: #8882; }
.card p { margin: .3rem 0 0; overflow-wrap: anywhere; }
"""
_BODY = """
<p class="lead">{{ num }} pairs looked at.</p>
<p class="verdict">{{ verdict }}</p>
{% for kind in kinds %}
<h2><span class="{{ "stop" if kind.stops else "look" }}">{{ kind.number }}</span> {{ kind.title }}</h2>
<p>{{ kind.mend|capitalize }}. With <code>--fix</code>: {{ kind.fix }}.</p>
<div class="cards">
{% for card in kind.cards %}<div class="card">{% for uri in card.pictures %}<img src="{{ uri }}" alt="">{% endfor %}
<p><b>{{ card.files }}</b></p><p>{{ card.detail }}</p></div>
{% endfor %}</div>
{% if kind.more %}<p>And {{ kind.more }} more, in the JSON file.</p>{% endif %}
{% endfor %}
{% for text in not_tested %}<p class="lead">Not tested: {{ text }}.</p>{% endfor %}
"""


def write_page(diagnosis: Diagnosis, path: str | os.PathLike) -> Path:
    """Write the page; pictures of at most 24 findings of each kind are in it. Returns its path."""
    kinds = []
    for kind, number in diagnosis.counts().items():
        shown = [finding for finding in diagnosis.findings if finding.kind == kind][
            :PICTURES_A_KIND
        ]
        cards = [
            {
                "pictures": _pictures(diagnosis, one),
                "files": printable(", ".join(one.files)),
                "detail": one.detail,
            }
            for one in shown
        ]
        known = KINDS[kind]
        kinds.append(
            {
                "number": number,
                "title": known.title,
                "mend": known.mend,
                "fix": known.fix,
                "stops": known.stops,
                "cards": cards,
                "more": max(0, number - PICTURES_A_KIND),
            }
        )
    verdict = (
        "Nothing was found."
        if not kinds
        else "Nothing here keeps training from starting; have a look."
        if diagnosis.may_train
        else "Training should not start with this set."
    )
    return pages.write(
        path,
        _BODY,
        style=_STYLE,
        title=f"Data set {printable(diagnosis.source.name)}",
        num=len(diagnosis.subjects),
        verdict=verdict,
        may_train=diagnosis.may_train,
        kinds=kinds,
        not_tested=diagnosis.not_tested,
        px=SHOWN_PX,
    )


def _pictures(diagnosis: Diagnosis, finding) -> list[str]:
    """The finding's pictures as data URIs; of a finding about one picture, its partner's, too."""
    wanted = [diagnosis.root / name for name in finding.files]
    subject = next((s for s in diagnosis.subjects if s.id == finding.id), None)
    if subject and len(wanted) == 1:
        wanted = [Path(p) for p in (subject.sketch, subject.photo) if p]
    shown = []
    for path in wanted[:2]:
        try:
            shown.append(pages.webp_uri(files.load_rgb(path), 2 * SHOWN_PX))
        except (images.ImageError, OSError):
            continue
    return shown
