"""A supervisor over a run that dies again and again."""

import json

from framework.run import goodput, read_attempts
from tests.faults.case import Case, Like
from tests.faults.scene import Scene

# Each start makes two checkpoints and dies at the third.
AT_THE_THIRD = {"FAULT": "framework.checkpoint.checkpoints:_arguments before 3 SIGKILL"}


def _supervise(scene: Scene) -> None:
    ended = scene.start(code=0, SLOW="0.02")
    tries = [json.loads(line) for line in (scene.run / "tries.jsonl").read_text().splitlines()]
    assert [each["code"] for each in tries] == [137, 137, 0], tries
    assert [each["step"] for each in tries] == [20, 40, 60], tries
    assert [attempt.from_step for attempt in read_attempts(scene.run)] == [0, 20, 40]
    assert 0 < goodput(read_attempts(scene.run)).share < 1
    assert "3 tries; of the time of 3 starts" in ended.err, ended.err


CASES = (
    Case(
        "supervised",
        _supervise,
        module="scripts.supervise",
        before=("--pause", "0.1", "--"),
        told=AT_THE_THIRD,
        like=Like(),
        then=lambda scene: None,
        tests="long",
    ),
)
