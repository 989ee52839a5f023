"""Which way a metric improves."""

import pytest

from framework.stats import higher_is_better


@pytest.mark.parametrize(
    ("metric", "higher"),
    [
        ("accuracy", True), ("r_squared", True), ("area_under_roc", True), ("macro_f1", True),
        ("log_loss", False), ("brier_score", False), ("mean_absolute_error", False),
        ("expected_calibration_error", False), ("perplexity", False),
        ("bits_per_byte", False),
    ],
)  # fmt: skip
def test_which_way_is_better(metric: str, higher: bool) -> None:
    assert higher_is_better(metric) is higher
    assert higher_is_better(metric, "min") is False
    assert higher_is_better(metric, "max") is True
