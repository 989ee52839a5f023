"""The startup script of a trial's machines, as text.

It runs as root on every host, at each boot. A host whose trial is over does nothing. Else it
installs what is missing, mounts the storage, joins the others of its slices through the TPU
machine's own metadata, and trains; a run that leaves to be started again is, as often as it gains
steps. The first host writes how it ended into the storage, which the driver reads, and gives the
machines back, so that they cost nothing when no driver is there. A host that cannot start the trial
ends it likewise.
"""

import shlex
from collections.abc import Sequence

from framework.config import Problem
from framework.launch.names import Identity
from framework.launch.tpu_vm.commands import delete
from framework.launch.tpu_vm.options import KEY
from framework.launch.tpu_vm.order import Order

EXIT, STOP, LOG = "tpu_vm/exit.json", "tpu_vm/stop", "tpu_vm/startup.log"
STARTED = "tpu_vm/started"  # is there once all is installed


def startup(
    order: Order, which: Identity, words: Sequence[str], max_tries: int, home: str = "/opt/trial"
) -> str:
    """The script for one trial.

    Args:
        words: that compose it, without its run directory.
        max_tries: starts in a row on these machines that may gain nothing.
        home: of the virtual environment and the logs, on the machines.
    """
    options = order.options
    run = f"{order.folder}/{which.folder}"
    own = (*words, f"run.dir={run}", f"distributed.processes={order.hosts}")
    command = (f"{home}/bin/python", "-m", "experiments.run", *own)
    only = f"--only-dir={options.folder}" if options.folder else ""
    return _BODY.format(
        name=shlex.quote(which.name(order.sweep)),
        run=shlex.quote(run),
        home=shlex.quote(home),
        bucket=shlex.quote(options.bucket),
        mount=shlex.quote(options.mount),
        only=f" {shlex.quote(only)}" if only else "",
        slices=order.slices,
        python=shlex.quote(options.python),
        install=shlex.join(options.install),
        environment="\n".join(
            f"export {name}={shlex.quote(value)}" for name, value in options.environment.items()
        ),
        setup="\n".join(options.setup),
        command=shlex.join(command),
        delete=shlex.join(delete(order, which.name(order.sweep))),
        max_tries=max_tries,
        wrong_python=_wrong("python", options.python, "a Python that makes virtual environments"),
        wrong_install=_wrong("install", list(options.install), "what pip installs on the machines"),
        wrong_setup=_wrong("setup", list(options.setup), "lines that leave the script running"),
        exit=EXIT, stop=STOP, log=LOG, started=STARTED,
    )  # fmt: skip


def _wrong(name: str, value: object, expected: str) -> str:
    """A mistake that only the machines can see: a word of shell, one line."""
    return shlex.quote(" ".join(str(Problem(f"{KEY}.{name}", value, expected)).split()))


_BODY = """\
#!/bin/bash
# Trial {name}: written by framework.launch.tpu_vm, run at each boot of each host.
set -u
run={run}
home={home}
first='' asked='' begun=0 at='the startup script'
say() {{ echo "$(date -u +%FT%TZ) $*"; }}
metadata() {{
  curl --silent --fail --retry 5 -H 'Metadata-Flavor: Google' \\
    "http://metadata.google.internal/computeMetadata/v1/instance/$1"
}}

# Every way out. A trial that cannot be started is over, so that nobody waits for it and pays. What
# was interrupted is not: it starts at the next boot, or on other machines.
over() {{ grep -qE '"code": (0|1|2),' "$run/{exit}" 2>/dev/null; }}
give_back() {{
  if [ -n "$first" ]; then {delete} || say "the machines could not be given back"; fi
}}
ending() {{  # with this exit code
  printf '{{"code": %d, "asked": "%s", "seconds": %d}}\\n' "$1" "$asked" $((SECONDS - begun)) \\
    >"$run/{exit}"
  sync
}}
leave() {{ trap - EXIT; exit "$1"; }}
fail() {{
  trap - EXIT
  say "$*"
  if [ "$(metadata preempted)" = TRUE ]; then exit 1; fi
  if [ -d "$run/tpu_vm" ] && ! over; then
    echo "$*" >"$run/{log}"
    ending 1
  fi
  give_back
  exit 1
}}
trap 'fail "$at; it was left with exit code $?"' EXIT
trap 'say "It was interrupted."; leave 143' TERM

# Who this host is: of which slice, and where the first one of several slices listens.
worker=$(metadata attributes/agent-worker-number || echo 0)
while IFS= read -r line; do
  name=${{line%%:*}} value=${{line#*: }}
  value=${{value#\\'}} value=${{value%\\'}}
  case $name in MEGASCALE_*) export "$name=$value" ;; esac
done < <(metadata attributes/tpu-env | grep '^MEGASCALE_')
slice=${{MEGASCALE_SLICE_ID:-0}}
if [ "$worker" = 0 ] && [ "$slice" = 0 ]; then first=yes; fi

# The storage: run directories lie there, so that other machines go on with them.
if ! mountpoint -q {mount}; then
  if ! command -v gcsfuse >/dev/null; then
    export DEBIAN_FRONTEND=noninteractive
    echo "deb [signed-by=/usr/share/keyrings/gcsfuse.asc]" \\
      "https://packages.cloud.google.com/apt gcsfuse-$(lsb_release -c -s) main" \\
      >/etc/apt/sources.list.d/gcsfuse.list
    curl --silent --fail --retry 5 https://packages.cloud.google.com/apt/doc/apt-key.gpg \\
      >/usr/share/keyrings/gcsfuse.asc
    apt-get -o DPkg::Lock::Timeout=600 update -qq &&
      apt-get -o DPkg::Lock::Timeout=600 install -y -qq gcsfuse || fail "gcsfuse: not installed"
  fi
  mkdir -p {mount}
  gcsfuse --implicit-dirs{only} {bucket} {mount} || fail "{bucket}: cannot be mounted"
fi
mkdir -p "$run/tpu_vm" || fail "{bucket}: cannot be written"

if over; then
  say "The trial is over: nothing to do."
  give_back
  leave 0
fi
if [ -e "$run/{stop}" ]; then
  say "It was stopped."
  asked=TERM
  if [ -n "$first" ] && ! [ -e "$run/{exit}" ]; then ending 75; fi
  leave 0
fi
if [ -n "$first" ]; then rm -f "$run/{exit}"; fi
[ "${{MEGASCALE_NUM_SLICES:-1}}" = {slices} ] ||
  fail "MEGASCALE_NUM_SLICES=${{MEGASCALE_NUM_SLICES:-1}}: expected {slices} slices"

# What it needs.
export JAX_COORDINATOR_PORT=8482 HOME=${{HOME:-/root}}
{environment}
if ! [ -e "$home"/installed ]; then
  said=$({python} -m venv "$home" 2>&1) || fail {wrong_python}"; it says: ${{said//$'\\n'/ }}"
  for pause in 5 20 60 0; do
    "$home"/bin/pip install --quiet {install} 2>"$home"/pip.log && touch "$home"/installed && break
    cat "$home"/pip.log >&2
    sleep "$pause"
  done
  said=$(grep '^ERROR' "$home"/pip.log || cat "$home"/pip.log)
  [ -e "$home"/installed ] || fail {wrong_install}"; pip says: ${{said##*$'\\n'}}"
fi
at={wrong_setup}
{setup}
at='the startup script'
if [ -n "$first" ]; then date -u +%FT%TZ >"$run/{started}"; fi

# Trains. SIGTERM, a notice of preemption and the driver's wish have it save and leave, once.
child='' interrupted=''
tell() {{
  interrupted=yes
  if [ -n "$child" ] && [ -z "$asked" ]; then kill -TERM "$child" 2>/dev/null; fi
  asked=${{asked:-TERM}}
}}
trap tell TERM
main=$$
watch() {{  # runs beside; ends with the script
  while kill -0 "$main" 2>/dev/null; do
    if [ "$(metadata preempted)" = TRUE ] || [ -e "$run/{stop}" ]; then
      kill -TERM "$main"
      return
    fi
    sleep 2
  done
}}
watch &
watcher=$!
newest() {{ ls "$run/checkpoints" 2>/dev/null | grep -E '^[0-9]+$' | sort -n | tail -n 1; }}
without=0
begun=$SECONDS
while :; do
  before=$(newest)
  {command} \\
    > >(tee -a "$home"/output.log) 2> >(tee "$home"/errors.log >&2) &
  child=$!
  wait "$child"
  code=$?
  while [ -n "$interrupted" ]; do  # wait was left because of a signal, not of the end
    interrupted=''
    wait "$child"
    code=$?
  done
  child=''
  case "$asked:$code" in
    TERM:* | *:0 | *:1 | *:2) break ;;
  esac
  if [ "$before" = "$(newest)" ]; then without=$((without + 1)); else without=0; fi
  say "exit code $code, $without starts in a row gained nothing"
  [ "$without" -lt {max_tries} ] || break
  sleep 2
done
kill "$watcher" 2>/dev/null

# How it ended, last of all.
if [ -n "$first" ]; then
  tail -c 65536 "$home"/errors.log >"$run/{log}" 2>/dev/null
  ending "$code"
fi
say "exit code $code"
if [ -z "$asked" ] || over; then give_back; fi
leave 0
"""
