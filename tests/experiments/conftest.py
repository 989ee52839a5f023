"""Fixtures of the commands' tests."""

import sys
from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from tests.experiments.launch import Command, Ended


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One cache for all commands, in this process and in others: each program compiles once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRAMEWORK_CACHE", str(folder))
        yield folder


@pytest.fixture
def command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Command]:
    """`experiments.run` in this process, in an empty folder; JAX's options are put back."""
    from experiments import run

    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["experiments.run", *words])
        capsys.readouterr()
        try:
            code = run.main()
        except SystemExit as error:  # of argparse and of Hydra's own flags
            code = error.code if isinstance(error.code, int) else 1
        return Ended(code, *capsys.readouterr())

    names = ("jax_compilation_cache_dir", "jax_debug_nans")
    before = {name: getattr(jax.config, name) for name in names}
    yield call
    for name, value in before.items():
        jax.config.update(name, value)
