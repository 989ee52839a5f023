"""How numbers are written for people: enough digits to tell two models apart, no more."""

import math
from collections.abc import Mapping

# Metrics that are shares of something; they are read as percentages.
_SHARES = {
    "accuracy",
    "top_5_accuracy",
    "label_accuracy",
    "exact_match",
    "expected_calibration_error",
    "equal_mass_calibration_error",
    "maximum_calibration_error",
    "smooth_calibration_error",
    "debiased_calibration_error",
    "class_wise_calibration_error",
    "coverage",
    "empty_sets",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "micro_f1",
    "precision",
    "recall",
}
_TITLES = {
    "r_squared": "R²",
    "area_under_roc": "Area under ROC",
    "top_5_accuracy": "Top-5 accuracy",
    "class_wise_calibration_error": "Class-wise calibration error",
    "equal_mass_calibration_error": "Equal-mass calibration error",
}


def number(value: float) -> str:
    """Four significant digits; thousands are grouped and small numbers keep their exponent."""
    if not math.isfinite(value):
        return "—"
    if value == 0:
        return "0"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if abs(value) < 1e-3:
        return f"{value:.2e}"
    return f"{value:.4g}"


def share(value: float) -> str:
    """A percentage with one decimal; two where one would round it to all or nothing."""
    if not math.isfinite(value):
        return "—"
    digits = 1 if 0.001 <= value <= 0.999 or value in (0, 1) else 2
    text = f"{100 * value:.{digits}f}"
    if text == "100.00" and value < 1:
        text = "> 99.99"
    return f"{text}%"


def count(value: float) -> str:
    """A whole number with its thousands grouped."""
    return f"{value:,.0f}"


def some(found: float, noun: str) -> str:
    """`1 slice`, `2,000 slices`."""
    return f"{count(found)} {noun}{'' if found == 1 else 's'}"


def size(byte_count: float) -> str:
    """Bytes in the unit that leaves one to three digits before the point."""
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if byte_count < 1024:
            return f"{byte_count:.0f} {unit}" if unit == "bytes" else f"{byte_count:.1f} {unit}"
        byte_count /= 1024
    return f"{byte_count:.1f} TiB"


def duration(seconds: float) -> str:
    """Seconds in the unit in which a person would say them."""
    if seconds < 120:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.1f} days"


def title(name: str) -> str:
    """`expected_calibration_error` → `Expected calibration error`."""
    return _TITLES.get(name, name.replace("_", " ").capitalize().replace("f1", "F1"))


def is_share(name: str) -> bool:
    """Whether the metric is a share of something, read as a percentage."""
    return name.partition("/")[0] in _SHARES


def metric(name: str, value: float) -> str:
    """A metric's value as its name asks for."""
    if name in ("examples", "tokens", "bytes"):
        return count(value)
    return share(value) if is_share(name) else number(value)


def rate(value: float) -> str:
    """A share that someone chose, `95%`: no more digits than it has."""
    return f"{100 * value:.4g}%"


def decimals(value: float | None) -> str:
    """Three digits after the point, for scores that are read beside each other."""
    if value is None or not math.isfinite(value):
        return "—"
    return f"{value:.3f}".replace("-0.000", "0.000").replace("-", "−")


def probability(p_value: float | None) -> str:
    """A p-value with two digits, `< 0.001` where it is smaller."""
    if p_value is None or not math.isfinite(p_value):
        return "—"
    return "< 0.001" if p_value < 0.001 else f"{p_value:.2g}"


def span(name: str, low: float | None, high: float | None) -> str:
    """An interval as the metric's values are written, `98.0 to 99.8%`; empty where is none."""
    if low is None or high is None:
        return ""
    first, last = metric(name, low), metric(name, high)
    return f"{first.removesuffix('%') if last.endswith('%') else first} to {last}"


def estimated(name: str, estimate: Mapping[str, float | None]) -> str:
    """The interval of an estimate as JSON has it, and the n behind it."""
    ends, n = span(name, estimate["low"], estimate["high"]), estimate["n"] or 0
    size = f"n\u00a0=\u00a0{count(n)}"
    return f"{ends}, {size}" if ends else size


def value(name: str, found: float | None) -> str:
    """A metric's value; a dash where it is not defined."""
    return metric(name, math.nan if found is None else found)


def points(found: float) -> str:
    """A difference of two shares, in percentage points; a small one with two decimals."""
    digits = 2 if 0 < abs(found) < 0.0005 else 1
    return f"{100 * found:.{digits}f} points"


def chance(p_value: float | None) -> str:
    """A p-value for a sentence: `p = 0.02`, `p < 0.001`."""
    if p_value is None or not math.isfinite(p_value):
        return "no test was made"
    found = probability(p_value)
    told = f"p {found}" if found.startswith("<") else f"p = {found}"
    return told.replace(" ", "\u00a0")
