"""Only where another try may follow is the storage asked how far the last one came."""

from pathlib import Path

import pytest

from framework.launch.gke.saved import saved_of
from framework.launch.storage import open_storage


@pytest.mark.parametrize(
    ("code", "step"),
    [(None, 300), (75, 300), (-9, 300), (137, 300), (143, 300), (0, None), (1, None), (2, None)],
)
def test_the_newest_checkpoint_is_told_where_a_try_may_follow(
    tmp_path: Path, code: int | None, step: int | None
) -> None:
    for number in (100, 300):
        manifest = tmp_path / f"s/trials/0/checkpoints/{number}/manifest.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text("{}")
    assert saved_of(open_storage("launch.storage", str(tmp_path), "s"), "trials/0", code) == step
