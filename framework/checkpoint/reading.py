"""A verified checkpoint's arrays, read by Orbax into the shape that is asked for."""

from pathlib import Path
from typing import Any

from framework.checkpoint import leaves as state_leaves
from framework.checkpoint.failures import CheckpointMismatch, mismatch, shown
from framework.checkpoint.record import read_record

PyTree = Any


def read_state(checkpoint: Path, abstract: PyTree, *, part: bool) -> tuple[PyTree, dict[str, Any]]:
    """The state, like and on the shardings of `abstract`, and its `extra`.

    Raises CheckpointMismatch, before anything is read, where names, shapes or types differ.
    """
    record = read_record(checkpoint)
    leaves = state_leaves.named_leaves(abstract)
    saved = {n: kind for n, kind in record.leaves.items() if not part or n in leaves}
    lines = mismatch(saved, state_leaves.describe(leaves))
    if lines:
        raise CheckpointMismatch(
            f"checkpoint {checkpoint.name} in {checkpoint.parent} does not fit this "
            f"configuration; {len(lines)} of {len(leaves)} arrays differ:\n{shown(lines)}"
        )
    import orbax.checkpoint as ocp

    wanted = state_leaves.to_restore(leaves)
    with ocp.PyTreeCheckpointer() as reader:
        arguments = ocp.args.PyTreeRestore(
            wanted, ocp.checkpoint_utils.construct_restore_args(wanted), partial_restore=part
        )
        stored = reader.restore(checkpoint / "state", arguments) if wanted else {}
    return state_leaves.from_restored(abstract, leaves, stored), dict(record.extra)
