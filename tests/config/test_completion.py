"""What the shell is told; the whole of it, in a real shell, in tests/experiments."""

import os
from pathlib import Path

import pytest

from framework.config.completion import prepare_query, script


def test_only_bash_has_a_script_of_its_own() -> None:
    assert "complete " in (script(["-sc", "install=bash"]) or "")
    assert script(["--shell-completion", "install=bash"]) == script(["-sc", "install=bash"])
    assert script(["-sc", "install=fish"]) is None
    assert script(["-sc", "query=bash"]) is None
    assert script(["install=bash"]) is None


def test_the_line_is_as_hydra_reads_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", "python3 -m experiments.run model=m")
    words = ["-sc", "query=bash"]
    assert prepare_query(words, None) == words
    assert os.environ["COMP_LINE"] == "experiments.run model=m"
    assert prepare_query(words, tmp_path) == ["--config-dir", str(tmp_path), *words]
    assert prepare_query(words, tmp_path / "nowhere") == words


def test_other_commands_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_LINE", "python -m experiments.run model=m")
    assert prepare_query(["model=mlp"], None) == ["model=mlp"]
    assert os.environ["COMP_LINE"].startswith("python")
    monkeypatch.delenv("COMP_LINE")
    assert prepare_query(["-sc", "query=bash"], None) == ["-sc", "query=bash"]
