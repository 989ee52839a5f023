"""The model card of an artifact: the run's, with what holds for this artifact before it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from framework.artifact import Signature

_TITLE = re.compile(r"^# .*\n", re.MULTILINE)
_MEASURED = re.compile(r" +- type: (\w+)\n( +)value: .*\n +name: (.*)\n")
_SHOWN = {
    "accuracy": "accuracy", "log_loss": "log loss",
    "expected_calibration_error": "expected calibration error", "brier_score": "Brier score",
    "mean_absolute_error": "mean absolute error", "root_mean_squared_error": "RMSE",
}  # fmt: skip
_COSTS = {
    "agreement": "same answers", "accuracy_drop": "accuracy lower by",
    "loss_increase": "loss higher by",
}  # fmt: skip


def artifact_card(text: str, about: Mapping[str, Any], metrics: Mapping[str, Any], end: int) -> str:
    """The card of a run with a section `This artifact`.

    Args:
        text: of the run's card.
        about: as the manifest says.
        metrics: of the artifact, with intervals under keys of their own.
        end: the step whose weights the run was concluded with.
    """
    rows = "\n".join(f"| {key} | {value} |" for key, value in _rows(about, metrics))
    (first, *_) = about["signature"]["inputs"]
    step = about["run"]["step"]
    other = f", with the weights of step {end} instead of {step}" if step != end else ""
    section = f"""## This artifact

| | |
|---|---|
{rows}

```python
from framework.artifact import load

found = load("PATH").predict({{"{first}": …}})
```

What follows describes the run when it ended{other}; its own probabilities are not calibrated.

"""
    text = _MEASURED.sub(lambda found: _own(found, metrics), text)
    title = _TITLE.search(text)
    end_of_title = title.end() if title else 0
    return f"{text[:end_of_title]}\n{section}{text[end_of_title:].lstrip()}"


def _own(found: re.Match[str], metrics: Mapping[str, Any]) -> str:
    """An entry of the model index with what was measured of the artifact; none without."""
    name, indent, shown = found.groups()
    value = metrics.get(name)
    if value is None:
        return ""
    return f"{indent[2:]}- type: {name}\n{indent}value: {value}\n{indent}name: {shown}\n"


def _rows(about: Mapping[str, Any], metrics: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    signature = Signature.from_json(about["signature"])
    model = about["model"]
    yield (
        "Weights",
        (
            f"step {about['run']['step']}: {model['parameters']:,} parameters in "
            f"{about['precision']}, {model['weight_bytes']:,} bytes"
        ),
    )
    for entry in about["parity"]:
        yield (
            f"{entry['format']} on {entry['platform']}",
            f"within {entry['largest_difference']:.2g} of the run on {entry['examples']:,} "
            "examples",
        )
    cost = about.get("cost", {})
    told = [f"{words} {cost[name]['value']:.4g}" for name, words in _COSTS.items() if name in cost]
    if told:
        yield "Against the run", ", ".join(told)
    yield f"On the {metrics.get('split', 'test')} split", ", ".join(_measured(metrics))
    yield "Takes", "; ".join(f"{n}: {one.words()}" for n, one in signature.inputs.items())
    outputs = signature.outputs.items()
    yield "Gives", "; ".join(f"{n} ({one.units})" if one.units else n for n, one in outputs)


def _measured(metrics: Mapping[str, Any]) -> Iterator[str]:
    for name, words in _SHOWN.items():
        value = metrics.get(name)
        if value is None:
            continue
        low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
        interval = "" if low is None or high is None else f" ({low:.4g} to {high:.4g})"
        yield f"{words} {value:.4g}{interval}"
