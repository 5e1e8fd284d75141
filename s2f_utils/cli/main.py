"""The command line, `s2f`: train, finetune, translate, faces, enhance, evaluate, leaderboard, plot,
export, push, app, weights, doctor.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from s2f_utils.cli import removed
from s2f_utils.cli.commands import COMMANDS
from s2f_utils.extensions import extend

READER_LEFT = 141  # exit status where stdout is closed, as of a program that ends by SIGPIPE
EPILOG = """examples:
  s2f train pix2pix --data data/my-pairs --profile demo
  s2f train cyclegan --data data/unpaired --profile demo
  s2f train pix2pix --data data/cuhk --set epochs=50 --set batch_size=8
  s2f train pix2pix --data data/my-pairs --resume runs/0003-pix2pix-demo
  s2f translate drawing.jpg
  s2f translate runs/0003-pix2pix-demo drawing.jpg more-drawings/ --out photos
  s2f translate runs/0004-cyclegan-demo portrait.jpg --direction photo-to-sketch
  s2f faces sketch-to-face-64 drawing.png --num 8
  s2f evaluate runs/0003-pix2pix-demo --data data/cuhk
  s2f plot runs/0003-pix2pix-demo
  s2f export sketch-to-photo face-onnx
  s2f push runs/0003-pix2pix-demo user/model
  s2f export page site
  s2f app
  s2f doctor

Data sets are made by 'python -m data_prep'; see its --help."""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, with all its help."""
    top = argparse.ArgumentParser(
        prog="s2f", description="Sketch to Face: from face sketches to photos.", epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    extend("commands")
    for command in COMMANDS.values():
        command.add(parsers).set_defaults(run=command.run)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; every expected failure is one line on stderr and exit status 2."""
    try:
        try:
            removed.check(sys.argv[1:] if argv is None else argv)
            return _run(parser().parse_args(argv))
        finally:
            sys.stdout.flush()  # here, where a reader that has left can still be answered
    except KeyboardInterrupt:
        print("s2f: interrupted; nothing is half written", file=sys.stderr)
        return 130
    except BrokenPipeError:  # such as head, which has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more when it ends
        return READER_LEFT
    except (ValueError, FileNotFoundError, ImportError, OSError, ArithmeticError, RuntimeError, MemoryError) as error:
        text = _explain(error)
        if text is None:
            raise
        rank = os.environ.get("RANK", "0")  # as torchrun numbers its processes
        print(f"s2f: {'' if rank == '0' else f'rank {rank}: '}{text}", file=sys.stderr)
        return 2


def _run(args: argparse.Namespace) -> int:
    """Run the command that was asked for; where torchrun has started several processes, as one of them."""
    if os.environ.get("RANK") is None or os.environ.get("WORLD_SIZE", "1") == "1":
        return args.run(args)
    if args.command != "train":
        raise ValueError(f"{args.command} runs in one process: leave torchrun out")
    from s2f_utils.runtime import distributed

    with distributed.process_group(args.device) as args.device:
        return args.run(args)


def _explain(error: Exception) -> str | None:
    """One line for a failure that a person can do something about; None for a fault of ours."""
    from s2f_utils.runtime import what_to_do, what_to_install
    from s2f_utils.training.errors import MemoryFullError, NotSavedError, TrainingDiverged, is_out_of_memory

    if isinstance(error, NotSavedError):
        return error.strerror
    if isinstance(error, OSError) and error.errno is not None:
        return what_to_do(error)
    if isinstance(error, ImportError):
        return what_to_install(error)
    told = (ValueError, FileNotFoundError, FileExistsError, TrainingDiverged, MemoryFullError, ConnectionError)
    if isinstance(error, told):
        return str(error)
    if is_out_of_memory(error):
        return "out of memory: use a smaller batch (--set batch_size=…) or size"
    return None
