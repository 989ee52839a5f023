"""How a process finds the others, decided from the configuration and the environment alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.config import InvalidConfig
from framework.parallel.distributed import DistributedOptions, Start, has_tpu, how_to_start

ALONE = DistributedOptions()
SLURM = {
    "SLURM_JOB_ID": "70001", "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "node[07-09,12],other",
    "SLURM_NTASKS": "8", "SLURM_STEP_NUM_TASKS": "8", "SLURM_PROCID": "5", "SLURM_LOCALID": "1",
    "SLURM_NODEID": "2", "SLURM_STEP_TASKS_PER_NODE": "2(x4)",
}  # fmt: skip
HOSTS = {"TPU_WORKER_HOSTNAMES": "a.svc,b.svc,c.svc,d.svc", "TPU_WORKER_ID": "2"}
SLICES = {
    "MEGASCALE_NUM_SLICES": "3", "MEGASCALE_SLICE_ID": "1",
    "MEGASCALE_COORDINATOR_ADDRESS": "first.svc:8080",
}  # fmt: skip


def start(
    environment: dict[str, str], options: DistributedOptions = ALONE, *, tpu: bool = False
) -> Start | None:
    return how_to_start(options, environment, tpu=tpu)


def refused(*arguments: object, **keywords: object) -> str:
    with pytest.raises(InvalidConfig) as caught:
        start(*arguments, **keywords)  # type: ignore[arg-type]
    return str(caught.value)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        SLURM | {"SLURM_NTASKS": "1", "SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
        # The batch script of a job of several tasks is no task itself.
        {name: SLURM[name] for name in ("SLURM_JOB_ID", "SLURM_NTASKS", "SLURM_PROCID")},
        # A step of one task in a job of several.
        SLURM | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
        HOSTS | SLICES,  # without a TPU
    ],
)
def test_one_process(environment: dict[str, str]) -> None:
    assert start(environment) is None


def test_one_process_of_a_tpu() -> None:
    assert start({"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"}, tpu=True) is None


def test_one_process_is_asked_for_whatever_the_environment_says() -> None:
    assert start(SLURM, DistributedOptions(processes=1)) is None
    assert start(HOSTS | SLICES, DistributedOptions(processes=1), tpu=True) is None


def test_the_coordinators_address_in_the_config_comes_before_the_environment() -> None:
    environment = {
        "JAX_COORDINATOR_ADDRESS": "there:1", "FRAMEWORK_PROCESSES": "4", "FRAMEWORK_PROCESS": "3",
    }  # fmt: skip
    found = start(environment)
    assert found == Start("JAX_COORDINATOR_ADDRESS", "there:1", 4, 3)
    found = start(environment, DistributedOptions("here:2", 3, 0))
    assert found == Start("distributed.coordinator", "here:2", 3, 0)
    # A part of it: the rest is Slurm's.
    found = start(SLURM, DistributedOptions("here:2"))
    assert found == Start("distributed.coordinator", "here:2", 8, 5, (1,))


def test_a_slurm_step_of_several_tasks() -> None:
    assert start(SLURM) == Start("Slurm", f"node07:{61440 + 70001 % 4096}", 8, 5, (1,))
    beside = start(SLURM | {"SLURM_STEP_ID": "1"})
    assert beside is not None
    assert beside.coordinator != start(SLURM).coordinator  # type: ignore[union-attr]
    named = start(SLURM | {"JAX_COORDINATOR_PORT": "1234"})
    assert named is not None
    assert named.coordinator == "node07:1234"


@given(
    st.sampled_from(["n1", "n1,n2", "n[3-5]", "n[003,007-015],other", "gpu-a[2,4]", "a-b-1,a-b-2"]),
    st.integers(1, 10**7),
)
def test_slurms_first_node_is_the_one_that_jax_finds(nodes: str, job: int) -> None:
    from jax._src.clusters.slurm_cluster import SlurmCluster

    environment = SLURM | {"SLURM_STEP_NODELIST": nodes, "SLURM_JOB_ID": str(job)}
    found = start(environment)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        assert found is not None
        assert found.coordinator == SlurmCluster.get_coordinator_address(None, None)


@pytest.mark.parametrize(
    ("tasks", "visible", "devices"),
    [
        ("1(x4)", "0,1,2,3", None),  # a task alone on its node takes what it sees
        ("2(x4)", "0,1", (1,)),
        ("2(x4)", "0,1,2,3", (2, 3)),
        ("2(x4)", "3", None),  # bound to the task
        ("2(x4)", "", None),
        ("4(x2),2(x2)", "0,1,2,3", (2, 3)),
    ],
)
def test_tasks_of_a_node_divide_its_gpus(
    tasks: str, visible: str, devices: tuple[int, ...] | None
) -> None:
    more = {"SLURM_STEP_TASKS_PER_NODE": tasks, "CUDA_VISIBLE_DEVICES": visible}
    found = start(SLURM | more)
    assert found is not None
    assert found.devices == devices
    chosen = start(SLURM | more | {"JAX_LOCAL_DEVICE_IDS": "0"})
    assert chosen is not None
    assert chosen.devices is None  # JAX reads it


@given(st.integers(1, 4), st.integers(1, 4), st.data())
def test_every_host_of_every_slice_has_a_number_of_its_own(
    slices: int, hosts: int, data: st.DataObject
) -> None:
    names = ",".join(f"host-{n}" for n in range(hosts))
    found = [
        start(
            {
                "TPU_WORKER_HOSTNAMES": names, "TPU_WORKER_ID": str(worker),
                "MEGASCALE_NUM_SLICES": str(slices), "MEGASCALE_SLICE_ID": str(number),
                "MEGASCALE_COORDINATOR_ADDRESS": "host-0",
            },
            tpu=True,
        )
        for number in range(slices)
        for worker in range(hosts)
    ]  # fmt: skip
    if slices * hosts == 1:
        assert found == [None]
        return
    assert [each.process for each in found if each] == list(range(slices * hosts))
    assert {each.processes for each in found if each} == {slices * hosts}
    assert {each.coordinator for each in found if each} == {"host-0:8482"}


def test_tpu_hosts_that_only_the_machine_knows() -> None:
    assert start({}, tpu=True) == Start("the TPU machine")
    told = start({}, DistributedOptions(processes=4), tpu=True)
    assert told == Start("the TPU machine", None, 4, None)


@pytest.mark.parametrize(
    ("environment", "options", "line"),
    [
        ({"JAX_COORDINATOR_ADDRESS": "there"}, ALONE,
         "JAX_COORDINATOR_ADDRESS=there: expected host:port of the first process"),
        ({}, DistributedOptions("there:port", 2, 0),
         "distributed.coordinator=there:port: expected host:port of the first process"),
        ({"JAX_COORDINATOR_ADDRESS": "there:1", "FRAMEWORK_PROCESS": "0"}, ALONE,
         "distributed.processes=null: expected the number of processes; several processes are "
         "meant: give it, or FRAMEWORK_PROCESSES"),
        ({}, DistributedOptions(processes=2, process=0),
         "distributed.coordinator=null: expected the first process's host:port; several "
         "processes are meant: give it, or JAX_COORDINATOR_ADDRESS"),
        ({"FRAMEWORK_PROCESSES": "two"}, ALONE,
         "FRAMEWORK_PROCESSES=two: expected a whole number from 1 on"),
        ({}, DistributedOptions("there:1", 2, 2),
         "distributed.process=2: expected a number below 2 (distributed.processes)"),
        ({}, DistributedOptions(processes=1, process=1),
         "distributed.process=1: expected a number below 1 (distributed.processes)"),
        (SLURM | {"SLURM_PROCID": "8"}, ALONE,
         "SLURM_PROCID=8: expected a number below 8 (SLURM_NTASKS)"),
        (SLURM, DistributedOptions(processes=4),
         "distributed.processes=4: expected 8, as Slurm says; one of them is of another job, or "
         "out of date"),
        (SLURM | {"CUDA_VISIBLE_DEVICES": "0,1,2"}, ALONE,
         "CUDA_VISIBLE_DEVICES=0,1,2: expected a number of GPUs that the 2 tasks of this node "
         "divide (3 do not)"),
    ],
)  # fmt: skip
def test_what_is_not_enough_or_contradicts_itself(
    environment: dict[str, str], options: DistributedOptions, line: str
) -> None:
    assert refused(environment, options).startswith(line)


@pytest.mark.parametrize(
    ("environment", "options", "line"),
    [
        # Left over from a job of two slices: this one would wait for hosts that never come.
        (HOSTS | {"MEGASCALE_NUM_SLICES": "2"}, ALONE,
         "MEGASCALE_SLICE_ID=null: expected a value, as MEGASCALE_NUM_SLICES=2; unset all "
         "MEGASCALE_* variables if they are left over from an earlier job"),
        (HOSTS | SLICES | {"MEGASCALE_SLICE_ID": "3"}, ALONE,
         "MEGASCALE_SLICE_ID=3: expected a number below 3 (MEGASCALE_NUM_SLICES)"),
        (HOSTS | {"MEGASCALE_SLICE_ID": "1"}, ALONE,
         "MEGASCALE_SLICE_ID=1: expected a number below 1 (MEGASCALE_NUM_SLICES)"),
        (HOSTS | SLICES, DistributedOptions(processes=4),
         "distributed.processes=4: expected 12, as 4 hosts × 3 slices of TPU_WORKER_HOSTNAMES, "
         "MEGASCALE_NUM_SLICES says"),
        (HOSTS | {"TPU_WORKER_ID": "4"}, ALONE,
         "TPU_WORKER_ID=4: expected a number below 4 (the hosts of TPU_WORKER_HOSTNAMES)"),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, ALONE,
         "TPU_WORKER_ID=null: expected this host's number among the 2 of TPU_WORKER_HOSTNAMES"),
        (HOSTS | {"MEGASCALE_NUM_SLICES": "0"}, ALONE,
         "MEGASCALE_NUM_SLICES=0: expected a whole number from 1 on"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_on_a_tpu(
    environment: dict[str, str], options: DistributedOptions, line: str
) -> None:
    assert refused(environment, options, tpu=True).startswith(line)


def test_no_tpu_where_jax_may_not_use_it() -> None:
    assert not has_tpu({"JAX_PLATFORMS": "cpu"})
