"""The JobSet models of Kubeflow and the strict schemas of Kubernetes, where they are installed.

kubeflow-trainer-api, without its dependencies, has JobSet's models, and drops keys that it does not
know without a word: what comes back is compared with what was given. kubernetes-validate has the
schemas of the Job. There are none of Kueue.
"""

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any

from framework.launch.gke.finding import Finding

MODELS = "kubeflow-trainer-api (pip install --no-deps kubeflow-trainer-api)"
SCHEMAS = "kubernetes-validate (pip install kubernetes-validate)"
_JOBSET = "kubeflow_trainer_api.models.jobset_v1alpha2_job_set"


def schema_findings(manifest: dict[str, Any]) -> tuple[list[Finding], list[str]]:
    """What they say, and which of them are not installed."""
    findings: list[Finding] = []
    missing: list[str] = []
    if importlib.util.find_spec("kubeflow_trainer_api") is None:
        missing.append(MODELS)
    else:
        findings += _model(manifest)
    if importlib.util.find_spec("kubernetes_validate") is None:
        missing.append(SCHEMAS)
    else:
        findings += _job_schema(manifest)
    return findings, missing


def _model(manifest: dict[str, Any]) -> Iterator[Finding]:
    from pydantic import ValidationError

    kind: Any = importlib.import_module(_JOBSET).JobsetV1alpha2JobSet
    try:
        model = kind.from_dict(manifest)
    except ValidationError as error:
        for each in error.errors():
            place = ".".join(map(str, each["loc"]))
            yield Finding("jobset-model", place, each["msg"])
        return
    except (TypeError, AttributeError, ValueError) as error:
        yield Finding("jobset-model", "spec", f"cannot be read: {error}")
        return
    for place in _lost(manifest, model.to_dict() if model is not None else {}):
        yield Finding("unknown-key", place, "JobSet knows no such key, or not of this kind")


def _lost(given: Any, kept: Any, place: str = "") -> Iterator[str]:
    """Paths of what was given and is not there any more."""
    if isinstance(given, dict) and isinstance(kept, dict):
        for key, value in given.items():
            path = f"{place}.{key}".lstrip(".")
            if key in kept:
                yield from _lost(value, kept[key], path)
            elif value not in ({}, []):
                yield path
    elif isinstance(given, list) and isinstance(kept, list) and len(given) == len(kept):
        for number, (one, other) in enumerate(zip(given, kept, strict=True)):
            yield from _lost(one, other, f"{place}[{number}]")
    elif given != kept:
        yield place


def _job_schema(manifest: dict[str, Any]) -> Iterator[Finding]:
    schemas: Any = importlib.import_module("kubernetes_validate")
    for number, job in enumerate(manifest.get("spec", {}).get("replicatedJobs", [])):
        body = {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": {"name": "slice"},
            "spec": job.get("template", {}).get("spec", {}),
        }
        at = f"spec.replicatedJobs[{number}].template"
        try:
            schemas.validate(body, schemas.latest_version(), strict=True)
        except schemas.ValidationError as error:
            path = ".".join(map(str, error.path))
            yield Finding("kubernetes-schema", f"{at}.{path}", error.message[:300])
