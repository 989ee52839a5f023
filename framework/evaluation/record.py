"""An evaluation as files: `evaluation/<split>/` of a run directory."""

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

import numpy as np

from framework.evaluation.canvas import as_image
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.figures import (
    confusion_figure,
    mistakes_figure,
    regression_figure,
    reliability_figure,
)
from framework.evaluation.language import token_reliability
from framework.evaluation.mistakes import Gather, Mistake, decoded, find_mistakes, illustrate
from framework.run import write_text
from framework.spec import Labels, Spec
from framework.stats import confusion_matrix, label_reliability, reliability_table

ANALYSIS = "analysis.json"


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    spec: Spec,
    gather: Gather | None = None,
    numbers: Mapping[str, float] | None = None,
    *,
    draw: bool = True,
) -> dict[str, np.ndarray]:
    """Writes `evaluation/<split>/` of a run directory, each file whole or not at all.

    - `metrics.json`: one flat object of numbers. JSON has no NaN: a metric that is not defined
      (the recall of a class without examples) is not there, and `details.json` names it.
    - `predictions.npz`: `probabilities` or `predictions`, `labels`, `index`.
    - `details.json`: the split, the labels' kind and names, the undefined metrics.
    - `mistakes.json`: the worst mistakes, with their inputs where `gather` is given.
    - `reliability.png`, `confusion.png`, `regression.png`, `mistakes.png`, as they apply.

    Args:
        folder: `evaluation/<split>` of the run directory; made where it is missing.
        evaluation: what `evaluate` gave.
        spec: of the data.
        gather: the split's raw examples by position, `data.splits[split].gather`.
        numbers: further ones for `metrics.json`.
        draw: whether there are to be pictures.

    Returns:
        The pictures by name, uint8 [h, w, 3], for the trackers.
    """
    folder.mkdir(parents=True, exist_ok=True)
    defined = {name: v for name, v in evaluation.metrics.items() if math.isfinite(v)}
    mistakes = find_mistakes(evaluation, spec.labels)
    if gather is not None:
        mistakes = illustrate(mistakes, gather, spec)
    details = {
        "split": evaluation.split,
        "kind": spec.labels.kind,
        "names": list(spec.labels.names),
        "count": spec.labels.count,
        "undefined": [name for name in evaluation.metrics if name not in defined],
    }
    with replaced(folder / "predictions.npz") as file:
        np.savez(file, **evaluation.predictions)  # type: ignore[arg-type]
    _write_json(folder / "details.json", details)
    _write_json(folder / "mistakes.json", [asdict(mistake) for mistake in mistakes])
    pictures = _pictures(evaluation, spec.labels, mistakes) if draw else {}
    for name, picture in pictures.items():
        write_picture(folder / f"{name}.png", picture)
    # Last: whoever sees the numbers finds the rest.
    _write_json(folder / "metrics.json", _with_whole_examples({**defined, **(numbers or {})}))
    return pictures


def read_evaluation(folder: Path) -> tuple[Evaluation, Labels, list[Mistake]]:
    """What `write_evaluation` wrote; undefined metrics are NaN again, in their old places."""
    details = json.loads((folder / "details.json").read_text(encoding="utf-8"))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    metrics = {name: float(value) for name, value in metrics.items()}
    metrics |= dict.fromkeys(details["undefined"], float("nan"))
    with np.load(folder / "predictions.npz") as arrays:
        evaluation = Evaluation(details["split"], metrics, dict(arrays))
    mistakes = json.loads((folder / "mistakes.json").read_text(encoding="utf-8"))
    labels = Labels(details["kind"], tuple(details["names"]), details.get("count", 0))
    return evaluation, labels, [Mistake(**mistake) for mistake in mistakes]


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """A file that takes its name only when it is whole; an earlier one stays until then."""
    import os
    import tempfile

    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _pictures(
    evaluation: Evaluation, labels: Labels, mistakes: list[Mistake]
) -> dict[str, np.ndarray]:
    arrays = evaluation.predictions
    figures = {}
    if not evaluation.is_usual(labels):
        return {}
    if not all(np.isfinite(values).all() for values in arrays.values()):
        return {}  # a model that diverged has nothing to draw
    if labels.kind == "class":
        p, truth = arrays["probabilities"], hard_labels(arrays["labels"])
        figures["reliability"] = reliability_figure(label_reliability(p, truth))
        matrix = confusion_matrix(truth, p.argmax(axis=1), labels.width)
        figures["confusion"] = confusion_figure(matrix, labels.names)
    elif labels.kind == "multi_label":
        table = reliability_table(arrays["probabilities"], arrays["labels"])
        figures["reliability"] = reliability_figure(table)
    elif labels.kind == "token":
        figures["reliability"] = reliability_figure(token_reliability(evaluation))
    else:
        figures["regression"] = regression_figure(
            arrays["predictions"][:, 0], arrays["labels"][:, 0]
        )
    pictured = [mistake for mistake in mistakes if mistake.picture]
    if pictured:
        figures["mistakes"] = mistakes_figure(
            [decoded(mistake.picture) for mistake in pictured],
            [f"says {m.said}, {m.weight}\nis {m.truth}" for m in pictured],
        )
    return {name: as_image(figure) for name, figure in figures.items()}


def hard_labels(labels: np.ndarray) -> np.ndarray:
    """Classes int [n] of labels that are classes [n] or soft labels [n, classes]."""
    return labels.argmax(axis=1) if labels.ndim == 2 else labels


def _write_json(path: Path, value: Any) -> None:
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def write_picture(path: Path, picture: np.ndarray) -> None:
    """Of uint8 [h, w, 3] a PNG file, whole or not at all."""
    from PIL import Image

    with replaced(path) as file:
        Image.fromarray(picture).save(file, "PNG")


def _with_whole_examples(metrics: dict[str, float]) -> dict[str, float]:
    counts = ("examples", "tokens", "bytes")
    return {name: int(v) if name in counts else v for name, v in metrics.items()}
