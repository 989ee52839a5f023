"""Rules of the JobSet itself: names, queue, what happens after a failure."""

import re
from collections.abc import Iterator
from typing import Any

from framework.launch.gke.finding import Finding
from framework.launch.gke.manifest import (
    AGAIN,
    API_VERSION,
    EXCLUSIVE,
    MISTAKE,
    PRIORITY,
    QUEUE,
)
from framework.launch.names import LABEL, NAME, longest

# JobSet's own expression for the names of its rules, and the reasons for which Jobs fail.
_RULE_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?")
_REASONS = (
    "BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes", "MaxFailedIndexesExceeded",
    "PodFailurePolicy",
)  # fmt: skip
_ACTIONS = (
    "FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts", "RestartJob",
    "RestartJobAndIgnoreMaxRestarts",
)  # fmt: skip
# What RE2 does not know and Python's expressions do.
_NOT_RE2 = re.compile(r"\(\?(<?[=!]|P=|\()|\\[1-9]|[*+?}]\+")
_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


def jobset_findings(manifest: dict[str, Any]) -> Iterator[Finding]:
    """What is wrong with a JobSet, its jobs' templates aside."""
    kind = f"{manifest.get('apiVersion')} {manifest.get('kind')}"
    if kind != f"{API_VERSION} JobSet":
        yield Finding("kind", "apiVersion", f"{kind}: expected {API_VERSION} JobSet")
    yield from _names(manifest)
    yield from _queue(manifest["metadata"])
    spec = manifest["spec"]
    policy = spec.get("failurePolicy", {})
    if policy.get("restartStrategy") != "BlockingRecreate":
        said = "expected BlockingRecreate: new pods meet the old ones' busy chips"
        yield Finding("restart-strategy", "spec.failurePolicy.restartStrategy", said)
    yield from _rules(policy.get("rules", []))
    if not spec.get("network", {}).get("publishNotReadyAddresses"):
        said = "expected true: hosts look for each other before they are ready"
        yield Finding("unready-addresses", "spec.network.publishNotReadyAddresses", said)
    if not spec.get("suspend"):
        said = "expected true: without Kueue's webhook it would run past the queue"
        yield Finding("not-suspended", "spec.suspend", said)


def _names(manifest: dict[str, Any]) -> Iterator[Finding]:
    metadata = manifest["metadata"]
    name = metadata["name"]
    if not NAME.fullmatch(name):
        said = f"{name!r}: expected a-z, 0-9 and -, a letter first (DNS-1035)"
        yield Finding("name", "metadata.name", said)
    jobs = manifest["spec"]["replicatedJobs"]
    most = min(
        longest(int(job["replicas"]), int(job["template"]["spec"].get("completions", 1)))
        for job in jobs
    )
    if len(name) > most:
        said = f"{len(name)} characters: expected at most {most}, for its pods' names to be labels"
        yield Finding("name-length", "metadata.name", said)
    if len({job["name"] for job in jobs}) < len(jobs):
        said = "two replicated jobs have the same name"
        yield Finding("job-name", "spec.replicatedJobs", said)
    for key, value in metadata.get("labels", {}).items():
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            said = f"{value!r}: expected at most 63 letters, digits, -, _ and ."
            yield Finding("label", f"metadata.labels.{key}", said)
    coordinator = manifest["spec"].get("coordinator")
    if coordinator and coordinator.get("replicatedJob") not in {job["name"] for job in jobs}:
        said = f"{coordinator.get('replicatedJob')!r}: expected a replicated job's name"
        yield Finding("coordinator", "spec.coordinator.replicatedJob", said)


def _queue(metadata: dict[str, Any]) -> Iterator[Finding]:
    annotations = metadata.get("annotations", {})
    for key in (QUEUE, PRIORITY):
        if key in annotations:
            said = "Kueue reads the label of this name; an annotation is ignored"
            yield Finding("queue-annotation", f"metadata.annotations.{key}", said)
    queue = metadata.get("labels", {}).get(QUEUE)
    if queue is None or not LABEL.fullmatch(str(queue)):
        said = f"{queue!r}: expected a LocalQueue; without, nothing orders or admits it"
        yield Finding("queue", f"metadata.labels.{QUEUE}", said)
    if EXCLUSIVE not in annotations:
        said = "expected the node pool's label: else the pods of a slice spread over several"
        yield Finding("exclusive-topology", f"metadata.annotations.{EXCLUSIVE}", said)


def _rules(rules: list[dict[str, Any]]) -> Iterator[Finding]:
    at = "spec.failurePolicy.rules"
    names = [rule.get("name", "") for rule in rules]
    for place, rule in enumerate(rules):
        own, name = f"{at}[{place}]", names[place]
        if not _RULE_NAME.fullmatch(name) or names.count(name) > 1:
            said = f"{name!r}: expected a letter, then letters, digits, _ , : and no other's name"
            yield Finding("rule-name", f"{own}.name", said)
        if rule.get("action") not in _ACTIONS:
            yield Finding("action", f"{own}.action", f"expected one of {', '.join(_ACTIONS)}")
        for reason in rule.get("onJobFailureReasons", []):
            if reason not in _REASONS:
                said = f"{reason!r}: expected one of {', '.join(_REASONS)}"
                yield Finding("failure-reason", f"{own}.onJobFailureReasons", said)
        for pattern in rule.get("onJobFailureMessagePatterns", []):
            if not _is_re2(pattern):
                said = f"{pattern!r}: expected an expression that RE2 knows"
                yield Finding("failure-pattern", f"{own}.onJobFailureMessagePatterns", said)
    yield from _outcomes(rules, at)


def _outcomes(rules: list[dict[str, Any]], at: str) -> Iterator[Finding]:
    """What the first rule that matches does with the three ways in which a pod ends."""
    for message, action in (
        (f"pod failed with exit code {MISTAKE} matching FailJob rule at index 0", "FailJobSet"),
        (f"pod failed with exit code {AGAIN} matching FailJob rule at index 1", _ACTIONS[2]),
        ("pod has condition DisruptionTarget matching FailJob rule at index 2", _ACTIONS[2]),
    ):
        met = next((rule for rule in rules if _matches(rule, message)), {})
        if met.get("action", "RestartJobSet") != action:
            said = f"'{message}' meets {met.get('name', 'no rule')!r}: expected {action} first"
            yield Finding("rule-order", at, said)


def _matches(rule: dict[str, Any], message: str) -> bool:
    patterns = rule.get("onJobFailureMessagePatterns") or [""]
    reasons = rule.get("onJobFailureReasons") or ["PodFailurePolicy"]
    return "PodFailurePolicy" in reasons and any(
        re.search(pattern, message) for pattern in patterns if _is_re2(pattern)
    )


def _is_re2(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    return not _NOT_RE2.search(pattern)
