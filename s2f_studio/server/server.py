"""The web app: `s2f app`, and `start_in_notebook` for a cell of a notebook."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

from s2f_studio.page.catalogue import Catalogue
from s2f_studio.server import api
from s2f_studio.server.service import Limits, Service
from s2f_utils import runtime
from s2f_utils.infer import onnx_engine as engines

PORT = 5000
LOOPBACK = ("127.0.0.1", "localhost", "::1")
SHUTDOWN_S = 20
MOST_CONNECTIONS = 512  # more get 503 at once
NEEDED = ("fastapi", "uvicorn", "python_multipart")
NETWORK = (
    "This page is open to other machines: what you draw and upload travels to the one that"
    " runs the app."
)
ON_HUB = (
    "This page runs on a JupyterHub: what you draw and upload travels to the machine that"
    " runs the notebook."
)
IN_COLAB = (
    "This page runs in Colab: what you draw and upload travels to Google's machine that"
    " runs the notebook."
)
MISSING = (
    f"the web app needs further packages: {runtime.pip_install('app')}, or"
    " pip install fastapi uvicorn python-multipart"
)


def check_installed() -> None:
    """Raise ValueError where the packages of the extra "app" are not installed."""
    import importlib.util

    if any(importlib.util.find_spec(name) is None for name in NEEDED):
        raise ValueError(MISSING)


def create(
    *,
    runs: str | Path | None = "runs",
    device: str = "auto",
    engine: str = "auto",
    limits: Limits | None = None,
    notice: str = "",
    offline: bool = True,
    local_only: bool = False,
    behind_proxy: bool = False,
) -> Any:
    """The whole app, ready for a server; `app.state.service` is what works in it.

    runs: the folder of run folders whose models are offered, or None. engine: as in
    `runtime.choose_engine`. notice: a sentence that stays in sight, beside the note that faces are
    guesses. offline: nothing is downloaded from now on in this process (S2F_OFFLINE). local_only:
    answer only who asks for localhost or for an address in numbers. behind_proxy: as in
    `guard.Guard`. Raises ValueError where a package is missing.
    """
    check_installed()
    if offline:
        os.environ.setdefault("S2F_OFFLINE", "1")
    service = Service(Catalogue(runs), limits or Limits(), device, engine)
    return api.create_api(service, notice=notice, local_only=local_only, behind_proxy=behind_proxy)


def server_of(app: Any, host: str, port: int, trusted_proxy: str = "") -> Any:
    """A uvicorn server that finishes what is being done, for up to 20 seconds, before it ends.

    trusted_proxy: the address of the proxy whose X-Forwarded-For names the visitors; "": who asks
    is who is connected, whatever a header says.
    """
    import uvicorn

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=SHUTDOWN_S,
        limit_concurrency=MOST_CONNECTIONS,
        proxy_headers=bool(trusted_proxy),
        forwarded_allow_ips=trusted_proxy or None,
    )
    return uvicorn.Server(config)


def share_cores(network_threads: int = 0) -> int:
    """Give a network half of the process's cores, so that pictures are read, aligned and packed
    beside it.

    network_threads: how many instead of that. Where OMP_NUM_THREADS is set, that is obeyed. Returns
    how many there are.
    """
    import cv2

    cv2.setNumThreads(1)
    wanted = engines.threads_wanted() or max(1, runtime.num_cores() // 2)
    engines.set_threads(network_threads or wanted)
    return network_threads or wanted


def check_free(host: str, port: int) -> None:
    """Raise ValueError where another program listens already, or this address is not the
    machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name == "posix":  # on Windows it would let two programs listen
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ValueError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another with --port"
            ) from None


def run(
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    runs: str | Path | None = "runs",
    device: str = "auto",
    engine: str = "auto",
    trusted_proxy: str = "",
) -> None:
    """Serve until Ctrl+C or a TERM signal. trusted_proxy: as in `server_of`.

    Raises ValueError where the port is taken, or a package is missing.
    """
    check_installed()
    check_free(host, port)
    is_local = host in LOOPBACK
    app = create(
        runs=runs,
        device=device,
        engine=engine,
        notice="" if is_local else NETWORK,
        local_only=is_local and not trusted_proxy,
        behind_proxy=bool(trusted_proxy),
    )
    share_cores()
    server = server_of(app, host, port, trusted_proxy)
    shown = "localhost" if host in (*LOOPBACK, "0.0.0.0", "::") else host
    print(f"Sketch to Face on http://{shown}:{port}  (Ctrl+C ends it)", flush=True)
    if host not in LOOPBACK:
        print(
            "anyone who reaches this machine can use the app: it asks for no password",
            file=sys.stderr,
        )
    server.run()


def check(*, device: str = "auto", engine: str = "auto") -> float:
    """Start the app on a free port, let it answer an example drawing, end it: seconds of the
    answer.

    Raises RuntimeError where no PNG comes, ValueError where a package is missing.
    """
    import urllib.request

    from s2f_studio.drawings import prepare as drawings
    from s2f_utils.pictures import images

    running = start_in_notebook(runs=None, device=device, engine=engine, show=False)
    try:
        name, png = "drawing", images.png_of(drawings.example("beard"))
        head = f'--{name}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
        body = head.encode() + png + f"\r\n--{name}--\r\n".encode()
        headers = {"content-type": f"multipart/form-data; boundary={name}"}
        asked = urllib.request.Request(f"{running.url}/api/translate", body, headers)
        opener, begun = (
            urllib.request.build_opener(urllib.request.ProxyHandler({})),
            time.perf_counter(),
        )
        with opener.open(asked, timeout=120) as answer:
            content = answer.read()
        if not content.startswith(b"\x89PNG"):
            raise RuntimeError("the app answered with something that is no PNG")
        return time.perf_counter() - begun
    finally:
        running.stop()


class Running:
    """An app that runs beside a notebook; made by `start_in_notebook`."""

    def __init__(self, server: Any, port: int) -> None:
        self.port, self._server = port, server
        self._thread = threading.Thread(target=server.run, daemon=True, name="web app")
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the app is, on this machine."""
        return f"http://127.0.0.1:{self.port}"

    def wait(self, timeout_s: float = 60.0) -> None:
        """Return when the app answers. Raises RuntimeError where it does not in time."""
        until = time.monotonic() + timeout_s
        while not self._server.started:
            if time.monotonic() > until or not self._thread.is_alive():
                raise RuntimeError(
                    "the app did not start: see above, or run 's2f app' in a terminal"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """Finish what is being done, and end."""
        self._server.should_exit = True
        self._thread.join(SHUTDOWN_S + 10)


def start_in_notebook(
    *,
    runs: str | Path | None = "runs",
    device: str = "auto",
    engine: str = "auto",
    height_px: int = 900,
    show: bool = True,
) -> Running:
    """Start the app on a free port and show it below this cell, in Colab as in Jupyter; `.stop()`
    ends it.

    The page is in an iframe: in Colab over Colab's own proxy, on a JupyterHub over
    jupyter-server-proxy, so that pictures travel to the notebook's machine, which the page says.
    Raises ValueError where a package is missing.
    """
    check_installed()
    in_colab = "google.colab" in sys.modules
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "")
    proxied = in_colab or bool(hub)  # then it is asked for by the proxy's name
    notice = IN_COLAB if in_colab else ON_HUB if hub else ""
    app = create(
        runs=runs,
        device=device,
        engine=engine,
        notice=notice,
        offline=False,
        local_only=not proxied,
        behind_proxy=proxied,
    )
    running = Running(server_of(app, "127.0.0.1", port), port)
    running.wait()
    if show and in_colab:
        from google.colab import output

        output.serve_kernel_port_as_iframe(port, height=str(height_px))
    elif show:
        from IPython.display import IFrame, display

        display(IFrame(f"{hub}proxy/{port}/" if hub else running.url, "100%", height_px))
    return running
