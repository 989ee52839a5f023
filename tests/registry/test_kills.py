"""A kill -9 at any moment leaves the registry whole, and the same command then works."""

import json
import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Operations on files that a command makes at least: fewer, and the kills would not be where the
# work is.
LEAST = {"push_first": 60, "push_third": 25, "promote": 5, "rollback": 5, "collect": 6, "pull": 10}


@pytest.mark.parametrize(
    "command",
    [
        pytest.param("push_first", marks=pytest.mark.long),
        pytest.param("push_third", marks=pytest.mark.long),
        "promote",
        "rollback",
        "collect",
        "pull",
    ],
)
def test_killed_before_every_operation_on_a_file(command, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.registry.killed", command, str(tmp_path)],
        cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    kills = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(kills) >= LEAST[command]
    if command != "pull":
        assert {"write", "link", "unlink"} & {kill["before"] for kill in kills}
