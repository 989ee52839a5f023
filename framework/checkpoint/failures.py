"""What can go wrong with a checkpoint, each said in plain lines."""

from collections.abc import Mapping, Sequence

_SHOWN = 8


class CheckpointFailed(Exception):  # noqa: N818
    """A save failed for a reason outside the program (disk full, no permission, no network).

    Earlier checkpoints stay as they were; the message says which one the next start uses.
    """


class CheckpointDamaged(ValueError):  # noqa: N818
    """A file of the checkpoint is missing, truncated or altered: nothing was restored."""


class CheckpointMismatch(Exception):  # noqa: N818
    """The checkpoint holds other arrays than the state to be restored."""


def mismatch(saved: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Lines that name every array that differs; both map a name to `type[shape]`."""
    missing = [f"{n}: {wanted[n]}, not in the checkpoint" for n in wanted if n not in saved]
    unexpected = [f"{n}: {saved[n]}, only in the checkpoint" for n in saved if n not in wanted]
    different = [
        f"{n}: {saved[n]} in the checkpoint, {wanted[n]} here"
        for n in wanted
        if n in saved and saved[n] != wanted[n]
    ]
    return [*different, *missing, *unexpected]


def shown(lines: Sequence[str]) -> str:
    """The first of `lines`, indented, and how many more there are."""
    rest = [f"… and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    return "\n".join(f"  {line}" for line in [*lines[:_SHOWN], *rest])


def cause(error: BaseException) -> str:
    """The one line of `error` that a person needs; full disks are told apart by their text."""
    text = f"{error} {error.__cause__ or ''}"
    if "No space left on device" in text or "Disk quota exceeded" in text:
        return "no space left on the disk"
    first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
    return first if len(first) <= 300 else f"{first[:297]}…"
