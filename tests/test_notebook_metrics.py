"""Notebook 06's blanks accept what is right, and say which mistake was made."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tests.cells import NOTEBOOKS

MSE = "np.mean((a - b) ** 2)"
PRODUCT = "window(a * b)"
OF_MEANS = "window(a) * window(b)"
SHIFT = "np.linalg.norm(x.mean(0) - y.mean(0))"
TRACES = "np.trace(np.cov(x.T) + np.cov(y.T))"
ROOT = "np.sum(np.linalg.eigvals(np.cov(x.T) @ np.cov(y.T)).real ** 0.5)"
FILLED = [
    (1, f"10 * np.log10(255**2 / {MSE})", "✓ PSNR"),
    (1, f"20 * np.log10(255**2 / {MSE})", "take 10, not 20"),
    (1, f"10 * np.log10({MSE} / 255**2)", "divide 255² by the MSE"),
    (2, f"{PRODUCT} - {OF_MEANS}", "✓ SSIM"),
    (2, PRODUCT, "subtract the product of the means"),
    (2, f"{OF_MEANS} - {PRODUCT}", "not the reverse"),
    (3, f"{SHIFT} ** 2 + {TRACES} - 2 * {ROOT}", "✓ the Fréchet distance"),
    (3, f"{TRACES} - 2 * {ROOT}", "the means are missing"),
    (3, f"{SHIFT} + {TRACES} - 2 * {ROOT}", "take the square"),
    (3, f"{SHIFT} ** 2 + {TRACES}", "the root of the product is missing"),
]


def sources():
    notebook = json.loads((NOTEBOOKS / "06_metrics.ipynb").read_text(encoding="utf-8"))
    return ["".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code"]


@pytest.fixture(scope="module")
def defined():
    """What the cells before blank 2 define."""
    names = {"display": lambda shown: None, "rng": np.random.default_rng(0)}
    for source in sources()[1:3]:
        exec(source, names)
    return names


@pytest.mark.parametrize(("blank", "code", "printed"), FILLED)
def test_a_filled_blank_is_accepted_or_its_mistake_is_named(
    defined, capsys, monkeypatch, blank, code, printed
):
    monkeypatch.delenv("S2F_STRICT", raising=False)
    empty = f"return ...  # blank {blank}"
    (source,) = (source for source in sources() if empty in source)
    exec(source.replace(empty, f"return {code}"), dict(defined))
    assert printed in capsys.readouterr().out
