"""Whether a data set has drifted from its profile, and which of its features most."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from framework.stats.drift.categories import Categories
from framework.stats.drift.discovery import adjusted_p_values
from framework.stats.drift.groups import GROUPS, grouped
from framework.stats.drift.histogram import Histogram
from framework.stats.drift.profile import Profile, Table, naming
from framework.stats.drift.scores import kolmogorov_smirnov, spread
from framework.stats.drift.significance import (
    RESAMPLES,
    GroupScores,
    Score,
    group_scores,
    kolmogorov_smirnov_score,
    wasserstein_score,
)

Verdict = Literal["none", "minor", "major", "not enough data"]


@dataclass(frozen=True)
class Rule:
    """When a feature has drifted: it is significant, and its PSI exceeds what chance gives.

    Attributes:
        rate: false discoveries among the alarms, over all features.
        minor: PSI above its mean without drift from which a significant drift is minor, …
        major: … and major. 0.1 and 0.25 are the customary marks (Siddiqi 2006).
        groups: quantile groups of a numeric column; with fewer rows than that there is no verdict.
        resamples: permutations where no formula holds.
        seed: of the permutations.
    """

    rate: float = 0.05
    minor: float = 0.1
    major: float = 0.25
    groups: int = GROUPS
    resamples: int = RESAMPLES
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.rate < 1:
            raise ValueError(f"rate must be between 0 and 1, not {self.rate}")
        if not 0 <= self.minor <= self.major:
            raise ValueError(f"0 <= minor <= major must hold, not {self.minor} and {self.major}")
        if self.groups < 2 or self.resamples < 1:
            raise ValueError(
                f"needs two groups and a resample or more, not {self.groups} and {self.resamples}"
            )


@dataclass(frozen=True)
class FeatureDrift:
    """One feature's scores; NaN and "not enough data" where there are fewer rows than groups.

    Attributes:
        rows: of the reference and of the current table, missing values among them.
        missing: share of missing values in each.
        outside: share of the current rows beyond the reference's range or known values.
        p_value: of PSI.
        adjusted_p_value: after Benjamini-Hochberg over all features.
        psi_expected: PSI's mean without drift at this number of rows.
        scores: by name; `kolmogorov_smirnov`, `wasserstein` (in the column's units) and
            `wasserstein_normalised` (by the reference's standard deviation) of a numeric column.
        kolmogorov_smirnov_bound: how far the exact statistic may lie above that from counts.
        exact: whether p-values of groups are of a permutation.
    """

    name: str
    kind: Literal["numeric", "discrete"]
    verdict: Verdict
    significant: bool
    rows: tuple[int, int]
    missing: tuple[float, float]
    outside: float
    p_value: float
    adjusted_p_value: float
    psi_expected: float
    scores: Mapping[str, Score]
    kolmogorov_smirnov_bound: float
    exact: bool

    @property
    def excess(self) -> float:
        """PSI above its mean without drift."""
        found = self.scores.get("population_stability_index")
        return found.value - self.psi_expected if found else math.nan

    def json(self) -> dict[str, Any]:
        """Plain data; None where a number is not defined."""
        return _plain({**asdict(self), "excess": self.excess})


@dataclass(frozen=True)
class Drift:
    """The verdict on a data set: its worst feature's; features that moved most come first."""

    verdict: Verdict
    rule: Rule
    features: tuple[FeatureDrift, ...]

    @property
    def alarms(self) -> tuple[str, ...]:
        """Names of the features that drifted, minor or major."""
        return tuple(f.name for f in self.features if f.verdict in ("minor", "major"))

    def json(self) -> dict[str, Any]:
        """Plain data; None where a number is not defined."""
        return {
            "verdict": self.verdict,
            "rule": asdict(self.rule),
            "alarms": list(self.alarms),
            "features": [feature.json() for feature in self.features],
        }


def drift(reference: Profile, current: Profile, rule: Rule | None = None) -> Drift:
    """Compares two profiles over the same edges, feature by feature.

    Example:
        >>> found = drift(reference, reference.count(batch))
        >>> found.verdict, found.features[0].name

    Raises:
        ValueError: profiles of different columns, edges or known values.
    """
    rule = rule or Rule()
    if set(reference) != set(current):
        raise ValueError(f"not in both profiles: {sorted(set(reference) ^ set(current))}")
    names = list(reference)
    pairs = [(reference.tables[name], current.tables[name]) for name in names]
    tested = [_tested(name, *pair, rule) for name, pair in zip(names, pairs, strict=True)]
    p_values = [math.nan if t is None else t.population_stability_index.p_value for t in tested]
    adjusted = adjusted_p_values(p_values).tolist()
    features = [
        _feature(name, first, second, groups, q, rule)
        for name, (first, second), groups, q in zip(names, pairs, tested, adjusted, strict=True)
    ]
    features.sort(key=lambda f: (-f.significant, math.isnan(f.excess), -f.excess, f.name))
    found = {feature.verdict for feature in features}
    order: tuple[Verdict, ...] = ("major", "minor", "none")
    verdict: Verdict = next((v for v in order if v in found), "not enough data")
    return Drift(verdict, rule, tuple(features))


def _tested(name: str, reference: Table, current: Table, rule: Rule) -> GroupScores | None:
    with naming(name):
        counts = grouped(reference, current, rule.groups)
    if min(reference.total, current.total) < rule.groups:
        return None
    return group_scores(*counts, rule.resamples, rule.seed)


def _feature(
    name: str, reference: Table, current: Table, groups: GroupScores | None, q: float, rule: Rule
) -> FeatureDrift:
    numeric = isinstance(reference, Histogram)
    scores: dict[str, Score] = {}
    bound = expected = p_value = math.nan
    verdict: Verdict = "not enough data"
    significant = q <= rule.rate
    if groups is not None:
        scores = {name: value for name, value in vars(groups).items() if isinstance(value, Score)}
        psi, expected = groups.population_stability_index, groups.psi_expected
        p_value, excess = psi.p_value, psi.value - expected
        verdict = "none"
        if significant and excess >= rule.minor:
            verdict = "major" if excess >= rule.major else "minor"
        if isinstance(reference, Histogram) and isinstance(current, Histogram):
            scores |= _numeric_scores(reference, current, rule.seed)
            bound = kolmogorov_smirnov(reference, current)[1]
    return FeatureDrift(
        name, "numeric" if numeric else "discrete", verdict, significant,
        (reference.total, current.total), (_missing(reference), _missing(current)),
        current.outside / current.total if current.total else math.nan,
        p_value, q, expected, scores, bound, groups is not None and groups.exact,
    )  # fmt: skip


def _numeric_scores(reference: Histogram, current: Histogram, seed: int) -> dict[str, Score]:
    moved = wasserstein_score(reference, current, seed)
    unit = spread(reference)
    return {
        "kolmogorov_smirnov": kolmogorov_smirnov_score(reference, current),
        "wasserstein": moved,
        "wasserstein_normalised": Score(moved.value / unit if unit else math.nan, moved.p_value),
    }


def _missing(table: Histogram | Categories) -> float:
    return table.missing / table.total if table.total else math.nan


def _plain(value: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _plain_value(inner) for key, inner in value.items()}


def _plain_value(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_plain_value(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
