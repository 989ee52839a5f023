"""What a run directory's own files say about it, for the report and the model card."""

import json
import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.formats import count
from framework.evaluation.mistakes import Mistake
from framework.evaluation.record import ANALYSIS, read_evaluation
from framework.spec import Labels

_SPLITS = ("test", "validation")  # the first that was evaluated gives the headline
QUALITY = "data_quality/quality.json"
DISTILLATION = "distillation.json"


@dataclass(frozen=True)
class About:
    """The files, each empty where it is missing.

    Attributes:
        text: of `config.yaml`.
        config: the same, read.
        model: a row for each array of parameters.
        quality: what was found in the data.
        distillation: the run beside its teacher.
    """

    text: str
    config: Mapping[str, Any]
    environment: Mapping[str, Any]
    data: Mapping[str, Any]
    model: list[dict[str, Any]]
    summary: Mapping[str, Any]
    quality: Mapping[str, Any]
    command: str
    distillation: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        """How many numbers the model has."""
        return sum(math.prod(row["shape"]) for row in self.model)

    @property
    def architecture(self) -> str:
        """The name of the model's class."""
        return str((self.config.get("model") or {}).get("_target_") or "A model").rpartition(".")[2]


@dataclass(frozen=True)
class Record:
    """One evaluated split; `analysis` is empty where none was made."""

    evaluation: Evaluation
    labels: Labels
    mistakes: list[Mistake]
    analysis: Mapping[str, Any]


def read_about(run: Path) -> About:
    """Of a run directory."""
    text = _text(run / "config.yaml")
    config = yaml.safe_load(text) if text else {}
    environment = _json(run / "environment.json") or {}
    return About(
        text, config if isinstance(config, dict) else {}, environment,
        _json(run / "data.json") or {}, _json(run / "model.json") or [],
        _json(run / "summary.json") or {}, _json(run / QUALITY) or {},
        _command(environment, run), _json(run / DISTILLATION) or {},
    )  # fmt: skip


def read_records(run: Path) -> list[Record]:
    """The evaluated splits, the one to be judged by first."""
    folders = sorted(
        (file.parent for file in run.glob("evaluation/*/metrics.json")),
        key=lambda folder: (
            _SPLITS.index(folder.name) if folder.name in _SPLITS else len(_SPLITS),
            folder.name,
        ),
    )
    return [Record(*read_evaluation(f), _json(f / ANALYSIS) or {}) for f in folders]


def what_was_trained(about: About) -> str:
    """What was trained on what, in one sentence."""
    data, summary = about.data, about.summary
    parameters = f" with {count(about.parameters)} parameters" if about.parameters else ""
    examples = (data.get("splits") or {}).get("train")
    on = f" on {data['name']}" if "name" in data else ""
    on += f" ({count(examples)} examples)" if on and isinstance(examples, int) else ""
    steps = summary.get("step") or (about.config.get("trainer") or {}).get("steps")
    for_steps = f" for {count(steps)} steps" if isinstance(steps, int) else ""
    stopped = f", stopped early: {summary['stopped']}" if summary.get("stopped") else ""
    return f"{about.architecture}{parameters}, trained{on}{for_steps}{stopped}."


def _command(environment: Mapping[str, Any], run: Path) -> str:
    """The command that repeats the run, into another directory."""
    command = environment.get("command") or []
    words = list(command[1:]) if isinstance(command, list) else []
    if not words:
        text = _text(run / "overrides.yaml")
        words = [str(word) for word in (yaml.safe_load(text) if text else None) or []]
    words = [word for word in words if not word.startswith("run.dir=")]
    return shlex.join(["python", "-m", "experiments.run", *words])


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def _json(file: Path) -> Any:
    return json.loads(_text(file)) if file.exists() else None
