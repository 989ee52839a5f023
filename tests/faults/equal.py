"""How a run that was broken compares with one that nothing happened to."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.experiments.launch import last_checkpoint, logged, losses, saved_arrays


def assert_same_bits(run: Path, reference: Path) -> None:
    """The same arrays in the last checkpoint, the same losses, and each step logged once."""
    assert_same_weights(run, reference)
    assert_logged(run, reference)


def assert_same_weights(run: Path, reference: Path) -> None:
    """The same arrays in the last checkpoint, and the same final evaluation."""
    step = last_checkpoint(reference)
    assert last_checkpoint(run) == step, f"{last_checkpoint(run)} instead of {step}"
    ours, theirs = saved_arrays(run, step), saved_arrays(reference, step)
    assert ours.keys() == theirs.keys()
    for name, array in theirs.items():
        np.testing.assert_array_equal(ours[name], array, err_msg=name)
    assert evaluated(run) == evaluated(reference)


def assert_close(run: Path, reference: Path) -> None:
    """As above, but for the arithmetic of another mesh."""
    assert_logged(run, reference, 1e-5)
    ours, theirs = evaluated(run), evaluated(reference)
    assert ours.keys() == theirs.keys()
    for name, value in theirs.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-4, atol=1e-6, err_msg=name)


def assert_logged(run: Path, reference: Path, tolerance: float = 0.0) -> None:
    """Each step once in metrics.jsonl and in TensorBoard, with the losses of the reference."""
    steps = [line["step"] for line in logged(run) if "loss" in line]
    assert steps == sorted(set(steps)), f"metrics.jsonl has the steps {steps}"
    for mine, expected in ((losses(run), losses(reference)), (curves(run), curves(reference))):
        assert mine.keys() == expected.keys(), f"{sorted(mine)} instead of {sorted(expected)}"
        for key, value in expected.items():
            name = str(key)
            np.testing.assert_allclose(_plain(mine[key]), _plain(value), tolerance, err_msg=name)


def curves(run: Path) -> dict[tuple[str, int], float]:
    """The losses that TensorBoard shows; a step that it shows twice is an error."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    read = EventAccumulator(str(run / "events"), size_guidance={"scalars": 0})
    read.Reload()
    found: dict[tuple[str, int], float] = {}
    for tag in ("training/loss", "validation/log_loss"):
        if tag not in read.Tags()["scalars"]:
            continue
        for event in read.Scalars(tag):
            assert (tag, event.step) not in found, f"{tag} has step {event.step} twice"
            found[tag, event.step] = event.value
    return found


def evaluated(run: Path) -> dict[str, Any]:
    """The final evaluation."""
    found: dict[str, Any] = json.loads((run / "evaluation/test/metrics.json").read_text())
    return found


def _plain(value: float | None) -> float:
    """A loss that is not finite has no number in metrics.jsonl."""
    return float("nan") if value is None else value
