"""The place of a sweep on TPU machines without Kubernetes, from its settings."""

import hashlib
import sys
from pathlib import Path

from framework.config import InvalidConfig, Problem
from framework.config.build import require
from framework.launch.meshes import check_meshes
from framework.launch.names import NAME, sweep_name
from framework.launch.place import Place
from framework.launch.request import Request
from framework.launch.storage import Storage, open_storage
from framework.launch.together import together
from framework.launch.tpu_vm import cloud, commands
from framework.launch.tpu_vm.cloud import NotNow, Refused
from framework.launch.tpu_vm.options import KEY, TpuVmOptions
from framework.launch.tpu_vm.order import Order, check_slices, make_order
from framework.launch.tpu_vm.place import QueuedMachines
from framework.launch.tpu_vm.rehearsal import Rehearsal

SCRIPTS = "startup"
# Of `launch`, those that are not TpuVmOptions.
SHARED = ("slice", "slices", "max_tries", "retry_failed", "dry_run")
_LONGEST = 40


def make_place(request: Request) -> Place:
    """Machines for each trial; with `launch.dry_run` one that prints every command and runs none.

    Raises:
        InvalidConfig: what is wrong with the settings.
    """
    launch = request.launch
    slice, slices = launch.get("slice"), launch.get("slices", 1)
    own = {name: value for name, value in launch.items() if name not in SHARED}
    target = f"{TpuVmOptions.__module__}.{TpuVmOptions.__qualname__}"
    options: TpuVmOptions
    options, _, tries = together(
        lambda: require({"_target_": target, **own}, KEY),
        lambda: check_slices(slice, slices),
        lambda: request.max_tries,
    )
    order = make_order(_name(request, options), slice, slices, options)
    check_meshes(request, order.slice, order.slices)
    dry = request.dry_run
    if not dry:
        _check_account(order)
    address = options.address
    storage = Storage(None, "") if dry else open_storage("launch.storage", address, order.sweep)
    place = QueuedMachines(order, storage, request.directory / SCRIPTS, tries, _say)
    return Rehearsal(order, place.written) if dry else place


def _name(request: Request, options: TpuVmOptions) -> str:
    """Of the sweep: the same for the same directory, so that its machines are found again."""
    if options.name is not None:
        if not NAME.fullmatch(options.name) or len(options.name) > _LONGEST:
            expected = f"at most {_LONGEST} of a-z, 0-9 and -, a letter first"
            raise InvalidConfig(Problem(f"{KEY}.name", options.name, expected))
        return options.name
    path = hashlib.sha256(str(Path(request.directory).absolute()).encode()).hexdigest()[:6]
    return sweep_name(request.name, path, _LONGEST)


def _check_account(order: Order) -> None:
    """gcloud is here, and may ask for what is in the project and the zone."""
    try:
        cloud.run(commands.list_all(order))
    except Refused as error:
        expected = f"an account that may use Cloud TPU in {order.options.project}"
        hint = f"gcloud says: {error}; gcloud auth login gives it one"
        raise InvalidConfig(Problem("hydra/launcher", "tpu_vm", expected, hint)) from error
    except NotNow:  # the driver asks again
        pass


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
