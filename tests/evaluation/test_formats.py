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
