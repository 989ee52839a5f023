"""Wrong manifests, each refused by the name of the rule that it breaks."""

import copy
import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from framework.launch.gke.lint import InvalidManifest, check, lint
from framework.launch.gke.manifest import Manifest, of_trial
from tests.launch.gke.conftest import make, trial

QUEUE = "kueue.x-k8s.io/queue-name"
TPU = "google.com/tpu"


def good() -> Manifest:
    """Of two slices of four hosts."""
    return copy.deepcopy(
        of_trial(make(slices=2, host_network=True, capacity="spot"), trial(3, Path("s")))
    )


def job(manifest: Manifest) -> Any:
    return manifest["spec"]["replicatedJobs"][0]["template"]["spec"]


def pod(manifest: Manifest) -> Any:
    return job(manifest)["template"]["spec"]


def container(manifest: Manifest) -> Any:
    return pod(manifest)["containers"][0]


def rules(manifest: Manifest) -> Any:
    return manifest["spec"]["failurePolicy"]["rules"]


def ends(manifest: Manifest) -> Any:
    return job(manifest)["podFailurePolicy"]["rules"]


def moved_queue(manifest: Manifest) -> None:
    metadata = manifest["metadata"]
    metadata["annotations"][QUEUE] = metadata["labels"].pop(QUEUE)


def without_grace(manifest: Manifest) -> None:
    pod(manifest)["terminationGracePeriodSeconds"] = 5


def variable(name: str, value: str) -> Callable[[Manifest], None]:
    return lambda manifest: container(manifest)["env"].append({"name": name, "value": value})


WRONG: dict[str, list[Callable[[Manifest], object]]] = {
    "kind": [lambda m: m.update(apiVersion="jobset.x-k8s.io/v1alpha1")],
    "name": [lambda m: m["metadata"].update(name="7-digits"),
             lambda m: m["metadata"].update(name="Digits")],
    "name-length": [lambda m: m["metadata"].update(name="d" * 47)],
    "label": [lambda m: m["metadata"]["labels"].update(trial="a b"),
              lambda m: m["metadata"]["labels"].update(trial=7)],
    "coordinator": [lambda m: m["spec"]["coordinator"].update(replicatedJob="workers")],
    "job-name": [lambda m: m["spec"]["replicatedJobs"].append(m["spec"]["replicatedJobs"][0])],
    "queue": [lambda m: m["metadata"]["labels"].pop(QUEUE)],
    "queue-annotation": [moved_queue],
    "exclusive-topology": [lambda m: m["metadata"]["annotations"].clear()],
    "not-suspended": [lambda m: m["spec"].pop("suspend")],
    "unready-addresses": [lambda m: m["spec"]["network"].pop("publishNotReadyAddresses")],
    "restart-strategy": [lambda m: m["spec"]["failurePolicy"].pop("restartStrategy")],
    "rule-name": [lambda m: rules(m)[0].update(name="config-error"),
                  lambda m: rules(m)[1].update(name="mistake"),
                  lambda m: rules(m)[2].update(name="crashed_:")],
    "action": [lambda m: rules(m)[2].update(action="Restart")],
    "failure-reason": [lambda m: rules(m)[2]["onJobFailureReasons"].append("PodFailed")],
    "failure-pattern": [lambda m: rules(m)[0].update(onJobFailureMessagePatterns=["code (2"]),
                        lambda m: rules(m)[2].update(onJobFailureMessagePatterns=["(?!code) 2"])],
    "rule-order": [lambda m: rules(m).insert(0, rules(m).pop()),
                   lambda m: rules(m).pop(1),
                   lambda m: rules(m)[0].update(action="RestartJobSet")],
    "completion-mode": [lambda m: job(m).pop("completionMode")],
    "completions": [lambda m: job(m).update(completions=3)],
    "backoff-limit": [lambda m: job(m).update(backoffLimit=6),
                      lambda m: job(m).pop("backoffLimit")],
    "hosts": [lambda m: job(m).update(completions=2, parallelism=2)],
    "accelerator": [lambda m: pod(m)["nodeSelector"].update(
        {"cloud.google.com/gke-tpu-accelerator": "tpu-v6e"})],
    "topology": [lambda m: pod(m)["nodeSelector"].update(
        {"cloud.google.com/gke-tpu-topology": "4x5"})],
    "chips": [lambda m: [r.update({TPU: 3}) for r in container(m)["resources"].values()]],
    "requests": [lambda m: container(m)["resources"]["requests"].update({TPU: 1}),
                 lambda m: container(m)["resources"].pop("requests")],
    "restart-policy": [lambda m: pod(m).update(restartPolicy="OnFailure"),
                       lambda m: pod(m).pop("restartPolicy")],
    "disruption": [lambda m: ends(m).pop()],
    "exit-code": [lambda m: ends(m)[0]["onExitCodes"].update(values=[0, 2]),
                  lambda m: ends(m)[0]["onExitCodes"].update(values=[75, 2])],
    "container-name": [lambda m: ends(m)[1]["onExitCodes"].update(containerName="trainer")],
    "dns-policy": [lambda m: pod(m).pop("dnsPolicy")],
    "grace": [without_grace],
    "toleration": [lambda m: pod(m)["tolerations"].pop(0)],
    "spot": [lambda m: pod(m)["tolerations"].pop(1)],
    "volume": [lambda m: pod(m)["volumes"].pop(0)],
    "bucket": [lambda m: job(m)["template"]["metadata"].pop("annotations")],
    "image": [lambda m: container(m).update(image="trainer:latest")],
    "exec": [lambda m: container(m).update(args=["python -m experiments.run"]),
             lambda m: container(m).update(args=["cd /app; python -m experiments.run; exit $?"])],
    "coordinator-port": [lambda m: container(m)["env"].pop(0),
                         lambda m: container(m)["ports"].pop()],
    "variable": [variable("TPU_WORKER_ID", "0"), variable("MEGASCALE_NUM_SLICES", "2")],
    "structure": [lambda m: m["spec"].pop("replicatedJobs"), lambda m: pod(m).pop("containers")],
}  # fmt: skip
CASES = [(rule, number) for rule, several in WRONG.items() for number in range(len(several))]


def test_what_is_submitted_is_right() -> None:
    assert lint(good()) == []
    assert len(WRONG) >= 20


@pytest.mark.parametrize(("rule", "number"), CASES, ids=lambda each: str(each))
def test_a_wrong_manifest_is_refused_by_name(rule: str, number: int) -> None:
    manifest = good()
    WRONG[rule][number](manifest)
    findings = lint(manifest)
    assert rule in {finding.rule for finding in findings}
    with pytest.raises(InvalidManifest, match=rf"\[{rule}\] \S+: \S"):
        check(manifest)


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (lambda m: m["spec"].update(suspended=True), "unknown-key"),
        (lambda m: m["spec"]["failurePolicy"].update(maxRestart=3), "unknown-key"),
        (lambda m: rules(m)[0].update(onJobFailureReason=["PodFailurePolicy"]), "unknown-key"),
        (lambda m: m["spec"]["failurePolicy"].update(maxRestarts="3"), "jobset-model"),
    ],
)
def test_what_the_models_of_jobset_say(change: Callable[[Manifest], object], rule: str) -> None:
    if importlib.util.find_spec("kubeflow_trainer_api") is None:
        pytest.skip("kubeflow-trainer-api is not installed: pip install --no-deps it")
    manifest = good()
    change(manifest)
    assert lint(manifest) == []  # nothing of ours
    with pytest.raises(InvalidManifest, match=rf"\[{rule}\]"):
        check(manifest)


@pytest.mark.parametrize(
    "change",
    [
        lambda m: job(m).update(paralellism=4),
        lambda m: container(m)["ports"][0].update(containerPort="8471"),
        lambda m: pod(m)["tolerations"][0].update(operators="Exists"),
    ],
)
def test_what_the_schemas_of_kubernetes_say(change: Callable[[Manifest], object]) -> None:
    if importlib.util.find_spec("kubernetes_validate") is None:
        pytest.skip("kubernetes-validate is not installed: it is part of the extra gke")
    manifest = good()
    change(manifest)
    with pytest.raises(InvalidManifest, match=r"\[(kubernetes-schema|unknown-key)\]"):
        check(manifest)


def test_without_the_packages_our_own_rules_are_held_and_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "manifest.yaml"
    file.write_text(yaml.safe_dump(good()))
    program = (
        "import sys, yaml\n"
        "sys.modules['kubeflow_trainer_api'] = sys.modules['kubernetes_validate'] = None\n"
        "import importlib.util as u\n"
        "find = u.find_spec\n"
        "u.find_spec = lambda n: None if n.startswith('kube') else find(n)\n"
        "from framework.launch.gke.lint import check\n"
        f"print(check(yaml.safe_load(open({str(file)!r}))))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert "pip install --no-deps kubeflow-trainer-api" in done.stdout, done.stderr
    assert "pip install kubernetes-validate" in done.stdout
