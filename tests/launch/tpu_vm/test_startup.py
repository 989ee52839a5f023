"""The startup script, run here as a host would run it: with a metadata server, a bucket and a
gcloud that are scripts, and the real trial.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from framework.launch.last_words import last_words
from framework.launch.names import trial_identity
from framework.launch.tpu_vm.startup import startup
from tests.experiments.launch import ROOT, SMALL, environment, last_checkpoint, saved_arrays
from tests.launch.tpu_vm.conftest import order_of

# curl asks the metadata server: a folder of files. gcsfuse mounts the bucket: a link to a folder.
PROGRAMS = {
    "curl": 'for last; do :; done; exec cat "$HOST/metadata/${last##*/instance/}"',
    "mountpoint": '[ -L "$2" ]',
    "gcsfuse": 'echo "$*" >>"$HOST/mounted"; for last; do :; done\n'
    'rmdir "$last" && ln -s "$HOST/bucket" "$last"',
    "gcloud": 'echo "$*" >>"$HOST/gcloud"',
    "sync": "exit 0",
}
PIP = 'echo "$*" >>"$HOST/pip"'


class Host:
    """A machine in a folder."""

    def __init__(self, folder: Path, worker: int = 0) -> None:
        self.folder = folder
        self.home = folder / "opt"
        (folder / "bucket").mkdir(parents=True)
        (folder / "metadata" / "attributes").mkdir(parents=True)
        self.metadata("attributes/agent-worker-number", str(worker))
        self.metadata("attributes/tpu-env", "ACCELERATOR_TYPE: 'v5litepod-4'\n")
        self.metadata("preempted", "FALSE")
        self.programs = folder / "programs"
        self.program(self.programs, PROGRAMS)
        (folder / "venv").write_text(f"#!/bin/bash\nmkdir -p {shlex.quote(str(self.home))}/bin\n")
        self.python(f'exec {shlex.quote(sys.executable)} "$@"')

    def program(self, folder: Path, texts: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(f"#!/bin/bash\n{text}\n")
            (folder / name).chmod(0o755)

    def python(self, text: str) -> None:
        """What the virtual environment's Python does; `python3 -m venv` makes the environment."""
        self.program(self.home / "bin", {"python": text, "pip": PIP})
        self.program(self.programs, {"python3": "exit 0"})

    def metadata(self, name: str, text: str) -> None:
        (self.folder / "metadata" / name).write_text(text)

    @property
    def run(self) -> Path:
        return self.folder / "bucket" / "s" / "trials" / "0"

    def script(self, *words: str, slices: int = 1, **options: object) -> Path:
        order = order_of("v5e:2x2", slices, mount=str(self.folder / "runs"), **options)
        file = self.folder / "startup.sh"
        file.write_text(startup(order, trial_identity(0), words, 2, str(self.home)))
        return file

    def boot(self, script: Path) -> "subprocess.Popen[str]":
        path = f"{self.programs}{os.pathsep}{os.environ['PATH']}"
        return subprocess.Popen(
            ["bash", str(script)], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env=environment(PATH=path, HOST=str(self.folder)), cwd=ROOT, start_new_session=True,
        )  # fmt: skip

    def ended(self) -> dict[str, object] | None:
        file = self.run / "tpu_vm" / "exit.json"
        return json.loads(file.read_text()) if file.exists() else None

    def said_to_gcloud(self) -> str:
        file = self.folder / "gcloud"
        return file.read_text() if file.exists() else ""


def finish(process: "subprocess.Popen[str]") -> str:
    out, _ = process.communicate(timeout=240)
    assert process.returncode == 0, out
    return out


def wait_for(what: Callable[[], bool], process: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + 120
    while not what():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path / "host")


def test_bash_can_read_it_with_any_words(host: Host) -> None:
    script = host.script("a='b c'", 'x="$(date)"', "y=`z`", setup=("echo '{}'",),
                         environment={"A": "it's"}, service_account="x@y")  # fmt: skip
    read = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    assert (read.returncode, read.stderr) == (0, "")


def test_words_arrive_as_they_are(host: Host) -> None:
    words = ("a='b c'", 'x="$(date)"', "y=`z`", "k=[1,2]", "t=tag(log,interval(1,2))", "q=\\'")
    host.python('printf "%s\\n" "$@" >"$HOST/words"; exit 0')
    finish(host.boot(host.script(*words)))
    got = (host.folder / "words").read_text().splitlines()
    assert got[:2] == ["-m", "experiments.run"]
    assert got[2:-2] == list(words)
    assert got[-2:] == [f"run.dir={host.folder}/runs/s/trials/0", "distributed.processes=1"]


def test_it_gives_the_machines_back_and_does_nothing_at_a_reboot(host: Host) -> None:
    host.python('echo start >>"$HOST/starts"; exit 0')
    script = host.script()
    finish(host.boot(script))
    assert host.ended() == {"code": 0, "asked": "", "seconds": host.ended()["seconds"]}
    assert "queued-resources delete s-t0000" in host.said_to_gcloud()
    assert "nothing to do" in finish(host.boot(script))
    assert (host.folder / "starts").read_text().split() == ["start"]
    assert (host.folder / "pip").read_text().split() == ["install", "--quiet", "framework[tpu]"]


def test_what_asks_to_be_started_again_is_until_it_gains_nothing(host: Host) -> None:
    host.python(
        'n=$(cat "$HOST/n" 2>/dev/null || echo 0); echo $((n + 1)) >"$HOST/n"; '
        'if [ "$n" -lt 2 ]; then mkdir -p "$HOST/bucket/s/trials/0/checkpoints/$((n + 1))"; fi; '
        "echo lost >&2; exit 75"
    )
    out = finish(host.boot(host.script()))
    assert (host.folder / "n").read_text().split() == ["4"], out  # two gained, two did not
    assert host.ended()["code"] == 75
    assert (host.run / "tpu_vm" / "startup.log").read_text().split() == ["lost"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            {"install": ("framework[tpv]",)},
            "launch.install=['framework[tpv]']: expected what pip installs on the machines; "
            "pip says: ERROR: no such thing",
        ),
        (
            {"python": "python9"},
            "launch.python=python9: expected a Python that makes virtual environments; it says: ",
        ),
        (
            {"setup": ("echo one", "exit 3")},
            "launch.setup=['echo one', 'exit 3']: expected lines that leave the script running; "
            "it was left with exit code 3",
        ),
        ({"setup": ("if broken; do",)}, "it was left with exit code 2"),
    ],
)
def test_a_trial_that_cannot_be_started_is_over_and_costs_nothing(
    host: Host, options: dict[str, object], said: str
) -> None:
    host.python('echo start >>"$HOST/starts"; exit 0')
    if "install" in options:
        wrong = "echo 'ERROR: no such thing' >&2; echo '[notice] a new pip' >&2; exit 1"
        host.program(host.home / "bin", {"pip": wrong})
        host.program(host.programs, {"sleep": "exit 0"})
    process = host.boot(host.script(**options))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1, out
    assert said in out
    assert said in last_words((host.run / "tpu_vm" / "startup.log").read_text())
    assert (host.ended()["code"], host.ended()["asked"]) == (1, "")
    assert host.said_to_gcloud().count("queued-resources delete s-t0000") == 1
    assert not (host.folder / "starts").exists()


def test_a_bucket_that_cannot_be_mounted_costs_nothing(host: Host) -> None:
    host.program(host.programs, {"gcsfuse": "exit 1"})
    out, _ = host.boot(host.script()).communicate(timeout=60)
    assert "bucket: cannot be mounted" in out
    assert host.ended() is None
    assert "queued-resources delete s-t0000" in host.said_to_gcloud()


@pytest.mark.parametrize("how", ["preempted", "terminated"])
def test_what_is_taken_away_before_it_trains_is_no_mistake(host: Host, how: str) -> None:
    script = host.script(setup=('touch "$HOST/setup"', "sleep 1", "exit 1"))
    process = host.boot(script)
    wait_for(lambda: (host.folder / "setup").exists(), process)
    if how == "preempted":
        host.metadata("preempted", "TRUE")
    else:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert host.ended() is None
    assert host.said_to_gcloud() == ""


def test_another_host_that_cannot_start_tells_why_and_gives_nothing_back(tmp_path: Path) -> None:
    other = Host(tmp_path / "other", worker=1)
    other.boot(other.script(setup=("exit 3",))).communicate(timeout=60)
    assert other.ended()["code"] == 1
    assert other.said_to_gcloud() == ""


def test_stopped_before_it_booted_it_ends_as_to_be_continued(host: Host) -> None:
    (host.run / "tpu_vm").mkdir(parents=True)
    (host.run / "tpu_vm" / "stop").touch()
    assert "It was stopped." in finish(host.boot(host.script()))
    assert (host.ended()["code"], host.ended()["asked"]) == (75, "TERM")


def test_only_the_first_host_writes_how_it_ended(tmp_path: Path) -> None:
    other = Host(tmp_path / "other", worker=1)
    other.python("exit 0")
    finish(other.boot(other.script()))
    assert other.ended() is None
    assert other.said_to_gcloud() == ""


def test_several_slices_are_told_of_each_other_and_stale_ones_are_refused(tmp_path: Path) -> None:
    host = Host(tmp_path / "host")
    host.python('env | grep ^MEGASCALE_ | sort >"$HOST/env"; exit 0')
    host.metadata(
        "attributes/tpu-env",
        "MEGASCALE_COORDINATOR_ADDRESS: '10.0.0.2:8080'\nMEGASCALE_NUM_SLICES: '2'\n"
        "MEGASCALE_SLICE_ID: '1'\nTYPE: 'x'\n",
    )
    finish(host.boot(host.script(slices=2)))
    assert (host.folder / "env").read_text().split() == [
        "MEGASCALE_COORDINATOR_ADDRESS=10.0.0.2:8080", "MEGASCALE_NUM_SLICES=2",
        "MEGASCALE_SLICE_ID=1",
    ]  # fmt: skip
    assert host.ended() is None, "worker 0 of slice 1 is not the first"
    process = host.boot(host.script(slices=3))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "MEGASCALE_NUM_SLICES=2: expected 3 slices" in out
    assert host.ended()["code"] == 1


@pytest.mark.long
@pytest.mark.parametrize("how", ["preempted", "terminated", "stopped"])
def test_a_real_trial_saves_when_its_machine_is_taken_and_goes_on_on_another(
    host: Host, how: str
) -> None:
    words = (*SMALL, "trainer.steps=3000", "evaluation.every=200", "checkpoint.every=200",
             "trainer.steps_per_call=1", "trainer.deterministic=true")  # fmt: skip
    script = host.script(*words)
    process = host.boot(script)
    wait_for(lambda: last_checkpoint(host.run) >= 200, process)
    if how == "preempted":
        host.metadata("preempted", "TRUE")
    elif how == "terminated":
        process.send_signal(signal.SIGTERM)
    else:
        (host.run / "tpu_vm" / "stop").touch()
    finish(process)
    assert (host.ended()["code"], host.ended()["asked"]) == (75, "TERM")
    assert host.said_to_gcloud() == "", "who took them knows"
    saved = last_checkpoint(host.run)
    assert 200 <= saved < 3000
    # Another machine, the same bucket.
    host.metadata("preempted", "FALSE")
    (host.run / "tpu_vm" / "stop").unlink(missing_ok=True)
    out = finish(host.boot(script))
    assert f"Continuing from step {saved}" in out
    assert host.ended()["code"] == 0
    assert last_checkpoint(host.run) == 3000
    assert saved_arrays(host.run, 3000)
