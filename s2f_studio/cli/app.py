"""The command `s2f app`: the web app."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from s2f_studio.cli.options import Device, Engine, between


def app(
    *,
    port: Annotated[int, between(1, 65535)] = 5000,
    host: str = "127.0.0.1",
    runs: Path = Path("runs"),
    check: bool = False,
    trusted_proxy: str = "",
    device: Device = "auto",
    engine: Engine = "auto",
) -> None:
    """The web app: draw or upload a face, get a photo.

    Serves until Ctrl+C: drawing, uploads, both directions, label maps, several answers,
    enhancement; beside it a REST interface (/docs).

        s2f app
        s2f app --host 0.0.0.0

    Args:
        port: the app is at http://localhost:5000
        host: 127.0.0.1: for this machine alone; 0.0.0.0: for other machines of the same network,
            too, whose pictures travel to this one
        runs: folder of runs whose models are offered beside the shipped ones
        check: start, let one drawing be answered, and end
        trusted_proxy: address of a proxy in front of the app, whose X-Forwarded-For tells visitors
            apart
    """
    from s2f_studio.server import server

    if check:
        seconds = server.check(device=device, engine=engine)
        print(f"the web app starts and answered a drawing in {1000 * seconds:.0f} ms")
    else:
        server.run(
            host=host,
            port=port,
            runs=runs,
            device=device,
            engine=engine,
            trusted_proxy=trusted_proxy,
        )
