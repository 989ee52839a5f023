import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from framework.tracking.tensorboard import EventFiles, markdown_table

ROOT = Path(__file__).resolve().parents[2]


def accumulated(directory: Path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(directory), size_guidance={"scalars": 0})
    found.Reload()
    return found


def hyperparameter_tab(logdir: Path):
    """The experiment and the session groups, as TensorBoard's own tab computes them."""
    from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
    from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.hparams import api_pb2
    from tensorboard.plugins.hparams.backend_context import Context
    from tensorboard.plugins.hparams.get_experiment import Handler as GetExperiment
    from tensorboard.plugins.hparams.list_session_groups import Handler as ListSessionGroups

    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    context = Context(TBContext(data_provider=provider, multiplexer=multiplexer))
    statuses = [status.number for status in api_pb2.Status.DESCRIPTOR.values]
    request = api_pb2.ListSessionGroupsRequest(
        start_index=0, slice_size=100, allowed_statuses=statuses
    )
    ask = (RequestContext(), context, "experiment")
    experiment = GetExperiment(*ask, api_pb2.GetExperimentRequest()).run()
    return experiment, ListSessionGroups(*ask, request).run().session_groups


def test_scalars_are_read_back(tmp_path):
    events = EventFiles(tmp_path, None)
    for step in range(100):
        events.scalars(step, {"loss": 1 / (step + 1), "accuracy": step / 100})
    events.close(True)
    found = accumulated(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("training/loss")] == [
        (step, np.float32(1 / (step + 1))) for step in range(100)
    ]
    assert len(found.Scalars("training/accuracy")) == 100


def test_a_picture_is_read_back(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    events = EventFiles(tmp_path, None)
    events.picture(3, "sample", image)
    events.close(True)
    (event,) = accumulated(tmp_path).Images("sample")
    assert (event.step, event.width, event.height) == (3, 7, 5)
    np.testing.assert_array_equal(
        np.asarray(Image.open(io.BytesIO(event.encoded_image_string))), image
    )


def test_texts_tables_and_artifacts_are_read_back(tmp_path):
    events = EventFiles(tmp_path, None)
    events.text(1, "note", "**bold** ü")
    events.table(2, "classes", ["class", "recall"], [["a|b", 0.25], ["c", 1.0]])
    events.artifact("best", "model", Path("checkpoints/2"))
    events.close(True)
    found = accumulated(tmp_path)
    texts = {
        tag: found.Tensors(tag)[0].tensor_proto.string_val[0].decode()
        for tag in ("note", "classes", "artifact/best")
    }
    assert texts == {
        "note": "**bold** ü",
        "classes": "| class | recall |\n| --- | --- |\n| a\\|b | 0.25 |\n| c | 1 |",
        "artifact/best": "model: `checkpoints/2`",
    }
    assert found.SummaryMetadata("note").plugin_data.plugin_name == "text"


def test_resuming_hides_what_came_after_the_checkpoint(tmp_path):
    first = EventFiles(tmp_path, None)
    for step in range(10):
        first.scalars(step, {"loss": float(step)})
    first.close(False)
    again = EventFiles(tmp_path, 5)
    again.scalars(6, {"loss": 60.0})
    again.close(True)
    found = [(e.step, e.value) for e in accumulated(tmp_path).Scalars("training/loss")]
    assert found == [*((step, float(step)) for step in range(6)), (6, 60.0)]


def test_the_step_that_is_continued_from_is_written_anew(tmp_path):
    """A run killed while it concluded, at the step of its last checkpoint."""
    killed = EventFiles(tmp_path, None)
    image = np.zeros((2, 2, 3), np.uint8)
    killed.scalars(4, {"loss": 0.5})
    killed.scalars(5, {"loss": 0.25})
    killed.scalars(5, {"test/accuracy": 0.75})
    killed.picture(5, "sample", image)
    killed.flush()
    again = EventFiles(tmp_path, 5, {"loss": 0.25})
    again.scalars(5, {"loss": 0.25, "test/accuracy": 0.75})
    again.picture(5, "sample", image)
    again.close(True)
    found = accumulated(tmp_path)
    assert [(e.step, e.value) for e in found.Scalars("training/loss")] == [(4, 0.5), (5, 0.25)]
    assert [(e.step, e.value) for e in found.Scalars("test/accuracy")] == [(5, 0.75)]
    assert [e.step for e in found.Images("sample")] == [5]


def test_a_file_that_a_kill_has_torn_loses_no_step(tmp_path):
    killed = EventFiles(tmp_path, None)
    for step in range(10):
        killed.scalars(step, {"loss": float(step)})
    killed.flush()
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-7])
    again = EventFiles(tmp_path, 5, {"loss": 5.0})
    for step in range(6, 12):
        again.scalars(step, {"loss": float(step)})
    again.close(True)
    found = [(e.step, e.value) for e in accumulated(tmp_path).Scalars("training/loss")]
    assert found == [(step, float(step)) for step in range(12)]


VALUES = {"optimizer.learning_rate": 0.1, "model.width": 8, "ema": True, "name": "a", "clip": None}


def test_the_hyperparameter_tab_shows_values_and_metrics(tmp_path):
    for number in (1, 2):
        events = EventFiles(tmp_path / f"run-{number}", None)
        events.hyperparameters({**VALUES, "model.width": number}, {})
        events.scalars(7, {"loss": 0.5})
        events.hyperparameters({**VALUES, "model.width": number}, {"loss": 0.5, "f1": number / 4})
        events.close(True)
    experiment, groups = hyperparameter_tab(tmp_path)
    assert {info.name for info in experiment.hparam_infos} == set(VALUES)
    assert {info.name.tag for info in experiment.metric_infos} == {"training/loss", "training/f1"}
    assert len(groups) == 2
    for group in groups:
        width = group.hparams["model.width"].number_value
        assert group.hparams["optimizer.learning_rate"].number_value == 0.1
        assert group.hparams["ema"].bool_value is True
        assert group.hparams["name"].string_value == "a"
        assert group.hparams["clip"].string_value == "null"
        metrics = {m.name.tag: (m.value, m.training_step) for m in group.metric_values}
        assert metrics == {"training/loss": (0.5, 7), "training/f1": (width / 4, 7)}
        assert [session.status for session in group.sessions] == [1]  # STATUS_SUCCESS


def test_a_run_that_was_stopped_and_resumed_has_succeeded(tmp_path):
    stopped = EventFiles(tmp_path, None)
    stopped.hyperparameters(VALUES, {})
    stopped.scalars(3, {"loss": 1.0})
    stopped.close(False)
    resumed = EventFiles(tmp_path, 3)
    resumed.hyperparameters(VALUES, {"loss": 0.5})
    resumed.close(True)
    experiment, (group,) = hyperparameter_tab(tmp_path)
    assert [info.name.tag for info in experiment.metric_infos] == ["training/loss"]
    assert [session.status for session in group.sessions] == [1]


@pytest.mark.parametrize(("cell", "shown"), [(1 / 3, "0.333333"), ("a\nb", "a b"), (None, "None")])
def test_table_cells(cell, shown):
    assert markdown_table(["x"], [[cell]]).splitlines()[-1] == f"| {shown} |"


def test_an_installed_tensorflow_is_not_imported(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('TensorFlow was imported')")
    program = (
        "from pathlib import Path; from framework.tracking.tensorboard import EventFiles\n"
        f"events = EventFiles(Path({str(tmp_path / 'events')!r}), None)\n"
        "events.scalars(1, {'loss': 1.0}); events.text(1, 'note', 'x')\n"
        "events.hyperparameters({'a': 1}, {'b': 2.0}); events.close(True)"
    )
    paths = os.pathsep.join([str(tmp_path), str(ROOT)])
    run = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    assert accumulated(tmp_path / "events").Scalars("training/loss")[0].value == 1.0
