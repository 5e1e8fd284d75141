"""What earlier versions of the command line took, and what to use instead; it goes with the next
release.
"""

from __future__ import annotations

from collections.abc import Sequence

PUBLISHED = (
    "published diffusion models are not part of this library any more: notebooks/08_published_models.ipynb uses one"
    " through diffusers"
)
CODEFORMER = "CodeFormer is not part of this library any more: use restoreformer or gfpgan-1.4"
TORCHRUN = "torchrun starts several processes: torchrun --nproc-per-node 2 -m s2f_utils train …"
MODELS = ("sd-turbo-scribble", "sd15-scribble")
OPTIONS = ("--prompt", "--negative-prompt", "--strength", "--steps", "--lines")
REMOVED: dict[str, dict[str, str]] = {  # command → argument → what to use instead
    "translate": dict.fromkeys((*MODELS, *OPTIONS), PUBLISHED),
    "train": dict.fromkeys(("--gpus", "--nproc", "--nproc-per-node"), TORCHRUN)
    | {
        "scribble-lora": PUBLISHED,
        "--mode": "the report scores the usual mode: s2f evaluate RUN --mode paper scores the other",
        "--dry-run": "s2f train METHOD --list-settings shows the settings",
    },
    "enhance": {
        "codeformer": CODEFORMER,
        "--precision": "restorers compute in float32: leave it out",
    },
    "export": {"--precision": "files are float32: leave it out"},
    "weights": dict.fromkeys((*MODELS, "--agree"), PUBLISHED)
    | {
        "codeformer": CODEFORMER,
        "--publish": "use 's2f push', which leaves the hashes of training pictures out",
    },
    "leaderboard": {"--gallery": "the contact sheet, faces.png, is written beside the table"},
    "plot": {"--smooth": "every curve is drawn both as it is and smoothed"},
    "app": {"--share": "docs/app.md says how others can use the app"},
}


def check(argv: Sequence[str]) -> None:
    """Raise ValueError for an argument that this version does not take any more; it names the new
    way.
    """
    command, *arguments = argv or ("",)
    for argument in arguments:
        name = argument.partition("=")[0]
        if instead := REMOVED.get(command, {}).get(name):
            raise ValueError(f"{command} {name}: {instead}")
