"""How deep an evaluation looks; here, as a run reads it long before anything is evaluated."""

from dataclasses import dataclass
from typing import Literal

from framework.config import Fraction, NonNegativeInt, PositiveInt


@dataclass(frozen=True)
class Analysis:
    """What is measured beside the metrics of the task.

    Attributes:
        depth: `quick`: intervals, calibration, slices and drift of counts, at the end of every
            run; `full`: also recalibration, prediction sets, two-sample tests and the shift suite.
        level: of every interval.
        resamples: of the bootstrap.
        slices: columns, `label`, or full names of functions of the batch.
        drift_rate: false alarms among all alarms of drift.
        coverage: that prediction sets promise.
        profile_examples: of the training split that the reference profile is made of.
        profile_bins: of a numeric column.
        shift_examples: of the split that the shift suite moves.
        shift_resamples: of data without a shift, to count false alarms.
        calibration: split on which recalibration is fitted.
    """

    depth: Literal["none", "quick", "full"] = "quick"
    level: Fraction = 0.95
    resamples: PositiveInt = 1000
    slices: tuple[str, ...] = ()
    drift_rate: Fraction = 0.05
    coverage: Fraction = 0.9
    profile_examples: PositiveInt = 20_000
    profile_bins: PositiveInt = 512
    shift_examples: PositiveInt = 2000
    shift_resamples: NonNegativeInt = 200
    calibration: str = "validation"
