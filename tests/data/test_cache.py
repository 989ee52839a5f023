from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from framework.data.cache import cache_directory, prepared
from framework.data.fingerprint import array_digest, fingerprint


class Make:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> tuple[dict[str, np.ndarray], dict[str, object]]:
        self.calls += 1
        return {"a": np.arange(6).reshape(2, 3), "b": np.zeros((0, 2))}, {"names": ["x", "y"]}


def test_what_was_made_is_read_again(tmp_path: Path) -> None:
    make = Make()
    first, second = (prepared("set", {"k": 1}, tmp_path, make) for _ in range(2))
    assert make.calls == 1
    np.testing.assert_array_equal(first.arrays["a"], second.arrays["a"])
    assert first.digests == second.digests
    assert second.notes == {"names": ["x", "y"]}


def test_another_key_is_another_entry(tmp_path: Path) -> None:
    make = Make()
    for key in (1, 2):
        prepared("set", {"k": key}, tmp_path, make)
    assert make.calls == 2


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "no content", "bad content"])
def test_damage_is_found_and_repaired(tmp_path: Path, damage: str) -> None:
    make = Make()
    prepared("set", {}, tmp_path, make)
    (place,) = tmp_path.iterdir()
    array, content = place / "a.npy", place / "content.json"
    if damage == "flip":
        changed = bytearray(array.read_bytes())
        changed[-1] ^= 4
        array.write_bytes(changed)
    elif damage == "truncate":
        array.write_bytes(array.read_bytes()[:-9])
    elif damage == "delete":
        array.unlink()
    elif damage == "no content":
        content.unlink()
    else:
        content.write_text("{")
    for _ in range(2):
        found = prepared("set", {}, tmp_path, make)
        np.testing.assert_array_equal(found.arrays["a"], np.arange(6).reshape(2, 3))
    assert make.calls == 2


def test_many_at_once_agree_and_leave_nothing_behind(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: prepared("set", {}, tmp_path, Make()), range(16)))
    assert len({one.digests["a"] for one in found}) == 1
    assert len(list(tmp_path.iterdir())) == 1


def test_the_place_of_the_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAMEWORK_CACHE", "/somewhere")
    assert cache_directory(None) == Path("/somewhere")
    assert cache_directory("/other") == Path("/other")
    monkeypatch.delenv("FRAMEWORK_CACHE")
    assert cache_directory(None) == Path.home() / ".cache" / "framework"


def test_digests_see_values_types_and_shapes() -> None:
    array = np.arange(6, dtype=np.int32)
    others = [array + 1, array.astype(np.int64), array.reshape(2, 3), array.view(np.float32)]
    assert len({array_digest(a) for a in (array, *others)}) == 5
    assert array_digest(array[::2]) == array_digest(array[::2].copy())
    assert fingerprint({"a": array}, {"x": 1}) == fingerprint({"a": array_digest(array)}, {"x": 1})
    assert fingerprint({"a": array}, {"x": 1}) != fingerprint({"a": array}, {"x": 2})
