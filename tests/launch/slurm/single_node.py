"""A Slurm of one node on this machine, with ports and folders of its own, for as long as a test."""

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scripts.lifeline import lifeline

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "scontrol", "scancel", "srun")
CPUS = 4  # as many as the tests' tasks want at once, whatever the machine has
# Of the last two lines: a requeued job waits as long as a credential lives, and 120 s by default.
CONFIGURATION = """
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller}
SlurmdPort={daemon}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
CryptoType=crypto/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
MpiDefault=none
ReturnToService=2
KillWait=15
SlurmdParameters=config_overrides
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=test Nodes={host} Default=YES PriorityTier=1 GraceTime=30 State=UP
PartitionName=first Nodes={host} PriorityTier=9 PreemptMode=OFF State=UP
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmctldParameters=preempt_send_user_signal
AuthInfo=socket={folder}/munge/socket,cred_expire=5
SchedulerParameters=bf_interval=2,sched_interval=2
"""


@dataclass(frozen=True)
class Slurm:
    """A cluster that runs.

    Attributes:
        environment: what its commands need beside the usual environment.
    """

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"SLURM_CONF": str(self.folder / "slurm.conf")}

    def ask(self, *command: str) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            command, env={**os.environ, **self.environment}, text=True, capture_output=True,
            timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def logs(self) -> str:
        """The ends of what the daemons said, for a test that fails."""
        files = (*self.folder.glob("*.out"), *self.folder.glob("*.log"))
        return "\n".join(file.read_text()[-3000:] for file in files)


def why_not() -> str | None:
    """What is missing for a Slurm here, in words; None where one can be started."""
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    missing = [name for name in PROGRAMS if shutil.which(name, path=path) is None]
    if missing:
        named = ", ".join(missing)
        return f"{named} not installed here; `apt-get install -y slurm-wlm munge` has them"
    if os.geteuid() != 0:
        return "a Slurm of one node is started by root alone"
    return None


@contextlib.contextmanager
def single_node(folder: Path) -> Iterator[Slurm]:
    """Starts munged, slurmctld and slurmd in `folder`, and stops them.

    `folder` is better short, as it holds a socket, and must be one that the user munge can enter.
    """
    host = socket.gethostname().split(".")[0]
    for name in ("state", "spool", "munge"):
        (folder / name).mkdir(parents=True)
    controller, daemon = _free_ports(2)
    slurm = Slurm(folder)
    (folder / "slurm.conf").write_text(
        CONFIGURATION.format(
            host=host, folder=folder, controller=controller, daemon=daemon, cpus=CPUS
        )
    )
    munge = folder / "munge"
    (munge / "key").write_bytes(os.urandom(128))
    (munge / "key").chmod(0o400)
    shutil.chown(munge, "munge", "munge")
    shutil.chown(munge / "key", "munge", "munge")
    munge.chmod(0o755)
    kept = {name: munge / name for name in ("socket", "key", "pid", "log", "seed")}
    flags = {"key": "key-file", "pid": "pid-file", "log": "log-file", "seed": "seed-file"}
    with contextlib.ExitStack() as stack:
        daemons = (
            ["runuser", "-u", "munge", "--", "munged", "--foreground", "--force",
             *(f"--{flags.get(name, name)}={path}" for name, path in kept.items())],
            ["slurmctld", "-D", "-c", "-i", "-f", str(folder / "slurm.conf")],
            ["slurmd", "-D", "-c", "-f", str(folder / "slurm.conf")],
        )  # fmt: skip
        for command in daemons:
            process = stack.enter_context(_running(command, folder))
            if command[0] == "runuser":
                _wait_for(kept["socket"].exists, process, slurm)
        _wait_for(lambda: _is_idle(slurm, host), process, slurm)
        try:
            yield slurm
        finally:
            with contextlib.suppress(AssertionError):
                slurm.ask("scancel", "--signal=KILL", "--full", "--partition=test")
                slurm.ask("scancel", "--partition=test")


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    path = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/sbin"))
    with (folder / f"{command[0]}.out").open("wb") as out:
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=out,
            start_new_session=True,
            env={**os.environ, "PATH": path},
            preexec_fn=lifeline(),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_idle(slurm: Slurm, host: str) -> bool:
    try:
        return "State=IDLE" in slurm.ask("scontrol", "show", "node", host)
    except AssertionError:
        return False


def _wait_for(what: Callable[[], bool], process: "subprocess.Popen[bytes]", slurm: Slurm) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert process.poll() is None, slurm.logs()
        assert time.monotonic() < deadline, slurm.logs()
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
