"""All cases, by theme."""

from tests.faults import (
    bad_numbers,
    damage,
    disks,
    elastic,
    kills,
    processes,
    signals,
    supervised,
)
from tests.faults.case import Case

CASES: tuple[Case, ...] = (
    *kills.CASES,
    *signals.CASES,
    *damage.CASES,
    *disks.CASES,
    *processes.CASES,
    *bad_numbers.CASES,
    *elastic.CASES,
    *supervised.CASES,
)
