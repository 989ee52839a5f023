"""What the data and the model looked like when the training ended: what drift is measured from.

Counts over frozen edges, a few hundred kilobytes whatever the number of examples. Inputs are
those of the training split; confidence, predicted classes and embeddings those of the validation
split, as a model is surer of what it was trained on.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from framework.evaluation.columns import Basis, Columns
from framework.evaluation.evaluate import Evaluation
from framework.evaluation.record import hard_labels, replaced
from framework.run import write_text
from framework.spec import Labels
from framework.stats.drift import Profile, prediction_columns

FOLDER = "reference_profile"
SAMPLE = 2000  # embeddings kept as they are, for the two-sample tests
EMBEDDING = "embedding"


@dataclass(frozen=True, eq=False)
class Reference:
    """Profiles of the splits over the same edges.

    Attributes:
        profiles: by split, `train` and `validation`.
        basis: in which embeddings become columns.
        sample: float32 [m, k], projected embeddings of the validation split.
        step: of the weights that made the embeddings and predictions.
    """

    profiles: Mapping[str, Profile]
    basis: Basis
    sample: NDArray[np.float32]
    step: int = 0

    @property
    def expected(self) -> Profile:
        """What is expected of other data: inputs as in training, the rest as in validation."""
        train, validation = self.profiles["train"].tables, self.profiles["validation"].tables
        return Profile({n: (train if is_input(n) else validation)[n] for n in train})

    def columns(self, inputs: Columns, found: Evaluation, labels: Labels) -> Columns:
        """Columns [n] of evaluated examples, the same as those of the profiles."""
        embedding = found.predictions[EMBEDDING]
        every = {**inputs, **self.basis.columns(embedding), **outcome_columns(found, labels)}
        wanted = self.profiles["train"].tables if self.profiles else every
        return {name: column for name, column in every.items() if name in wanted}

    def write(self, folder: Path) -> None:
        """`train.npz`, `validation.npz`, `embedding.npz` and `about.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        for split, profile in self.profiles.items():
            with replaced(folder / f"{split}.npz") as file:
                np.savez_compressed(file, **profile.arrays())  # type: ignore[arg-type]
        arrays: dict[str, Any] = {
            "mean": self.basis.mean, "directions": self.basis.directions, "sample": self.sample,
        }  # fmt: skip
        with replaced(folder / "embedding.npz") as file:
            np.savez_compressed(file, **arrays)
        about = {
            "step": self.step,
            "splits": list(self.profiles),
            "columns": list(self.profiles["train"].tables),
        }
        write_text(folder / "about.json", json.dumps(about, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path) -> "Reference | None":
        """What `write` wrote; None where there is nothing."""
        about = folder / "about.json"
        if not about.exists():
            return None
        profiles, told = {}, json.loads(about.read_text(encoding="utf-8"))
        for split in told["splits"]:
            with np.load(folder / f"{split}.npz") as arrays:
                profiles[split] = Profile.from_arrays(dict(arrays))
        with np.load(folder / "embedding.npz") as arrays:
            basis = Basis(arrays["mean"], arrays["directions"])
            return cls(profiles, basis, arrays["sample"], told["step"])

    def of_inputs(self) -> "Reference":
        """Of inputs and labels alone: other weights have other embeddings and confidences."""
        profiles = {
            split: Profile({n: t for n, t in profile.tables.items() if is_input(n) or n == "label"})
            for split, profile in self.profiles.items()
        }
        return replace(self, profiles=profiles, sample=self.sample[:0])

    @classmethod
    def of(
        cls,
        train: tuple[Columns, Evaluation],
        validation: tuple[Columns, Evaluation],
        labels: Labels,
        bins: int,
        step: int,
    ) -> "Reference":
        """From the input columns and the embedded predictions of both splits."""
        embedded = train[1].predictions[EMBEDDING]
        reference = cls({}, Basis.of(embedded), np.zeros((0, 0), np.float32))
        columns = {
            split: reference.columns(inputs, found, labels)
            for split, (inputs, found) in {"train": train, "validation": validation}.items()
        }
        classes: dict[str, Any] = {
            name: np.arange(labels.width)
            for name in ("predicted", "label")
            if name in columns["train"]
        }
        frozen = Profile.of(columns["train"], bins, classes)
        profiles = {"train": frozen, "validation": frozen.count(columns["validation"])}
        projected = reference.basis.project(validation[1].predictions[EMBEDDING])
        rows = np.random.default_rng(0).permutation(len(projected))[:SAMPLE]
        return cls(profiles, reference.basis, projected[np.sort(rows)], step)


def outcome_columns(found: Evaluation, labels: Labels) -> Columns:
    """What the model says, and the labels: of classes `confidence`, `predicted` and `label`."""
    arrays = found.predictions
    if not found.is_usual(labels):
        return {}
    if labels.kind == "class":
        columns = prediction_columns(arrays["probabilities"], hard_labels(arrays["labels"]))
        return {name: np.asarray(values) for name, values in columns.items()}
    if labels.kind == "token":
        counted = arrays["labels"] >= 0
        mean = (arrays["confidence"] * counted).sum(axis=1) / np.maximum(counted.sum(axis=1), 1)
        return {"confidence": mean}
    name = "predictions" if labels.kind == "number" else "probabilities"
    return {f"predicted {n}": arrays[name][:, i] for i, n in enumerate(labels.names[:64])}


def is_input(column: str) -> bool:
    """Whether a profile's column is one of the inputs."""
    return not column.startswith(("embedding ", "predicted")) and column not in (
        "confidence", "label",
    )  # fmt: skip
