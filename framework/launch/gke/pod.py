"""The pod of one host of a slice."""

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from framework.launch.gke.order import Order
from framework.parallel.distributed import PORT, PROCESSES, TPU_PORT

CONTAINER = "train"
TPU = "google.com/tpu"
ACCELERATOR = "cloud.google.com/gke-tpu-accelerator"
TOPOLOGY = "cloud.google.com/gke-tpu-topology"
MACHINE = "node.kubernetes.io/instance-type"
SPOT = "cloud.google.com/gke-spot"
RESERVATION = "cloud.google.com/reservation-name"
NUM_SLICES = "MEGASCALE_NUM_SLICES"
_FUSE = "gcsfuse.csi.storage.gke.io"
# Between hosts of a slice, between slices, the machine's metrics, and JAX's coordinator.
_PORTS = {"tpu-ici": 8471, "megascale": 8080, "tpu-metrics": 8431, "jax-coord": TPU_PORT}
_FIELDS = {
    "JOBSET_NAME": "metadata.labels['jobset.sigs.k8s.io/jobset-name']",
    "JOBSET_RESTART_ATTEMPT": "metadata.labels['jobset.sigs.k8s.io/restart-attempt']",
    "SLICE_INDEX": "metadata.labels['jobset.sigs.k8s.io/job-index']",
    "POD_NAME": "metadata.name",
}


def labels(order: Order, own: Mapping[str, str]) -> dict[str, str]:
    """By which a sweep's things are found."""
    return {"app.kubernetes.io/managed-by": "framework", "sweep": order.sweep, **own}


def template(order: Order, command: Sequence[str], own: Mapping[str, str]) -> dict[str, Any]:
    """The template of the pods."""
    options = order.options
    metadata: dict[str, Any] = {"labels": labels(order, own)}
    if options.bucket is not None:
        metadata["annotations"] = {"gke-gcsfuse/volumes": "true"}
    spec: dict[str, Any] = {
        # JobSet would make it OnFailure, which a podFailurePolicy forbids.
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": options.grace_seconds,
        # The look-up of the metadata server's name fails at times.
        "hostAliases": [
            {"ip": "169.254.169.254", "hostnames": ["metadata", "metadata.google.internal"]}
        ],
        "nodeSelector": _nodes(order),
        "tolerations": _tolerations(order),
        "containers": [_container(order, command)],
        "volumes": [{"name": "shared-memory", "emptyDir": {"medium": "Memory"}}, _runs(order)],
    }
    if options.host_network:
        spec |= {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"}
    if options.pod_priority is not None:
        spec["priorityClassName"] = options.pod_priority
    if options.service_account is not None:
        spec["serviceAccountName"] = options.service_account
    return {"metadata": metadata, "spec": spec}


def shell(command: Sequence[str], slices: int) -> str:
    """The line of the container's shell, which the command replaces: signals must reach it, and
    its exit code be the pod's.

    After a preemption a pod may find the number of slices of an earlier try, and would wait for
    hosts that never come: it asks for a new pod.
    """
    found = f"${{{NUM_SLICES}:-1}}"
    said = f"{NUM_SLICES}={found}: expected {slices}; this is the environment of another try"
    check = f'[ "{found}" = {slices} ] || {{ echo "{said}" >&2; exit 75; }}'
    # Kubernetes replaces $(NAME) in arguments, and $$ by $.
    return f"{check}; exec {shlex.join(command).replace('$', '$$')}"


def _container(order: Order, command: Sequence[str]) -> dict[str, Any]:
    options, chips = order.options, order.slice.machine.chips
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": order.image,
        "command": ["bash", "-c"],
        "args": [shell(command, order.slices)],
        "ports": [{"containerPort": port, "name": name} for name, port in _PORTS.items()],
        "env": _environment(order),
        # All chips of the host; what is requested must be the limit.
        "resources": {"requests": {TPU: chips}, "limits": {TPU: chips}},
        # A pod's last words stay in its status, where `wait` finds them.
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [
            {"name": "shared-memory", "mountPath": "/dev/shm"},
            {"name": "runs", "mountPath": options.mount},
        ],
    }
    if options.secret is not None:
        container["envFrom"] = [{"secretRef": {"name": options.secret}}]
    return container


def _environment(order: Order) -> list[dict[str, Any]]:
    """Without TPU_WORKER_ID, TPU_WORKER_HOSTNAMES and MEGASCALE_*, which GKE sets."""
    variables = {
        PORT: str(TPU_PORT),  # JAX changed its default in 0.8.1
        PROCESSES: str(order.slice.hosts * order.slices),
        "TPU_STDERR_LOG_LEVEL": "0",
        "FRAMEWORK_CACHE": f"{order.options.mount}/cache",
        **order.options.environment,
    }
    return [
        *({"name": name, "value": str(value)} for name, value in variables.items()),
        *(
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
            for name, path in _FIELDS.items()
        ),
    ]


def _nodes(order: Order) -> dict[str, str]:
    nodes = {ACCELERATOR: order.slice.accelerator, TOPOLOGY: order.slice.topology}
    if order.options.machine is not None:  # else those that the chips of a host leave
        nodes[MACHINE] = order.options.machine
    if order.options.capacity == "spot":
        nodes[SPOT] = "true"
    if order.options.reservation is not None:
        nodes[RESERVATION] = order.options.reservation
    return nodes


def _tolerations(order: Order) -> list[dict[str, str]]:
    tolerations = [{"key": TPU, "operator": "Exists", "effect": "NoSchedule"}]
    if order.options.capacity == "spot":
        spot = {"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"}
        tolerations.append(spot)
    return tolerations


def _runs(order: Order) -> dict[str, Any]:
    """The volume of the run directories."""
    options = order.options
    if options.bucket is None:
        return {"name": "runs", "persistentVolumeClaim": {"claimName": options.claim}}
    bucket, folder = options.bucket
    mounting = "implicit-dirs" + (f",only-dir={folder}" if folder else "")
    attributes = {"bucketName": bucket, "mountOptions": mounting}
    return {"name": "runs", "csi": {"driver": _FUSE, "volumeAttributes": attributes}}
