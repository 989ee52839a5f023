"""What is asked of a study that no study can do; one line each."""

from collections.abc import Sequence

from framework.config import Problem, nearest
from framework.launch.objective import Objective
from framework.launch.space import Choice, Interval, Parameter, Space
from framework.launch.study.options import NSGAII, Evaluations, StudyOptions

SPLIT = "validation/"


def metric_problems(metrics: Sequence[str], known: Sequence[str]) -> list[Problem]:
    """Metrics that no evaluation of the validation split writes.

    Args:
        known: the names that the task can give, among them those of classes and slices.
    """
    expected = "a metric that the evaluation of the validation split writes"
    overall = [name for name in known if "/" not in name]
    return [
        Problem("sweep.metric", metric, expected, _other_metric(metric, overall))
        for metric in metrics
        if metric not in known
    ]


def _other_metric(metric: str, known: Sequence[str]) -> str:
    if metric.startswith("test/"):
        return "the test split is not touched by a sweep"
    return nearest(metric.removeprefix(SPLIT), known)


def study_problems(
    options: StudyOptions,
    space: Space,
    objectives: Sequence[Objective],
    evaluations: Evaluations,
) -> list[Problem]:
    """All that is wrong with a study's settings."""
    problems: list[Problem] = []
    metrics = ",".join(objective.metric for objective in objectives)
    if not space:
        hint = "for instance optimizer.learning_rate=tag(log,interval(1e-4,1e-1))"
        problems.append(Problem("hydra.sweeper.params", None, "at least one swept key", hint))
    if len(objectives) > 2 or len(set(objectives)) < len(objectives):
        problems.append(Problem("sweep.metric", metrics, "one metric or two different ones"))
    if options.pruner is not None:
        problems += _pruner_problems(options, objectives, evaluations)
    if isinstance(options.sampler, NSGAII) and len(objectives) != 2:
        hint = "sweep.metric=[accuracy,log_loss], or hydra/sweeper/sampler=tpe"
        problems.append(Problem("hydra/sweeper/sampler", "nsga2", "two metrics", hint))
    if options.storage is not None and not options.study_name:
        hint = "drivers that share a storage find their study by its name"
        problems.append(Problem("hydra.sweeper.study_name", None, "a name", hint))
    return problems + _point_problems(options, space)


def _pruner_problems(
    options: StudyOptions, objectives: Sequence[Objective], evaluations: Evaluations
) -> list[Problem]:
    name = type(options.pruner).__name__
    problems = []
    if len(objectives) > 1:
        hint = "hydra/sweeper/pruner=none, or one metric"
        problems.append(Problem("hydra/sweeper/pruner", name, "one metric to prune by", hint))
    if evaluations.every is None or evaluations.every >= evaluations.steps:
        hint = f"evaluation.every={max(evaluations.steps // 10, 1)}, or hydra/sweeper/pruner=none"
        expected = f"evaluations before the last step ({evaluations.steps})"
        problems.append(Problem("hydra/sweeper/pruner", name, expected, hint))
    first = getattr(options.pruner, "first", None)
    if first is not None and first >= evaluations.steps:
        expected = f"a rung before the last step ({evaluations.steps})"
        problems.append(Problem("hydra.sweeper.pruner.first", first, expected))
    factor = getattr(options.pruner, "factor", 2)
    if factor < 2:
        problems.append(Problem("hydra.sweeper.pruner.factor", factor, "2 or more"))
    return problems


def _point_problems(options: StudyOptions, space: Space) -> list[Problem]:
    problems = []
    if len(options.enqueue) > options.n_trials:
        expected = f"at most n_trials={options.n_trials} points"
        problems.append(Problem("hydra.sweeper.enqueue", len(options.enqueue), expected))
    for index, point in enumerate(options.enqueue):
        for key, value in point.items():
            where = f"hydra.sweeper.enqueue[{index}].{key}"
            if key not in space:
                problems.append(Problem(where, value, "a swept key", nearest(key, space)))
            elif not holds(space[key], value):
                problems.append(Problem(where, value, f"a value of {space[key]}"))
    return problems


def holds(parameter: Parameter, value: object) -> bool:
    """Whether a value is one of a parameter's."""
    if isinstance(parameter, Choice):
        return value in parameter.values
    assert isinstance(parameter, Interval)
    number = isinstance(value, int if parameter.integer else int | float)
    return number and not isinstance(value, bool) and parameter.low <= value <= parameter.high  # type: ignore[operator]
