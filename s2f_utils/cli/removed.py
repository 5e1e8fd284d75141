"""What earlier versions of the command line took, and what to use instead; it goes with the next release."""

from __future__ import annotations

from collections.abc import Sequence

PUBLISHED = (
    "published diffusion models are not part of this library any more: notebooks/08_published_models.ipynb uses one"
    " through diffusers"
)
CODEFORMER = "CodeFormer is not part of this library any more: use restoreformer or gfpgan-1.4"
TORCHRUN = "torchrun starts several processes: torchrun --nproc-per-node 2 -m s2f_utils train …"
REMOVED = {  # (command, argument) → what to use instead
    ("translate", "sd-turbo-scribble"): PUBLISHED,
    ("translate", "sd15-scribble"): PUBLISHED,
    ("translate", "--prompt"): PUBLISHED,
    ("translate", "--negative-prompt"): PUBLISHED,
    ("translate", "--strength"): PUBLISHED,
    ("translate", "--steps"): PUBLISHED,
    ("translate", "--lines"): PUBLISHED,
    ("weights", "sd-turbo-scribble"): PUBLISHED,
    ("weights", "sd15-scribble"): PUBLISHED,
    ("weights", "--agree"): PUBLISHED,
    ("weights", "--publish"): "use 's2f push', which leaves the hashes of training pictures out",
    ("enhance", "codeformer"): CODEFORMER,
    ("weights", "codeformer"): CODEFORMER,
    ("enhance", "--precision"): "restorers compute in float32: leave it out",
    ("export", "--precision"): "files are float32: leave it out",
    ("train", "scribble-lora"): PUBLISHED,
    ("train", "--gpus"): TORCHRUN,
    ("train", "--nproc"): TORCHRUN,
    ("train", "--nproc-per-node"): TORCHRUN,
    ("train", "--mode"): "the report scores the usual mode: s2f evaluate RUN --mode paper scores the other",
    ("train", "--dry-run"): "s2f train METHOD --list-settings shows the settings, and a run begins when all fits",
    ("plot", "--smooth"): "every curve is drawn both as it is and smoothed",
}


def check(argv: Sequence[str]) -> None:
    """Raise ValueError for an argument that this version does not take any more; it names the new way."""
    command, *arguments = argv or ("",)
    for argument in arguments:
        name = argument.partition("=")[0]
        if instead := REMOVED.get((command, name)):
            raise ValueError(f"{command} {name}: {instead}")
