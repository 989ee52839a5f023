"""What a plan is made for: the devices here, so many virtual CPUs, or a TPU topology by name."""

import importlib.util
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from framework.config import InvalidConfig, Problem, nearest

if TYPE_CHECKING:
    import jax

LOCAL = "local"
_TWO = ("2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
_THREE = ("2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8")
# What can be asked for on Google Cloud, smallest first.
TOPOLOGIES: Mapping[str, tuple[str, ...]] = {
    "v4": (*_THREE, "8x8x12", "8x8x16", "8x16x16"),
    "v5e": ("1x1", *_TWO),
    "v5p": (*_THREE, "8x8x12", "8x8x16", "8x16x16", "16x16x16", "16x16x24"),
    "v6e": ("1x1", *_TWO),
    "7x": (*_THREE, "8x8x16", "8x16x16", "16x16x16"),
}
# Of 7x also others whose sizes are multiples of 4, smallest first, up to a pod.
_MULTIPLES = {"7x": (4, 9216)}
# The compiler's names, where they are others.
_COMPILER_NAMES = {"7x": "tpu7x"}
_ALIASES = {"tpu7x": "7x", "v7x": "7x"}
INSTALL = (
    'pip install "jax[tpu]" brings it, and so does the extra tpu-plan: pip install -e ".[tpu-plan]"'
)
# A TPU's compiler on a machine without TPUs: it must not look for them.
_WITHOUT_TPU = {
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
}


@dataclass(frozen=True)
class Target:
    """`local`, `cpu:8`, `v5e:16x16`, or `2xv5e:16x16`: two such slices."""

    name: str
    chip: str = LOCAL
    topology: str = ""
    slices: int = 1

    @classmethod
    def of(cls, name: str) -> "Target":
        """The target that is called `name`.

        Raises:
            InvalidConfig: there is none, or its compiler is not installed.
        """
        target = cls.named(name)
        if target.chip in TOPOLOGIES and importlib.util.find_spec("libtpu") is None:
            expected = "a target whose compiler is installed"
            raise InvalidConfig(Problem("target", name, expected, INSTALL))
        return target

    @classmethod
    def named(cls, name: str) -> "Target":
        """The same, whether or not its compiler is installed.

        Raises:
            InvalidConfig: there is none.
        """
        if name == LOCAL:
            return cls(name)
        matched = re.fullmatch(r"(?:(\d+)x)?([a-z0-9]+?):(\w+)", name)
        if matched is None:
            raise InvalidConfig(_unknown(name))
        slices, chip, topology = int(matched[1] or 1), matched[2], matched[3]
        chip = _ALIASES.get(chip, chip)
        if chip == "cpu":
            if not topology.isdecimal() or int(topology) < 1 or matched[1]:
                raise InvalidConfig(Problem("target", name, "cpu: and a number, as cpu:8"))
            return cls(name, chip, topology)
        if not _exists(chip, topology) or slices < 1:
            raise InvalidConfig(_unknown(name))
        return cls(name, chip, topology, slices)

    @property
    def chips(self) -> int | None:
        """Chips in all; None where only JAX can tell."""
        if self.chip == LOCAL:
            return None
        if self.chip == "cpu":
            return int(self.topology)
        return self.slices * math.prod(int(size) for size in self.topology.split("x"))

    def environment(self) -> dict[str, str]:
        """What must stand in the environment of a process before it imports JAX."""
        if self.chip == LOCAL:
            return {}
        flags = os.environ.get("XLA_FLAGS", "")
        flags = re.sub(r"--xla_force_host_platform_device_count=\d+", "", flags).strip()
        if self.chip == "cpu":
            flags = f"{flags} --xla_force_host_platform_device_count={self.topology}".strip()
            return {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
        return {**_WITHOUT_TPU, "XLA_FLAGS": flags}

    def devices(self) -> "list[jax.Device]":
        """The devices to compile for, in a process with the target's environment."""
        import jax

        if self.chip in (LOCAL, "cpu"):
            return list(jax.devices())
        from jax.experimental import topologies

        more: dict[str, object] = {"num_slices": self.slices} if self.slices > 1 else {}
        if self.chip == "v4":
            more["chip_config_name"] = "megacore"  # both cores of a chip as one device
        if self.topology == "1x1":
            more["chips_per_host_bounds"] = (1, 1, 1)
        name = f"{_COMPILER_NAMES.get(self.chip, self.chip)}:{self.topology}"
        return list(topologies.get_topology_desc(name, platform="tpu", **more).devices)


def _exists(chip: str, topology: str) -> bool:
    if topology in TOPOLOGIES.get(chip, ()):
        return True
    of, most = _MULTIPLES.get(chip, (0, 0))
    if not of or not re.fullmatch(r"[1-9]\d*(x[1-9]\d*){2}", topology):
        return False
    sizes = _sizes(topology)
    return sizes == sorted(sizes) and not any(n % of for n in sizes) and math.prod(sizes) <= most


def _unknown(name: str) -> Problem:
    chip, _, topology = re.sub(r"^\d+x(?=[a-z])", "", name).partition(":")
    chip = _ALIASES.get(chip, chip)
    if chip in TOPOLOGIES:
        known = TOPOLOGIES[chip]
        same = [t for t in known if sorted(_sizes(t)) == sorted(_sizes(topology))]
        if same:
            hint = f"did you mean '{chip}:{same[0]}'?"
        else:
            size = math.prod(_sizes(topology)) if topology else 0
            close = min(known, key=lambda t: abs(math.prod(_sizes(t)) - size))
            hint = f"the nearest is {chip}:{close}"
        hint += f"; {chip} has {', '.join(known)}"
        return Problem("target", name, f"a topology of {chip}", hint)
    examples = ["local", "cpu:8", *(f"{chip}:{sizes[4]}" for chip, sizes in TOPOLOGIES.items())]
    expected = "local, cpu:N, or a TPU topology such as v5e:16x16 (2xv5e:16x16 for two slices)"
    return Problem("target", name, expected, nearest(name, examples))


def _sizes(topology: str) -> list[int]:
    return [int(size) for size in re.findall(r"\d+", topology)]
