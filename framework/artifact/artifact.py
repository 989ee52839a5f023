"""An artifact that was loaded: verified, its programs compiled, ready to predict."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np

from framework.artifact.contents import Contents, inspect
from framework.artifact.errors import ArtifactError
from framework.artifact.inputs import encode
from framework.artifact.programs import keep_compiled, load_program, padded, size_for
from framework.artifact.scoring import encode_texts, per_text
from framework.artifact.signature import Signature
from framework.artifact.text import Tokenizer, read_tokenizer
from framework.artifact.weights import read_weights

PREDICT, PREFILL, DECODE = "predict", "prefill", "decode"
Program = Callable[[Any, Any], dict[str, jax.Array]]


@dataclass(frozen=True, repr=False)
class Artifact:
    """A model that predicts.

    Attributes:
        signature: what it takes and gives.
        batch_sizes: batches are filled up to one of these, ascending; larger ones are split.
        load_seconds: what loading took, by part: `verify`, `read`, `compile`, `total`.
        tokenizer: of a language model.
    """

    contents: Contents
    signature: Signature
    programs: Mapping[str, Program]
    weights: Mapping[str, jax.Array]
    batch_sizes: tuple[int, ...]
    tokenizer: Tokenizer | None = None
    load_seconds: dict[str, float] = field(default_factory=dict)

    def __repr__(self) -> str:
        """In a line: weights are many."""
        takes, gives = ", ".join(self.signature.inputs), ", ".join(self.signature.outputs)
        kind = f"{self.about['name']}, {self.about['precision']}"
        return f"Artifact({kind}: {takes} → {gives}; {self.contents.path})"

    @property
    def about(self) -> Mapping[str, Any]:
        """What the manifest says of it: model, run, data, versions, parity."""
        return self.contents.about

    def predict(self, batch: Any) -> dict[str, Any]:
        """What the model says of raw inputs.

        Args:
            batch: a mapping of names to arrays [n, …], as `signature.inputs` says; the array
                alone where there is one input. A language model takes `text`: strings, or
                `tokens`: lists of token ids.

        Returns:
            By name, arrays [n, …] as `signature.outputs` says.

        Raises:
            InvalidInput: the batch does not fit the signature; every mistake is named.
        """
        if self.about["kind"] == "token":
            arguments, lengths = encode_texts(batch, self.about["language"], self.tokenizer)
            return per_text(self.run(arguments), arguments, lengths)
        found = self.run(encode(self.signature, batch))
        classes = self.signature.outputs.get("class")
        if classes is not None:
            probabilities = found["probabilities"]
            best = probabilities.argmax(axis=1)
            found["class"] = np.asarray(classes.classes)[best]
            # A third of what another search, for the largest number, costs along a short axis.
            found["score"] = probabilities[np.arange(len(best)), best]
        return found

    def run(self, arguments: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The program's outputs [n, …] for its own arguments [n, …], unchecked; n from 1."""
        count = len(next(iter(arguments.values())))
        largest = self.batch_sizes[-1]
        parts = []
        for start in range(0, count, largest):
            part = {name: array[start : start + largest] for name, array in arguments.items()}
            rows = min(largest, count - start)
            # All parts are on their way before the first is waited for.
            whole = padded(part, size_for(rows, self.batch_sizes))
            parts.append((self.programs[PREDICT](self.weights, whole), rows))
        taken = [{n: np.asarray(a)[:rows] for n, a in found.items()} for found, rows in parts]
        if len(taken) == 1:
            return taken[0]
        return {name: np.concatenate([part[name] for part in taken]) for name in taken[0]}

    def examples(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Real inputs, as the program takes them, and what it gave for them when it was made."""
        arrays = []
        for name in ("inputs", "outputs"):
            with np.load(self.contents.file(f"examples/{name}.npz")) as file:
                arrays.append(dict(file))
        return arrays[0], arrays[1]

    def metrics(self) -> dict[str, float]:
        """Measured on the test split with this very artifact, by name."""
        file = self.contents.file("metrics.json")
        found: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
        return found


def load(
    path: Path | str, *, batch_sizes: Sequence[int] | None = None, warm: bool = True
) -> Artifact:
    """Verifies and reads the artifact at `path`, and compiles its programs for this machine.

    Compiled programs are kept in $FRAMEWORK_CACHE (~/.cache/framework), or where JAX was told to
    keep them: a second start reads them.

    Args:
        batch_sizes: sizes to compile for, instead of those that the export chose.
        warm: compile now; else with the first batch of each size.

    Raises:
        ArtifactError: it is no artifact, a file is changed, missing or not in the manifest, or it
            was not made for this platform.
    """
    times, begun = {}, time.perf_counter()
    contents = inspect(path)
    times["verify"] = time.perf_counter() - begun
    artifact = opened(contents, batch_sizes)
    times["read"] = time.perf_counter() - begun - times["verify"]
    if warm:
        _warm(artifact)
    times["total"] = time.perf_counter() - begun
    times["compile"] = times["total"] - times["verify"] - times["read"]
    artifact.load_seconds.update(times)
    return artifact


def opened(contents: Contents, batch_sizes: Sequence[int] | None = None) -> Artifact:
    """The artifact of a directory that was verified, or that is being made; compiles nothing."""
    keep_compiled()
    about = contents.about
    try:
        signature = Signature.from_json(about["signature"])
        sizes = tuple(sorted(batch_sizes or about["batch_sizes"]))
        programs = {
            name: load_program(
                contents.file(one["file"]), one["platforms"], decodes=name != PREDICT
            )
            for name, one in about["programs"].items()
        }
        files = [contents.file(name) for name in about["weights"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(f"{contents.path}: its manifest lacks {error}") from error
    if not sizes or sizes[0] < 1:
        raise ArtifactError(f"batch_sizes={list(sizes)}: expected sizes from 1")
    weights = {name: array for file in files for name, array in read_weights(file).items()}
    tokenizer = None
    if "tokenizer" in about:
        tokenizer = read_tokenizer(contents.file(about["tokenizer"]))
    return Artifact(contents, signature, programs, jax.device_put(weights), sizes, tokenizer, {})


def _warm(artifact: Artifact) -> None:
    """Runs the program once for each size of batch."""
    last = {}
    for size in artifact.batch_sizes:
        zeros = {
            name: np.zeros((size, *one.shape), one.dtype)
            for name, one in artifact.signature.arguments.items()
        }
        last = artifact.programs[PREDICT](artifact.weights, zeros)
    jax.block_until_ready(last)
