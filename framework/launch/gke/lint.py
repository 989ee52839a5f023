"""What a cluster, or worse nobody, would say of a manifest, said before it leaves.

The schemas of JobSet and of Kubernetes let most of this through. Each rule has a name.
"""

from collections.abc import Iterator
from typing import Any

from framework.launch.gke.finding import Finding
from framework.launch.gke.lint_job import job_findings
from framework.launch.gke.lint_jobset import jobset_findings
from framework.launch.gke.lint_pod import pod_findings
from framework.launch.gke.schemas import schema_findings


class InvalidManifest(Exception):  # noqa: N818
    """A manifest that must not be submitted, with the findings: a fault of ours."""

    def __init__(self, name: str, findings: list[Finding]) -> None:
        super().__init__("\n".join(f"{name}: {finding}" for finding in findings))
        self.findings = findings


def lint(manifest: dict[str, Any]) -> list[Finding]:
    """All that is wrong with a JobSet, by our own rules."""
    return list(_findings(manifest))


def check(manifest: dict[str, Any]) -> list[str]:
    """Our own rules, then the schemas, as far as they are installed; gives which are not.

    Raises:
        InvalidManifest: with all that is wrong.
    """
    findings, missing = schema_findings(manifest)
    findings = [*lint(manifest), *findings]
    if findings:
        raise InvalidManifest(manifest.get("metadata", {}).get("name", "?"), findings)
    return missing


def _findings(manifest: dict[str, Any]) -> Iterator[Finding]:
    try:
        yield from jobset_findings(manifest)
        for place, job in enumerate(manifest["spec"]["replicatedJobs"]):
            at = f"spec.replicatedJobs[{place}].template.spec"
            spec = job["template"]["spec"]
            yield from job_findings(spec, at)
            yield from pod_findings(spec["template"], f"{at}.template")
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        yield Finding("structure", "spec", f"a part is missing or of another kind: {error!r}")
