"""A description of examples survives the run directory's JSON."""

import json

import pytest

from framework.spec import Field, Labels, Spec

COLUMNS = {
    "numeric": Field((3,), "float32", names=("a", "b", "c")),
    "kind": Field((1,), "int32", (5,)),
}


@pytest.mark.parametrize(
    "spec",
    [
        Spec(Field((8, 8, 1), "float32"), Labels("class", ("zero", "one"))),
        Spec(COLUMNS, Labels("number", ("price",))),
        Spec({"tokens": Field((16,), "int32", (257,))}, Labels("token", count=257)),
    ],
)
def test_a_spec_comes_back_from_json(spec):
    assert Spec.from_json(json.loads(json.dumps(spec.json()))) == spec


def test_tokens_need_no_names():
    assert Labels("token", count=257).width == 257
    assert Labels("class", ("a", "b")).width == 2
