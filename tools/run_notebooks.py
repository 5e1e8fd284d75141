"""Execute the notebooks from top to bottom and keep the executed copies. `make notebooks` runs it.

The profile comes from S2F_PROFILE, as everywhere. A notebook that fails is kept too, up to the cell
that failed, and the exit status says so. Without arguments the whole series is executed. A copy
that ran to its end says in its metadata, under `last_run`, when, how long, on what and with which
versions, and a hash of the code that ran; the site shows a table of these.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

ROOT = Path(__file__).resolve().parents[1]
WIDGET = "application/vnd.jupyter.widget-view+json"


def series(root: Path = ROOT) -> list[Path]:
    """The numbered notebooks, in order, and then the solutions of their exercises."""
    folder = root / "notebooks"
    return [
        *sorted(folder.glob("[0-9]*.ipynb")),
        *sorted((folder / "solutions").glob("[0-9]*.ipynb")),
    ]


def execute(source: Path, target: Path, folder: Path, timeout_s: int = 3600) -> tuple[float, str]:
    """Run the notebook `source` in the working directory `folder` and write what came out to
    `target`.

    Returns the seconds it took and the error, empty when there was none. `timeout_s` is for one
    cell.
    """
    notebook = nbformat.read(source, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=timeout_s,
        kernel_name="python3",
        record_timing=False,  # times in the metadata would make every run a change to commit
        resources={"metadata": {"path": str(folder)}},
    )
    start = time.monotonic()
    error = ""
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as failure:
        error = str(failure)
    seconds = time.monotonic() - start
    as_it_is_read(notebook)
    notebook.metadata.pop("last_run", None)
    if not error:
        notebook.metadata["last_run"] = facts_of_run(seconds) | {"code": hash_of_code(notebook)}
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    nbformat.write(notebook, part)
    os.replace(part, target)
    return seconds, error


def hash_of_code(notebook: nbformat.NotebookNode) -> str:
    """12 hexadecimal digits of the SHA-256 of all code cells' sources, whatever release the set-up
    cell installs.
    """
    code = "\0".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    code = re.sub(r'(git\+https://[^"@]*)@[^"]*', r"\1", code)
    return hashlib.sha256(code.encode()).hexdigest()[:12]


def facts_of_run(seconds: float) -> dict[str, str | float]:
    """When a run was, how long it took, its profile, the kind of machine, and versions."""
    from s2f_utils import __version__, runtime

    facts = runtime.machine_facts()
    return {
        "date": datetime.date.today().isoformat(),
        "minutes": round(seconds / 60, 1),
        "profile": runtime.profile_name(),
        "machine": facts["processor"] if facts["gpu"] == "none" else facts["gpu"],
        "python": facts["python"],
        "torch": facts["torch"],
        "numpy": facts["numpy"],
        "sketch-to-face": __version__,
    }


def as_it_is_read(notebook: nbformat.NotebookNode) -> None:
    """Take out what nobody can see in a saved notebook: progress bars, and widgets, of which their
    stills are left.
    """
    for cell in notebook.cells:
        if cell.cell_type == "code":
            outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            is_widget = [output.get("data", {}).pop(WIDGET, None) is not None for output in outputs]
            cell.outputs = [
                output
                for output, was in zip(outputs, is_widget, strict=True)
                if not was or any(kind.startswith("image/") for kind in output.data)
            ]
    notebook.metadata.pop("widgets", None)


def main(arguments: list[str] | None = None) -> int:
    """Command line; 0 when every notebook ran to its end."""
    parser = argparse.ArgumentParser(prog="run_notebooks", description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, help="default: notebooks/[0-9]*.ipynb")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/notebooks"), help="folder of the executed copies"
    )
    options = parser.parse_args(arguments)
    sources = options.notebooks or series()
    if not sources:
        print("run_notebooks: no notebooks found", file=sys.stderr)
        return 1
    failed = 0
    for source in sources:
        target = options.out / source.name
        print(f"{source.name} …", flush=True)
        seconds, error = execute(source, target, source.resolve().parent)
        outcome = "FAILED" if error else "ok"
        megabytes = target.stat().st_size / 1e6
        print(f"{source.name} {outcome}, {seconds:.0f} s, {megabytes:.2f} MB: {target}", flush=True)
        if error:
            print(error, file=sys.stderr)
            failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
