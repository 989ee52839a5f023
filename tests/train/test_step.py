"""The step against what it should compute, written out by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx

from framework.models import MLP
from framework.parallel import batch_putter
from framework.tasks import Classification
from framework.train.program import Program
from framework.train.state import as_arrays
from tests.train.small import CLASSES, IMAGE, Small, batches, small, stacked


def losses(metrics: list[dict[str, float]]) -> list[float]:
    return [values["loss"] for values in metrics]


def test_twenty_steps_are_those_of_optax_on_an_nnx_module() -> None:
    case, data = small("mlp"), batches(20)
    state = case.start()
    module = MLP(widths=(16, 24), inputs=IMAGE, outputs=CLASSES, rngs=nnx.Rngs(0))
    nnx.update(module, nnx.state(case.program.network.bind(state.params, state.model_state)))
    optimizer = nnx.Optimizer(
        module,
        optax.chain(
            optax.clip_by_global_norm(1.0),
            optax.adamw(
                lambda count: 1e-2 * jnp.minimum(1, (count + 1) / 5),
                weight_decay=0.1,
                mask=lambda params: jax.tree.map(lambda array: array.ndim > 1, params),
            ),
        ),
        wrt=nnx.Param,
    )

    def loss(module: MLP, batch: dict[str, Any]) -> jax.Array:
        logits = module((batch["inputs"][..., None] - 128.0) / 64.0, train=True)
        target = optax.smooth_labels(jax.nn.one_hot(batch["labels"], CLASSES), 0.1)
        return optax.softmax_cross_entropy(logits, target).mean()

    @nnx.jit
    def reference(module: MLP, optimizer: Any, batch: dict[str, Any]) -> Any:
        value, gradient = nnx.value_and_grad(loss)(module, batch)
        optimizer.update(module, gradient)
        norms = optax.global_norm(gradient), optax.global_norm(nnx.state(module, nnx.Param))
        return value, *norms

    expected = [[float(value) for value in reference(module, optimizer, batch)] for batch in data]
    state, metrics = case.train(state, data)
    names = ("loss", "gradient_norm", "parameter_norm")
    np.testing.assert_allclose([[m[n] for n in names] for m in metrics], expected, rtol=2e-6)
    params, _ = case.program.network.unbind(module)
    for path, array in state.params.items():
        np.testing.assert_allclose(array, params[path], atol=1e-6, err_msg=path)
    assert metrics[0]["learning_rate"] == pytest.approx(2e-3)
    assert metrics[-1]["learning_rate"] == pytest.approx(1e-2)
    assert int(state.step) == 20
    assert expected[-1][0] < expected[0][0]


def test_microbatches_give_the_whole_batch_without_batch_norm() -> None:
    data = batches(10)
    (whole, expected), (parts, metrics) = (
        case.train(case.start(), data) for case in (small("mlp"), small("mlp", accumulate=4))
    )
    for name in expected[0]:
        np.testing.assert_allclose(
            [m[name] for m in metrics], [m[name] for m in expected], rtol=1e-5, err_msg=name
        )
    for path, array in whole.params.items():
        np.testing.assert_allclose(parts.params[path], array, atol=1e-6, err_msg=path)


def test_several_steps_in_a_call_are_as_many_calls() -> None:
    case, data = small("mlp_dropout", average_decay=0.5), batches(12)
    put = batch_putter(case.program.mesh_options, case.program.mesh, stacked=True)
    one, expected = case.train(case.start(), data)
    call, several = case.program.call(4, case.abstract), case.start()
    found: list[float] = []
    for first in range(0, 12, 4):
        several, metrics = call(several, put(stacked(data[first : first + 4])))
        found += np.asarray(metrics["loss"]).tolist()
    np.testing.assert_allclose(found, losses(expected), rtol=1e-6)
    assert int(several.step) == 12
    for wanted, array in zip(
        jax.tree.leaves((one.params, one.average, one.opt_state)),
        jax.tree.leaves((several.params, several.average, several.opt_state)),
        strict=True,
    ):
        np.testing.assert_allclose(array, wanted, atol=1e-6)


CHANGES: dict[str, Any] = {
    "learning rate": lambda v: {"optimizer": v.optimizer.replace(learning_rate=3e-2)},
    "weight decay": lambda v: {"optimizer": v.optimizer.replace(weight_decay=0.5)},
    "clipping": lambda v: {"optimizer": v.optimizer.replace(clip_norm=0.01)},
    "label smoothing": lambda v: {"task": Classification(label_smoothing=0.3)},
    "warm-up": lambda v: {"schedule": v.schedule.replace(warmup=10)},
    "pixels": lambda v: {"preprocess": v.preprocess.replace(mean=100.0)},
}


def test_another_value_compiles_nothing() -> None:
    case, data = small("mlp_dropout"), batches(2)
    call = case.program.call(1, case.abstract)
    ends = []
    for change in (lambda v: {}, *CHANGES.values()):
        state = case.start(**change(case.values))
        for batch in data:
            state, _ = call(state, batch)
        ends.append(state.params["layers/0/kernel"])
    state = case.start()
    rate = jax.device_put(np.float32(0.8), state.model_state["dropout/rate"].sharding)
    state = state.replace(model_state={"dropout/rate": rate})
    for batch in data:
        state, _ = call(state, batch)
    ends.append(state.params["layers/0/kernel"])
    assert call._cache_size() == 1  # type: ignore[attr-defined]
    for name, end in zip((*CHANGES, "dropout"), ends[1:], strict=True):
        assert np.abs(np.asarray(end) - np.asarray(ends[0])).max() > 1e-5, name


@pytest.mark.parametrize("name", CHANGES)
def test_another_run_finds_the_program_of_the_first(name: str) -> None:
    case, batch = small("mlp_dropout"), batches(1)[0]
    changed = Small(case.program, case.values.replace(**CHANGES[name](case.values)))
    texts = [
        Program(**vars_of(run.program)).call(1, run.abstract).lower(run.abstract, batch).as_text()  # type: ignore[attr-defined]
        for run in (case, changed)
    ]
    assert texts[0] == texts[1]


def vars_of(program: Program) -> dict[str, Any]:
    names = ("network", "precision", "mesh_options", "mesh", "steps", "accumulate")
    return {name: getattr(program, name) for name in names}


def test_the_average_follows_its_formula() -> None:
    case, data = small("mlp_dropout", average_decay=0.5), batches(8)
    state = case.start()
    average = {path: np.asarray(array, np.float64) for path, array in state.params.items()}
    assert all((state.average[path] == array).all() for path, array in state.params.items())
    for count, batch in enumerate(data):
        state, _ = case.train(state, [batch])
        decay = min(0.5, (1 + count) / (10 + count))
        average = {
            path: decay * mean + (1 - decay) * np.asarray(state.params[path])
            for path, mean in average.items()
        }
    for path, mean in average.items():
        np.testing.assert_allclose(state.average[path], mean, atol=1e-6, err_msg=path)
    assert state.evaluated_params is state.average
    assert small("mlp").start().average is None


@pytest.mark.parametrize("model", ["mlp", "cnn"])
def test_every_mesh_gives_the_losses_of_one_device(model: str) -> None:
    data = batches(20)
    expected = losses(small(model).train(small(model).start(), data)[1])
    for axes in ({"data": 8}, {"fsdp": 8}):
        case = small(model, devices=8, **axes)
        with jax.set_mesh(case.program.mesh):
            state, metrics = case.train(case.start(), data)
        np.testing.assert_allclose(losses(metrics), expected, rtol=1e-5, err_msg=str(axes))
        kernel = state.params["layers/0/kernel" if model == "mlp" else "dense/kernel"]
        part = kernel.addressable_shards[0].data.size
        assert part * axes.get("fsdp", 1) == kernel.size


def test_values_become_float32_arrays() -> None:
    values = as_arrays(small("mlp", average_decay=0.5).values)
    assert {leaf.dtype for leaf in jax.tree.leaves(values)} == {np.dtype("float32"), np.dtype(int)}


@pytest.mark.parametrize("model", ["cnn", "mlp_dropout"])
def test_a_state_is_like_its_abstract_one(model: str) -> None:
    case = small(model, devices=8, fsdp=8)
    for array, like in zip(
        jax.tree.leaves(case.start()), jax.tree.leaves(case.abstract), strict=True
    ):
        assert (array.shape, array.dtype, array.sharding) == (like.shape, like.dtype, like.sharding)
