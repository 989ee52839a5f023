"""What an artifact carries beside its programs: calibration, profile, examples, model card."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from framework.artifact import Signature
from framework.artifact.inputs import encode
from framework.evaluation import write_model_card
from framework.evaluation.model_card import CARD
from framework.evaluation.reference import FOLDER
from framework.export.card import artifact_card
from framework.export.client import as_client
from framework.export.subject import Subject
from framework.export.unchanged import summary_step
from framework.run import SUMMARY
from framework.train.generate import TOKENIZER

CALIBRATION, EXAMPLES, METRICS = "calibration.json", "examples", "metrics.json"


def write_companions(folder: Path, subject: Subject, about: dict[str, Any]) -> None:
    """Writes them into the artifact, and into `about` where its tokenizer is."""
    calibration: dict[str, Any] = {"method": "none"}
    if subject.temperature is not None:
        calibration = {"method": "temperature", "temperature": subject.temperature}
        calibration["fitted_on"] = subject.experiment.evaluation.analysis.calibration
    (folder / CALIBRATION).write_text(json.dumps(calibration, indent=1) + "\n", encoding="utf-8")
    run = subject.directory.path
    if (run / FOLDER).is_dir():
        shutil.copytree(run / FOLDER, folder / FOLDER)
    if (run / TOKENIZER).exists():
        shutil.copy2(run / TOKENIZER, folder / TOKENIZER)
        about["tokenizer"] = TOKENIZER


def write_card(folder: Path, subject: Subject, about: Mapping[str, Any]) -> None:
    """The run's model card, with what holds for this artifact."""
    run = subject.directory.path
    if not (run / CARD).exists():
        write_model_card(run)
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    end = summary_step(subject.directory.read_json(SUMMARY) or {}) or subject.trained.step
    text = artifact_card((run / CARD).read_text(encoding="utf-8"), about, metrics, end)
    (folder / CARD).write_text(text, encoding="utf-8")


def arguments(inputs: Any, labels: Any, signature: Signature) -> dict[str, np.ndarray]:
    """The program's arguments for a batch of a source's raw examples, as a client's become them."""
    if "labels" in signature.arguments:  # rows of tokens are given as they were packed
        given = {**inputs, "labels": labels}
        return {name: np.asarray(given[name], np.int32) for name in signature.arguments}
    return encode(signature, as_client(inputs, signature))


def write_examples(
    folder: Path, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> None:
    """Real inputs as the program takes them, and what it says of them."""
    (folder / EXAMPLES).mkdir()
    np.savez_compressed(folder / EXAMPLES / "inputs.npz", **inputs)  # type: ignore[arg-type]
    np.savez_compressed(folder / EXAMPLES / "outputs.npz", **outputs)  # type: ignore[arg-type]
