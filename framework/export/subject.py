"""The run that is exported: its model, its data, and its own predictions to compare with."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data import Data, Schema, Source, Subset, infer, read_schema
from framework.evaluation import Evaluation
from framework.evaluation.remedies import log_probabilities
from framework.export.options import ExportJob
from framework.export.unchanged import require_as_recorded, require_same_data
from framework.parallel import build_mesh
from framework.run import RunDirectory
from framework.stats import TemperatureScaling
from framework.train.examination import find_grounds
from framework.train.experiment import Experiment
from framework.train.predictor import Predictor
from framework.train.rebuilt import Say, rebuilt
from framework.train.run import configure_jax
from framework.train.trained import Trained, open_run

ORDER = ("test", "validation", "train")
_CHUNK = 1024


@dataclass(frozen=True)
class Compared:
    """Examples of one split, and what the run itself says of them.

    Attributes:
        found: predictions in the order of the source; calibrated where the run is.
    """

    split: str
    source: Source
    found: Evaluation

    def chunks(self) -> Iterator[tuple[slice, Any]]:
        """The raw examples, some at a time, with their places in `found`."""
        for start in range(0, len(self.source), _CHUNK):
            rows = np.arange(start, min(start + _CHUNK, len(self.source)))
            yield slice(start, start + len(rows)), self.source.gather(rows)


@dataclass(frozen=True)
class Subject:
    """A run, opened to be exported.

    Attributes:
        temperature: by which its probabilities are calibrated; None where they are not.
        compared: real examples with the run's own predictions; the first are of `evaluated`.
    """

    directory: RunDirectory
    experiment: Experiment
    trained: Trained
    schema: Schema
    temperature: float | None
    compared: tuple[Compared, ...]

    @property
    def data(self) -> Data:
        """The run's."""
        return self.experiment.data


def open_subject(job: ExportJob, say: Say) -> Subject:
    """Opens the run, and predicts at least `parity.examples` of its data, the test split first.

    Raises:
        InvalidConfig: there is no such run or checkpoint, its data are not there or not as they
            were, or its model says otherwise today than it did when the run ended.
        CheckpointDamaged: a file of the checkpoint is not as it was written.
    """
    moved = {} if job.data.path is None else {"path": job.data.path}
    experiment, directory = rebuilt(job.run, say, moved, moved=True)
    require_same_data(directory, experiment.data)
    trained = open_run(job.run, job.step)
    configure_jax(experiment.trainer)
    kept = directory.schema.exists()
    schema = read_schema(directory.schema, "run") if kept else infer(experiment.data)
    mesh = build_mesh(experiment.mesh)
    options = experiment.evaluation.analysis
    with jax.set_mesh(mesh):
        predictor = Predictor.of(experiment, trained, mesh, experiment.evaluation.batch_size)
        grounds = find_grounds(predictor, directory, options, trained.step)
        temperature = grounds.temperature if grounds is not None else None
        compared = []
        for split, source in _examples(experiment.data, job.export.parity.examples):
            found = _said(predictor.on("parity", source), split)
            require_as_recorded(directory, trained, found)
            compared.append(Compared(split, source, _calibrated(found, temperature)))
    if not compared:
        expected = "data with examples, to compare the artifact with"
        raise InvalidConfig(Problem("run", job.run, expected))
    return Subject(directory, experiment, trained, schema, temperature, tuple(compared))


def _examples(data: Data, least: int) -> Iterator[tuple[str, Source]]:
    """The whole test split, and of others what is wanting to `least`."""
    wanting = least
    for split in (*ORDER, *(name for name in data.splits if name not in ORDER)):
        source = data.splits.get(split)
        if source is None or not len(source) or (wanting <= 0):
            continue
        if wanting < least and len(source) > wanting:
            source = Subset("parity", source, np.arange(wanting))
        wanting -= len(source)
        yield split, source


def _said(predictor: Predictor, split: str) -> Evaluation:
    """The run's predictions of the split `parity`, in order."""
    found = predictor("parity", embed=True)
    order = np.argsort(found.predictions["index"], kind="stable")
    arrays = {name: array[order] for name, array in found.predictions.items()}
    return Evaluation(split, found.metrics, arrays)


def _calibrated(found: Evaluation, temperature: float | None) -> Evaluation:
    if temperature is None:
        return found
    logs = log_probabilities(found.predictions["probabilities"])
    sure = TemperatureScaling(temperature).apply(logs)
    return replace(found, predictions={**found.predictions, "probabilities": sure})
