"""`s2f doctor`: a line for each part, what to do where one is missing, and whether it matters."""

from __future__ import annotations

from importlib import metadata

import pytest
from packaging.utils import canonicalize_name

from s2f_studio import cli
from s2f_utils import weights


@pytest.fixture()
def asked(capsys, monkeypatch, tmp_path):
    """Runs the doctor in an empty folder; (exit status, {what a line is about: (state, text)})."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def ask() -> tuple[int, dict[str, tuple[str, str]]]:
        status = cli.main(["doctor"])
        lines = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
        told = {
            rest.partition("  ")[0].strip(): (state, rest.partition("  ")[2].strip())
            for state, rest in lines
        }
        assert len(told) == len(lines) and all(text for _, text in told.values())
        return status, told

    return ask


def without(monkeypatch, **versions: str | None) -> None:
    real = metadata.version

    def version(name: str) -> str:
        found = versions.get(canonicalize_name(name).replace("-", "_"), real)
        if found is None:
            raise metadata.PackageNotFoundError(name)
        return real(name) if found is real else found

    monkeypatch.setattr(metadata, "version", version)


def test_a_sound_installation_is_told_with_versions(asked):
    status, told = asked()
    assert status == 0 and {state for state, _ in told.values()} <= {"ok", "--"}
    assert told["Python"][0] == told["packages"][0] == told["own models"][0] == "ok"
    assert told["face detector"][0] == "ok"
    assert f"numpy {metadata.version('numpy')}" in told["packages"][1]
    assert f"torch {metadata.version('torch')}" in told["extra train"][1]


@pytest.mark.parametrize(
    "versions, about, message",
    [
        (
            {"onnxruntime": None},
            "packages",
            "onnxruntime is missing; for answering drawings: pip install . in the clone",
        ),
        (
            {"torch": "2.5.1+cu124"},
            "extra train",
            "torch is 2.5.1+cu124, >=2.6 is needed; for training, ",
        ),
    ],
)
def test_what_answering_needs_and_what_does_not_fit_is_bad(
    asked, monkeypatch, versions, about, message
):
    without(monkeypatch, **versions)
    status, told = asked()
    assert (status, told[about][0]) == (1, "BAD") and message in told[about][1]


def test_an_extra_that_is_not_there_is_no_fault(asked, monkeypatch):
    without(monkeypatch, wandb=None)
    status, told = asked()
    missing = (
        "wandb is missing; for Weights & Biases, TensorBoard: "
        'pip install ".[tracking]" in the clone'
    )
    assert (status, told["extra tracking"]) == (0, ("--", missing))


def test_damaged_weights_are_named_beside_all_the_rest(asked, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("S2F_WEIGHTS", str(tmp_path))
    (tmp_path / "GFPGANv1.4.pth").write_text("a web page")
    status, told = asked()
    assert (
        status == 1
        and "GFPGANv1.4.pth: not the published file" in told["others' weights"][1]
        and len(told) > 8
    )
    assert cli.main(["weights"]) == 0
    listed = capsys.readouterr().out
    assert listed.count("; learned from congress-118, ") == 5
    both_ways = [line for line in listed.splitlines() if line.startswith("cyclegan-128")]
    assert len(both_ways) == 2 and all("; learned from FFHQ; " in line for line in both_ways)
    assert "; MIT, (c) Shiqi Yu, comes with the project; 0.2 MB; " in listed
    assert cli.main(["weights", "yunet"]) == 0
    assert weights.DETECTOR_FILE.name in capsys.readouterr().out
    monkeypatch.setattr(weights, "DETECTOR_FILE", tmp_path / "GFPGANv1.4.pth")
    _, told = asked()
    assert told["face detector"][0] == "BAD"
    assert "install the package again" in told["face detector"][1]


def test_the_generator_is_told_missing_or_here(asked):
    status, told = asked()
    assert status == 0 and told["generator"][0] == "--"
    assert f"s2f weights {weights.GENERATOR}" in told["generator"][1]
    path = weights.cache_folder() / weights.entry_of(weights.GENERATOR).file_name
    path.parent.mkdir(parents=True)
    path.touch()
    status, told = asked()
    assert status == 0 and told["generator"] == ("ok", f"{weights.GENERATOR}, {path}")
