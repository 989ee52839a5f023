import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from framework.config import InvalidConfig
from framework.models import TableModel
from framework.spec import Field
from tests.models.ready import TABLE, example


def build(inputs=TABLE, **arguments):
    return TableModel(**arguments, inputs=inputs, outputs=2, rngs=nnx.Rngs(0))


def test_a_category_of_a_column_reads_its_own_row():
    model = build(embedding_width=2, width=4, depth=1)
    assert model.embedding.shape == (4 + 2 + 7, 2)
    inputs = example(TABLE, batch=1)
    inputs["categorical"] = jnp.array([[3, 1, 6]])
    before = model(inputs, train=False)
    for row in range(13):
        changed = build(embedding_width=2, width=4, depth=1)
        changed.embedding[...] = changed.embedding[...].at[row].add(1.0)
        same = np.array_equal(changed(inputs, train=False), before)
        assert same == (row not in (3, 4 + 1, 4 + 2 + 6)), row


def test_categories_alone_and_an_empty_field():
    categories = TABLE["categorical"]
    only = build(categories, width=4)
    assert only(example(categories), train=False).shape == (4, 2)
    empty = {"numeric": TABLE["numeric"], "categorical": Field((0,), "int32")}
    model = build(empty, width=4)
    assert model.embedding is None
    inputs = {"numeric": jnp.ones((4, 2)), "categorical": jnp.zeros((4, 0), jnp.int32)}
    assert model(inputs, train=False).shape == (4, 2)


def test_images_are_refused():
    with pytest.raises(InvalidConfig, match=r"_target_=framework.models.TableModel.*model=cnn"):
        build(Field((8, 8, 1), "float32"))
