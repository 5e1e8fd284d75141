"""How fast the web app answers many at once: throughput, waiting times, memory; where
the face detector is not here, as at a first start without a network.

    python benchmarks/app_load.py                                  (2,000 requests from 16 clients,
    for each case) python benchmarks/app_load.py --requests 100 --clients 4       (a short try)
    python benchmarks/app_load.py --answer expected                (the rows of another answer)
    python benchmarks/app_load.py --engine torch                   (and of another engine)
    python benchmarks/app_load.py --detector here                  (not also without it)

The server is `s2f app` in a process of its own, on this machine, so that its clients share the
cores with it. Results go to benchmarks/results/app_load.json. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import http.client
import json
import multiprocessing
import os
import socket
import time
from pathlib import Path
from typing import Any

import common
import numpy as np
import psutil

from s2f_studio.drawings import prepare as drawings
from s2f_utils import weights
from s2f_utils.pictures import images

SPAWN = multiprocessing.get_context("spawn")  # torch's threads do not outlive a fork
BOUNDARY = "s2f-load"


def form(png: bytes, **fields: str) -> bytes:
    """A form with a file as a request's body."""
    head = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    head += f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head.encode() + png + f"\r\n--{BOUNDARY}--\r\n".encode()


def serve(port: int, threads: int, with_detector: bool, engine: str) -> None:
    """The server's process."""
    if not with_detector:
        os.environ |= {"S2F_WEIGHTS": "", "XDG_CACHE_HOME": os.devnull}
    from s2f_studio.server import server
    from s2f_studio.server.engine import Limits

    server.share_cores(threads)
    limits = Limits(per_minute=0)
    server.server_of(
        server.create(runs=None, device="cpu", engine=engine, limits=limits), "127.0.0.1", port
    ).run()


def client(
    port: int, bodies: list[bytes], num: int, first: int, out: Any, begin: Any = None
) -> None:
    """One client: so many requests, one after the other, over one connection; [(status, seconds)].

    begin: a barrier at which all clients wait for each other, so that their start does not count.
    """
    if begin is not None:
        begin.wait()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=300)
    found = []
    for n in range(num):
        begun = time.perf_counter()
        headers = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
        connection.request("POST", "/api/translate", bodies[(first + n) % len(bodies)], headers)
        answer = connection.getresponse()
        content = answer.read()
        is_png = content[:8] == b"\x89PNG\r\n\x1a\n"
        found.append(
            (answer.status if is_png or answer.status != 200 else 0, time.perf_counter() - begun)
        )
    out.put(found)


def health(port: int) -> dict | None:
    """What the server says of itself, None where it does not answer yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/health")
        return json.loads(connection.getresponse().read())
    except OSError:
        return None


def load(
    num: int, num_clients: int, threads: int, with_detector: bool, answer: str, engine: str
) -> dict:
    """One run: throughput, percentiles, memory of the server at the start, at the most and at the
    end.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = SPAWN.Process(target=serve, args=(port, threads, with_detector, engine), daemon=True)
    process.start()
    while health(port) is None:
        if not process.is_alive():
            raise RuntimeError("the server did not start")
        time.sleep(0.2)
    bodies = [
        form(images.png_of(drawings.example(name)), answer=answer) for name in drawings.EXAMPLES
    ]
    queue = SPAWN.Queue()
    client(port, bodies, 2 * len(bodies), 0, queue)  # what is loaded and allocated once
    queue.get()
    server = psutil.Process(process.pid)
    memory = [server.memory_info().rss]
    shares = [num // num_clients + (n < num % num_clients) for n in range(num_clients)]
    begin = SPAWN.Barrier(num_clients + 1)
    for n, share in enumerate(shares):
        SPAWN.Process(
            target=client, args=(port, bodies, share, 3 * n, queue, begin), daemon=True
        ).start()
    begin.wait()
    begun, before = time.perf_counter(), server.cpu_times()
    found = []
    while len(found) < num:
        memory.append(server.memory_info().rss)
        try:
            found += queue.get(timeout=1.0)
        except Exception:  # nobody is done yet
            continue
    seconds, used = time.perf_counter() - begun, server.cpu_times()
    memory.append(server.memory_info().rss)
    process.terminate()
    process.join(60)
    times = np.array([second for status, second in found if status == 200])
    quarter = memory[: max(2, len(memory) // 4)]
    return {
        "answer": answer,
        "engine": engine,
        "detector": with_detector,
        "most_batch": 1,
        "threads": threads,
        "requests": num,
        "clients": num_clients,
        "answered": int(len(times)),
        "other_statuses": sorted({status for status, _ in found} - {200}),
        "seconds": round(seconds, 1),
        "per_second": round(len(times) / seconds, 2),
        "ms": {
            f"p{p}": round(1000 * float(np.percentile(times, p))) for p in (50, 90, 95, 99, 100)
        },
        "cpu_seconds_per_request": round(
            (used.user + used.system - before.user - before.system) / num, 4
        ),
        "memory_mb": {
            "start": round(memory[0] / 1e6),
            "first_quarter": round(max(quarter) / 1e6),
            "most": round(max(memory) / 1e6),
            "end": round(memory[-1] / 1e6),
        },
    }


def main() -> None:
    """Measure, and write the results."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--answer", default="auto", help="which answer is asked for")
    parser.add_argument(
        "--engine", default="onnx", choices=["onnx", "torch"], help="what runs the networks"
    )
    parser.add_argument(
        "--detector", nargs="+", default=["here", "missing"], choices=["here", "missing"]
    )
    parser.add_argument(
        "--threads", type=int, default=0, help="of a network, in the server; 0: half the cores"
    )
    parser.add_argument("--out", type=Path, default=common.RESULTS / "app_load.json")
    args = parser.parse_args()
    runs = []
    detectors = [
        case == "here" for case in args.detector if case == "missing" or weights.find("yunet")
    ]
    kept = json.loads(args.out.read_text(encoding="utf-8"))["runs"] if args.out.is_file() else []
    measured = {(args.answer, args.engine, with_detector) for with_detector in detectors}
    kept = [run for run in kept if (run["answer"], run["engine"], run["detector"]) not in measured]
    for with_detector in detectors:
        run = load(
            args.requests, args.clients, args.threads, with_detector, args.answer, args.engine
        )
        runs.append(common.new(run))
        print(json.dumps(runs[-1]), flush=True)
    found = {**common.facts(), "load_average": os.getloadavg(), "runs": kept + runs}
    args.out.parent.mkdir(parents=True, exist_ok=True)
    args.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def table(found: dict) -> str:
    """How many requests are answered, how fast, and in how much memory."""
    rows = []
    for r in found["runs"]:
        ms, memory = r["ms"], r["memory_mb"]
        rows.append(
            [
                {"auto": "the usual answer", "expected": "the average face"}[r["answer"]],
                r["engine"],
                "here" if r["detector"] else "not here",
                f"up to {r['most_batch']}" if r["most_batch"] > 1 else "each alone",
                f"{r['per_second']:.1f}",
                f"{ms['p50'] / 1000:.2f} / {ms['p95'] / 1000:.2f} / {ms['p99'] / 1000:.2f} s",
                f"{memory['first_quarter']} / {memory['end']} MB",
                f"{r['answered']:,} of {r['requests']:,}",
            ]
        )
    header = [
        "answer",
        "engine",
        "face detector",
        "pictures in a pass",
        "answers a second",
        "waiting: median / 95 % / 99 %",
    ]
    header += ["memory: most in the first quarter / at the end", "answered"]
    clients = f"{found['runs'][0]['clients']} clients at once ({common.machine_of(found)})."
    days = "All rows were measured within an hour."
    return common.markdown(header, rows) + f"\n\n{clients} {days}"


TABLES = {"load": table}


if __name__ == "__main__":
    main()
