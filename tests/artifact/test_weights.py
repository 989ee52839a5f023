"""Weights are written and read bit for bit, whatever their type."""

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from framework.artifact.weights import read_weights, write_weights

TYPES = [np.float32, np.float16, ml_dtypes.bfloat16, np.int8, np.uint8, np.int32, np.bool_]


@pytest.mark.parametrize("dtype", TYPES)
@given(data=st.data())
def test_every_type_and_shape_comes_back(tmp_path_factory, dtype, data):
    shape = data.draw(arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    content = data.draw(st.binary(min_size=1, max_size=8))
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if dtype is np.bool_:
        content = bytes(byte & 1 for byte in content)
    raw = (content * (count // len(content) + 1))[:count]
    array = np.frombuffer(raw, dtype).reshape(shape)
    file = tmp_path_factory.mktemp("weights") / "file"
    write_weights(file, {"a/b": array, "turned": array.T})
    found = read_weights(file)
    assert found["a/b"].dtype == array.dtype
    assert found["a/b"].shape == array.shape
    assert found["a/b"].tobytes() == array.tobytes()
    assert found["turned"].tobytes() == array.T.tobytes()
