"""Teacher and student side by side: quality, size and latency, in `distillation.json`."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import numpy as np

from framework.data import Data
from framework.evaluation import Evaluation
from framework.evaluation.analysis import estimates
from framework.evaluation.outcomes import outcomes
from framework.parallel import several
from framework.spec import Labels
from framework.stats import mean_estimate, proportion
from framework.stats.analysis import Analysis
from framework.train.distilling.latency import interleaved
from framework.train.distilling.opened import Speak, Speaker, no_mesh, open_teacher, speaker_of
from framework.train.distilling.teacher import find_teacher
from framework.train.predictor import Predictor
from framework.train.setting import Setting

FILE = "distillation.json"
BATCHES = (1, 128)


def compare(setting: Setting, predictor: Predictor, found: Evaluation) -> dict[str, Any]:
    """Both on the split of `found`, the student's evaluation; all processes must call it.

    Returns:
        JSON values: of both `metrics` with intervals, `parameters`, `bytes` and `latency` in
        seconds by batch size; of the student against the teacher `differences`, example by
        example, and `agreement`.

    Raises:
        InvalidConfig: the teacher is no longer there; the run is concluded when it is back.
    """
    experiment = setting.experiment
    assert experiment.teacher is not None
    teacher = find_teacher(experiment.teacher)
    say = partial(setting.console.print, markup=False)
    mesh, beat = setting.program.mesh, setting.watchdog.beat
    speaker = open_teacher(teacher, experiment, mesh, say, beat)
    theirs = speaker.on(found.split)
    labels, options = experiment.data.spec.labels, experiment.evaluation.analysis
    told: dict[str, Any] = {
        "split": found.split,
        "examples": len(found.predictions["index"]),
        "level": options.level,
        "teacher": {**teacher.json(), **_measured(speaker, theirs, labels, options)},
        "student": {
            "name": experiment.name,
            **_measured(speaker_of(predictor), found, labels, options),
        },
        **against(found, theirs, labels, options),
    }
    if several():  # whose weights lie on devices that one process does not see
        return {**told, "not_measured": {"latency": "the run has several processes"}}
    with no_mesh():
        speakers = {"teacher": speaker.speak(), "student": speaker_of(predictor).speak()}
        timed = _timed(speakers, experiment.data)
    for name, latency in timed.pop("seconds").items():
        told[name]["latency"] = latency
    return {**told, "timing": timed}


def against(
    ours: Evaluation, theirs: Evaluation, labels: Labels, options: Analysis
) -> dict[str, Any]:
    """The student's evaluation against the teacher's: differences in pairs, and agreement."""
    student, teacher = outcomes(ours, labels), outcomes(theirs, labels)
    if student is None or teacher is None:
        return {"differences": {}}
    estimate: Callable[..., Any] = partial(
        mean_estimate, resamples=options.resamples, level=options.level
    )
    loss = "log_loss" if labels.kind == "class" else "mean_absolute_error_in_deviations"
    differences = {loss: estimate(student.losses - teacher.losses).json()}
    if student.correct is None or teacher.correct is None:
        return {"differences": differences}
    differences["accuracy"] = estimate(student.correct - teacher.correct).json()
    assert student.predicted is not None
    same = int((student.predicted == teacher.predicted).sum())
    agreement = proportion(same, len(student.predicted), options.level)
    return {"differences": differences, "agreement": agreement.json()}


def _measured(
    speaker: Speaker, found: Evaluation, labels: Labels, options: Analysis
) -> dict[str, Any]:
    known = {n: e.json() for n, e in estimates(found, labels, options).items()}
    return {
        "parameters": speaker.parameters,
        "bytes": speaker.weight_bytes,
        "metrics": known,
    }


def _timed(speakers: Mapping[str, Speak], data: Data) -> dict[str, Any]:
    """Medians of the calls, from inputs on the host to predictions on the host."""
    seconds: dict[str, dict[str, float]] = {name: {} for name in speakers}
    rounds = {}
    for size in BATCHES:
        rows = np.arange(size) % len(data.splits["train"])
        inputs = data.splits["train"].gather(rows)["inputs"]
        calls = {name: partial(speak, inputs) for name, speak in speakers.items()}
        medians, rounds[str(size)] = interleaved(calls)
        for name, median in medians.items():
            seconds[name][str(size)] = median
    device = jax.local_devices()[0].device_kind
    return {"seconds": seconds, "calls": rounds, "device": device}
