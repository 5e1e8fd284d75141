"""What the browser tests share: a server on a folder, Jupyter in the front end that is installed,
and Chromium.

Classic Notebook 6 where that is installed (Colab's set, tests/colab.txt), else JupyterLab.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("/usr/bin/chromium", "chromium", "chromium-browser", "chrome", "google-chrome")
NO_CHROMIUM = (
    "no Chromium: apt install chromium, or .venv/bin/playwright install --with-deps chromium"
)


def _chromium() -> str | None:
    """The Chromium of this machine, else the one that `playwright install chromium` fetched."""
    fetched = Path(
        os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright"
    )
    own = [str(path) for path in sorted(fetched.glob("chromium-*/chrome-linux*/chrome"))]
    return next(filter(None, [*map(shutil.which, NAMES), *own]), None)


CHROMIUM = _chromium()
IN_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason=NO_CHROMIUM),
]
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SLOWEST_S = 60.0  # a loaded machine may be slow, a page that never answers fails
# How long it takes from the pencil's lift until the new face is decoded, by the page's own clock.
CLOCK = """() => {
  const paper = document.querySelector('.s2f-paper'), face = document.querySelector('.s2f-face');
  window.times = [];
  let lifted = null;
  const lift = () => {
    lifted = performance.now();
    window.times.push(0);
  };
  paper.addEventListener('pointerup', lift, true);
  face.addEventListener('load', () => { // the last one counts: before it, a preview may come
    if (lifted !== null) window.times[window.times.length - 1] = performance.now() - lifted;
  });
}"""


@contextlib.contextmanager
def browser(flags: Sequence[str] = ()) -> Iterator[Any]:
    """Chromium (Playwright's), for scripts that drive it. Raises SystemExit where a part of it is
    missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SystemExit(
            "Playwright is not installed, which moves the mouse: pip install playwright"
        ) from None
    if CHROMIUM is None:
        raise SystemExit(f"the page is opened in a browser, and there is {NO_CHROMIUM}")
    with (
        sync_playwright() as play,
        play.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *flags]) as started,
    ):
        yield started


def until(page: Any, asked: str, arg: Any = None, slowest_s: float = SLOWEST_S) -> None:
    """Return when an expression, or a function of `arg`, is true in a page (Playwright's), whose
    content policy keeps `wait_for_function` out. Raises TimeoutError.
    """
    end = time.monotonic() + slowest_s
    while not page.evaluate(asked, arg):
        if time.monotonic() > end:
            raise TimeoutError(f"not so after {slowest_s:g} s: {asked}")
        time.sleep(0.03)


def front_end() -> str:
    """ "notebook", "lab", or nothing where neither is installed."""
    if importlib.util.find_spec("notebook") and metadata.version("notebook").startswith("6."):
        return "notebook"
    return "lab" if importlib.util.find_spec("jupyterlab") else ""


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def run_all(page: Any, front: str, address: str, path: str) -> None:
    """Open a notebook in a page (Playwright's), wait for its kernel, and choose "Run all" from the
    menu.
    """
    if front == "notebook":
        page.goto(f"{address}/notebooks/{path}")
        page.wait_for_selector(".kernel_idle_icon", state="attached")
        page.click("#celllink")
        page.click("#run_all_cells a")
    else:
        page.goto(f"{address}/lab/tree/{path}?reset")
        page.get_by_text(re.compile(r"Python 3.*\| Idle")).wait_for()
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


@contextlib.contextmanager
def served(
    command: list[str], asked: str, folder: Path, slowest_s: float = SLOWEST_S, **variables: str
) -> Iterator[None]:
    """`python -m` a server, logging to folder/log.txt; waits until the address `asked` answers,
    stops it at the end.
    """
    environment = os.environ | {"PYTHONPATH": str(ROOT), **variables}
    with (folder / "log.txt").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", *command], env=environment, stdout=log, stderr=log, cwd=folder
        )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        begun = time.monotonic()
        while True:
            try:
                opener.open(asked, timeout=2)
                break
            except OSError:
                assert server.poll() is None and time.monotonic() - begun < slowest_s, (
                    folder / "log.txt"
                ).read_text()
                time.sleep(0.3)
        yield
    finally:
        server.terminate()
        server.wait(60)


@contextlib.contextmanager
def jupyter(folder: Path, front: str, **variables: str) -> Iterator[str]:
    """Jupyter on a folder, with environment variables for its kernels; gives the address, and stops
    it at the end.
    """
    address = f"http://127.0.0.1:{(port := free_port())}"
    common = ["--no-browser", "--allow-root", f"--port={port}"]
    if front == "notebook":
        command = [
            "notebook",
            *common,
            "--NotebookApp.token=",
            "--NotebookApp.password=",
            f"--notebook-dir={folder}",
        ]
    else:
        command = ["jupyterlab", *common, "--ServerApp.token=", "--ServerApp.password="]
        command += [f"--ServerApp.root_dir={folder}", "--LabApp.news_url=None"]
    own = {"JUPYTER_CONFIG_DIR": str(folder / "config"), **variables}
    with served(command, f"{address}/api/status", folder, **own):
        yield address
