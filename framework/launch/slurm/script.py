"""The batch script of a job, as text.

Slurm warns the script alone (`--signal=B:USR2@60`), which hands the warning on as SIGTERM, on which
a run saves and ends with 75. Then, and on a 75 of the run's own, the job is queued again and goes
on from its last checkpoint. On SIGTERM it is not: such a job could not be cancelled. A 75 that
gained no step is counted, so that a job that only ever starts has an end.

Not by submitit 1.5.4, which was tried on the cluster of the tests. It runs a pickled function that
starts the command; Slurm's warning then goes to every process of the step, so the command died of
USR2 (140) and the job was over, not queued again, whether its time was 5 minutes or 30. A 75 is a
failed job to it, and without an accounting database it knows no state but UNKNOWN. What is left of
use would be the text of a script, by a method that it calls not recommended.
"""

import shlex
from dataclasses import dataclass
from pathlib import Path

from framework.launch.slurm.options import SlurmOptions

RECORD = "slurm"  # the folder of a job's own files, in a run directory
EXIT, STARTS = "exit.json", "starts.jsonl"
OUTPUT, ERRORS = "output.log", "errors.log"
ARRAY_INDEX = "$SLURM_ARRAY_TASK_ID"


@dataclass(frozen=True)
class Work:
    """What a job runs.

    Attributes:
        name: of the job, by which a later driver finds it.
        command: words of the program; it saves and leaves with 75 on SIGTERM.
        folder: of the job's own files. ARRAY_INDEX may be a part of it.
        progress: a folder that gains numbered entries as the work goes on; likewise.
        directory: in which the command is started.
        processes: that Slurm has room for.
        tasks: that Slurm starts of the command; 0 starts it by itself, in the script.
        array: numbers of an array's jobs, as `0-3`; None for one job.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    progress: Path
    directory: Path
    processes: int
    tasks: int
    array: str | None = None


def script(options: SlurmOptions, work: Work, max_tries: int) -> str:
    """The script for `sbatch`.

    Args:
        max_tries: starts in a row that gained nothing, after which it is not queued again.
    """
    words = work.command if work.tasks == 0 else (*_srun(options, work.tasks), *work.command)
    return _BODY.format(
        options="\n".join(f"#SBATCH {word}" for word in _sbatch(options, work)),
        directory=shlex.quote(str(work.directory)),
        folder=_quoted(work.folder),
        progress=_quoted(work.progress),
        setup="\n".join(options.setup) or ": # no setup",
        command=" ".join(map(_quoted, words)),
        tell=_TELL_STEP if work.tasks else _TELL_CHILD,
        max_tries=max_tries,
        exit=EXIT,
        starts=STARTS,
    )


def _sbatch(options: SlurmOptions, work: Work) -> list[str]:
    where = str(work.folder).replace("%", "%%").replace(ARRAY_INDEX, "%a")
    named = {
        "job-name": work.name,
        "output": f"{where}/{OUTPUT}",
        "error": f"{where}/{ERRORS}",
        "open-mode": "append",
        "signal": f"B:USR2@{options.signal_seconds}",
        "nodes": options.nodes,
        "ntasks-per-node": work.processes // options.nodes,
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "time": options.time,
        "gpus-per-node": options.gpus or None,
        "cpus-per-task": options.cpus,
        "mem": options.memory,
        "array": work.array and f"{work.array}%{options.max_at_once}",
    }
    words = [f"--{name}={value}" for name, value in named.items() if value is not None]
    return [shlex.quote(word) for word in (*words, "--requeue", *options.sbatch)]


def _srun(options: SlurmOptions, tasks: int) -> tuple[str, ...]:
    # Since Slurm 22.05 srun does not inherit the processors of a task.
    cpus = () if options.cpus is None else (f"--cpus-per-task={options.cpus}",)
    label = ("--label",) if tasks > 1 else ()
    return ("srun", f"--ntasks={tasks}", *cpus, *label, "--kill-on-bad-exit=1", "--unbuffered")


def _quoted(word: str | Path) -> str:
    """A word in quotes, but for the number of the array's job in it."""
    text = shlex.quote(str(word))
    return text.replace(ARRAY_INDEX, f"'\"{ARRAY_INDEX}\"'")


# SIGTERM to srun itself would kill the step without asking it, with what it has not saved. And once
# only: a second one kills a program that is just about to end, whose handlers are gone.
_TELL_STEP = """\
tell() {
  until scontrol --oneliner show step "$SLURM_JOB_ID" 2>/dev/null |
      grep -vE '\\.(batch|extern) ' | grep -q State=RUNNING; do
    kill -0 "$child" 2>/dev/null || return
    sleep 0.5
  done
  scancel --signal=TERM "$SLURM_JOB_ID"  # its steps, not this script
}"""
_TELL_CHILD = """\
tell() { kill -TERM "$child" 2>/dev/null; }"""

_BODY = """\
#!/bin/bash
{options}
# Written by framework.launch.slurm. `sbatch` with this file starts it, or continues it.

folder={folder}
mkdir -p "$folder" && rm -f "$folder"/{exit}
cd {directory} || exit 1
child='' asked='' told='' interrupted=''
{tell}
hear() {{
  [ "$asked" = TERM ] || asked=$1
  interrupted=yes
  if [ -n "$child" ] && [ -z "$told" ]; then told=yes; tell; fi
}}
trap 'hear USR2' USR2
trap 'hear TERM' TERM
newest() {{ ls {progress} 2>/dev/null | grep -E '^[0-9]+$' | sort -n | tail -n 1; }}

echo "Job $SLURM_JOB_ID, start ${{SLURM_RESTART_COUNT:-0}}" >&2
{setup}

before=$(newest)
{command} &
child=$!
if [ -n "$asked" ] && [ -z "$told" ]; then told=yes; tell; fi
wait "$child"
code=$?
while [ -n "$interrupted" ]; do  # wait was left because of a signal, not of the end
  interrupted=''
  wait "$child"
  code=$?
done

# How often in a row nothing was gained.
after=$(newest)
without=0
if [ "$before" = "$after" ]; then
  without=$(($(cat "$folder"/without 2>/dev/null || echo 0) + 1))
fi
echo "$without" >"$folder"/without
line=$(printf '{{"job": "%s", "restart": %d, "code": %d, "asked": "%s"' \\
  "$SLURM_JOB_ID" "${{SLURM_RESTART_COUNT:-0}}" "$code" "$asked")
line=$(printf '%s, "step": %d, "seconds": %d, "nodes": "%s"}}' \\
  "$line" "${{after:-0}}" "$SECONDS" "$SLURM_JOB_NODELIST")
echo "$line" >>"$folder"/{starts}

again=''
case "$asked:$code" in
  TERM:* | *:0 | *:1 | *:2) ;;  # cancelled, or over
  *:75 | USR2:*) again=yes ;;
esac
if [ -n "$again" ] && [ "$without" -lt {max_tries} ] && scontrol requeue "$SLURM_JOB_ID"; then
  exit 75
fi
echo "$line" >"$folder"/.{exit} && mv "$folder"/.{exit} "$folder"/{exit}
exit "$code"
"""
