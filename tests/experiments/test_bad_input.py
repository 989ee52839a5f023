"""A user's mistakes: each a plain line on stderr, exit code 2, and nothing written."""

import gzip
import os
from pathlib import Path

import pytest

from tests.data.make import idx_folder, write_idx
from tests.experiments.launch import SMALL, Command, launch

TABLE = (
    "experiment=null", "name=x", "model=table", "data=table", "data.label=kind",
    "data.batch_size=16",
)  # fmt: skip


@pytest.fixture
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data files, good ones and damaged ones, apart from where the command runs."""
    import numpy as np

    folder = tmp_path_factory.mktemp("files")
    idx_folder(folder / "good")
    for part in ("truncated", "garbage", "strange"):
        idx_folder(folder / part)
    whole = folder / "truncated" / "train-images-idx3-ubyte.gz"
    whole.write_bytes(whole.read_bytes()[:-40])
    (folder / "garbage" / "t10k-labels-idx1-ubyte.gz").write_bytes(gzip.compress(b"no labels"))
    write_idx(folder / "strange" / "t10k-labels-idx1-ubyte.gz", np.full(10, 7, np.uint8))
    rows = [f"{i},{'red' if i % 2 else 'blue'},{i % 3}" for i in range(90)]
    (folder / "table.csv").write_text("\n".join(["size,colour,kind", *rows]) + "\n")
    (folder / "torn.csv").write_text("size,colour,kind\n1,red\n")
    (folder / "torn.parquet").write_bytes(b"PAR1 and no more")
    return folder


# Each command's words, those of one mistake together, to what is said about it.
MISTAKES: list[dict[str, str]] = [
    {   # unknown keys and groups
        "trainer.stpes=3": "trainer.stpes=3: expected a key of 'trainer'; did you mean 'steps'?",
        "optimiser=adamw": "expected a key or a group of the experiment; did you mean 'optimizer'?",
        "optimizer=adam": "optimizer=adam: expected a choice of the group 'optimizer'; did you "
                          "mean 'adamw'? choices: adafactor, adamw, lion, muon, sgd",
        "debug=tinny": "did you mean 'tiny'?",
        "experiment=digit": "did you mean 'digits'?",
        "trainer.early_stopping.metric=accuracy":
            "trainer.early_stopping is null: give it whole, as trainer.early_stopping={metric: …}",
        "=3": "command line==3: expected key=value",
        "seed=[3": "command line=seed=[3: expected key=value",
        "schedule=[cosine,nan]": "schedule=nan: expected a choice of the group 'schedule'",
    },
    {"steps": "Error parsing override 'steps'"},
    {"debug=[tiny,nan]": "in a list, write it in quotes: 'nan'"},
    {"data=null": "data._target_=null: expected the full name"},
    {"~optimizer": "optimizer=(missing): expected a value; give it: optimizer=…"},
    {"seed=${trainer.step}": "Interpolation key 'trainer.step' not found"},
    {"--config-name other": "Cannot find primary config 'other'"},
    {"--config-dir /nowhere-at-all": "expected a folder of configs"},
    {   # wrong types, in parts that are checked before anything is built
        "trainer.steps=many": "trainer.steps=many: expected a valid integer",
        "trainer.log_every=1.5": "trainer.log_every=1.5: expected a valid integer",
        "trainer.deterministic=1": "trainer.deterministic=1: expected a valid boolean",
        "trainer.profile={start:-1}": "trainer.profile.start=-1: expected greater than or equal",
        "trainer.early_stopping={metrics:accuracy}": "did you mean 'metric'?",
        "optimizer.learning_rate=[1,2]":
            "optimizer.learning_rate=[1, 2]: expected a valid number",
        "optimizer.weight_decay=null": "optimizer.weight_decay=null: expected a valid number",
        "optimizer.rule.b1=high": "optimizer.rule.b1=high: expected a valid boolean or a valid",
        "model.widths=[16,a]": "model.widths.1=a: expected a valid integer",
        "model.activation=step": "model.activation=step: expected 'relu', 'gelu'",
        "mesh.rules.embed=null": "mesh.rules.embed=null: expected a valid string",
        "data.augmentations=3": "data.augmentations=3: expected a list, each an Augmentation",
        "run.resume=always": "run.resume=always: expected 'same_config' or 'allow_changes'",
        "run.dir=": "run.dir=: expected a path (this is empty)",
        "precision.compute=int8": "expected 'float32', 'bfloat16' or 'float16'",
        "seed=4294967296": "seed=4294967296: expected less than 4294967296",
        "name=../elsewhere": "name=../elsewhere: expected a name that a folder can have",
        "tracker.wandb.mode=on": "expected 'offline', 'online' or 'disabled'",
    },
    {   # arguments that a class does not take, targets that are another or none
        "+model.depth=3": "model.depth=3: expected an argument that MLP takes",
        "+trainer.epochs=3": "trainer.epochs=3: expected an argument that Trainer takes",
        "+optimizer.rule.beta1=0.5": "expected an argument that scale_by_adam takes",
        "task._target_=framework.task.Classification": "expected the full name of a class or",
        "schedule._target_=nowhere.Cosine": "there is no module named nowhere",
        "mesh._target_=framework.parallel.MeshOption": "did you mean 'MeshOptions'?",
        "evaluation={_target_:framework.train.Profile}": "expected a framework.train.options.Eval",
        "data.augmentations=[{pixels:1}]": "expected an Augmentation; give it a _target_",
    },
    {"optimizer.rule=3": "optimizer.rule=3: expected a function; give it a _target_"},
    {"optimizer.rule._target_=optax.adamw": "an Optax transformation without a learning rate"},
    {"optimizer.rule._partial_=false": "expected a function that returns an Optax "
                                         "transformation"},
    {   # numbers that cannot be
        "trainer.steps=-5": "trainer.steps=-5: expected greater than 0",
        "trainer.log_every=0": "trainer.log_every=0: expected greater than 0",
        "optimizer.learning_rate=-1e-3": "optimizer.learning_rate=-0.001: expected greater than 0",
        "optimizer.weight_decay=inf": "optimizer.weight_decay=inf: expected a finite number",
        "data.batch_size=0": "data.batch_size=0: expected greater than 0",
        "model.widths=[0]": "model.widths.0=0: expected greater than 0",
        "model.dropout=1": "model.dropout=1: expected less than 1",
    },
    {
        "trainer.steps=0": "trainer.steps=0: expected greater than 0",
        "optimizer.learning_rate=0": "optimizer.learning_rate=0: expected greater than 0",
        "data.validation_fraction=0.9": "fractions that leave examples for training",
    },
    {   # batches and meshes, with all eight devices
        "mesh=data data.batch_size=12": "data.batch_size=12: expected a multiple of 8 (8 batch "
                                        "shards of the mesh)",
        "evaluation.batch_size=9": "evaluation.batch_size=9: expected a multiple of 8",
        "schedule.warmup=50": "warmup of at most 40 steps",
        "trainer.steps_per_call=3": "expected a multiple of trainer.steps_per_call=3",
    },
    {"data.batch_size=5000": "data.batch_size=5000: expected at most the 1257 examples"},
    {"trainer.accumulate=3": "data.batch_size=32: expected a multiple of 3"},
    {"mesh=data mesh.data=3": "axes that multiply to the 8 devices (they give 3)"},
    {"mesh=data mesh.tensor=3": "axes whose product divides the 8 devices (it is 3)"},
    {"mesh.devices=9": "mesh.devices=9: expected at most 8"},
    {"mesh=data mesh.tensor=-1 mesh.rules.batch=dat": "did you mean 'data'?",
     "": "mesh.tensor=-1: expected at most one axis of -1"},
    {"mesh=fsdp_tensor mesh.replicate_if_uneven=[] model.widths=[9]": "an axis that divides mlp=9"},
    {"task=language_modeling": "choose data that are text"},
    {"model=transformer model.widths=null": "model.widths"},
    {   # metrics, splits and parts that do not go together
        "checkpoint.metric=acuracy": "expected a metric of the task; did you mean 'accuracy'?",
        "trainer.early_stopping={metric:loss}": "trainer.early_stopping.metric=loss: expected a",
        "evaluation.split=val": "evaluation.split=val: expected a split of the data",
        "evaluation.final=[tests]": "did you mean 'test'?",
        "checkpoint.every=30": "checkpoint.every=30: expected a multiple of evaluation.every=20",
        "task.class_weights=[1,2]": "expected a weight for each of the 10 classes",
        "run.dir=/etc/hostname/run": "run.dir=/etc/hostname/run: expected a place that can be",
    },
    {
        "trainer.early_stopping={metric:log_loss} evaluation.every=null": "set evaluation.every",
        "evaluation.weights=best checkpoint.metric=null": "checkpoint.metric=null: expected a "
                                                          "metric's name; evaluation.weights=best",
        "data.validation_fraction=0 evaluation.final=[validation]":
            "evaluation.final.0=validation: expected a split of the data",
        "optimizer.frozen=[nothing]": "expected a pattern that matches a parameter",
        "+model.outputs=3": "model.outputs=3: expected 10, one for each of the data's class",
    },
    {"optimizer.frozen=[kernel,bias]": "expected some parameter left to train"},
    {"task=regression": "expected a task for labels of kind class"},
    {"task=multi_label": "choose task=classification"},
    {"run.dir=/proc/run": "run.dir=/proc/run: expected a place that can be written"},
    {"run.root=/proc/runs": "run.root=/proc/runs: expected a place that can be written"},
]  # fmt: skip


@pytest.mark.parametrize("mistakes", MISTAKES, ids=lambda mistakes: next(iter(mistakes)))
def test_each_mistake_is_a_line(mistakes: dict[str, str], command: Command, tmp_path: Path) -> None:
    ended = command(*SMALL, *" ".join(mistakes).split())
    assert ended.code == 2, ended
    for said in mistakes.values():
        assert said in ended.err, ended.err
    lines = ended.err.splitlines()
    count = "one mistake" if len(lines) == 2 else f"{len(lines) - 1} mistakes"
    outcome = "does not go on" if "/proc/" in ended.err else "nothing was started"
    assert lines[0].startswith(f"The configuration has {count}; ")
    assert lines[0].endswith(f"{outcome}.")
    assert all(line.startswith("  ") for line in lines[1:])
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert not list(tmp_path.iterdir())


OF_TEXT = {
    "mesh=sequence mesh.sequence=4 data.sequence_length=30": "an axis that divides sequence=30 of",
    "model=transformer_moe mesh=expert mesh.expert=8 mesh.fsdp=1 model.experts=6":
        "an axis that divides expert=6 of blocks/feed_forward",
    "mesh=fsdp_tensor mesh.tensor=8": "an axis that divides heads=4 of blocks/attention",
    "mesh=sequence mesh.rules.sequence=seqence": "did you mean 'sequence'?",
    "model.heads=3": "model.width=128: expected a multiple of heads=3",
    "model.kv_heads=3": "model.kv_heads=3: expected a divisor of heads=4",
    "task=classification": "task.kind=multi_class: expected a task for labels of kind token",
    "task=regression": "choose task=language_modeling",
    "model=cnn": "expected images",
    "model.remat=ful": "model.remat=ful: expected 'none', 'full', 'dots' or 'dots_no_batch'",
}  # fmt: skip


@pytest.mark.parametrize("words", OF_TEXT)
def test_each_mistake_about_text_is_a_line(
    words: str, command: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("text")
    for page in range(4):
        (folder / f"{page}.txt").write_text("A rose is a rose is a rose. " * 60)
    ended = command(
        "experiment=shakespeare", f"data.path={folder}", "data.sequence_length=32",
        "data.batch_size=16", *words.split(),
    )  # fmt: skip
    assert ended.code == 2, ended
    assert OF_TEXT[words] in ended.err
    assert "nothing was started" in ended.err
    assert "Traceback" not in ended.err


def test_a_model_for_other_inputs(command: Command) -> None:
    ended = command("model=table", "model.depth=0", "experiment=null", "name=x")
    assert ended.code == 2
    assert "expected columns of categories and numbers" in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data=idx",), "data.path=(missing): expected a value; give it: data.path=…"),
        (("data=idx", "data.path={}/godo"), "data.path={}/godo: expected an existing folder; "
                                            "there is no godo in {}"),
        (("data=idx", "data.path={}/table.csv"), "expected a folder; this is a file"),
        (("data=idx", "data.path={}"), "expected a folder with one train-images-idx3-ubyte"),
        (("data=idx", "data.path={}/truncated"), "train-images-idx3-ubyte.gz: expected a whole "
                                                 "gzip file"),
        (("data=idx", "data.path={}/garbage"), "t10k-labels-idx1-ubyte.gz: expected an IDX file"),
        (("data=idx", "data.path={}/strange"), "label 7 at example 0 of {}/strange/t10k-labels"),
        (("data=idx", "data.path={}/good", "data.classes=[a,b]"),
         "data.classes=a,b: expected a class for every label, 0 to 1; label 2 at example 2"),
        (("data=idx", "data.path={}/good", "data.batch_size=64"),
         "data.batch_size=64: expected at most the 36 examples of the training split"),
        ((*TABLE, "data.path={}/table.csv", "data.label=sort"),
         "data.label=sort: expected a column of {}/table.csv"),
        ((*TABLE, "data.path={}/table.csv", "data.numeric=[weight]"),
         "data.numeric=weight: expected a column of {}/table.csv"),
        ((*TABLE, "data.path={}/torn.csv"), "data.path={}/torn.csv: expected a table that can be "
                                            "read"),
        ((*TABLE, "data.path={}/torn.parquet"), "expected a table that can be read"),
        ((*TABLE, "data.path={}/table.csv", "data.kind=number"), "choose task=regression"),
        ((*TABLE, "data.path={}/table.csv", "model=cnn"), "for a table choose model=table"),
        ((*TABLE, "data.path={}/table.csv",
          "data.augmentations=[{_target_:framework.data.RandomFlip}]"),
         "data.augmentations.0=RandomFlip"),
    ],
)  # fmt: skip
def test_a_mistake_about_data_is_one_line(
    words: tuple[str, ...], said: str, files: Path, command: Command, tmp_path: Path
) -> None:
    words = tuple(word.replace("{}", str(files)) for word in words)
    ended = command("tracker=none", "mesh=single", *words)
    assert ended.code == 2, ended
    assert said.replace("{}", str(files)) in ended.err, ended.err
    assert "Traceback" not in ended.err
    assert not list(tmp_path.iterdir())


def test_mistakes_of_all_kinds_are_said_at_once_in_the_order_of_their_parts(
    command: Command,
) -> None:
    ended = command(
        "data=digit", "modle=mlp", "model.channel=3", "optimizer.learning_rate=-1", "seed=x",
        "checkpoint.metric=acuracy", "mesh.data=3", "run.dir=/etc/hostname/x",
        "+model.depth=3", "data.batch_size=64",
    )  # fmt: skip
    assert ended.code == 2
    keys = [line.strip().split("=")[0] for line in ended.err.splitlines()[1:]]
    assert keys == [
        "data", "modle", "model.channel", "seed", "model.depth", "optimizer.learning_rate",
        "checkpoint.metric", "run.dir", "mesh",
    ]  # fmt: skip


def test_a_preset_can_be_left_out_again(command: Command) -> None:
    ended = command("experiment=null", "debug=null")
    assert ended.code == 2
    assert "name=(missing): expected a value; give it: name=…" in ended.err
    assert "one mistake" in ended.err


def test_no_permission(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write anywhere
    ended = command(*SMALL, f"run.dir={tmp_path}/closed/run")
    assert ended.code == 2
    assert (
        f"run.dir={tmp_path}/closed/run: expected a place that can be written ({tmp_path} cannot)"
    ) in ended.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("optimizer=adm", "trainer.steps=0"), "did you mean 'adamw'?"),
        (("data=idx", "data.path=nowhere"), "data.path=nowhere: expected an existing folder"),
        (("+model.depth=3", "mesh.devices=2"), "expected an argument that CNN takes"),
    ],
)
def test_from_a_shell(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    ended = launch(*words, cwd=tmp_path)
    assert ended.code == 2, ended
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""
    assert not list(tmp_path.iterdir())
