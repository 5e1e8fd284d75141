"""The command `s2f weights`: the weights that there are, and fetching them."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter


def weights(names: Annotated[tuple[str, ...], Parameter(metavar="NAME")] = (), /) -> None:
    """List or fetch the weights that some metrics and models need.

    Without a name, list the weights and whether they are here. With names, fetch them.

    Args:
        names: of weights, or all that metrics need
    """
    from s2f_studio import shipped
    from s2f_utils import weights as table

    files = shipped.all_files() | {table.DETECTOR: table.DETECTOR_FILE}
    if names:
        of_metrics = [name for name, entry in table.WEIGHTS.items() if entry.use == "metric"]
        asked = of_metrics if names == ("all",) else names
        for name in asked:  # before the first is fetched
            if name not in files:
                table.entry_of(name)
        for name in asked:
            print(f"{name}: {files.get(name) or table.get(name)}")
    else:
        parts = {table.FINDER: table.FINDER_IS, table.PREVIEW: table.PREVIEW_IS}
        ours = shipped.FILES | parts | table.SHIPPED | table.SHIPPED_RESTORERS
        for name, what in ours.items():
            path = files[name]
            where = "not in this version"
            if path.is_file():
                where = f"{path.stat().st_size / 1e6:.1f} MB; {path}"
            print(f"{name}: {what}; {_learned_from(path)}{table.OWN_TERMS}; {where}")
        print(f"{table.DETECTOR}: {table.DETECTOR_IS}; {_place_of_detector()}")
        for name, entry in table.WEIGHTS.items():
            try:
                here = table.find(name) or "not here"
            except table.WeightsError as error:  # the others are listed all the same
                here = error
            print(f"{name}: {entry.what}; {entry.size / 1e6:.1f} MB; {entry.licence}; {here}")


def _place_of_detector() -> str:
    """The terms, size and place of the face detector, or what is wrong with it."""
    from s2f_utils import weights as table

    try:
        path = table.detector()
    except table.WeightsError as error:  # the others are listed all the same
        return str(error)
    return f"{table.DETECTOR_TERMS}; {path.stat().st_size / 1e6:.1f} MB; {path}"


def _learned_from(path: Path) -> str:
    from safetensors import SafetensorError, safe_open

    with contextlib.suppress(SafetensorError, OSError), safe_open(path, "numpy") as file:
        terms = json.loads(file.metadata().get("learned_from", "{}")).get("terms") or ()
        sets = [term.partition(":")[0] for term in terms]
        return f"learned from {', '.join(sets)}; " if sets else ""
    return ""
