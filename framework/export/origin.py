"""What an artifact was made of: model, run, code and data."""

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from framework.export.exportable import Exportable
from framework.export.subject import Subject
from framework.run import describe_environment


def origin(subject: Subject, exported: Exportable, precision: str) -> dict[str, Any]:
    """The parts of a manifest that say where the artifact comes from."""
    directory, data = subject.directory, subject.data
    ran = directory.read_json("environment.json") or {}
    config = (directory.path / "config.yaml").read_bytes()
    model = subject.experiment.model
    target = getattr(model, "func", model)
    told = {
        "name": subject.experiment.name,
        "kind": data.spec.labels.kind,
        "precision": precision,
        "model": {
            "target": f"{target.__module__}.{target.__qualname__}",
            "parameters": sum(int(a.size) for a in subject.trained.params.values()),
            "weight_bytes": sum(array.nbytes for array in exported.weights.values()),
        },
        "run": {
            "directory": str(directory.path),
            "step": subject.trained.step,
            "config_sha256": hashlib.sha256(config).hexdigest(),
            "wandb": _wandb(directory.path),
        },
        "commit": ran.get("commit"),
        "uncommitted_changes": bool(ran.get("uncommitted_changes")),
        "data": {"name": data.name, "fingerprint": data.fingerprint},
        "versions": {"trained": ran.get("packages", {}), "exported": _versions()},
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    teacher = (directory.read_json("data.json") or {}).get("teacher")
    return told | ({"parents": [teacher]} if teacher else {})


def _versions() -> Mapping[str, str]:
    found: Mapping[str, str] = describe_environment([])["packages"]
    return {**found, "numpy": np.__version__}


def _wandb(run: Path) -> str | None:
    file = run / "wandb" / "run_id"
    return file.read_text(encoding="utf-8").strip() if file.exists() else None
