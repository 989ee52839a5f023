import math

import pytest

from framework.evaluation import formats


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.12345, "0.1235"), (12.3456, "12.35"), (12345.6, "12,346"),
        (0.00012345, "1.23e-04"), (-0.5, "-0.5"), (math.nan, "—"), (math.inf, "—"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert formats.number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.0%"), (1, "100.0%"), (0.9134, "91.3%"), (0.9996, "99.96%"), (0.0004, "0.04%"),
        (0.999999, "> 99.99%"), (math.nan, "—"),
    ],
)  # fmt: skip
def test_shares_round_nothing_to_all_or_none(value, text):
    assert formats.share(value) == text


def test_metrics_are_written_as_their_names_ask_for():
    assert formats.metric("accuracy", 0.5) == "50.0%"
    assert formats.metric("recall/Shirt", 0.5) == "50.0%"
    assert formats.metric("log_loss", 0.5) == "0.5"
    assert formats.metric("examples", 10000) == "10,000"
    assert formats.title("expected_calibration_error") == "Expected calibration error"
    assert formats.title("macro_f1") == "Macro F1"
    assert formats.size(1536) == "1.5 KiB"


def test_intervals_are_written_as_their_metric():
    assert formats.span("accuracy", 0.98, 0.998) == "98.0 to 99.8%"
    assert formats.span("log_loss", 0.1, 0.25) == "0.1 to 0.25"
    assert formats.span("accuracy", None, 0.9) == ""
    estimate = {"low": 0.98, "high": 0.998, "n": 1360}
    assert formats.estimated("accuracy", estimate) == "98.0 to 99.8%, n\u00a0=\u00a01,360"
    assert formats.estimated("accuracy", {"low": None, "high": None, "n": 3}).startswith("n")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        (formats.rate(0.95), "95%"),
        (formats.rate(0.999), "99.9%"),
        (formats.decimals(-0.02), "−0.020"),
        (formats.decimals(-0.0001), "0.000"),
        (formats.decimals(None), "—"),
        (formats.probability(0.00001), "< 0.001"),
        (formats.probability(0.0312), "0.031"),
        (formats.probability(None), "—"),
        (formats.chance(0.5), "p\u00a0=\u00a00.5"),
        (formats.chance(1e-9), "p\u00a0<\u00a00.001"),
        (formats.chance(None), "no test was made"),
        (formats.points(0.0582), "5.8 points"),
        (formats.points(0.0001), "0.01 points"),
        (formats.some(1, "slice"), "1 slice"),
        (formats.some(2000, "slice"), "2,000 slices"),
        (formats.value("accuracy", None), "—"),
    ],
)
def test_what_is_read_in_sentences(told, words):
    assert told == words
