"""Every command that is given to gcloud, as words."""

from framework.launch.tpu_vm.order import Order

_WHAT = ("gcloud", "compute", "tpus", "queued-resources")


def create(order: Order, name: str, script: str) -> tuple[str, ...]:
    """Asks for the machines of one trial, which run `script`, a file, at each boot."""
    options = order.options
    nodes = (
        (f"--node-id={name}",)
        if order.slices == 1
        else (f"--node-count={order.slices}", f"--node-prefix={name}")  # one multislice
    )
    capacity = {"spot": ("--spot",), "reservation": ("--reserved",), "on_demand": ()}
    given = {"network": options.network, "subnetwork": options.subnetwork,
             "service-account": options.service_account}  # fmt: skip
    return (
        *_WHAT, "create", name, *_where(order), *nodes,
        f"--accelerator-type={order.type}",
        f"--runtime-version={order.runtime}",
        *capacity[options.capacity],
        *(f"--{flag}={value}" for flag, value in given.items() if value is not None),
        *(("--internal-ips",) if options.internal_ips else ()),
        "--scopes=https://www.googleapis.com/auth/cloud-platform",
        f"--labels=sweep={order.sweep}",
        f"--metadata-from-file=startup-script={script}",
        "--async", "--quiet",
    )  # fmt: skip


def list_all(order: Order) -> tuple[str, ...]:
    """Tells of all of the zone, as JSON."""
    return (*_WHAT, "list", *_where(order), "--format=json", "--quiet")


def delete(order: Order, name: str) -> tuple[str, ...]:
    """Gives machines and request back, whatever their state; quota is held until then."""
    return (*_WHAT, "delete", name, *_where(order), "--force", "--async", "--quiet")


def log(order: Order, name: str) -> tuple[str, ...]:
    """Shows what the startup script of the first host says; TPU machines show no serial port."""
    node = name if order.slices == 1 else f"{name}-0"
    shown = "sudo journalctl --unit=google-startup-scripts"
    where = (*_where(order), "--worker=0")
    return ("gcloud", "compute", "tpus", "tpu-vm", "ssh", node, *where, f"--command={shown}")


def _where(order: Order) -> tuple[str, ...]:
    return (f"--project={order.options.project}", f"--zone={order.options.zone}")
