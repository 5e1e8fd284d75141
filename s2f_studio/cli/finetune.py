"""The command `s2f finetune`: the average face for a drawing goes on with pairs of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from s2f_studio.cli.options import Device


def finetune(
    *,
    data: Path,
    runs: Path = Path("runs"),
    minutes: Annotated[float, Parameter(validator=Number(gt=0))] = 10.0,
    device: Device = "auto",
) -> None:
    """Go on with the shipped model, on a hundred pairs of your own.

    Fine-tunes the average face for a drawing on a set of pairs with
    points. The same command goes on where it was stopped, and with more minutes where it ended.
    What it leaves is a model: s2f translate RUN drawing.jpg

        python -m data_prep landmarks data/mine data/mine-points
        s2f finetune --data data/mine-points

    Args:
        data: folder, as 'python -m data_prep landmarks' leaves it
        runs: where the run folders are made
        minutes: of training
    """
    from s2f_studio.faces import finetune as training

    made = training.finetune(data, runs, minutes=minutes, device=device)
    print(f"{made}: use it with 's2f translate {made} drawing.jpg'")
