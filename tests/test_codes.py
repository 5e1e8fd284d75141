"""People as texts, and the rounds of choosing that are made of them."""

from __future__ import annotations

import numpy as np
import pytest

from s2f_studio import codes
from s2f_studio.codes import FIRST, NARROWER, centre_of
from s2f_studio.request import DrawingRequest, Round, chosen_text, parse_chosen


def some_codes(num: int) -> np.ndarray:
    return codes.quantised(np.random.default_rng(0).normal(size=(num, codes.NUM_DIRECTIONS)))


@pytest.fixture(scope="module")
def texts() -> list[str]:
    return [codes.text_of(code) for code in some_codes(5)]


def test_a_text_holds_exactly_what_is_quantised():
    code = np.random.default_rng(1).normal(scale=2, size=codes.NUM_DIRECTIONS)
    text = codes.text_of(code)
    again = codes.code_of(text)
    assert len(text) == codes.NUM_CHARS and again.dtype == np.float32
    assert np.array_equal(again, codes.quantised(code)) and codes.text_of(again) == text
    assert np.abs(again - np.clip(code, -127 / 32, 127 / 32)).max() <= 0.5 / codes.STEPS


def test_the_mean_is_between_people():
    two = some_codes(2)
    assert np.allclose(codes.mean_of(two), (two[0] + two[1]) / 2)


def test_what_is_no_code_is_refused_with_a_reason(texts):
    (code, *_) = texts
    other_version = "AA" + code[2:]
    for given, reason in (
        ("412", "bank, which is gone"),
        (412, "bank, which is gone"),
        (code[:-1], "copy all of it"),
        (code + "AAAA", "copy all of it"),
        (code[:-1] + "!", "copy all of it"),
        ("ü" * codes.NUM_CHARS, "copy all of it"),
        ("", "copy all of it"),
        (other_version, "of version 0"),
    ):
        with pytest.raises(codes.PersonCodeError, match=reason):
            codes.code_of(given)
    for field in ({"keep": "412"}, {"keep": code[:-3]}, {"chosen": "3/4"}):
        with pytest.raises(ValueError, match=f"a code of {codes.NUM_CHARS} characters"):
            DrawingRequest.of(field)


def test_rounds_of_choosing_as_text(texts):
    a, b, c, d, e = texts
    rounds = (Round((a, b), (c, d)), Round((e,)))
    assert parse_chosen(f"{a},{b}/{c},{d};{e}") == rounds and chosen_text(rounds).count(";") == 1
    assert parse_chosen(chosen_text(rounds)) == parse_chosen([[[a, b], [c, d]], [[e]]]) == rounds
    assert parse_chosen("") == parse_chosen(None) == ()
    assert parse_chosen(f"{a}/{a},{a},{b}") == (Round((a,), (b,)),), "at temperature 0"
    for wrong in ("/", f"{a}/{b}/{c}", ";".join([a] * 50), f"{a},{b[:-1]}", 7, [7], [[7]]):
        with pytest.raises(ValueError, match="chosen must be|a person is a code"):
            parse_chosen(wrong)


def test_who_was_picked_is_approached_and_who_was_passed_over_is_left():
    a, b, c, d, _ = some_codes(5)
    written = codes.text_of
    centre, spread = centre_of([Round((written(a), written(b)))])
    assert np.allclose(centre, (a + b) / 2) and spread == FIRST
    pushed, _ = centre_of([Round((written(a),), (written(c), written(d)))])
    passed = (c + d) / 2
    assert np.linalg.norm(pushed - passed) > np.linalg.norm(a - passed)
    assert np.linalg.norm(pushed - a) < np.linalg.norm(pushed - passed)
    later, _ = centre_of([Round((written(a),)), Round((written(b),))])
    assert np.linalg.norm(later - b) < np.linalg.norm(later - a), "the last round counts most"
    spreads = [centre_of([Round((written(a),))] * num)[1] for num in (1, 2, 3)]
    assert spreads == pytest.approx([FIRST, FIRST * NARROWER, FIRST * NARROWER**2])


def test_where_nobody_was_picked_all_is_open():
    a, b, *_ = some_codes(5)
    nobody = Round((), (codes.text_of(a),))
    assert centre_of([]) is None and centre_of([nobody]) is None
    centre, spread = centre_of([nobody, Round((codes.text_of(b),))])
    assert np.array_equal(centre, b) and spread == FIRST
