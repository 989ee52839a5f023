import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.checkpoint import (
    CheckpointMismatch,
)
from framework.manifest import MANIFEST, verify
from tests.checkpoint.opened import opened
from tests.checkpoint.states import abstract, assert_equal, make

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("devices", [8, 4, 1])
def test_a_state_comes_back_on_another_mesh(saved, devices):
    wanted = make(devices)
    with opened(saved) as (checkpoints, said):
        step, state, extra = checkpoints.restore_latest(abstract(wanted))
    assert (step, extra, said) == (3, {"position": 30, "best": None}, [])
    assert_equal(state, make(seed=3, step=3))
    for found, like in zip(jax.tree.leaves(state), jax.tree.leaves(wanted), strict=True):
        assert found.sharding == like.sharding


def test_a_part_of_the_state_comes_back_alone(saved):
    name = "layers/0/kernel"
    wanted = {"params": {name: make(2).params[name]}}
    with opened(saved) as (checkpoints, _):
        found, extra = checkpoints.restore(3, wanted, part=True)
        with pytest.raises(CheckpointMismatch, match="only in the checkpoint"):
            checkpoints.restore(3, wanted)
        with pytest.raises(CheckpointMismatch, match="params/other: float32"):
            checkpoints.restore(3, {"params": {"other": jnp.ones(1)}}, part=True)
    np.testing.assert_array_equal(found["params"][name], make(seed=3).params[name])
    assert extra["position"] == 30


def test_arrays_serve_as_the_abstract_state(saved):
    with opened(saved) as (checkpoints, _):
        state, extra = checkpoints.restore(2, make(2))
    assert extra["position"] == 20
    assert_equal(state, make(seed=2, step=2))


def test_the_best_and_the_newest_are_kept(tmp_path):
    accuracies = {1: 0.1, 2: 0.9, 3: 0.2, 4: 0.3, 5: float("nan")}
    with opened(tmp_path / "checkpoints") as (checkpoints, _):
        assert checkpoints.latest() is checkpoints.best() is None
        for step, accuracy in accuracies.items():
            checkpoints.save(step, {"x": jnp.ones(2)}, {}, {"accuracy": accuracy})
            assert checkpoints.best() == min(step, 2)
        assert checkpoints.steps() == [2, 4, 5]
        assert (checkpoints.latest(), checkpoints.best()) == (5, 2)
    names = {path.name for path in (tmp_path / "checkpoints").iterdir()}
    assert names == {"2", "4", "5"}
    with opened(tmp_path / "checkpoints") as (again, _):
        again.save(6, {"x": jnp.ones(2)}, {}, {})
        again.wait()
        assert again.steps() == [2, 5, 6]


def test_a_save_is_a_copy(tmp_path):
    """The state may be donated, and its memory written to, while it is still being saved."""
    step = jax.jit(lambda x: x + 1, donate_argnums=0)
    state = jnp.zeros(4_000_000)
    with opened(tmp_path / "checkpoints") as (checkpoints, _):
        checkpoints.save(1, {"x": state}, {}, {})
        for _ in range(20):
            state = step(state)
        state.block_until_ready()
        checkpoints.wait()
        restored, _ = checkpoints.restore(1, {"x": jax.ShapeDtypeStruct((4_000_000,), jnp.float32)})
    assert float(jnp.abs(restored["x"]).max()) == 0


def test_a_step_that_is_there_is_left_alone(copied):
    before = (copied / "3" / MANIFEST).read_bytes()
    with opened(copied) as (checkpoints, _):
        checkpoints.save(3, {"x": jnp.ones(2)}, {}, {})
    assert (copied / "3" / MANIFEST).read_bytes() == before


def test_every_file_is_in_the_manifest(saved):
    for step in ("1", "2", "3"):
        assert verify(saved / step, exact=True) == []


def test_orbax_alone_can_read_it(saved):
    import orbax.checkpoint as ocp

    with ocp.CheckpointManager(saved) as manager:
        assert manager.all_steps() == [1, 2, 3]
        found = manager.restore(3, args=ocp.args.Composite(record=ocp.args.JsonRestore()))
    assert found["record"]["extra"]["position"] == 30
    with ocp.StandardCheckpointer() as reader:
        kernel = reader.restore(saved / "3" / "state")["params/layers/0/kernel"]
    np.testing.assert_array_equal(kernel, make(seed=3).params["layers/0/kernel"])


def test_reading_changes_and_makes_nothing(saved, tmp_path):
    before = sorted(str(path) for path in saved.rglob("*"))
    with opened(saved) as (checkpoints, _):
        checkpoints.restore_latest(abstract(make()))
    assert sorted(str(path) for path in saved.rglob("*")) == before
    with opened(tmp_path / "none") as (checkpoints, _):
        assert checkpoints.restore_latest(abstract(make())) is None
        assert checkpoints.steps() == []
    assert not (tmp_path / "none").exists()


def differently(state, **changes):
    params = {**state.params, **changes}
    return state.replace(params={name: leaf for name, leaf in params.items() if leaf is not None})


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"layers/0/kernel": jax.ShapeDtypeStruct((16, 4), jnp.bfloat16)},
            "params/layers/0/kernel: float32[16,4] in the checkpoint, bfloat16[16,4] here",
        ),
        (
            {"layers/0/kernel": jax.ShapeDtypeStruct((16, 5), jnp.float32)},
            "params/layers/0/kernel: float32[16,4] in the checkpoint, float32[16,5] here",
        ),
        (
            {"layers/0/kernel": None},
            "params/layers/0/kernel: float32[16,4], only in the checkpoint",
        ),
        (
            {"layers/1/kernel": jax.ShapeDtypeStruct((2,), jnp.int8)},
            "params/layers/1/kernel: int8[2], not in the checkpoint",
        ),
        (
            {"none": jax.ShapeDtypeStruct((0, 4), jnp.float32)},
            "params/none: float32[0,3] in the checkpoint, float32[0,4] here",
        ),
    ],
)
def test_a_mismatch_is_said_before_anything_is_read(saved, monkeypatch, changes, line):
    monkeypatch.setattr("orbax.checkpoint.PyTreeCheckpointer", None)
    with (
        opened(saved) as (checkpoints, _),
        pytest.raises(CheckpointMismatch) as error,
    ):
        checkpoints.restore_latest(differently(abstract(make()), **changes))
    first, *lines = str(error.value).splitlines()
    assert lines == [f"  {line}"]
    assert "checkpoint 3" in first
    assert "1 of" in first


def test_another_generator_of_random_keys_is_a_mismatch(saved):
    other = make().replace(key=jax.random.key(0, impl="rbg"))
    with (
        opened(saved) as (checkpoints, _),
        pytest.raises(CheckpointMismatch, match="key"),
    ):
        checkpoints.restore(3, other)


def test_a_long_list_of_differences_is_cut(saved):
    more = {f"more/{number}": jnp.ones(1) for number in range(50)}
    with (
        opened(saved) as (checkpoints, _),
        pytest.raises(CheckpointMismatch) as error,
    ):
        checkpoints.restore(3, differently(make(), **more))
    lines = str(error.value).splitlines()
    assert len(lines) == 10
    assert lines[-1] == "  … and 42 more"


TWO = """
import shutil, sys, numpy as np, jax, jax.numpy as jnp
from pathlib import Path
from jax.experimental.multihost_utils import sync_global_devices
jax.distributed.initialize(f"localhost:{sys.argv[2]}", 2, int(sys.argv[3]))
from jax.sharding import AxisType, NamedSharding, PartitionSpec as P
from framework.checkpoint import CheckpointOptions, Checkpoints
mesh = jax.make_mesh((2,), ("data",), axis_types=(AxisType.Auto,))
divided = NamedSharding(mesh, P("data"))
values = np.arange(8, dtype=np.float32)
state = {
    "x": jax.make_array_from_callback((8,), divided, lambda index: values[index]),
    "key": jax.jit(lambda: jax.random.key(5), out_shardings=NamedSharding(mesh, P()))(),
    "none": jax.jit(lambda: jnp.zeros((0, 2)), out_shardings=divided)(),
}
directory = Path(sys.argv[1])
said = []
options = CheckpointOptions(keep_latest=2, copy_to=f"{directory}-copies")
checkpoints = Checkpoints(directory, options, said.append)
for step in (1, 2, 2, 3):
    checkpoints.save(step, state, {"position": step}, {})
checkpoints.close()
def restored(step):
    found = checkpoints.restore_latest(state)
    assert (found.step, found.extra) == (step, {"position": step})
    for shard in found.state["x"].addressable_shards:
        np.testing.assert_array_equal(np.asarray(shard.data), values[shard.index])
    sync_global_devices("restored")
first = jax.process_index() == 0
if first:
    (directory / "3" / "manifest.json").unlink()
restored(3)
assert len(said) == 2 * first, said
if first:
    shutil.rmtree(directory)
    (Path(options.copy_to) / "3" / "manifest.json").unlink()
restored(2)
assert len(said) == 3 * first, said
"""


@pytest.mark.long
def test_two_processes_save_and_restore_one_state(tmp_path):
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = str(free.getsockname()[1])
    directory = tmp_path / "checkpoints"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment["XLA_FLAGS"] = "--xla_force_host_platform_device_count=1"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", TWO, str(directory), port, str(number)],
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in (0, 1)
    ]
    try:
        errors = [process.communicate(timeout=120)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()
    assert [process.returncode for process in processes] == [0, 0], errors
    with opened(directory) as (checkpoints, _):
        alone = {"x": jnp.zeros(8), "key": jax.random.key(0), "none": jnp.zeros((0, 2))}
        state, _ = checkpoints.restore(2, alone)
    expected = {"x": jnp.arange(8.0), "key": jax.random.key(5), "none": jnp.zeros((0, 2))}
    assert_equal(state, expected)


def test_the_record_is_plain_json(saved):
    record = json.loads((saved / "3" / "record" / "metadata").read_text())
    assert record["step"] == 3
    assert record["leaves"]["params/layers/0/kernel"] == "float32[16,4]"


def test_nothing_heavy_is_imported_before_it_is_needed(tmp_path):
    program = (
        "import sys; from pathlib import Path\n"
        "from framework.checkpoint import Checkpoints, CheckpointOptions\n"
        f"checkpoints = Checkpoints(Path({str(tmp_path)!r}), CheckpointOptions())\n"
        "print(checkpoints.restore_latest({}), 'orbax' in sys.modules)\n"
        "checkpoints.warm_up()\n"
        "print('orbax.checkpoint' in sys.modules)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    said = subprocess.check_output(
        [sys.executable, "-c", program], env=environment, text=True, timeout=120
    )
    assert said == "None False\nTrue\n"
