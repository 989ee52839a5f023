"""How often a run is saved, and which of its checkpoints are kept."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from framework.config import NonNegativeInt, PositiveInt
from framework.stats import Direction, higher_is_better


@dataclass(frozen=True)
class CheckpointOptions:
    """Save `every` so many steps (None: never); keep the `keep_latest` newest checkpoints, the
    `keep_best` best by `metric` (None: the newest only), and for good those whose step is a
    multiple of `keep_every`.

    `copy_to`: a second place, such as another disk or `gs://bucket/run`, to which each
    checkpoint is copied and from which a fresh machine fetches it; every run needs its own. Any
    path of `etils.epath`; a bucket needs its package (`gcsfs`, `s3fs`). None: no copies.

    `metric` is a name of the metrics given to `Checkpoints.save`; a checkpoint that has no such
    metric, or a NaN, is never a best one. Among equals the newest counts as the better. With
    `mode=auto` the name says whether more of it is better (`accuracy`) or less (`log_loss`).
    """

    every: PositiveInt | None = 1000
    keep_latest: PositiveInt = 2
    keep_best: NonNegativeInt = 1
    metric: str | None = None
    mode: Direction = "auto"
    keep_every: PositiveInt | None = None
    copy_to: str | None = None

    def score(self, metrics: Mapping[str, float]) -> float | None:
        """The number to maximise, or None where these metrics have none."""
        value = metrics.get(self.metric) if self.metric else None
        if value is None or math.isnan(value):
            return None
        return float(value) if higher_is_better(self.metric or "", self.mode) else -float(value)


def ranked(scores: Mapping[int, float | None]) -> list[int]:
    """Steps that have a score, the best first."""
    scored = [(score, step) for step, score in scores.items() if score is not None]
    return [step for _, step in sorted(scored, reverse=True)]


def kept(
    steps: Iterable[int], scores: Mapping[int, float | None], options: CheckpointOptions
) -> set[int]:
    """Which of `steps` the options keep: the union of the newest, the best and the regular."""
    present = sorted(steps)
    best = ranked({step: scores.get(step) for step in present})
    regular = [step for step in present if options.keep_every and step % options.keep_every == 0]
    return {*present[-options.keep_latest :], *best[: options.keep_best], *regular}
