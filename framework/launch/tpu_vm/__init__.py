"""Trials on TPU machines without Kubernetes: queued resources of Cloud TPU."""

from framework.launch.tpu_vm.make import make_place
from framework.launch.tpu_vm.options import TpuVmOptions
from framework.launch.tpu_vm.place import QueuedMachines

__all__ = ["QueuedMachines", "TpuVmOptions", "make_place"]
