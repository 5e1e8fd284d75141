"""From a drawing to a face: analysis of drawings, face models, the apps that serve them, and the
command `s2f`; built on the library, `s2f_utils`.

import s2f_studio as s2f

answer = s2f.translate("drawing.jpg", s2f.Request(seed=3))
s2f.write_answer(answer, "faces")

A drawing's way is `answers.translate`: `drawings.prepare` cleans its paper (`drawings.paper`),
finds its face (`drawings.face`) and crops it; `s2f_utils.infer.landmarks` finds the landmarks; the
model (`faces.model`) reads what is drawn and guesses who could be meant (`faces.people_stages`),
moves that person towards the drawing and what is asked for (`faces.fitting`), and has the generator
paint it (`s2f_utils.networks.mobile_stylegan`).
`write_answer` writes answers as files, `page.reply` as JSON.
"""

from __future__ import annotations

_HOMES = {  # what a program needs, and where it lives; imported when it is asked for
    "Request": "s2f_studio.request.DrawingRequest",
    "load": "s2f_studio.loading.load",
    "translate": "s2f_studio.answers.translate",
    "write_answer": "s2f_studio.answers.write_answer",
}
__all__ = ["Request", "load", "translate", "write_answer"]


def __getattr__(name: str) -> object:
    import importlib

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, _, attribute = _HOMES[name].rpartition(".")
    return getattr(importlib.import_module(module), attribute)
