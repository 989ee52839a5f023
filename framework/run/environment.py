"""The environment of a run: what must stand in it before JAX is imported, and what it was."""

import gc
import os
import platform
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "framework", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "grain",
    "tensorflow-datasets", "hydra-core", "numpy",
)  # fmt: skip

BEGUN = time.time()
"""The start of this process, near enough: this is one of the first modules of every command."""

_COLLECTED = gc.get_threshold()


def prepare_environment() -> None:
    """Settings of the process that come before JAX is imported; what the user set is kept."""
    # Imports and tracing make hardly any garbage, but looking for it takes a tenth of the start.
    gc.set_threshold(1_000_000)
    # With fewer threads, several virtual CPU devices can wait for each other for ever.
    os.environ.setdefault("PJRT_NPROC", "32")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")


def collect_as_usual() -> None:
    """Garbage is collected as often as Python does by itself: the start is over."""
    gc.set_threshold(*_COLLECTED)


def cache_directory() -> Path:
    """Where prepared data and compiled programs are kept between runs: $FRAMEWORK_CACHE."""
    return Path(os.environ.get("FRAMEWORK_CACHE") or Path.home() / ".cache" / "framework")


def describe_environment(command: list[str]) -> dict[str, Any]:
    """Versions, commit, machine and the command, for `environment.json`."""
    return {
        "command": command,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "packages": {name: version for name in PACKAGES if (version := _version(name))},
        **_git(),
        "executable": sys.executable,
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git() -> dict[str, Any]:
    """The commit of the working directory, and whether files that it holds were changed."""
    words = ("status", "--porcelain=v2", "--branch", "--untracked-files=no")
    try:
        answer = subprocess.run(
            ["git", *words], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        answer = None
    lines = answer.stdout.splitlines() if answer and answer.returncode == 0 else []
    commit = [line.split()[-1] for line in lines if line.startswith("# branch.oid ")]
    return {
        "commit": commit[0] if commit and commit[0] != "(initial)" else None,
        "uncommitted_changes": any(not line.startswith("#") for line in lines),
    }
