"""Fixtures that all rooms share."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

# Before jax is imported: eight virtual devices, enough threads that they cannot deadlock, and
# programs that compile twice as fast, as they run but a moment.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault(
    "XLA_FLAGS",
    "--xla_force_host_platform_device_count=8 --xla_backend_optimization_level=0",
)
os.environ.setdefault("PJRT_NPROC", "32")

# Prepared data and compiled programs are shared by all tests, and by nothing else.
if "FRAMEWORK_CACHE" not in os.environ:
    os.environ["FRAMEWORK_CACHE"] = tempfile.mkdtemp(prefix="framework-tests-")
    atexit.register(shutil.rmtree, os.environ["FRAMEWORK_CACHE"], ignore_errors=True)

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data sets; present in CI, absent on a user's machine."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI needs the real data at {folder}")
        pytest.skip(f"the real data sets are not at {folder}")
    return folder
