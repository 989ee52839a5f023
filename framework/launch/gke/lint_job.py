"""Rules of the job of a slice: as many pods as hosts, and what their ends mean."""

import math
import re
from collections.abc import Iterator
from typing import Any

from framework.launch.gke.finding import Finding
from framework.launch.gke.pod import ACCELERATOR, TOPOLOGY, TPU
from framework.launch.slices import Slice, every_slice


def job_findings(spec: dict[str, Any], at: str) -> Iterator[Finding]:
    """What is wrong with the job of a slice, its pods' own matters aside."""
    if spec.get("completionMode") != "Indexed":
        said = "expected Indexed: a pod's index becomes TPU_WORKER_ID"
        yield Finding("completion-mode", f"{at}.completionMode", said)
    if spec.get("completions") != spec.get("parallelism"):
        said = f"{spec.get('completions')}: expected parallelism={spec.get('parallelism')}"
        yield Finding("completions", f"{at}.completions", f"{said}: hosts run at once or not")
    if spec.get("backoffLimit") != 0:
        said = f"{spec.get('backoffLimit')}: expected 0: a pod alone cannot join its slice again"
        yield Finding("backoff-limit", f"{at}.backoffLimit", said)
    yield from _hosts(spec, at)
    yield from _ends(spec, at)


def _hosts(spec: dict[str, Any], at: str) -> Iterator[Finding]:
    pod = spec["template"]["spec"]
    nodes = pod.get("nodeSelector", {})
    accelerator, topology = nodes.get(ACCELERATOR), nodes.get(TOPOLOGY)
    known = [each for each in every_slice() if each.accelerator == accelerator]
    place = f"{at}.template.spec.nodeSelector"
    if not known:
        names = sorted({each.accelerator for each in every_slice()})
        said = f"{accelerator!r}: expected one of {', '.join(names)}"
        yield Finding("accelerator", f"{place}.{ACCELERATOR}", said)
        return
    if not re.fullmatch(r"\d+(x\d+)+", str(topology)) or not _possible(known, str(topology)):
        names = list(dict.fromkeys(each.topology for each in known))
        said = f"{topology!r}: expected of {accelerator} one of {', '.join(names)}"
        yield Finding("topology", f"{place}.{TOPOLOGY}", said)
        return
    chips = pod["containers"][0].get("resources", {}).get("limits", {}).get(TPU)
    machines = {each.machine.chips for each in known}
    if chips not in machines:
        said = f"{chips!r}: expected all chips of a host, {' or '.join(map(str, sorted(machines)))}"
        yield Finding("chips", f"{at}.template.spec.containers[0].resources.limits.{TPU}", said)
        return
    hosts = math.prod(int(size) for size in str(topology).split("x")) / chips
    if spec.get("parallelism") != hosts:
        said = f"{spec.get('parallelism')}: expected {hosts:g} hosts, {topology} over {chips} chips"
        yield Finding("hosts", f"{at}.parallelism", said)


def _possible(known: list[Slice], topology: str) -> bool:
    from framework.config import InvalidConfig
    from framework.launch.slices import parse

    try:
        parse(f"{known[0].chip.name}:{topology}")
    except InvalidConfig:
        return False
    return True


def _ends(spec: dict[str, Any], at: str) -> Iterator[Finding]:
    """The rules by which a pod's end fails the job."""
    place = f"{at}.podFailurePolicy"
    rules = spec.get("podFailurePolicy", {}).get("rules", [])
    pod = spec["template"]["spec"]
    if rules and pod.get("restartPolicy") != "Never":
        said = f"{pod.get('restartPolicy')!r}: expected Never, with a podFailurePolicy; JobSet"
        said += " makes it OnFailure where it is missing"
        yield Finding("restart-policy", f"{at}.template.spec.restartPolicy", said)
    if not any("onPodConditions" in rule for rule in rules):
        said = "expected a rule for the condition DisruptionTarget: preemptions would count"
        yield Finding("disruption", place, said)
    names = {container["name"] for container in pod["containers"]}
    for number, rule in enumerate(rules):
        codes = rule.get("onExitCodes")
        if codes is None:
            continue
        own = f"{place}.rules[{number}].onExitCodes"
        values = codes.get("values", [])
        if codes.get("operator") == "In" and 0 in values:
            yield Finding("exit-code", f"{own}.values", "0 is no failure: refused with In")
        if values != sorted(set(values)):
            yield Finding("exit-code", f"{own}.values", f"{values}: expected ascending, each once")
        if codes.get("containerName") not in {None, *names}:
            said = f"{codes['containerName']!r}: expected one of {', '.join(sorted(names))}"
            yield Finding("container-name", f"{own}.containerName", said)
