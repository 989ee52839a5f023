"""How long and in what manner to train."""

from dataclasses import dataclass, field
from typing import Literal

from framework.config import Fraction, NonNegativeInt, PositiveFloat, PositiveInt
from framework.stats import Direction
from framework.stats.analysis import Analysis
from framework.train.guard import BadSteps


@dataclass(frozen=True)
class EarlyStopping:
    """Stops when `metric` of the validation split has not improved for `patience` evaluations."""

    metric: str = "log_loss"
    patience: PositiveInt = 5
    mode: Direction = "auto"


@dataclass(frozen=True)
class Profile:
    """A window of steps whose trace TensorBoard's profile tab shows."""

    start: NonNegativeInt = 20
    steps: PositiveInt = 10


@dataclass(frozen=True)
class Trainer:
    """Options of the training loop.

    Attributes:
        steps: optimizer updates in all.
        steps_per_call: updates in one program; `auto` measures whether a scan over several gains
            (it does for small dense steps; convolutions on a CPU are several times slower in one).
        accumulate: microbatches into which a batch is cut, whose gradients are averaged.
        log_every: steps between logged values.
        average_decay: decay of the exponential moving average of the weights that evaluation
            uses; null evaluates the weights themselves.
        bad_steps: what is done about a loss or gradient that is not finite; null: nothing, and
            nothing is looked for.
        grace_seconds: within which an interrupted run has saved and ended.
        hang_seconds: without a finished step, after which the run ends to be started again; null
            waits for ever.
        deterministic: the same bits for the same seed and mesh, twice in a row.
        compile_cache: keep compiled programs between runs.
        debug_nans: stop at the first operation that makes a NaN (slow).
    """

    steps: PositiveInt
    steps_per_call: PositiveInt | Literal["auto"] = "auto"
    accumulate: PositiveInt = 1
    log_every: PositiveInt = 50
    average_decay: Fraction | None = None
    early_stopping: EarlyStopping | None = None
    profile: Profile | None = None
    bad_steps: BadSteps | None = field(default_factory=BadSteps)
    grace_seconds: PositiveFloat = 25.0
    hang_seconds: PositiveFloat | None = 900.0
    deterministic: bool = False
    compile_cache: bool = True
    debug_nans: bool = False


@dataclass(frozen=True)
class EvaluationOptions:
    """When and on what to evaluate.

    Attributes:
        every: steps between evaluations of `split` while training; null for none.
        split: the split that is watched, by which the best checkpoint is chosen.
        final: the splits evaluated and reported at the end.
        batch_size: examples in a batch of evaluation; null takes that of training.
        weights: whether the end's evaluation uses the last weights or those of the best
            checkpoint.
        analysis: what is measured beside the metrics.
        report: draw the pictures, the report and the model card at the end of the run; trials of
            a sweep do not, as `experiments.evaluate` draws them for whoever asks.
    """

    every: PositiveInt | None = 500
    split: str = "validation"
    final: tuple[str, ...] = ("test",)
    batch_size: PositiveInt | None = None
    weights: Literal["last", "best"] = "last"
    analysis: Analysis = field(default_factory=Analysis)
    report: bool = True
