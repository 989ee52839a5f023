"""TensorBoard event files, written without TensorFlow.

`tensorboard`'s own EventFileWriter opens its file through TensorFlow wherever that is installed,
which takes seconds to import; its RecordWriter on a plain file does not.
"""

import io
import itertools
import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

_FILES = itertools.count()


class EventFiles:
    """One event file in `directory`. Events after `resume_step` (None: all) that are there
    already are hidden by a session start, as TensorBoard's own format has it.

    `again`: the scalars recorded at `resume_step`, where something else knows them. Then that
    step is hidden as well and they are written anew: the end of a run, killed in the middle,
    logs at the step that it is continued from, and would have that twice.
    """

    def __init__(
        self, directory: Path, resume_step: int | None, again: Mapping[str, float] | None = None
    ) -> None:
        from tensorboard.compat.proto import event_pb2
        from tensorboard.summary.writer.record_writer import RecordWriter

        directory.mkdir(parents=True, exist_ok=True)
        moment = f"{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_FILES)}"
        self._file = (directory / f"events.out.tfevents.{moment}").open("wb")
        self._records = RecordWriter(self._file)
        self._step = 0
        self._logged: set[str] = set()
        self._hyperparameters: dict[str, object] = {}
        self._metrics: set[str] = set()
        self._write(event_pb2.Event(file_version="brain.Event:2"))
        self._again: tuple[int, frozenset[str]] = (-1, frozenset())
        first = 0 if resume_step is None else resume_step + (again is None)
        start = event_pb2.SessionLog(status=event_pb2.SessionLog.START)
        self._write(event_pb2.Event(step=first, session_log=start))
        if resume_step is not None and again:
            self.scalars(resume_step, again)
            self._again = resume_step, frozenset(again)
        self.flush()

    def scalars(self, step: int, values: Mapping[str, float]) -> None:
        """One event with all values."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        self._step = max(self._step, step)
        self._logged.update(values)
        if step == self._again[0]:
            values = {name: v for name, v in values.items() if name not in self._again[1]}
        entries = [Summary.Value(tag=_tag(n), simple_value=float(v)) for n, v in values.items()]
        self._summary(step, *entries)

    def picture(self, step: int, name: str, image: np.ndarray) -> None:
        """A PNG."""
        from tensorboard.compat.proto.summary_pb2 import Summary

        height, width, _ = image.shape
        encoded = Summary.Image(
            height=height, width=width, colorspace=3, encoded_image_string=png(image)
        )
        self._summary(step, Summary.Value(tag=name, image=encoded))

    def table(
        self, step: int, name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]
    ) -> None:
        """A Markdown table."""
        self.text(step, name, markdown_table(columns, rows))

    def text(self, step: int, name: str, markdown: str) -> None:
        """For the text plugin."""
        from tensorboard.compat.proto import summary_pb2, tensor_pb2, types_pb2
        from tensorboard.plugins.text import metadata

        tensor = tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[markdown.encode()])
        tensor.tensor_shape.SetInParent()  # a scalar: the shape is there, without dimensions
        kind = metadata.create_summary_metadata(display_name=name, description="")
        value = summary_pb2.Summary.Value(tag=name, tensor=tensor, metadata=kind)
        self._summary(step, value)

    def artifact(self, name: str, kind: str, path: Path) -> None:
        """Where it is, as text: TensorBoard has no artifacts."""
        self.text(self._step, f"artifact/{name}", f"{kind}: `{path}`")

    def hyperparameters(self, values: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        """The session of the hyperparameter tab; a metric that is no logged scalar becomes one."""
        from tensorboard.plugins.hparams import metadata, plugin_data_pb2

        if not self._hyperparameters:
            self._hyperparameters = {name: _plain(value) for name, value in values.items()}
            start = plugin_data_pb2.SessionStartInfo(start_time_secs=time.time())
            for name, value in self._hyperparameters.items():
                _set(start.hparams[name], value)
            data = plugin_data_pb2.HParamsPluginData(session_start_info=start)
            self._plugin(metadata.SESSION_START_INFO_TAG, data)
        self._metrics.update(metrics)
        new = {name: value for name, value in metrics.items() if name not in self._logged}
        if new:
            self.scalars(self._step, new)

    def flush(self) -> None:
        """Hand all events to the operating system."""
        self._file.flush()

    def close(self, succeeded: bool) -> None:
        """Close the file; a run that succeeded ends its session of the hyperparameter tab.

        TensorBoard keeps the first end that it reads: one that is to be continued has none.
        """
        if succeeded and self._hyperparameters:
            self._end_session()
        self._file.close()

    def _end_session(self) -> None:
        from tensorboard.plugins.hparams import api_pb2, metadata, plugin_data_pb2

        experiment = api_pb2.Experiment(time_created_secs=time.time())
        for name, value in self._hyperparameters.items():
            experiment.hparam_infos.add(name=name, type=_type(value))
        for name in sorted(self._metrics):
            experiment.metric_infos.add(name=api_pb2.MetricName(tag=_tag(name)))
        data = plugin_data_pb2.HParamsPluginData
        self._plugin(metadata.EXPERIMENT_TAG, data(experiment=experiment))
        end = plugin_data_pb2.SessionEndInfo(
            status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time()
        )
        self._plugin(metadata.SESSION_END_INFO_TAG, data(session_end_info=end))

    def _plugin(self, tag: str, data: Any) -> None:
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams import metadata

        kind = metadata.create_summary_metadata(data)
        self._summary(0, Summary.Value(tag=tag, metadata=kind, tensor=metadata.NULL_TENSOR))

    def _summary(self, step: int, *values: Any) -> None:
        from tensorboard.compat.proto import event_pb2, summary_pb2

        self._write(event_pb2.Event(step=step, summary=summary_pb2.Summary(value=values)))

    def _write(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())


def png(image: np.ndarray) -> bytes:
    """The image, uint8 [height, width, 3], as a PNG file."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Columns and rows as a Markdown table; bars and line ends in cells are escaped."""

    def line(cells: Sequence[object]) -> str:
        shown = [f"{c:.6g}" if isinstance(c, float) else str(c) for c in cells]
        return "| " + " | ".join(s.replace("|", "\\|").replace("\n", " ") for s in shown) + " |"

    return "\n".join([line(columns), line(["---"] * len(columns)), *map(line, rows)])


def _tag(name: str) -> str:
    """TensorBoard groups by what is before the slash: values of the step itself are one group."""
    return name if "/" in name else f"training/{name}"


def _plain(value: object) -> bool | float | str:
    """What the hyperparameter tab can show: a boolean, a number or a text."""
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float, np.number)):
        return float(value)
    return "null" if value is None else str(value)


def _set(target: Any, value: object) -> None:
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, float):
        target.number_value = value
    else:
        target.string_value = value


def _type(value: object) -> Any:
    from tensorboard.plugins.hparams import api_pb2

    if isinstance(value, bool):
        return api_pb2.DATA_TYPE_BOOL
    if isinstance(value, float):
        return api_pb2.DATA_TYPE_FLOAT64
    return api_pb2.DATA_TYPE_STRING
