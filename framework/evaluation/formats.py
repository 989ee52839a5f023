"""How numbers are written for people: enough digits to tell two models apart, no more."""

import math

# Metrics that are shares of something; they are read as percentages.
_SHARES = {
    "accuracy",
    "top_5_accuracy",
    "label_accuracy",
    "exact_match",
    "expected_calibration_error",
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
