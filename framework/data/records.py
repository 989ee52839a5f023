"""TFDS sets without TensorFlow: finding or preparing one, and reading its records."""

import contextlib
import hashlib
import io
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from framework.config import InvalidConfig, Problem, nearest
from framework.data.image_file import as_size
from framework.data.source import Batch

_RETRIES = 2
"""TFDS itself tries ten times, which without a network takes minutes."""


def prepared_builder(name: str, path: str | None) -> Any:
    """The TFDS builder of `name`, prepared in `path`, in TFDS's own folder, or in `path` itself.

    What is not there is downloaded and prepared now, as array_record. Raises InvalidConfig: an
    unknown name, no network, a builder that needs TensorFlow, a set kept in another format.
    """
    import tensorflow_datasets as tfds

    try:
        with _quietly():
            if path and (Path(path).expanduser() / "dataset_info.json").is_file():
                builder = tfds.builder_from_directory(str(Path(path).expanduser()))
            else:
                builder = tfds.builder(name, data_dir=path)
    except tfds.core.DatasetNotFoundError as error:
        hint = nearest(name, tfds.list_builders(with_community_datasets=False))
        where = f" or one prepared in {path}" if path else ""
        raise InvalidConfig(Problem("name", name, f"a TFDS set{where}", hint)) from error
    except Exception as error:  # whatever a set's own code raises as it is imported
        raise InvalidConfig(_cannot(name, path, "loaded", error)) from error
    if not (Path(builder.data_dir) / "dataset_info.json").is_file():
        _prepare(name, builder)
    if "array_record" not in str(builder.info.file_format.value):
        hint = "give another `path`: the set is prepared there again"
        expected = f"a set kept as array_record, not as {builder.info.file_format.value}"
        raise InvalidConfig(Problem("path", builder.data_dir, expected, hint))
    return builder


def declared_splits(builder: Any, splits: Mapping[str, str] | None) -> dict[str, str]:
    """TFDS's name for each of our splits: as given, else those that are called like ours."""
    known = sorted(builder.info.splits)
    found = dict(splits or {s: s for s in ("train", "validation", "test") if s in known})
    if "train" not in found:
        hint = f"{builder.name} has {', '.join(known)}"
        raise InvalidConfig(Problem("splits", splits, "a `train` split", hint))
    return found


def open_split(builder: Any, part: str) -> Any:
    """The records of a TFDS split; `part` may slice it."""
    try:
        return builder.as_data_source(part)
    except ValueError as error:
        expected = f"a split of {builder.name} with examples"
        hint = str(error).splitlines()[0]
        raise InvalidConfig(Problem("splits", part, expected, hint)) from error


def set_digest(builder: Any, content: bool) -> str:
    """SHA-256 of the prepared files' names, sizes and, if they are small enough, content."""
    digest = hashlib.sha256(builder.info.full_name.encode())
    for file in sorted(Path(builder.data_dir).iterdir()):
        digest.update(f"{file.name}|{file.stat().st_size}\n".encode())
        if content:
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _prepare(name: str, builder: Any) -> None:
    try:
        with _quietly():
            builder.download_and_prepare(file_format="array_record")
    except Exception as error:  # a network's, a disk's or the set's own code's
        raise InvalidConfig(_cannot(name, builder.data_dir, "prepared", error)) from error


def _cannot(name: str, place: object, done: str, error: Exception) -> Problem:
    from requests.exceptions import ConnectionError as NoConnection

    lines = [line for line in str(error).splitlines() if line.strip()]
    reason = f"{type(error).__name__}: {lines[0][:160] if lines else ''}"
    if isinstance(error, NoConnection) and error.request is not None:
        reason = f"{urlsplit(str(error.request.url)).netloc} cannot be reached"
    if isinstance(error, ImportError) and "tensorflow" in str(error):
        reason = "its own code needs TensorFlow, which is not installed"
    where = f" in {place}" if place else ""
    return Problem(
        "name",
        name,
        f"a set that is prepared{where} or can be {done} now",
        f"{reason}; where there is a network, run"
        f" `tfds build {name} --file_format=array_record` and copy the folder here",
    )


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """Few retries and no lines from TFDS, whose failure is reported in one line."""
    from tensorflow_datasets.core.download import downloader

    retries, downloader.MAX_RETRIES = downloader.MAX_RETRIES, _RETRIES
    # Stays so: after a failure TFDS's other threads go on retrying for a while.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            yield
    finally:
        downloader.MAX_RETRIES = retries


@dataclass(frozen=True, repr=False)
class Records:
    """A split of a TFDS set: one feature as inputs and one as labels, decoded when gathered."""

    name: str
    examples: Any
    inputs: str
    label: str
    dtype: str
    size: tuple[int, int] | None = None

    def __len__(self) -> int:
        return len(self.examples)

    def __repr__(self) -> str:
        return f"Records({self.name}, {len(self)}, {self.inputs}, {self.label}, {self.size})"

    def gather(self, indices: np.ndarray) -> Batch:
        """Inputs as `dtype`, images resized to `size` where one is given; labels."""
        examples = self.examples.__getitems__([int(i) for i in indices])
        inputs = [np.asarray(example[self.inputs]) for example in examples]
        if self.size is not None:
            inputs = [as_size(image, self.size) for image in inputs]
        labels = np.asarray([example[self.label] for example in examples])
        kind = np.int32 if labels.dtype.kind in "iub" else np.float32
        labels = labels.astype(kind)
        if kind is np.float32 and labels.ndim == 1:
            labels = labels[:, None]
        return {"inputs": np.stack(inputs).astype(self.dtype), "labels": labels}
