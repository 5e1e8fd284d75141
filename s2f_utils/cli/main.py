"""The command line: s2f train | translate | faces | enhance | evaluate | leaderboard | plot | app | weights."""

from __future__ import annotations

import argparse
import errno
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from s2f_utils.cli import app as cli_app
from s2f_utils.cli import enhance as cli_enhance
from s2f_utils.cli import faces as cli_faces
from s2f_utils.cli import plot as cli_plot
from s2f_utils.models.directions import DIRECTIONS

if TYPE_CHECKING:
    import numpy as np

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
  s2f app

Data sets are made by 'python -m data_prep'; see its --help."""


def parser() -> argparse.ArgumentParser:
    """The parser of the command line, with all its help."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="s2f", description="Sketch to Face: from face sketches to photos.", epilog=EPILOG, formatter_class=raw
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    train = commands.add_parser(
        "train", help="train a network on a data set", description="Train a network; leaves a run folder.",
        formatter_class=raw,
    )  # fmt: skip
    train.add_argument(
        "method", help="pix2pix, cyclegan (without pairs), cgan, faithful, realistic, stylegan2, psp or restore"
    )
    train.add_argument("--data", required=True, metavar="DIR", help="folder with a manifest.csv, or the file itself")
    train.add_argument("--profile", help=_PROFILE_HELP)
    train.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", dest="settings",
        help="change one setting, such as epochs=50, or tracker=wandb for Weights & Biases; repeatable;"
        " --list-settings shows all",
    )  # fmt: skip
    train.add_argument("--list-settings", action=_ListSettings, help="print a method's settings and stop")
    train.add_argument("--runs", default="runs", metavar="DIR", help="where the run folder is made (default: runs)")
    train.add_argument("--name", help="name of the run, after its number; default: METHOD-PROFILE")
    train.add_argument(
        "--resume", default="auto", metavar="auto|never|RUN",
        help="auto (default): go on with the newest unfinished run of the same settings; never: a new run; or a run",
    )  # fmt: skip
    train.add_argument(
        "--init", metavar="MODEL", help="begin with this model (fine-tuning): a shipped name, run or file"
    )
    train.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    train.add_argument("--mode", action="append", choices=["deterministic", "paper"], help=_MODE_HELP)
    train.add_argument("--no-report", action="store_true", help="do not score the model and write report.html")
    train.add_argument("--dry-run", action="store_true", help="print what would be done, with the origin of each value")

    translate = commands.add_parser(
        "translate", help="turn drawings into photos, with the shipped or with your own models", formatter_class=raw,
        description="Without MODEL: clean the drawing, find and align the face, and write three candidates of the"
        " shipped models\nand a sheet of them. With MODEL (a run folder, a file, or photo-to-sketch): translate the"
        " pictures as they are;\nthey keep their aspect ratio. No photos are needed.",
    )  # fmt: skip
    translate.add_argument(
        "inputs", nargs="+", metavar="[MODEL] INPUT",
        help="pictures or folders of pictures; first, perhaps, a run folder, a .safetensors or .pth file, or a name",
    )  # fmt: skip
    translate.add_argument(
        "--out", default="translated", metavar="DIR", help="folder for the PNGs (default: translated)"
    )
    translate.add_argument("--seed", type=int, help="of what is invented (default: 1 for the variation, else 0)")
    translate.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    translate.add_argument(
        "--eyes", type=_numbers(4), metavar="X,Y,X,Y", help="eye on the left, eye on the right, in pixels as shown"
    )
    translate.add_argument("--mouth", type=_numbers(2), metavar="X,Y", help="middle of the mouth; with --eyes")
    alone = translate.add_argument_group("without MODEL; one of these with a run of 'realistic': its candidates")
    alone.add_argument("--clean", choices=["auto", "always", "never"], help="clean the paper up (default: auto)")
    alone.add_argument("--detail", type=float, metavar="X", help="invented detail, from 0 to 1; default 0.5")
    alone.add_argument("--variations", type=int, metavar="N", help="with other colours (default: 1)")
    alone.add_argument("--frame", choices=["square", "paper", "person"], help=_FRAME_HELP)
    given = translate.add_argument_group("with MODEL")
    given.add_argument("--mode", choices=["deterministic", "paper"], help=_MODE_HELP)
    given.add_argument("--fit", choices=["stretch", "pad"], help="how to make a square; default: as in training")
    given.add_argument("--direction", choices=DIRECTIONS, help=_DIRECTION_HELP)
    given.add_argument(
        "--values", choices=["signed", "unit"],
        help="what the network is given: [-1, 1] (default), or [0, 1], as project 2's app does by mistake",
    )  # fmt: skip
    given.add_argument(
        "--align", action="store_true", help="find the face and cut it out first (the result is a square)"
    )

    cli_faces.add_parser(commands)
    cli_enhance.add_parser(commands)

    evaluate = commands.add_parser(
        "evaluate", help="score a trained network on pairs", formatter_class=raw,
        description="SSIM, PSNR, MSE, L1 and L2 norm with 95 % intervals, beside the trivial answers.",
    )  # fmt: skip
    evaluate.add_argument("model", help="run folder, .safetensors or .pth file")
    evaluate.add_argument("--data", required=True, metavar="DIR", help="folder with a manifest.csv")
    evaluate.add_argument("--split", default="test", choices=["train", "val", "test"], help="default: test")
    evaluate.add_argument(
        "--out", metavar="DIR", help="folder for the results; default: a new one beside the model, or in runs"
    )
    evaluate.add_argument("--direction", choices=DIRECTIONS, help=_DIRECTION_HELP)
    evaluate.add_argument("--mode", action="append", choices=["deterministic", "paper"], help=_MODE_HELP)
    evaluate.add_argument("--device", default="auto", help="auto (default), cuda, mps or cpu")
    evaluate.add_argument(
        "--metrics", default="ssim,psnr,mse,l1,l2_norm", metavar="NAMES",
        help="with commas; all, or project1 (with its published errors), too (default: ssim,psnr,mse,l1,l2_norm)",
    )  # fmt: skip

    board = commands.add_parser(
        "leaderboard", help="compare the saved outputs of several models", formatter_class=raw,
        description="Measure saved outputs by every metric, beside the answers that need no model: a table as JSON,"
        " Markdown and one HTML page.",
    )  # fmt: skip
    board.add_argument(
        "outputs", nargs="*", metavar="RUN", help="run folder, or folder of PNGs by id; NAME=PATH names it"
    )
    board.add_argument("--data", required=True, metavar="DIR", help="folder with a manifest.csv")
    board.add_argument("--split", default="test", choices=["val", "test"], help="default: test")
    board.add_argument("--out", default="runs/leaderboard", metavar="DIR", help="default: runs/leaderboard")
    board.add_argument(
        "--open", action="append", default=[], metavar="NAME", dest="open_league",
        help="this model saw other data than the set's training pairs: it plays in the open league; repeatable",
    )  # fmt: skip
    board.add_argument(
        "--metrics", default="all", metavar="NAMES", help="with commas (default: all that can be measured)"
    )
    board.add_argument(
        "--patch-seeds", type=int, default=1, metavar="N", help="times the patch test is repeated; 0: not at all"
    )
    board.add_argument(
        "--gallery", type=int, default=24, metavar="N", help="pictures shown of each model (default: 24)"
    )
    board.add_argument("--direction", default="sketch-to-photo", choices=DIRECTIONS)

    cli_plot.add_parser(commands)
    cli_app.add_parser(commands)

    fetch = commands.add_parser(
        "weights", help="list or fetch the weights that some metrics and models need", formatter_class=raw,
        description="Without a name, list the weights and whether they are here. With names, fetch them.",
    )  # fmt: skip
    fetch.add_argument("names", nargs="*", metavar="NAME", help="name of weights, or all that metrics need")
    return top


_PROFILE_HELP = (
    "full (the paper's settings), demo, fast, or small (a hundred pairs of your own at 256 px: faithful, realistic);"
    " default: S2F_PROFILE, else demo"
)
_FRAME_HELP = "paper: lay the picture back onto the drawing; person: without the wall behind the person"
_DIRECTION_HELP = "of a CycleGAN: which of its two generators, or which way a published file goes"
_MODE_HELP = "deterministic (default), or paper: the test image's own statistics and live dropout"


class _ListSettings(argparse.Action):
    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, nargs=0, **kwargs)

    def __call__(self, top, namespace, values, option_string=None) -> None:
        import dataclasses

        from s2f_utils.training.config import CONFIGS

        for method, kind in CONFIGS.items():
            print(f"{method}:")
            for f in dataclasses.fields(kind):
                print(f"  {f.name} = {f.default!r}")
        top.exit()


def _settings(method: str, settings: Sequence[str]) -> dict:
    from s2f_utils.runtime import ConfigError
    from s2f_utils.training.config import CONFIGS, parse_value

    if method not in CONFIGS:
        raise ConfigError(f"there is no method {method!r}: the methods are {', '.join(CONFIGS)}")
    out = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ConfigError(f"--set needs NAME=VALUE, got {setting!r}")
        out[name.strip()] = parse_value(method, name.strip(), text.strip())
    return out


def run_train(args: argparse.Namespace) -> int:
    """`s2f train`."""
    from s2f_utils import runtime
    from s2f_utils.data.datasets import read_manifest
    from s2f_utils.training import config
    from s2f_utils.training.init import settings_of, settings_of_detail
    from s2f_utils.training.loop import train
    from s2f_utils.training.run import check_beginning, open_run

    profile = runtime.profile_name(asked=args.profile)
    overrides = _settings(args.method, args.settings)
    device = runtime.pick_device(args.device)
    begun_with = settings_of(args.init, args.method) if args.init else {}
    has_gpu = device.type != "cpu"
    resolved = config.resolve(args.method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with)
    if detail_init := getattr(resolved.config, "detail_init", ""):
        begun_with |= settings_of_detail(detail_init)
        resolved = config.resolve(args.method, profile, overrides, has_gpu=has_gpu, begun_with=begun_with)
    manifest = read_manifest(args.data)
    counts = ", ".join(f"{len(manifest.split(s))} {s}" for s in ("train", "val", "test"))
    if args.dry_run:
        if args.resume in ("auto", "never"):
            check_beginning(resolved, args.init)
        print(f"{args.method}, profile {profile}, on {device.type}; pairs: {counts}; nothing is written")
        for name, origin in resolved.origin.items():
            print(f"  {name} = {getattr(resolved.config, name)!r}  ({origin})")
        return 0
    run = open_run(
        resolved,
        manifest,
        args.runs,
        name=args.name or f"{args.method}-{profile}",
        device=device.type if args.device == "auto" else args.device,
        resume=args.resume,
        init=args.init,
    )
    how = f"goes on at image {run.images_seen:,}" if run.images_seen else "begins"
    length = f"{run.total_images:,} images, profile {profile}, {device.type}, {run.precision.name}"
    shown = f"pairs: {counts}"
    if run.model.data == "photos":
        shown = f"{len(run.data)} photos"
    elif run.model.data == "piles":
        shown = f"{len(run.data.sketches)} sketches and {len(run.data.photos)} photos, of different people"
        shown = shown if run.config.apart else shown.partition(",")[0]
    print(f"{run.folder} {how}: {run.method}, {length}; {shown}")
    reason = train(run)
    if reason == "interrupted":
        return 130
    judged = run.model.data != "photos" and not args.no_report
    if judged and any(pair.sketch and pair.photo for pair in manifest.split("test")):
        print(f"report: {_report(run.folder, manifest, args.mode or ['deterministic'], args.device)}")
    else:
        print(f"model: {run.folder / 'generator.safetensors'}")
    return 0


def _report(folder: Path, manifest, modes: Sequence[str], device: str) -> Path:
    from s2f_utils.inference.translator import load, ways_of
    from s2f_utils.metrics.evaluation import evaluate
    from s2f_utils.training.report import write_report

    found, ways = [], ways_of(folder)
    for direction in ways:
        translator = load(folder, device, direction=direction)
        name, out = translator.meta.get("method", "model"), "evaluation" if not found else f"evaluation-{direction}"
        found.append(evaluate(translator, manifest, folder / out, modes=modes, name=name))
        if len(ways) > 1:
            print(f"{direction.replace('-to-', ' → ')}:")
        print(found[-1].table())
    return write_report(folder, *found).resolve()


def run_translate(args: argparse.Namespace) -> int:
    """`s2f translate`: a picture that cannot be used is reported and left out."""
    from tqdm.auto import tqdm

    from s2f_utils import runtime
    from s2f_utils.inference.translator import find_pictures, is_model
    from s2f_utils.pictures import images

    model = args.inputs[0] if is_model(args.inputs[0]) else None
    if model and len(args.inputs) == 1:
        raise ValueError(f"{model} is a model: name the drawings after it")
    if bool(args.eyes) != bool(args.mouth):
        raise ValueError("--eyes and --mouth belong together: give both, in pixels of the drawing")
    paths = find_pictures(args.inputs[1:] if model else args.inputs)
    several = not model or any(getattr(args, name) is not None for name in _OF_CANDIDATES)
    _check_options(args, model, several)
    if args.eyes and len(paths) > 1:
        raise ValueError(f"--eyes and --mouth are of one drawing, but {len(paths)} were given")
    runtime.seed_everything(args.seed or 0)
    work = _with_pair(args, model) if several else _with_model(args, model)
    bad = 0
    for path in tqdm(paths, desc="translating", unit="image", disable=len(paths) < 2):
        try:
            work(path, images.load_rgb(path))
        except ValueError as error:
            bad += 1
            named = "" if str(error).startswith(str(path)) else f"{path.name}: "
            tqdm.write(f"s2f: left out: {named}{error}", file=sys.stderr)
    note = f"; {images.GENERATED_NOTE}" if bad < len(paths) else ""
    print(f"{len(paths) - bad} of {len(paths)} pictures translated into {args.out}{note}")
    return 0 if bad == 0 else (2 if bad == len(paths) else 1)


_OF_CANDIDATES = ("clean", "detail", "variations", "frame")
_OF_MODELS = ("mode", "fit", "align", "direction", "values")


def _check_options(args: argparse.Namespace, model: str | None, several: bool) -> None:
    from s2f_utils.weights.table import DETAIL, FAITHFUL

    if several and (given := next((name for name in _OF_MODELS if getattr(args, name)), None)):
        others = ", ".join(f"--{name}" for name in _OF_CANDIDATES)
        raise ValueError(f"--{given} is for a model of your own, named before the drawings, and goes without {others}")
    if model == DETAIL:
        raise ValueError(f"{DETAIL} only adds detail to {FAITHFUL}: leave the model out, and both are used")
    if args.detail is not None and not 0 <= args.detail <= 1:
        raise ValueError(f"--detail must be from 0 (faithful) to 1 (realistic), got {args.detail:g}")
    if args.variations is not None and not 0 <= args.variations <= 64:
        raise ValueError(f"--variations must be from 0 to 64, got {args.variations}")
    if args.seed is not None and not 0 <= args.seed < 2**31:
        raise ValueError(f"--seed must be from 0 to {2**31 - 1}, got {args.seed}")
    out = Path(args.out)
    if not args.out or any(place.exists() and not place.is_dir() for place in (out, *out.parents)):
        raise ValueError(f"--out {args.out!r}: is a file, or below one, or nothing: name a folder")
    if any(Path(item).is_dir() and item != model and Path(item).resolve() == out.resolve() for item in args.inputs):
        raise ValueError(f"--out {args.out!r}: is the folder of the drawings: name another folder for the results")


def _with_model(args: argparse.Namespace, model: str) -> Callable[[Path, np.ndarray], None]:
    from s2f_utils.inference.translate import free_path
    from s2f_utils.inference.translator import load
    from s2f_utils.pictures import domain, drawings, faces, images
    from s2f_utils.weights.table import SHIPPED

    translator = load(model, args.device, direction=args.direction, values=args.values or "signed")
    if hasattr(translator.net, "set_seed"):  # of the detail that it invents
        translator.net.set_seed(args.seed or 0)
    kind = translator.direction.rsplit("-", 1)[1]
    drawn, say = translator.direction == "sketch-to-photo", _warner()

    def work(path: Path, picture: np.ndarray) -> None:
        if model in SHIPPED and (advice := domain.advice(picture, translator.direction)):
            say(path, advice)
        if args.align or args.eyes:
            face, notes = drawings.find_any(picture, drawing=drawn, points=_points(args))
            for note in notes:
                say(path, note)
            picture = faces.align(picture, face, translator.size_px)
        made = translator.translate(picture, mode=args.mode or "deterministic", fit=args.fit)
        images.save(free_path(Path(args.out), f"{path.stem}-{kind}"), made, generated=True)

    return work


def _warner() -> Callable[[Path, str], None]:
    """A function that warns about a picture, and only once about the machine."""
    from tqdm.auto import tqdm

    from s2f_utils.pictures.drawings import NO_DETECTOR

    said: set[str] = set()

    def say(path: Path, warning: str) -> None:
        about = "" if warning.startswith(NO_DETECTOR) else f"{path.name}: "
        if about or warning not in said:
            tqdm.write(f"s2f: {about}{warning}", file=sys.stderr)
        said.add(warning)

    return say


def _with_pair(args: argparse.Namespace, model: str | None) -> Callable[[Path, np.ndarray], None]:
    from tqdm.auto import tqdm

    from s2f_utils.inference.candidates import load_pair
    from s2f_utils.inference.translate import translate_drawing

    pair = load_pair(model, device=args.device)
    names = ("clean", "frame", "detail")
    asked = {name: getattr(args, name) for name in names if getattr(args, name) is not None}
    asked |= {} if args.variations is None else {"num_variations": args.variations}
    say = _warner()

    def work(path: Path, picture: np.ndarray) -> None:
        done = translate_drawing(
            picture, args.out, path.stem, pair=pair, points=_points(args),
            seed=1 if args.seed is None else args.seed, **asked,
        )  # fmt: skip
        for warning in done.prepared.warnings:
            say(path, warning)
        tqdm.write(f"{path.name}: {done.sheet}")

    return work


def _points(args: argparse.Namespace) -> list[tuple[float, float]] | None:
    return [args.eyes[:2], args.eyes[2:], args.mouth] if args.eyes else None


def _numbers(count: int) -> Callable[[str], tuple[float, ...]]:
    """A type for argparse: so many numbers with commas."""

    def parse(text: str) -> tuple[float, ...]:
        try:
            values = tuple(float(part) for part in text.split(","))
        except ValueError:
            values = ()
        if len(values) != count:
            raise argparse.ArgumentTypeError(
                f"{text!r}: give {count} numbers with commas, such as {'120,' * (count - 1)}120"
            )
        return values

    return parse


def _free_folder(parent: Path, name: str) -> Path:
    """A folder that is not there yet, so that one evaluation does not mix with another."""
    path, number = parent / name, 2
    while path.exists():
        path, number = parent / f"{name}-{number}", number + 1
    return path


def run_evaluate(args: argparse.Namespace) -> int:
    """`s2f evaluate`."""
    from s2f_utils import weights
    from s2f_utils.data.datasets import read_manifest
    from s2f_utils.inference.translator import find_generator, load
    from s2f_utils.metrics.evaluation import evaluate

    manifest = read_manifest(args.data)
    translator = load(args.model, args.device, direction=args.direction)
    if args.out:
        out = Path(args.out)
    elif args.model in weights.model_names():  # nothing is written where the project is installed
        out = _free_folder(Path("runs"), f"evaluation-{args.model}-{args.split}")
    else:
        out = _free_folder(find_generator(args.model).parent, f"evaluation-{args.split}")
    name = translator.meta.get("method", Path(args.model).stem)
    names = _metric_names(args.metrics)
    result = evaluate(
        translator, manifest, out, split=args.split, modes=args.mode or ["deterministic"], metric_names=names, name=name
    )
    print(result.table())
    if result.not_pairs:
        print(f"{result.not_pairs} rows of the split have one picture only, and were not scored")
    for metric, reason in result.missing.items():
        print(f"not measured: {metric}: {reason}")
    print(f"per image: {result.folder / 'per_image.csv'}; summary: {result.folder / 'metrics.json'}")
    return 0


def _metric_names(text: str) -> tuple[str, ...]:
    """ "ssim,psnr" → ("ssim", "psnr"); "all" and "project1" stand for several."""
    from s2f_utils import metrics

    groups = {"all": metrics.ALL_METRICS, "project1": metrics.PROJECT_1_METRICS}
    names = [n for part in text.split(",") if part.strip() for n in groups.get(part.strip(), (part.strip(),))]
    unknown = [name for name in names if name not in metrics.METRICS]
    if unknown or not names:
        raise ValueError(f"--metrics {text!r}: the metrics are {', '.join(metrics.ALL_METRICS)}, all, project1")
    return tuple(dict.fromkeys(names))


def run_leaderboard(args: argparse.Namespace) -> int:
    """`s2f leaderboard`."""
    from s2f_utils.data.datasets import read_manifest
    from s2f_utils.metrics import leaderboard

    if args.patch_seeds < 0 or args.gallery < 0:
        raise ValueError("--patch-seeds and --gallery must be 0 or more")
    names = _metric_names(args.metrics)
    manifest = read_manifest(args.data)
    ids = [pair.id for pair in manifest.split(args.split)]
    entries = [entry for spec in args.outputs for entry in leaderboard.find_outputs(spec, ids, args.direction)]
    board = leaderboard.build(
        entries, manifest, split=args.split, columns=names, patch_seeds=args.patch_seeds, direction=args.direction,
        open_league=args.open_league, say=lambda text: print(f"  {text}", file=sys.stderr),
    )  # fmt: skip
    page = leaderboard.write(board, args.out, gallery=args.gallery)
    print(leaderboard.as_markdown(board))
    print(f"written: {page} and, beside it, leaderboard.json, leaderboard.md, per_image.csv")
    return 0


def run_weights(args: argparse.Namespace) -> int:
    """`s2f weights`."""
    from s2f_utils import weights

    of_metrics = [name for name, entry in weights.WEIGHTS.items() if entry.use == "metric"]
    names = of_metrics if args.names == ["all"] else args.names
    for name in names:
        if not weights.shipped(name):
            weights.entry_of(name)
    for name in names:
        print(f"{name}: {weights.shipped(name) or weights.get(name)}")
    if not names:
        for name, what in {**weights.SHIPPED, **weights.SHIPPED_RESTORERS}.items():
            path = weights.shipped(name)
            where = f"{path.stat().st_size / 1e6:.1f} MB; {path}" if path.is_file() else "not in this version"
            print(f"{name}: {what}; MIT, comes with the project; {where}")
        for name, entry in weights.WEIGHTS.items():
            here = weights.find(name)
            print(f"{name}: {entry.what}; {entry.size / 1e6:.1f} MB; {entry.licence}; {here or 'not here'}")
    return 0


_RUN = {
    "train": run_train,
    "translate": run_translate,
    "faces": cli_faces.run,
    "enhance": cli_enhance.run,
    "evaluate": run_evaluate,
    "leaderboard": run_leaderboard,
    "plot": cli_plot.run,
    "app": cli_app.run,
    "weights": run_weights,
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; every expected failure is one line on stderr and exit status 2."""
    args = parser().parse_args(argv)
    try:
        return _RUN[args.command](args)
    except KeyboardInterrupt:
        print("s2f: interrupted; nothing is half written", file=sys.stderr)
        return 130
    except (ValueError, FileNotFoundError, OSError, ArithmeticError, RuntimeError) as error:
        text = _explain(error)
        if text is None:
            raise
        print(f"s2f: {text}", file=sys.stderr)
        return 2


def _explain(error: Exception) -> str | None:
    """One line for a failure that a person can do something about; None for a fault of ours."""
    from s2f_utils.training.loop import NotSavedError, TrainingDiverged

    if isinstance(error, NotSavedError):
        return error.strerror
    if isinstance(error, OSError) and error.errno is not None:
        where = f"{error.filename}: " if error.filename else ""
        advice = {
            errno.ENOSPC: "the disk is full: free some space and run the same command again",
            errno.EROFS: "this folder is read-only: choose another with --runs or --out",
            errno.EACCES: "no permission to write or read here: choose another folder or mend its permissions",
            errno.EPERM: "no permission to write or read here: choose another folder or mend its permissions",
        }
        return where + advice.get(error.errno, error.strerror or str(error))
    if isinstance(error, ValueError | FileNotFoundError | TrainingDiverged):
        return str(error)
    if "out of memory" in str(error) or "not enough memory" in str(error):
        return "out of memory: use a smaller batch (--set batch_size=…) or size"
    return None


if __name__ == "__main__":
    sys.exit(main())
