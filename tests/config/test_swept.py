"""The space of a sweep in Hydra's grammar, and values written in it again."""

from pathlib import Path
from typing import Any

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from framework.config.swept import Dimension, as_word, parse


def swept(*words: str, **params: Any) -> dict[str, Dimension]:
    return {one.key: one for one in parse(words, params, None)[1]}


@pytest.mark.parametrize(
    ("word", "dimension"),
    [
        ("a=1,2", Dimension("a", "list", (1, 2), written="1,2")),
        ("a=choice(x,1e-3)", Dimension("a", "list", ("x", 1e-3), written="choice(x,1e-3)")),
        ("a=[1,2],[3]", Dimension("a", "list", ([1, 2], [3]), written="[1,2],[3]")),
        ("+a.b=null,'1'", Dimension("+a.b", "list", (None, "1"), written="null,'1'")),
        ("a=range(1,6,2)", Dimension("a", "range", (1, 3, 5), 1, 6, 2, written="range(1,6,2)")),
        (
            "a=tag(log,interval(1e-4,1e-1))",
            Dimension("a", "interval", (), 1e-4, 1e-1, None, ("log",),
                      "tag(log,interval(1e-4,1e-1))"),
        ),
    ],
)  # fmt: skip
def test_what_is_swept(word: str, dimension: Dimension) -> None:
    (found,) = swept(word, "fixed=1").values()
    assert found == dimension


def test_the_rest_is_fixed_as_it_was_written() -> None:
    assert parse(["a=1,2", "b=[1, 2]", "~c", "+d={x: 1}"], {}, None)[0] == (
        "b=[1, 2]", "~c", "+d={x: 1}",
    )  # fmt: skip


def test_the_command_line_comes_before_a_file() -> None:
    found = swept("a=3,4", **{"a": "1,2", "b": "range(0,2)"})
    assert {key: one.values for key, one in found.items()} == {"a": (3, 4), "b": (0, 1)}


Scalar = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]))
)


@given(value=st.recursive(Scalar, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_a_value_written_as_a_word_is_read_as_it_was(value: Any) -> None:
    if isinstance(value, str) and value.startswith("${"):
        return  # an interpolation, which the config resolves
    word = as_word("key", value)
    read = OverridesParser.create().parse_override(word).value()
    assert read == value
    assert type(read) is type(value)


def test_a_path_is_a_word(tmp_path: Path) -> None:
    assert as_word("run.dir", str(tmp_path)) == f"run.dir={tmp_path}"
    assert as_word("run.dir", "/tmp/my runs/0") == "run.dir='/tmp/my runs/0'"
