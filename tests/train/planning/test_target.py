"""Names of targets, and what is said of those that are none."""

import importlib.util
import os
import subprocess
import sys

import pytest

from framework.config import InvalidConfig
from framework.train.planning.target import TOPOLOGIES, Target


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if libtpu were there: the names can be told apart without it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())


@pytest.mark.parametrize(
    ("name", "chip", "slices", "chips"),
    [
        ("local", "local", 1, None), ("cpu:8", "cpu", 1, 8), ("v5e:16x16", "v5e", 1, 256),
        ("2xv5e:16x16", "v5e", 2, 512), ("tpu7x:2x2x1", "7x", 1, 4), ("v5p:4x4x8", "v5p", 1, 128),
    ],
)  # fmt: skip
def test_names(installed: None, name: str, chip: str, slices: int, chips: int | None) -> None:
    target = Target.of(name)
    assert (target.chip, target.slices, target.chips) == (chip, slices, chips)


def refused(name: str) -> str:
    with pytest.raises(InvalidConfig) as caught:
        Target.of(name)
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("v5e:16x61", "target=v5e:16x61: expected a topology of v5e; the nearest is v5e:16x16; "
                      "v5e has 1x1, 2x2, 2x4, 4x4, 4x8, 8x8, 8x16, 16x16"),
        ("v5e:8x4", "did you mean 'v5e:4x8'?"),
        ("v5p:16x16", "the nearest is v5p:4x8x8"),
        ("v5p:", "expected a topology of v5p"),
        ("v6f:8x8", "did you mean 'v6e:4x8'?"),
        ("gpu", "expected local, cpu:N, or a TPU topology such as v5e:16x16"),
        ("", "expected local, cpu:N, or a TPU topology"),
        ("cpu:many", "expected cpu: and a number, as cpu:8"),
        ("cpu:0", "expected cpu: and a number, as cpu:8"),
        ("2xcpu:4", "expected cpu: and a number, as cpu:8"),
        ("0xv5e:2x2", "expected a topology of v5e"),
    ],
)  # fmt: skip
def test_what_is_said_of_unknown_names(installed: None, name: str, said: str) -> None:
    assert said in refused(name)


def test_the_pip_command_where_the_compiler_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert 'pip install -e ".[tpu-plan]"' in refused("v5e:2x2")
    assert Target.of("cpu:2").chips == 2


def test_the_environment_of_a_compiler(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=3 --xla_other=1")
    flags = "--xla_other=1 --xla_force_host_platform_device_count=8"
    assert Target.of("cpu:8").environment() == {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    tpu = Target.of("v5e:2x2").environment()
    assert tpu["TPU_SKIP_MDS_QUERY"] == "1"
    assert tpu["XLA_FLAGS"] == "--xla_other=1"
    assert Target.of("local").environment() == {}


_COUNT = """
from framework.parallel.chips import chip_of
from framework.train.planning.target import Target
for name in {names}:
    devices = Target.of(name).devices()
    print(name, len(devices) // chip_of(devices[0].device_kind).devices)
"""


def test_the_compiler_knows_every_chip() -> None:
    pytest.importorskip("libtpu", reason="libtpu is not installed: pip install '.[tpu-plan]'")
    names = [f"{chip}:{known[1]}" for chip, known in TOPOLOGIES.items()]
    names += ["v5e:1x1", "2xv6e:2x2"]
    done = subprocess.run(
        [sys.executable, "-c", _COUNT.format(names=names)],
        env={**os.environ, **Target.of(names[0]).environment()},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = dict(line.split() for line in done.stdout.splitlines() if ":" in line)
    assert {name: int(count) for name, count in found.items()} == {
        name: Target.of(name).chips for name in names
    }
