"""An evaluation with its analysis, as files and on the trackers."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from framework.data import Source
from framework.evaluation import Evaluation, track_evaluation, write_evaluation
from framework.evaluation.analysis_figures import FIGURES, analysis_figures
from framework.evaluation.canvas import as_image
from framework.evaluation.record import ANALYSIS, write_picture
from framework.evaluation.track import track_analysis
from framework.run import write_text
from framework.stats.analysis import Analysis
from framework.tracking import Tracker
from framework.train.examination import Grounds, examine, flat_numbers, without_embedding
from framework.train.predictor import Predictor


def write_examined(
    folder: Path, found: Evaluation, split: str, predictor: Predictor, grounds: Grounds | None,
    options: Analysis, others: Mapping[str, Source] | None = None, *, draw: bool = True,
) -> Evaluation:  # fmt: skip
    """Writes `evaluation/<name>/` with `analysis.json`; returns what is to be shown and tracked.

    `metrics.json` has the analysis' numbers too, intervals under keys of their own:
    `accuracy/low`. Without `draw`, there are no pictures.
    """
    plain = without_embedding(found)
    data = predictor.data
    if options.depth == "none":
        _forget(folder)
        write_evaluation(folder, plain, data.spec, data.splits[split].gather, draw=draw)
        return plain
    analysis = examine(found, split, predictor, grounds, options, others)
    numbers = flat_numbers(analysis)
    more = {name: value for name, value in numbers.items() if "/" not in name}
    shown = replace(plain, metrics={**plain.metrics, **more})
    _forget(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / ANALYSIS, json.dumps(analysis, indent=1, allow_nan=False) + "\n")
    for name, figure in (analysis_figures(analysis) if draw else {}).items():
        write_picture(folder / f"{name}.png", as_image(figure))
    write_evaluation(folder, shown, data.spec, data.splits[split].gather, numbers, draw=draw)
    return shown


def _forget(folder: Path) -> None:
    """Removes what an earlier look of another depth left there."""
    for name in (ANALYSIS, *(f"{figure}.png" for figure in FIGURES)):
        (folder / name).unlink(missing_ok=True)


def track_examined(tracker: Tracker, step: int, shown: Evaluation, folder: Path) -> None:
    """The numbers, the pictures of the folder and the folder itself, to the trackers."""
    from PIL import Image

    pictures = {
        path.stem: np.asarray(Image.open(path).convert("RGB")) for path in folder.glob("*.png")
    }
    track_evaluation(tracker, step, shown, pictures)
    if (folder / ANALYSIS).exists():
        analysis = json.loads((folder / ANALYSIS).read_text(encoding="utf-8"))
        track_analysis(tracker, step, shown.split, analysis)
    tracker.artifact(f"evaluation-{shown.split}", "evaluation", folder)
