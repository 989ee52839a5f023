"""From a request to a study; what cannot be is a line."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from framework.config import InvalidConfig
from framework.config.swept import parse
from framework.launch.request import Request
from framework.launch.study import make_source, metric_problems
from framework.launch.study.make import metrics_of
from framework.launch.table import Table

SETTINGS = {"trainer": {"steps": 100}, "evaluation": {"every": 10}, "checkpoint": None}


def request_of(path: Path, *words: str, **settings: Any) -> Request:
    sweep = settings.pop("sweep", {"metric": "accuracy"})
    experiment = settings.pop("settings", SETTINGS)
    _, space = parse(words or ("a=interval(0,1)",), {}, None)
    return Request("toy", path, (), space, "optuna", settings, sweep=sweep, settings=experiment)


def table(path: Path) -> Table:
    path.mkdir(parents=True, exist_ok=True)
    return Table(path / "trials.jsonl")


def lines(path: Path, *words: str, **settings: Any) -> list[str]:
    with pytest.raises(InvalidConfig) as raised:
        make_source(request_of(path, *words, **settings), table(path))()
    found = [str(problem) for problem in raised.value.problems]
    assert all("\n" not in line for line in found)
    return found


def chosen(name: str, **options: Any) -> dict[str, Any]:
    return {"_target_": f"framework.launch.study.{name}", **options}


def test_a_request_gives_a_source(tmp_path: Path) -> None:
    words = ("rate=tag(log,interval(1e-4,1e-1))", "model=cnn,mlp")
    source = make_source(
        request_of(tmp_path, *words, n_trials=2, sampler=chosen("Random")), table(tmp_path)
    )()
    proposed = source.propose()
    assert proposed is not None
    assert proposed[0] == 0
    assert proposed[1].keys() == {"rate", "model"}
    assert not source.finished()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"n_trials": 0}, "hydra.sweeper.n_trials=0: expected"),
        ({"n_trails": 3}, "hydra.sweeper.n_trails=3: expected"),
        ({"sampler": chosen("Median")}, "hydra.sweeper.sampler"),
        ({"sampler": chosen("NSGAII")}, "hydra/sweeper/sampler=nsga2: expected two metrics"),
        ({"pruner": chosen("Median", warmup=-1)}, "hydra.sweeper.pruner.warmup=-1"),
        ({"pruner": chosen("Hyperband", factor=1)}, "hydra.sweeper.pruner.factor=1"),
        ({"pruner": chosen("Hyperband", first=100)}, "pruner.first=100: expected a rung before"),
        (
            {"pruner": chosen("Median"), "sweep": {"metric": ["accuracy", "log_loss"]}},
            "hydra/sweeper/pruner=Median: expected one metric to prune by",
        ),
        ({"sweep": {"metric": ["a", "a"]}}, "sweep.metric=a,a: expected one metric or two"),
        ({"sweep": {"metric": ["a", "b", "c"]}}, "expected one metric or two"),
        ({"sweep": {"metric": "a", "direction": "up"}}, "sweep.direction=up: expected max, min"),
        ({"sweep": {"metric": "a", "direction": ["max", "min"]}}, "for each metric"),
        ({"enqueue": [{"b": 1.0}]}, "hydra.sweeper.enqueue[0].b=1.0: expected a swept key"),
        ({"enqueue": [{"a": 2.0}]}, "hydra.sweeper.enqueue[0].a=2.0: expected a value of"),
        ({"enqueue": [{"a": 0.5}] * 3, "n_trials": 2}, "at most n_trials=2 points"),
        ({"storage": "nonsense", "study_name": "a"}, "expected an address such as postgresql"),
        ({"storage": "postgressql://h/x", "study_name": "a"}, "expected an address such as"),
        ({"storage": "sqlite://", "study_name": "a"}, "expected an address such as"),
        ({"storage": "oracle://h/x", "study_name": "a"}, "is installed (oracledb is not)"),
        ({"storage": "sqlite:///x.db"}, "hydra.sweeper.study_name=null: expected a name"),
        ({"storage": "sqlite:////no/where/x.db", "study_name": "a"}, "that can be reached"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_a_mistake_is_a_line(tmp_path: Path, settings: dict, says: str) -> None:
    [line] = lines(tmp_path, **settings)
    assert says in line


@pytest.mark.parametrize("every", [None, 100])
def test_a_pruner_needs_evaluations(tmp_path: Path, every: int | None) -> None:
    settings = {**SETTINGS, "evaluation": {"every": every}}
    [line] = lines(tmp_path, settings=settings, pruner=chosen("SuccessiveHalving"))
    assert "expected evaluations before the last step (100); evaluation.every=10" in line


def test_a_space_without_a_key(tmp_path: Path) -> None:
    [line] = lines(tmp_path, "a=1")
    assert "hydra.sweeper.params=null: expected at least one swept key" in line


def test_a_storage_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    pytest.importorskip("psycopg", reason="needs the extra `postgres`")
    address = "postgresql://me:secret@127.0.0.1:1/sweeps"
    [line] = lines(tmp_path, storage=address, study_name="a")
    assert "hydra.sweeper.storage=postgresql+psycopg://me:***@127.0.0.1:1/sweeps" in line
    assert "secret" not in line


def test_metrics_that_no_evaluation_writes() -> None:
    known = ["accuracy", "log_loss", "f1/cat"]
    assert not metric_problems(["f1/cat", "accuracy"], known)
    typo, prefixed, test = metric_problems(["acuracy", "validation/log_loss", "test/x"], known)
    assert "did you mean 'accuracy'? choices: accuracy, log_loss" in str(typo)
    assert "did you mean 'log_loss'?" in str(prefixed)
    assert "the test split is not touched by a sweep" in str(test)


def test_the_metric_is_the_one_of_checkpoints_where_none_is_given(tmp_path: Path) -> None:
    settings = {"checkpoint": {"metric": "accuracy"}}
    assert metrics_of(request_of(tmp_path, sweep={}, settings=settings)) == ["accuracy"]
    assert metrics_of(request_of(tmp_path, sweep={}, settings={})) == ["log_loss"]
    both = {"metric": ["accuracy", "log_loss"]}
    assert metrics_of(request_of(tmp_path, sweep=both)) == both["metric"]


def test_a_study_of_something_else_is_refused(tmp_path: Path) -> None:
    source = make_source(request_of(tmp_path, "a=interval(0,1)", "b=1,2"), table(tmp_path))()
    source.propose()
    assert make_source(request_of(tmp_path, "a=interval(0,2)", "b=1,2"), table(tmp_path))()
    [line] = lines(tmp_path, "a=interval(0,1)", "b=1,2,3")
    assert "b=values=[1, 2, 3]: expected as in the study that is there (values=[1, 2])" in line
    [line] = lines(tmp_path, "a=interval(0,1)")
    assert "b=not swept" in line
    [line] = lines(tmp_path, "a=interval(0,1)", "b=1,2", sweep={"metric": "log_loss"})
    assert "sweep.metric=log_loss downwards: expected the metric" in line


def test_a_study_that_never_began_binds_nobody(tmp_path: Path) -> None:
    make_source(request_of(tmp_path, sweep={"metric": "acuracy"}), table(tmp_path))()
    assert make_source(request_of(tmp_path), table(tmp_path))().propose() is not None


@pytest.mark.parametrize(("missing", "sampler"), [("optuna", "TPE"), ("cmaes", "CMAES")])
def test_an_extra_that_is_not_installed(tmp_path: Path, missing: str, sampler: str) -> None:
    script = f"""
import sys, importlib.util
real = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "{missing}" else real(name, *rest)
from pathlib import Path
from tests.launch.study.test_make import chosen, request_of, table, InvalidConfig, make_source
path = Path("{tmp_path}")
try:
    make_source(request_of(path, sampler=chosen("{sampler}")), table(path))()
except InvalidConfig as error:
    print(error)
print("optuna" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    line, imported = done.stdout.splitlines()
    assert line == (
        f'hydra/sweeper=optuna: expected {missing} to be installed; pip install "framework[sweep]"'
    )
    assert imported == "False"
