"""A user's own package and configs, outside this repository: trained without an edit here."""

import json
from pathlib import Path

import pytest
import yaml

from tests.experiments.launch import Command, Ended, launch, logged

PACKAGE = {
    "stars/__init__.py": "",
    "stars/model.py": '''
        """Two kinds of stars, told apart by a model that knows nothing of the framework."""
        from flax import nnx


        class Telescope(nnx.Module):
            def __init__(self, mirrors: int, *, inputs, outputs: int, rngs: nnx.Rngs) -> None:
                self.first = nnx.Linear(inputs.shape[0], mirrors, rngs=rngs)
                self.last = nnx.Linear(mirrors, outputs, rngs=rngs)

            def __call__(self, inputs, *, train, rngs=None):
                return self.last(nnx.relu(self.first(inputs)))
    ''',
    "stars/task.py": '''
        """Giants and dwarfs, with a margin in place of cross entropy."""
        import jax.numpy as jnp
        import numpy as np
        from flax import struct


        @struct.dataclass
        class Margin:
            width: float = 1.0

            def check(self, spec):
                return []

            def outputs(self, spec):
                return 1

            def loss(self, outputs, batch):
                sign = 2.0 * batch["labels"] - 1
                margins = self.width - sign * outputs[:, 0]
                return jnp.maximum(margins, 0), {"inside": (margins > 0).astype(jnp.float32)}

            def weights(self, batch):
                return None

            def predict(self, outputs, batch):
                return {"predictions": outputs}

            def metric_names(self, spec):
                return ("accuracy", "examples")

            def metrics(self, predictions, labels, spec):
                right = (predictions["predictions"][:, 0] > 0) == (labels > 0)
                return {"accuracy": float(np.mean(right)), "examples": len(labels)}
    ''',
    "stars/data.py": '''
        """A catalogue made up on the spot."""
        import numpy as np

        from framework.config import PositiveInt
        from framework.data import ArraySource, Data, Identity
        from framework.spec import Field, Labels, Spec


        def catalogue(
            *, count: PositiveInt, batch_size: PositiveInt, path: str | None = None
        ) -> Data:
            if path is not None:
                np.load(path)
            random = np.random.default_rng(0)
            labels = random.integers(0, 2, count).astype(np.int32)
            light = random.normal(size=(count, 3)).astype(np.float32) + 3 * labels[:, None]
            parts = np.split(np.arange(count), [count // 2, 3 * count // 4])
            return Data(
                name="catalogue",
                spec=Spec(Field((3,), "float32"), Labels("class", ("dwarf", "giant"))),
                splits={
                    name: ArraySource(f"catalogue/{name}", light[part], labels[part])
                    for name, part in zip(("train", "validation", "test"), parts)
                },
                fingerprint=f"{count:064x}",
                batch_size=batch_size,
                preprocess=Identity(),
            )
    ''',
    "configs/model/telescope.yaml": '''
        # A telescope with mirrors.
        _target_: stars.model.Telescope
        _partial_: true
        mirrors: 4
    ''',
    "configs/task/margin.yaml": '''
        # A hinge.
        _target_: stars.task.Margin
        width: 1.0
    ''',
    "configs/data/catalogue.yaml": '''
        # Stars.
        _target_: stars.data.catalogue
        count: 400
        batch_size: 32
    ''',
    "configs/experiment/stars.yaml": '''
        # @package _global_
        # Giants and dwarfs.
        defaults:
          - override /model: telescope
          - override /task: margin
          - override /data: catalogue
          - override /tracker: none
          - override /mesh: single
        name: stars
        trainer:
          steps: 60
          log_every: 20
        evaluation:
          every: 20
        optimizer:
          learning_rate: 0.02
    ''',
}  # fmt: skip
WORDS = ("--config-dir", "configs", "experiment=stars", "run.dir=run")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The user's folder."""
    import textwrap

    folder = tmp_path_factory.mktemp("home")
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text).lstrip())
    return folder


@pytest.fixture(scope="module")
def trained(home: Path) -> tuple[Path, Ended]:
    ended = launch(*WORDS, cwd=home, PYTHONPATH=str(home))
    assert ended.code == 0, ended
    return home / "run", ended


def test_it_trains_and_is_evaluated(trained: tuple[Path, Ended]) -> None:
    run, ended = trained
    metrics = json.loads((run / "evaluation" / "test" / "metrics.json").read_text())
    assert metrics["accuracy"] > 0.9
    assert metrics["examples"] == 100
    assert (run / "report.html").exists()
    assert "stars: catalogue (200 train, 100 validation, 100 test)" in ended.out
    assert yaml.safe_load((run / "config.yaml").read_text())["model"]["mirrors"] == 4


def test_its_own_metrics_are_logged(trained: tuple[Path, Ended]) -> None:
    lines = logged(trained[0])
    assert [line["step"] for line in lines] == [20, 40, 60]
    assert all({"inside", "validation/accuracy"} <= line.keys() for line in lines)


@pytest.fixture
def own(home: Path, command: Command, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The command in the user's folder."""
    monkeypatch.syspath_prepend(home)
    monkeypatch.chdir(home)
    return lambda *words: command(
        "--config-dir", "configs", "experiment=stars", "run.dir=other", *words
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("model._target_=stars.model.Telescop",),
         "model._target_=stars.model.Telescop: expected the full name of a class or function that "
         "can be imported; stars.model has no 'Telescop'; did you mean 'Telescope'?"),
        (("model._target_=starz.model.Telescope",), "there is no module named starz"),
        (("model._partial_=false",), "model.inputs=(missing): expected a value"),
        (("model.mirrors=many",), "model.mirrors=many: expected a valid integer"),
        (("+model.lenses=2",),
         "model.lenses=2: expected an argument that Telescope takes; choices: inputs, mirrors"),
        (("task.width=wide",), "task.width=wide: expected a valid number"),
        (("~task.width", "+task.widht=2"), "did you mean 'width'?"),
        (("model=telescop",), "did you mean 'telescope'?"),
        (("model=mlp", "task=classification", "checkpoint.metric=inside"),
         "checkpoint.metric=inside: expected a metric of the task"),
        (("checkpoint.metric=inside",), "choices: accuracy, examples"),
        (("data.count=0",), "data.count=0: expected greater than 0"),
        (("+data.path=/nothing/here.npy",), "FileNotFoundError: [Errno 2] No such file or "
         "directory: '/nothing/here.npy' (data.py:13)"),
        (("data._target_=stars.task.Margin",), "expected a framework.data.dataset.Data"),
        (("task._target_=stars.model.Telescope",), "mirrors"),
    ],
)  # fmt: skip
def test_a_mistake_in_it_is_a_plain_line(
    words: tuple[str, ...], said: str, own: Command, home: Path
) -> None:
    ended = own(*words)
    assert ended.code == 2, ended
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert not (home / "other").exists()


def test_a_module_that_does_not_import(
    own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stars_of_tomorrow.py").write_text("import not_yet_there\n")
    monkeypatch.syspath_prepend(tmp_path)
    ended = own("model._target_=stars_of_tomorrow.Model")
    assert ended.code == 2
    assert "importing stars_of_tomorrow failed: No module named 'not_yet_there'" in ended.err


def test_a_model_that_does_not_run(
    own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "blind.py").write_text(
        "from flax import nnx\n"
        "class Blind(nnx.Module):\n"
        "    def __init__(self, mirrors, *, inputs, outputs, rngs):\n"
        "        self.only = nnx.Linear(mirrors, outputs, rngs=rngs)\n"
        "    def __call__(self, inputs, *, train, rngs=None):\n"
        "        return self.only(inputs)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    ended = own("model._target_=blind.Blind")
    assert ended.code == 2
    assert "model=Blind: expected a model that runs on this data's inputs" in ended.err
    assert "(blind.py:6)" in ended.err


def test_a_data_function_that_gives_something_else(
    own: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "forgetful.py").write_text("def load(count, batch_size):\n    count + 1\n")
    (tmp_path / "halves.py").write_text("class Half:\n    def check(self, spec): return []\n")
    monkeypatch.syspath_prepend(tmp_path)
    ended = own("data._target_=forgetful.load", "task={_target_:halves.Half}", "~task.width")
    assert ended.code == 2
    assert "data._target_=forgetful.load: expected a Data; it gives a NoneType" in ended.err
    assert "task._target_=halves.Half: expected a Task; it gives a Half without loss" in ended.err
