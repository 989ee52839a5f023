"""What is submitted, word by word: against golden files, and by its rules."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from framework.launch.gke.lint import check
from framework.launch.gke.manifest import Manifest, of_trial, of_worker
from framework.launch.gke.pod import shell
from framework.launch.names import NAME, RESERVED, identity, longest, sweep_name
from framework.launch.trial import Trial
from tests.launch.gke.conftest import make, trial

GOLDEN = Path(__file__).parent / "golden"
WORDS = ("experiment=digits", "optimizer.learning_rate=0.001", "mesh=fsdp", "name='two words'")


def one_slice() -> Manifest:
    order = make(
        capacity="spot", service_account="trainer", priority="sweep-low", pod_priority="low"
    )
    return of_trial(order, trial(7, Path("sweep"), *WORDS))


def two_slices() -> Manifest:
    order = make(
        slices=2, capacity="reservation", reservation="spring", host_network=True, secret="wandb",
        storage="claim:runs", seen_at="/mnt/runs", environment={"WANDB_MODE": "online"},
    )  # fmt: skip
    return of_trial(order, trial(8, Path("sweep"), *WORDS))


def worker() -> Manifest:
    return of_worker(make("v5e:2x4", machine="ct5lp-hightpu-4t", workers=2), 1)


@pytest.mark.parametrize("made", [one_slice, two_slices, worker], ids=lambda made: made.__name__)
def test_manifests_are_the_golden_ones_and_pass_every_check(made: object) -> None:
    manifest = made()  # type: ignore[operator]
    golden = GOLDEN / f"{made.__name__}.yaml"  # type: ignore[attr-defined]
    text = yaml.safe_dump(manifest, sort_keys=False, width=100)
    assert text == golden.read_text(), f"if this is what is wanted, write it to {golden}"
    check(manifest)


def test_several_slices_wait_for_as_many() -> None:
    (container,) = pod_of(two_slices())["containers"]
    assert '[ "${MEGASCALE_NUM_SLICES:-1}" = 2 ]' in container["args"][0]
    variables = {each["name"]: each.get("value") for each in container["env"]}
    assert variables["FRAMEWORK_PROCESSES"] == "8"
    assert variables["JAX_COORDINATOR_PORT"] == "8482"
    assert not [name for name in variables if name.startswith(("MEGASCALE_", "TPU_WORKER"))]


@pytest.mark.parametrize(
    ("environment", "code"), [({}, 0), ({"MEGASCALE_NUM_SLICES": "2"}, 75)], ids=["own", "stale"]
)
def test_the_line_of_the_shell_runs(environment: dict[str, str], code: int) -> None:
    import os
    import subprocess

    line = shell(["printf", "%s|", "a b", "it's", "${x}"], 1).replace("$$", "$")  # as Kubernetes
    done = subprocess.run(
        ["bash", "-c", line], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.returncode == code
    assert done.stdout == ("a b|it's|${x}|" if code == 0 else "")
    assert code == 0 or "expected 1; this is the environment of another try" in done.stderr


def test_dollars_of_words_are_doubled_for_kubernetes() -> None:
    assert shell(["echo", "$(HOME)"], 1).endswith("exec echo '$$(HOME)'")


def test_run_directories_are_those_that_pods_see() -> None:
    args = pod_of(one_slice())["containers"][0]["args"][0]
    assert args.endswith("run.dir=/runs/digits-a1b2c3/trials/7")
    assert args.count("run.dir=") == 1


sweeps = st.from_regex(r"[a-z]([a-z0-9-]{0,30}[a-z0-9])?", fullmatch=True)
numbers = st.integers(0, 99999)


@given(sweeps, numbers, sweeps, numbers)
def test_names_are_the_trials_own(one: str, number: int, other: str, another: int) -> None:
    """The same for the same trial, possible, and no other trial's."""
    names = [
        identity(trial(n, Path("a"))).name(sweep) for sweep, n in ((one, number), (other, another))
    ]
    assert NAME.fullmatch(names[0])
    assert len(names[0]) <= 46
    assert (names[0] == names[1]) == ((one, number) == (other, another))


@given(st.text(max_size=80), st.integers(1, 64), st.integers(1, 1536))
def test_names_of_sweeps_leave_room_for_their_pods(
    experiment: str, slices: int, hosts: int
) -> None:
    most = longest(slices, hosts)
    sweep = sweep_name(experiment, "a1b2c3", most)
    assert NAME.fullmatch(sweep)
    assert len(sweep) + RESERVED <= most
    pod = f"{sweep}-c1000-abcd-slice-{slices - 1}-{hosts - 1}-x1y2z"
    assert len(pod) <= 63


def test_confirmations_of_different_trials_have_different_names() -> None:
    def confirmation(rate: str) -> Trial:
        return Trial(0, {}, (f"optimizer.learning_rate={rate}",), Path("sweep/confirm/1000"))

    first, second = identity(confirmation("0.1")), identity(confirmation("0.2"))
    assert first == identity(confirmation("0.1"))
    assert first.suffix != second.suffix
    assert first.suffix.startswith("c1000-")
    assert first.folder == f"confirm/{first.suffix[1:]}"


def pod_of(manifest: Manifest) -> Manifest:
    pod: Manifest = manifest["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]["spec"]
    return pod
