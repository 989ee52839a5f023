"""The accelerators of this machine, counted without taking hold of them, and a worker's share."""

import itertools
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from framework.config.problem import InvalidConfig, Problem

Kind = Literal["cpu", "gpu", "tpu"]
_FEWER = {"gpu": "CUDA_VISIBLE_DEVICES=… leaves some to others", "tpu": ""}


@dataclass(frozen=True)
class Devices:
    """What there is.

    Attributes:
        names: of accelerators as their environment variable has them, or numbers of cores.
    """

    kind: Kind
    names: tuple[str, ...]


@dataclass(frozen=True)
class Share:
    """What one worker gets.

    Attributes:
        environment: variables that must stand before JAX looks for devices.
        cores: to which the process is bound; empty: all.
        shown: for the table.
    """

    environment: Mapping[str, str]
    cores: tuple[int, ...]
    shown: str


def here(environment: Mapping[str, str] = os.environ, root: Path = Path("/dev")) -> Devices:
    """The devices that a run would find, by their files and the user's environment."""
    platforms = environment.get("JAX_PLATFORMS", "").split(",")
    if platforms[0] != "cpu":
        gpus = _files(root, r"nvidia(\d+)")
        if "CUDA_VISIBLE_DEVICES" in environment:
            gpus = _listed(environment["CUDA_VISIBLE_DEVICES"])
        tpus = _files(root, r"accel_?(\d+)") or _files(root / "vfio", r"(\d+)")
        if "TPU_VISIBLE_CHIPS" in environment:
            tpus = _listed(environment["TPU_VISIBLE_CHIPS"])
        if gpus and platforms[0] in ("", "cuda", "gpu"):
            return Devices("gpu", gpus)
        if tpus and platforms[0] in ("", "tpu") and not gpus:
            return Devices("tpu", tpus)
    return Devices("cpu", tuple(map(str, sorted(_cores()))))


def shares(devices: Devices, workers: int | Literal["auto"]) -> list[Share]:
    """The devices divided among workers; `auto`: one for each accelerator, on a CPU one.

    Cores that do not divide evenly go to the first workers.

    Raises:
        InvalidConfig: there are more workers than devices, or accelerators would be left.
    """
    count = len(devices.names)
    if workers == "auto":
        workers = 1 if devices.kind == "cpu" else count
    name = {"cpu": "cores", "gpu": "GPUs", "tpu": "TPU chips"}[devices.kind]
    if workers > count:
        raise InvalidConfig(Problem("launch.workers", workers, f"at most the {count} {name} here"))
    size, more = divmod(count, workers)
    # A trial's batch and mesh must fit whichever worker it comes to: those that were checked on
    # three GPUs may not fit two. Processes of a TPU need equal parts of its grid of chips too.
    if more and devices.kind != "cpu":
        even = ", ".join(str(n) for n in range(1, count + 1) if count % n == 0)
        expected = f"a number that divides the {count} {name} here: {even}"
        raise InvalidConfig(Problem("launch.workers", workers, expected, _FEWER[devices.kind]))
    ends = [n * size + min(n, more) for n in range(workers + 1)]
    parts = [devices.names[start:end] for start, end in itertools.pairwise(ends)]
    return [_share(devices.kind, part, alone=workers == 1) for part in parts]


def _share(kind: Kind, names: tuple[str, ...], *, alone: bool) -> Share:
    shown = f"{kind} {','.join(names)}"
    if alone:
        return Share({}, (), kind if kind == "cpu" else shown)
    listed = ",".join(names)
    if kind == "gpu":
        return Share({"CUDA_VISIBLE_DEVICES": listed}, (), shown)
    if kind == "tpu":
        bounds = {"TPU_PROCESS_BOUNDS": "1,1,1"}
        bounds["TPU_CHIPS_PER_PROCESS_BOUNDS"] = {1: "1,1,1", 2: "1,2,1", 4: "2,2,1"}.get(
            len(names), f"{len(names)},1,1"
        )
        return Share({"TPU_VISIBLE_CHIPS": listed, **bounds}, (), shown)
    return Share({}, tuple(map(int, names)), f"cpu {names[0]}-{names[-1]}" if names[1:] else shown)


def _files(folder: Path, pattern: str) -> tuple[str, ...]:
    found = (re.fullmatch(pattern, path.name) for path in folder.glob("*"))
    return tuple(sorted((match[1] for match in found if match), key=int))


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip() and part.strip() != "-1")


def _cores() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return set(os.sched_getaffinity(0))
    return set(range(os.cpu_count() or 1))
