"""Rules of the pod of a host: what it may ask for, and how its process starts and ends."""

import re
from collections.abc import Iterator
from typing import Any

from framework.launch.gke.finding import Finding
from framework.launch.gke.pod import SPOT, TPU
from framework.parallel.distributed import PORT, TPU_PORT

_DIGEST = re.compile(r".+@sha256:[0-9a-f]{64}")
_GIVEN_BY_GKE = ("TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES")
_LEAST_GRACE = 30  # seconds: Kubernetes' own default, in which a checkpoint may not be written


def pod_findings(template: dict[str, Any], at: str) -> Iterator[Finding]:
    """What is wrong with a pod's template."""
    spec, place = template["spec"], f"{at}.spec"
    if spec.get("hostNetwork") and spec.get("dnsPolicy") != "ClusterFirstWithHostNet":
        said = "expected ClusterFirstWithHostNet: hosts would not find each other's names"
        yield Finding("dns-policy", f"{place}.dnsPolicy", said)
    grace = spec.get("terminationGracePeriodSeconds", _LEAST_GRACE)
    if grace < _LEAST_GRACE:
        said = f"{grace}: expected {_LEAST_GRACE} or more, for a last checkpoint"
        yield Finding("grace", f"{place}.terminationGracePeriodSeconds", said)
    yield from _tolerations(spec, place)
    volumes = {volume["name"] for volume in spec.get("volumes", [])}
    for number, container in enumerate(spec["containers"]):
        own = f"{place}.containers[{number}]"
        yield from _container(container, own)
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                said = f"{mount['name']!r}: expected one of {', '.join(sorted(volumes)) or 'none'}"
                yield Finding("volume", f"{own}.volumeMounts", said)
    buckets = any("gcsfuse" in v.get("csi", {}).get("driver", "") for v in spec.get("volumes", []))
    annotations = template.get("metadata", {}).get("annotations", {})
    if buckets and annotations.get("gke-gcsfuse/volumes") != "true":
        said = "expected gke-gcsfuse/volumes: 'true': else the bucket is not mounted"
        yield Finding("bucket", f"{at}.metadata.annotations", said)


def _tolerations(spec: dict[str, Any], place: str) -> Iterator[Finding]:
    tolerated = {each.get("key") for each in spec.get("tolerations", [])}
    if TPU not in tolerated:
        said = f"expected a toleration of {TPU}: TPU nodes are tainted"
        yield Finding("toleration", f"{place}.tolerations", said)
    if (SPOT in spec.get("nodeSelector", {})) != (SPOT in tolerated):
        said = "expected both the node's label and its toleration, or neither"
        yield Finding("spot", f"{place}.tolerations", said)


def _container(container: dict[str, Any], own: str) -> Iterator[Finding]:
    resources = container.get("resources", {})
    requests, limits = (resources.get(name, {}).get(TPU) for name in ("requests", "limits"))
    if requests != limits or limits is None:
        said = f"requests {requests!r}, limits {limits!r}: expected the same number"
        yield Finding("requests", f"{own}.resources", said)
    if not _DIGEST.fullmatch(container.get("image", "")):
        said = f"{container.get('image')!r}: expected NAME@sha256:…"
        yield Finding("image", f"{own}.image", said)
    yield from _command(container, own)
    variables = {each["name"]: each.get("value") for each in container.get("env", [])}
    ports = {each["containerPort"] for each in container.get("ports", [])}
    if variables.get(PORT) != str(TPU_PORT) or TPU_PORT not in ports:
        said = f"{PORT}={variables.get(PORT)}: expected {TPU_PORT}, and the port open"
        yield Finding("coordinator-port", f"{own}.env", said)
    for name in variables:
        if name in _GIVEN_BY_GKE or name.startswith("MEGASCALE_"):
            said = "expected not to be set: GKE sets it, for each pod"
            yield Finding("variable", f"{own}.env.{name}", said)


def _command(container: dict[str, Any], own: str) -> Iterator[Finding]:
    """Under a shell as the first process, signals and exit codes must be the program's."""
    if container.get("command", [])[:1] not in (["bash"], ["sh"]):
        return
    lines = container.get("args", [])
    last = re.split(r";\s*|&&\s*|\n", lines[-1].strip())[-1] if lines else ""
    if len(lines) != 1 or not re.search(r"(^|; |&& |\n)exec \S", lines[-1]):
        said = f"{last[:60]!r}: expected exec …: a shell keeps SIGTERM to itself"
        yield Finding("exec", f"{own}.args", said)
