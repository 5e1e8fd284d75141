"""Modules that notebooks once named and that have moved: what a saved copy of such a notebook is told to open."""

from __future__ import annotations

MOVED = {  # earlier name → where it is now, both below s2f_utils
    "augment": "training.augment",
    "background": "pictures.background",
    "candidates": "inference.candidates",
    "cleanup": "pictures.cleanup",
    "config": "training.config",
    "data.datasets": "data.stores",
    "datasets": "data.stores",
    "degradations": "pictures.degradations",
    "drawing_widgets": "notebook.pad",
    "drawings": "pictures.drawings",
    "enhance": "inference.enhance",
    "enhance_widgets": "notebook.enhance",
    "evaluation": "metrics.evaluation",
    "faces": "pictures.faces",
    "images": "pictures.images",
    "leaderboard": "metrics.leaderboard",
    "losses": "training.losses",
    "masks": "pictures.masks",
    "notebook.drawing_widgets": "notebook.pad",
    "notebook.enhance_widgets": "notebook.enhance",
    "notebook.style_widgets": "notebook.pad",
    "notebook.widgets": "notebook.controls",
    "restorers": "inference.restorers",
    "sketches": "pictures.sketches",
    "style_widgets": "notebook.pad",
    "styles": "inference.styles",
    "synthetic": "pictures.drawn.synthetic",
    "tracking": "training.tracking",
    "training.cyclegan": "training.methods.cyclegan",
    "training.init": "training.config",
    "training.pix2pix": "training.methods.pix2pix",
    "training.pool": "training.methods.cyclegan",
    "training.psp": "training.methods.psp",
    "training.restore": "training.methods.restore",
    "translate": "inference.translate",
    "viz": "pictures.viz",
    "widgets": "notebook.controls",
}


def hint(module: str) -> str | None:
    """One line for `s2f_utils.old.name`; None for a name that never was."""
    package, _, name = module.partition(".")
    if name not in MOVED:
        return None
    return f"{module} has moved: import {package}.{MOVED[name]}, or open this notebook as it is in the project now"
