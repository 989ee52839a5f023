"""Of processes that change a model at once, each is told the truth."""

import json
import os
import subprocess
import sys

import pytest

from framework.registry import open_store, read_model, verify
from tests.conftest import ROOT


def race(kind, processes, rounds, folder):
    done = subprocess.run(
        [sys.executable, "-m", "tests.registry.racing", kind, f"{processes}", f"{rounds}", folder],
        cwd=ROOT, env={**os.environ, "JAX_PLATFORMS": "cpu"}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == rounds
    return lines


@pytest.mark.parametrize(("processes", "rounds"), [(2, 10), (8, 5)])
def test_of_several_that_promote_at_once_exactly_one_wins(tmp_path, processes, rounds):
    for number, (results, aliases, _) in enumerate(race("promote", processes, rounds, tmp_path)):
        (winner,) = [one + 1 for one, said in enumerate(results) if said == "won"]
        assert aliases[f"alias-{number}"] == winner
        losers = [said for said in results if said != "won"]
        told = f"made it version {winner} meanwhile"
        assert all("was no version when this began, and" in s and told in s for s in losers)
    model = read_model(open_store(tmp_path / "registry"), "toy")
    assert len(model.moves) == rounds
    assert verify(open_store(tmp_path / "registry")).problems == ()


def test_of_several_that_push_at_once_each_gets_its_own_version(tmp_path):
    for number, (results, _, versions) in enumerate(race("push", 8, 4, tmp_path)):
        assert versions == 4
        pairs = [sorted(results[one : one + 2]) for one in range(0, 8, 2)]
        # Both of a pair get the same number; one of them made it.
        assert sorted(pair[0].split()[0] for pair in pairs) == ["1", "2", "3", "4"]
        for first, second in pairs:
            assert first.split()[0] == second.split()[0]
            assert (first.split()[1], second.split()[1]) == ("False", "True")
        assert verify(open_store(tmp_path / f"registry{number}")).problems == ()
