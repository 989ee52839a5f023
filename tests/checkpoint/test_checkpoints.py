import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.checkpoint import (
    CheckpointDamaged,
    CheckpointFailed,
    CheckpointMismatch,
    CheckpointOptions,
    Checkpoints,
)
from framework.manifest import MANIFEST, verify
from tests.checkpoint.states import abstract, assert_equal, make

ROOT = Path(__file__).resolve().parents[2]
OPTIONS = CheckpointOptions(keep_latest=2, keep_best=1, metric="accuracy")


@contextlib.contextmanager
def opened(directory: Path, options: CheckpointOptions = OPTIONS):
    said: list[str] = []
    checkpoints = Checkpoints(directory, options, said.append)
    yield checkpoints, said
    checkpoints.close()


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> Path:
    """Checkpoints 1, 2 and 3 of seeds 1, 2 and 3; copied by the tests that change them."""
    directory = tmp_path_factory.mktemp("run") / "checkpoints"
    with opened(directory, CheckpointOptions(keep_latest=3)) as (checkpoints, _):
        for step in (1, 2, 3):
            state = make(devices=8, seed=step, step=step)
            checkpoints.save(step, state, {"position": 10 * step, "best": None}, {"loss": 1.0})
    return directory


@pytest.fixture
def copied(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved, tmp_path / "checkpoints"))


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


# Damage


def files(directory: Path) -> list[Path]:
    return sorted(path for path in directory.rglob("*") if path.is_file())


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


@pytest.mark.parametrize("damage", [flip, truncate, Path.unlink])
def test_damage_to_any_file_leads_to_the_step_before(saved, tmp_path, damage):
    for number, original in enumerate(files(saved / "3")):
        if not original.stat().st_size:
            continue
        directory = Path(shutil.copytree(saved, tmp_path / str(number)))
        damage(directory / original.relative_to(saved))
        with opened(directory) as (checkpoints, said):
            assert checkpoints._newest_whole() == 2
            assert checkpoints.steps() == [1, 2]
        (line,) = said
        name = original.relative_to(saved / "3").as_posix()
        assert line.startswith("checkpoint 3 is damaged and set aside as 3.damaged:")
        assert name in line or name == MANIFEST
        assert (directory / "3.damaged").is_dir()


def test_the_newest_whole_one_is_restored_and_the_run_goes_on(copied):
    flip(max(files(copied / "3" / "state"), key=lambda path: path.stat().st_size))
    (copied / "2" / MANIFEST).unlink()
    with opened(copied) as (checkpoints, said):
        step, state, extra = checkpoints.restore_latest(abstract(make()))
        assert (step, extra["position"]) == (1, 10)
        assert_equal(state, make(seed=1, step=1))
        assert [line.split(":")[0] for line in said] == [
            "checkpoint 3 is damaged and set aside as 3.damaged",
            "checkpoint 2 is damaged and set aside as 2.damaged",
        ]
        checkpoints.save(2, make(seed=7, step=2), {}, {})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]
        truncate(max(files(copied / "2" / "state"), key=lambda path: path.stat().st_size))
        assert checkpoints.restore_latest(abstract(make())).step == 1
        checkpoints.save(2, make(seed=7, step=2), {}, {})
    names = {path.name for path in copied.iterdir()}
    assert names == {"1", "2", "2.damaged", "2.damaged-2", "3.damaged"}


def test_no_whole_checkpoint_is_none(copied):
    for step in ("1", "2", "3"):
        (copied / step / MANIFEST).unlink()
    with opened(copied) as (checkpoints, said):
        assert checkpoints.restore_latest(abstract(make())) is None
    assert len(said) == 3


def test_restoring_a_named_step_that_is_damaged_raises(copied):
    flip(copied / "2" / "record" / "metadata")
    with (
        opened(copied) as (checkpoints, _),
        pytest.raises(
            CheckpointDamaged, match=r"checkpoint 2 is damaged:\n  record/metadata: cont"
        ),
    ):
        checkpoints.restore(2, abstract(make()))
    assert (copied / "2").is_dir()


# Mismatch


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


# Failures


def test_a_full_disk_is_said_plainly_and_earlier_steps_stay(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("a small file system cannot be mounted here: it needs root")
    big = {"x": jnp.asarray(np.random.default_rng(0).normal(size=600_000).astype(np.float32))}
    try:
        checkpoints = Checkpoints(small / "checkpoints", OPTIONS)
        checkpoints.save(1, big, {}, {})
        checkpoints.wait()
        checkpoints.save(2, big, {}, {})
        with pytest.raises(CheckpointFailed) as error:
            checkpoints.wait()
        assert str(error.value) == (
            "checkpoint 2 was not saved: no space left on the disk; "
            "the next start continues from step 1"
        )
        assert [path.name for path in (small / "checkpoints").iterdir()] == ["1"]
        checkpoints.wait()  # said once
        assert checkpoints.restore_latest(big).step == 1
        checkpoints.save(3, {"x": jnp.ones(2)}, {}, {})  # and there is room for a small one
        checkpoints.close()
        assert checkpoints.steps() == [1, 3]
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_directory_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    checkpoints = Checkpoints(tmp_path / "file" / "checkpoints", OPTIONS)
    with pytest.raises(CheckpointFailed, match="the next start starts anew"):
        checkpoints.save(1, {"x": jnp.ones(2)}, {}, {})


def test_extra_that_is_no_json_is_refused_at_once(tmp_path):
    with opened(tmp_path / "checkpoints") as (checkpoints, _), pytest.raises(TypeError):
        checkpoints.save(1, {"x": jnp.ones(2)}, {"position": object()}, {})


def test_what_a_killed_save_left_is_cleared(copied):
    left = copied / "4.orbax-checkpoint-tmp"
    (left / "state").mkdir(parents=True)
    (copied / "1.removed").mkdir()
    with opened(copied) as (checkpoints, said):
        assert checkpoints.restore_latest(abstract(make())).step == 3
        assert left.exists()  # reading clears nothing: the save may be going on elsewhere
        checkpoints.save(4, make(), {}, {})
        checkpoints.wait()
        assert checkpoints.steps() == [3, 4]
    assert {path.name for path in copied.iterdir()} == {"3", "4"}
    assert said == []


KILLED = """
import os, sys, jax.numpy as jnp
from pathlib import Path
from framework.checkpoint import checkpoints as module
from framework.checkpoint import CheckpointOptions, Checkpoints
saving = Checkpoints(Path(sys.argv[1]), CheckpointOptions())
saving.save(1, {"x": jnp.full(1000, 1.0)}, {}, {})
saving.wait()
if sys.argv[2] == "before the manifest":
    module.write_manifest = lambda directory: os._exit(9)
saving.save(2, {"x": jnp.full(1000, 2.0)}, {}, {})
if sys.argv[2] == "at once":
    os._exit(9)
saving.wait()
"""


@pytest.mark.parametrize("moment", ["at once", "before the manifest"])
def test_a_killed_save_leads_to_the_step_before(tmp_path, moment):
    directory = tmp_path / "checkpoints"
    run = subprocess.run(
        [sys.executable, "-c", KILLED, str(directory), moment],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=120,
    )
    assert run.returncode == 9
    with opened(directory) as (checkpoints, said):
        step, state, _ = checkpoints.restore_latest({"x": jnp.zeros(1000)})
        assert step == 1
        assert float(state["x"].min()) == float(state["x"].max()) == 1
        checkpoints.save(2, state, {}, {})
        checkpoints.wait()
        assert checkpoints.steps() == [1, 2]
    assert len(said) == (moment == "before the manifest")


TWO = """
import sys, numpy as np, jax, jax.numpy as jnp
from pathlib import Path
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
checkpoints = Checkpoints(directory, CheckpointOptions(keep_latest=2), said.append)
for step in (1, 2, 2, 3):
    checkpoints.save(step, state, {"position": step}, {})
checkpoints.close()
if jax.process_index() == 0:
    (directory / "3" / "manifest.json").unlink()
found = checkpoints.restore_latest(state)
assert (found.step, found.extra) == (2, {"position": 2})
for shard in found.state["x"].addressable_shards:
    np.testing.assert_array_equal(np.asarray(shard.data), values[shard.index])
assert len(said) == (jax.process_index() == 0), said
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
        "assert checkpoints.restore_latest({}) is None\n"
        "assert 'orbax' not in sys.modules\n"
        "checkpoints.warm_up()\n"
        "assert 'orbax.checkpoint' in sys.modules\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
