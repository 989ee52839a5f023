import jax
import jax.numpy as jnp
import numpy as np
import pytest

from framework.evaluation import evaluate
from tests.evaluation.fake_run import CLOTHES, Measured, batches, class_predictions, image_spec

SPEC = image_spec("class", CLOTHES)


def identity(batch):
    return {"probabilities": jnp.asarray(batch["inputs"])}


@pytest.mark.parametrize("size", [1, 7, 64, 300])
def test_padding_is_dropped_and_the_order_kept_whatever_the_batch(size):
    outputs, labels = class_predictions(100, 10)
    result = evaluate(identity, batches(outputs, labels, size), Measured(), SPEC, "test")
    np.testing.assert_array_equal(result.predictions["index"], np.arange(100))
    np.testing.assert_array_equal(result.predictions["labels"], labels)
    np.testing.assert_array_equal(result.predictions["probabilities"], outputs)
    assert set(result.predictions) == {"probabilities", "labels", "index"}
    assert result.metrics["examples"] == 100
    assert result.split == "test"


def test_device_batches_and_their_masks_are_read_back():
    outputs, labels = class_predictions(10, 10)
    on_device = (jax.device_put(batch) for batch in batches(outputs, labels, 4))
    result = evaluate(jax.jit(identity), on_device, Measured(), SPEC, "validation")
    np.testing.assert_array_equal(result.predictions["labels"], labels)
    assert all(isinstance(array, np.ndarray) for array in result.predictions.values())


def test_sharded_outputs_are_read_back_whole():
    outputs, labels = class_predictions(32, 10)
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rows = jax.NamedSharding(mesh, jax.P("data"))
    sharded = (jax.device_put(batch, rows) for batch in batches(outputs, labels, 16))
    result = evaluate(jax.jit(identity), sharded, Measured(), SPEC, "test")
    np.testing.assert_array_equal(result.predictions["probabilities"], outputs)


def test_bfloat16_becomes_float32_that_others_can_read():
    outputs, labels = class_predictions(8, 10)

    def low(batch):
        return {"probabilities": jnp.asarray(batch["inputs"], jnp.bfloat16)}

    result = evaluate(low, batches(outputs, labels, 8), Measured(), SPEC, "test")
    assert result.predictions["probabilities"].dtype == np.float32


def test_the_next_batch_is_dispatched_before_the_last_is_fetched():
    events = []

    class Watched(np.ndarray):
        def __array_finalize__(self, other):
            pass

    class Output:
        """An array that tells when the host asks for it."""

        def __init__(self, number, values):
            self.number, self.values = number, values

        def __array__(self, dtype=None, copy=None):
            events.append(f"fetch {self.number}")
            return np.asarray(self.values)

    def predict(batch):
        number = int(batch["index"][0]) // 4
        events.append(f"dispatch {number}")
        return {"probabilities": Output(number, batch["inputs"])}

    outputs, labels = class_predictions(12, 10)
    evaluate(predict, batches(outputs, labels, 4), Measured(), SPEC, "test")
    assert events.index("dispatch 1") < events.index("fetch 0")
    assert events.index("fetch 0") < events.index("dispatch 2"), "more than two batches in flight"


def test_a_split_without_examples_is_refused_in_words():
    with pytest.raises(ValueError, match="'test' has no examples"):
        evaluate(identity, iter(()), Measured(), SPEC, "test")
    outputs, labels = class_predictions(4, 10)
    padding = [batch | {"mask": np.zeros(4, bool)} for batch in batches(outputs, labels, 4)]
    with pytest.raises(ValueError, match="no examples"):
        evaluate(identity, padding, Measured(), SPEC, "test")


def test_training_is_not_imported():
    import subprocess
    import sys

    code = (
        "import sys, framework.evaluation as e; "
        "late = {'matplotlib', 'PIL', 'jinja2', 'sklearn', 'orbax', 'wandb'} & set(sys.modules); "
        "assert 'framework.train' not in sys.modules; assert not late, late"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
