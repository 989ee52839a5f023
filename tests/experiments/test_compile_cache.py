"""Programs that one process compiled and the next one finds."""

import json
from pathlib import Path

import pytest

from tests.experiments.launch import SMALL, launch

# `experiments.run` that tells of the cache, as JAX counts.
COUNTED = """
import collections, json, runpy
import jax

counts = collections.Counter()
jax.monitoring.register_event_listener(lambda event, **more: counts.update([event]))
try:
    runpy.run_module("experiments.run", run_name="__main__")
finally:
    open("counts.json", "w").write(json.dumps(counts))
"""
HITS = "/jax/compilation_cache/cache_hits"


@pytest.mark.long
def test_another_learning_rate_and_seed_find_the_step_in_the_cache(tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text(COUNTED)
    cache = tmp_path / "cache"

    def train(*words: str) -> tuple[int, set[str]]:
        """Hits of a new process, and the steps that are kept after it."""
        ended = launch(
            *SMALL, "model.widths=[64,64,64,64]", "evaluation.report=false", *words,
            cwd=tmp_path, module="counted", PYTHONPATH=str(tmp_path), FRAMEWORK_CACHE=str(cache),
        )  # fmt: skip
        assert ended.code == 0, ended
        counts = json.loads((tmp_path / "counts.json").read_text())
        return counts.get(HITS, 0), {p.name for p in (cache / "programs").glob("jit_step-*-cache")}

    hits, first = train("run.dir=first")
    assert hits == 0
    assert len(first) == 1
    hits, second = train("run.dir=second", "optimizer.learning_rate=0.02", "seed=7")
    assert hits > 0
    assert second == first
    _, other = train("run.dir=other", "model.widths=[64,64,64,72]")
    assert len(other) == 2
