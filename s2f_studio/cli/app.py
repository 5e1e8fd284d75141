"""The command `s2f app`: the web app."""

from __future__ import annotations

import argparse
from typing import Any

from s2f_utils.cli import options

EPILOG = """examples:
  s2f app                        (http://localhost:5000; the shipped models, and those of the folder runs)
  s2f app --host 0.0.0.0         (for other machines of the same network, too: pictures travel to this one)"""


def add(parsers: Any) -> argparse.ArgumentParser:
    server = options.command(
        parsers, "app", help="the web app: draw or upload a face, get a photo", epilog=EPILOG,
        description="Serve the web app until Ctrl+C: drawing, uploads, both directions, label maps, several answers,"
        " enhancement;\nbeside it a REST interface (/docs).",
    )  # fmt: skip
    server.add_argument("--port", type=int, default=5000, help="default: 5000")
    server.add_argument("--host", default="127.0.0.1", help="default: 127.0.0.1, this machine alone")
    server.add_argument("--runs", default="runs", metavar="DIR", help="folder of runs whose models are offered")
    server.add_argument("--check", action="store_true", help="start, let one drawing be answered, and end")
    options.add_device(server)
    options.add_engine(server)
    return server


def run(args: argparse.Namespace) -> int:
    from s2f_studio.server import server

    options.check_range(args, "port", 1, 65535)
    if args.check:
        seconds = server.check(device=args.device, engine=args.engine)
        print(f"the web app starts and answered a drawing in {1000 * seconds:.0f} ms")
        return 0
    server.run(host=args.host, port=args.port, runs=args.runs, device=args.device, engine=args.engine)
    return 0
