"""What every place must do alike, and which places are refused."""

import errno
import hashlib
import os
import threading

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from framework.registry import InvalidRequest, RegistryError, open_store
from tests.registry.conftest import bucket


def test_a_file_is_created_once(store):
    store.create("folder/a", b"first")
    with pytest.raises(FileExistsError):
        store.create("folder/a", b"second")
    assert store.read("folder/a") == b"first"


def test_of_many_threads_one_creates(store):
    begin, won = threading.Barrier(16), []

    def create(number):
        begin.wait()
        try:
            store.create("one", str(number).encode())
        except FileExistsError:
            return
        won.append(number)

    threads = [threading.Thread(target=create, args=(n,)) for n in range(16)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [str(n).encode() for n in won] == [store.read("one")]


def test_files_are_listed_by_their_names_from_the_root(store, tmp_path):
    (tmp_path / "file").write_bytes(b"content")
    content = "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
    store.upload(tmp_path / "file", "a/b/c", content)
    store.create("a/d", b"x")
    assert store.files("a") == ["a/b/c", "a/d"]
    assert store.files("a/b") == ["a/b/c"]
    assert store.folders("a") == ["b"]
    assert store.folders("nothing") == store.files("nothing") == []
    assert (store.size("a/b/c"), store.size("a/x")) == (7, None)
    assert b"".join(store.pieces("a/b/c")) == b"content"
    for missing in (store.read, lambda name: list(store.pieces(name))):
        with pytest.raises(FileNotFoundError):
            missing("a/x")


def test_only_old_files_are_removed(store):
    store.create("a", b"x")
    assert not store.remove_older("a", 60)
    assert store.remove_older("a", 0, really=False)
    assert store.size("a") == 1
    assert store.remove_older("a", 0)
    assert store.size("a") is None
    assert not store.remove_older("a", 0)


def test_a_file_that_is_written_while_it_is_removed_stays(local, tmp_path, monkeypatch):
    local.create("a", b"old")
    path = tmp_path / "registry/a"
    os.utime(path, (0, 0))
    rename = os.rename

    def rename_late(source, target, **more):
        path.write_bytes(b"new")
        rename(source, target, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", rename_late)
        assert not local.remove_older("a", 60)
    assert local.read("a") == b"new"


def test_in_a_bucket_a_file_that_is_written_after_the_first_look_stays(monkeypatch):
    store = open_store(bucket(), make=True)
    store.create("a", b"old")
    modified, looks = MemoryFileSystem.modified, []

    def modified_and_written(self, path):
        found = modified(self, path)
        if looks:
            return found
        looks.append(path)
        self.pipe_file(path, b"new")
        return found.replace(year=2000)

    monkeypatch.setattr(MemoryFileSystem, "modified", modified_and_written)
    assert not store.remove_older("a", 60)
    assert store.read("a") == b"new"


def test_a_file_of_another_content_takes_no_place(store, tmp_path):
    file, good = tmp_path / "file", hashlib.sha256(b"good").hexdigest()
    file.write_bytes(b"good")
    store.upload(file, "a", good)
    file.write_bytes(b"evil")
    with pytest.raises(RegistryError, match="changed while it was copied; nothing was registered"):
        store.upload(file, "a", good)
    assert store.read("a") == b"good"


def test_what_is_sent_to_a_bucket_is_what_was_hashed(tmp_path, monkeypatch):
    store = open_store(bucket(), make=True)
    file, put = tmp_path / "file", MemoryFileSystem.put_file
    file.write_bytes(b"good")

    def put_late(self, *given, **more):
        file.write_bytes(b"evil")
        put(self, *given, **more)

    monkeypatch.setattr(MemoryFileSystem, "put_file", put_late)
    store.upload(file, "a", hashlib.sha256(b"good").hexdigest())
    assert store.read("a") == b"good"


def test_where_nothing_is_nothing_is_read(tmp_path):
    for where in (tmp_path / "nothing", bucket()):
        with pytest.raises(InvalidRequest, match="there is no registry; `push` makes one"):
            open_store(where)
    assert not (tmp_path / "nothing").exists()


def test_a_folder_of_other_things_is_not_made_a_registry(tmp_path):
    (tmp_path / "mine").write_text("")
    with pytest.raises(InvalidRequest, match="neither empty nor a registry"):
        open_store(tmp_path, make=True)


def test_a_url_of_a_file(tmp_path):
    open_store(f"file://{tmp_path}/registry", make=True)
    assert (tmp_path / "registry/registry.json").is_file()


@pytest.mark.parametrize(
    "url", ["http://localhost:1/x", "ftp://localhost/x", "zip://x", "nothing://x"]
)
def test_a_store_that_cannot_create_exclusively_is_refused(url):
    with pytest.raises(RegistryError, match="cannot create a file only where there is none") as e:
        open_store(url, make=True)
    assert "\n" not in str(e.value)


def test_a_store_that_forgets_to_is_found_out(monkeypatch):
    """As an S3 look-alike that does not know If-None-Match."""

    def overwrite(self, path, value, mode="overwrite", **more):
        with self.open(path, "wb") as file:
            file.write(value)

    monkeypatch.setattr(MemoryFileSystem, "pipe_file", overwrite)
    with pytest.raises(RegistryError, match="two could promote at once"):
        open_store(bucket(), make=True)


def test_a_file_system_without_hard_links_is_refused(tmp_path, monkeypatch):
    def fail(*_, **__):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", fail)
    with pytest.raises(RegistryError, match="no hard links"):
        open_store(tmp_path / "registry", make=True)


def test_a_store_that_fails_is_one_line(monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("no credentials\nmore of it")

    monkeypatch.setattr(MemoryFileSystem, "cat_file", fail)
    with pytest.raises(RegistryError, match=r"RuntimeError: no credentials$"):
        open_store(bucket())


@pytest.mark.parametrize("name", ["../outside", "a/../../outside", "/etc/passwd"])
def test_a_name_outside_the_folder_is_refused(local, name):
    with pytest.raises(RegistryError):
        local.read(name)


def test_a_bucket_is_looked_at_anew_each_time():
    where = bucket()
    one, other = open_store(where, make=True), open_store(where)
    assert other.files("a") == []
    one.create("a/b", b"x")
    assert other.files("a") == ["a/b"]
    assert fsspec.filesystem("memory").exists(where.removeprefix("memory:/") + "/a/b")
