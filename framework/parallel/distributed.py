"""Whether this process is one of several, and how they find each other: read, not acted upon.

The configuration and the environment say it. In order: the address of the first process in
`distributed.coordinator` or JAX_COORDINATOR_ADDRESS; a Slurm step of several tasks; the environment
of a TPU slice (GKE), or of several. On a TPU machine without it (Cloud TPU) JAX asks the machine.
"""

import importlib.util
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from framework.config import InvalidConfig, NonNegativeInt, PositiveInt, Problem

ADDRESS = "JAX_COORDINATOR_ADDRESS"
PORT = "JAX_COORDINATOR_PORT"
PROCESSES = "FRAMEWORK_PROCESSES"
PROCESS = "FRAMEWORK_PROCESS"
TPU_PORT = 8482
_SLURM = (
    "SLURM_JOB_ID", "SLURM_STEP_NODELIST", "SLURM_NTASKS", "SLURM_PROCID", "SLURM_LOCALID",
)  # fmt: skip


@dataclass(frozen=True)
class DistributedOptions:
    """How the processes of a run find each other; nothing has to be said under Slurm and on TPUs.

    Attributes:
        coordinator: `host:port` of the first process, else the environment's
            JAX_COORDINATOR_ADDRESS.
        processes: how many there are, else FRAMEWORK_PROCESSES; 1 runs this one alone, whatever
            the environment says.
        process: which of them this is, from 0 on, else FRAMEWORK_PROCESS.
        timeout: seconds to wait for all of them at the start.
    """

    coordinator: str | None = None
    processes: PositiveInt | None = None
    process: NonNegativeInt | None = None
    timeout: PositiveInt = 300


@dataclass(frozen=True)
class Start:
    """What `jax.distributed.initialize` is to be given; None is for JAX to find.

    Attributes:
        source: who said so.
        devices: which of the visible GPUs this process takes; None for all of them.
    """

    source: str
    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None
    devices: tuple[int, ...] | None = None


def how_to_start(
    options: DistributedOptions, environment: Mapping[str, str], *, tpu: bool
) -> Start | None:
    """How this process joins the others; None where it is alone.

    Args:
        tpu: whether this machine has TPUs, see `has_tpu`.

    Raises:
        InvalidConfig: what is said is not enough, or contradicts itself.
    """
    address_key, address = _either("distributed.coordinator", options.coordinator, environment)
    count_key, count = "distributed.processes", options.processes
    if count is None and (count := _number(environment, PROCESSES, least=1)) is not None:
        count_key = PROCESSES
    which_key, which = "distributed.process", options.process
    if which is None and (which := _number(environment, PROCESS)) is not None:
        which_key = PROCESS
    if count == 1:
        _below(which_key, which, 1, count_key)
        return None
    if address is not None:
        _check_address(address_key, address)
    found = _of_slurm(environment) or (_of_tpu(environment) if tpu else None)
    if address is None and found is not None:
        for key, said, there in (
            (count_key, count, found.processes), (which_key, which, found.process)
        ):  # fmt: skip
            if None not in (said, there) and said != there:
                expected = f"{there}, as {found.source} says"
                raise InvalidConfig(
                    Problem(key, said, expected, "one of them is of another job, or out of date")
                )
        if found.coordinator is None:  # what is said helps JAX
            return Start(found.source, None, count, which)
        return found
    if address is None and count is None and which is None:
        return None
    if found is not None:
        count = found.processes if count is None else count
        which = found.process if which is None else which
    missing = [
        Problem(key, None, expected, f"several processes are meant: give it, or {variable}")
        for key, said, expected, variable in (
            ("distributed.coordinator", address, "the first process's host:port", ADDRESS),
            ("distributed.processes", count, "the number of processes", PROCESSES),
            ("distributed.process", which, "this process's number, from 0 on", PROCESS),
        )
        if said is None
    ]
    if missing:
        raise InvalidConfig(*missing)
    _below(which_key, which, count, count_key)
    devices = found.devices if found else None
    return Start(address_key, address, count, which, devices) if count != 1 else None


def start_here(options: DistributedOptions) -> Start | None:
    """`how_to_start` in this process's environment, on this machine."""
    return how_to_start(options, os.environ, tpu=has_tpu(os.environ))


def has_tpu(environment: Mapping[str, str]) -> bool:
    """Whether JAX would find TPUs on this machine; asks neither JAX nor the network."""
    wanted = environment.get("JAX_PLATFORMS", "")
    if wanted and "tpu" not in wanted.split(","):
        return False
    chips = (
        path for pattern in ("accel[0-9]*", "vfio/[0-9]*") for path in Path("/dev").glob(pattern)
    )
    return any(chips) and importlib.util.find_spec("libtpu") is not None


def _of_slurm(environment: Mapping[str, str]) -> Start | None:
    """A step of several tasks. A job of one task, and a batch script itself, are one process."""
    if any(name not in environment for name in _SLURM):
        return None
    step_count = _number(environment, "SLURM_STEP_NUM_TASKS", least=1)
    count = step_count or _number(environment, "SLURM_NTASKS", least=1)
    which = _number(environment, "SLURM_PROCID")
    _below("SLURM_PROCID", which, count, "SLURM_NTASKS")
    if count == 1:
        return None
    nodes = environment["SLURM_STEP_NODELIST"]
    first = re.match(r"([^,\[]+)(?:\[([^\],-]+))?", nodes)
    if first is None:
        raise InvalidConfig(Problem("SLURM_STEP_NODELIST", nodes, "names of nodes"))
    port = environment.get(PORT) or _port_of_step(environment)
    host = first[1] + (first[2] or "")
    return Start("Slurm", f"{host}:{port}", count, which, _gpus_of_task(environment))


def _port_of_step(environment: Mapping[str, str]) -> int:
    """The same for all tasks of a step, another for another step that runs beside it."""
    job = _number(environment, "SLURM_JOB_ID") or 0
    return 61440 + (job + 64 * (_number(environment, "SLURM_STEP_ID") or 0)) % 4096


def _gpus_of_task(environment: Mapping[str, str]) -> tuple[int, ...] | None:
    """This task's share of the GPUs that all tasks of its node see; None for all that it sees."""
    tasks = _tasks_of_node(environment)
    visible = environment.get("CUDA_VISIBLE_DEVICES")
    if tasks == 1 or "JAX_LOCAL_DEVICE_IDS" in environment:  # which JAX reads
        return None
    local = _number(environment, "SLURM_LOCALID") or 0
    if visible is None:
        return (local,)
    count = len([name for name in visible.split(",") if name])
    if count <= 1:  # bound to this task alone, or none
        return None
    if count % tasks:
        expected = f"a number of GPUs that the {tasks} tasks of this node divide ({count} do not)"
        hint = "change --ntasks-per-node or --gpus-per-node"
        raise InvalidConfig(Problem("CUDA_VISIBLE_DEVICES", visible, expected, hint))
    share = count // tasks
    return tuple(range(local * share, (local + 1) * share))


def _tasks_of_node(environment: Mapping[str, str]) -> int:
    """Tasks of the step on this node, of e.g. `2(x3),1` for four nodes."""
    text = environment.get("SLURM_STEP_TASKS_PER_NODE", "1")
    counts: list[int] = []
    for part in text.split(","):
        match = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part)
        if match is None:
            raise InvalidConfig(Problem("SLURM_STEP_TASKS_PER_NODE", text, "counts of tasks"))
        counts += [int(match[1])] * int(match[2] or 1)
    node = _number(environment, "SLURM_NODEID") or 0
    return counts[min(node, len(counts) - 1)]


def _of_tpu(environment: Mapping[str, str]) -> Start | None:
    """The hosts of a slice, times the slices; None for one host of one slice."""
    slices = _number(environment, "MEGASCALE_NUM_SLICES", least=1) or 1
    number = _number(environment, "MEGASCALE_SLICE_ID")
    meeting = environment.get("MEGASCALE_COORDINATOR_ADDRESS")
    stale = "unset all MEGASCALE_* variables if they are left over from an earlier job"
    if slices > 1:
        for name, value in (
            ("MEGASCALE_SLICE_ID", number),
            ("MEGASCALE_COORDINATOR_ADDRESS", meeting),
        ):
            if value is None:
                expected = f"a value, as MEGASCALE_NUM_SLICES={slices}"
                raise InvalidConfig(Problem(name, None, expected, stale))
    _below("MEGASCALE_SLICE_ID", number, slices, "MEGASCALE_NUM_SLICES", stale)
    listed = environment.get("TPU_PROCESS_ADDRESSES") or environment.get("TPU_WORKER_HOSTNAMES")
    if listed is None:
        return Start("the TPU machine")
    hosts = listed.split(",")
    worker = _number(environment, "TPU_WORKER_ID")
    if worker is None and len(hosts) > 1:
        expected = f"this host's number among the {len(hosts)} of TPU_WORKER_HOSTNAMES"
        raise InvalidConfig(Problem("TPU_WORKER_ID", None, expected))
    _below("TPU_WORKER_ID", worker, len(hosts), "the hosts of TPU_WORKER_HOSTNAMES")
    if slices * len(hosts) == 1:
        return None
    host = (meeting if slices > 1 and meeting else hosts[0]).rsplit(":", 1)[0]
    process = (number or 0) * len(hosts) + (worker or 0)
    source = f"{len(hosts)} hosts × {slices} slices of TPU_WORKER_HOSTNAMES, MEGASCALE_NUM_SLICES"
    port = environment.get(PORT) or TPU_PORT
    return Start(source, f"{host}:{port}", slices * len(hosts), process)


def _either(key: str, option: str | None, environment: Mapping[str, str]) -> tuple[str, str | None]:
    """The option with its key, else the environment's address with its variable."""
    if option is None and environment.get(ADDRESS):
        return ADDRESS, environment[ADDRESS]
    return key, option


def _number(environment: Mapping[str, str], name: str, least: int = 0) -> int | None:
    text = environment.get(name)
    if text is None or text == "":
        return None
    if not text.isdecimal() or int(text) < least:
        raise InvalidConfig(Problem(name, text, f"a whole number from {least} on"))
    return int(text)


def _check_address(key: str, address: str) -> None:
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise InvalidConfig(Problem(key, address, "host:port of the first process"))


def _below(key: str, value: int | None, limit: int | None, what: str, hint: str = "") -> None:
    if value is not None and limit is not None and value >= limit:
        raise InvalidConfig(Problem(key, value, f"a number below {limit} ({what})", hint))
