"""A log that was changed is found, and the entry is named."""

import hashlib
import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.registry import RegistryError, open_store, promote, push, read_model, rollback
from framework.registry.log import Draft, append, read_log
from tests.registry.conftest import bucket


@pytest.fixture
def log(filled, tmp_path):
    """A log of five entries: push, push, promote, promote, rollback."""
    promote(filled, "toy", "1", "champion", {})
    promote(filled, "toy", "2", "champion", {})
    rollback(filled, "toy", "champion")
    return tmp_path / "registry/models/toy/log"


def damaged(store, name="toy"):
    with pytest.raises(RegistryError) as caught:
        read_model(store, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_entry_says_who_when_and_why(filled):
    promote(filled, "toy", "1", "champion", {}, reason="it is better")
    entry = read_log(filled, "toy")[-1]
    assert (entry.number, entry.kind, entry.reason) == (3, "promote", "it is better")
    assert "@" in entry.by
    assert entry.time.endswith("+00:00")


def test_each_entry_has_the_hash_of_the_one_before(log):
    files = sorted(log.iterdir())
    assert [path.name for path in files] == [f"{n:08d}.json" for n in (1, 2, 3, 4, 5)]
    previous = [json.loads(path.read_text())["previous"] for path in files]
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]
    assert previous == [None, *hashes[:-1]]


def test_a_gap(filled, log):
    (log / "00000003.json").unlink()
    assert "00000003.json: missing, but models/toy/log/00000004.json is there" in damaged(filled)


def test_an_entry_put_in_between(filled, log):
    shutil.copy(log / "00000002.json", log / "00000003.json")
    assert "00000003.json: the chain is broken" in damaged(filled)


def test_an_entry_that_was_written_anew_breaks_the_chain_behind_it(filled, log):
    rewrite(log / "00000003.json", by="someone@else")
    assert "00000004.json: the chain is broken" in damaged(filled)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"format": 2}', b"null"])
def test_what_is_no_entry(filled, log, content):
    (log / "00000005.json").write_bytes(content)
    assert "00000005.json: " in damaged(filled)


def test_what_a_desktop_leaves_in_a_folder_is_no_entry(filled, log):
    before = read_model(filled, "toy")
    (log / ".DS_Store").write_text("")
    assert read_model(filled, "toy") == before


def test_a_file_that_does_not_belong_there(filled, log):
    (log / "notes.txt").write_text("")
    assert "notes.txt: no entry of a log" in damaged(filled)


@pytest.mark.parametrize(
    "name", ["../../outside", "/etc/passwd", "a/../../b", "a\\..\\b", "c:evil", "./a", "", "a//b"]
)
def test_a_file_name_that_leads_out_of_the_artifact(filled, log, name, tmp_path):
    path = log / "00000002.json"
    for after in ("00000003", "00000004", "00000005"):
        (log / f"{after}.json").unlink()
    content = json.loads(path.read_text())["content"]
    blob = content["files"].pop("model_card.md")
    content["files"][name] = blob
    rewrite(path, content=content)
    assert f"the file {name!r} would not be inside the artifact" in damaged(filled)


@pytest.mark.parametrize(
    ("number", "changes"),
    [
        (2, {"version": 3}),
        (2, {"files": {"a": {"size": "1", "sha256": "0" * 64}}}),
        (2, {"files": {"a": {"size": 1, "sha256": "../../x"}}}),
        (2, {"files": []}),
        (2, {"about": None}),
        (4, {"version": 7}),
        (4, {"before": 2}),
        (4, {"alias": "../x"}),
        (5, {"version": 2}),
    ],
)
def test_an_entry_that_makes_no_sense_where_it_stands(filled, log, number, changes):
    for after in range(number + 1, 6):
        (log / f"{after:08d}.json").unlink()
    path = log / f"{number:08d}.json"
    rewrite(path, content={**json.loads(path.read_text())["content"], **changes})
    assert f"{number:08d}.json: damaged" in damaged(filled)


def test_a_kind_that_is_not_known(filled, log):
    rewrite(log / "00000005.json", kind="delete")
    assert "an entry of kind 'delete', which this version does not know" in damaged(filled)


def test_of_two_that_append_one_does(store, artifacts):
    push(store, artifacts[0])
    entries = read_log(store, "toy")
    drafts = [Draft("promote", word, {"alias": "champion", "before": None, "version": 1})
              for word in ("one", "two")]  # fmt: skip
    assert append(store, "toy", entries, drafts[0]) is not None
    assert append(store, "toy", entries, drafts[1]) is None
    assert read_log(store, "toy")[-1].reason == "one"


def test_an_entry_that_could_not_be_read_again_is_not_written(store, artifacts):
    push(store, artifacts[0])
    said = r"toy cannot have this entry \(reason is None, expected a text\); nothing was changed"
    with pytest.raises(RegistryError, match=said):
        push(store, artifacts[1], reason=None)
    with pytest.raises(RegistryError, match="cannot have this entry"):
        append(store, "toy", read_log(store, "toy"), Draft("promote", None, {}))
    assert [entry.number for entry in read_log(store, "toy")] == [1]


def test_a_library_that_tries_again_is_not_refused_what_it_wrote_itself(store, artifacts):
    create = store.create

    def twice(name, content):
        create(name, content)
        create(name, content)

    store.create = twice
    assert push(store, artifacts[0]).new


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_of_any_entry_is_found(data, flippable):
    store, names = flippable
    name = data.draw(st.sampled_from(names))
    content = store.read(name)
    position = data.draw(st.integers(0, 8 * len(content) - 1))
    flipped = bytearray(content)
    flipped[position // 8] ^= 1 << position % 8
    files, path = store._files, store._path(name)
    files.pipe_file(path, bytes(flipped))
    try:
        with pytest.raises(RegistryError):
            read_model(store, "toy")
    finally:
        files.pipe_file(path, content)
    assert read_model(store, "toy").aliases == {"champion": 1}


@pytest.fixture(scope="module")
def flippable(artifacts):
    store = open_store(bucket(), make=True)
    push(store, artifacts[0])
    push(store, artifacts[1])
    promote(store, "toy", "1", "champion", {})
    return store, store.files("models")


def rewrite(path, **changes):
    """An entry as someone would write it who knows how."""
    values = json.loads(path.read_text())
    values.pop("digest")
    values |= changes
    digest = hashlib.sha256(json.dumps(values, indent=1).encode()).hexdigest()
    path.write_text(json.dumps({**values, "digest": digest}, indent=1) + "\n")
