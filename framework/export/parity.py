"""The gate: an export says what its run says, on real examples, or is not made."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from framework.export.subject import Compared

Arrays = Mapping[str, np.ndarray]


class ExportRefused(Exception):  # noqa: N818
    """An export that is not as near to its run as it must be; the message says where."""


@dataclass(frozen=True)
class Difference:
    """How far one program is from the run.

    Attributes:
        largest: |a - b| / max(1, |a|), of the run's number a.
        output, split, index: where that is.
        run, export: what either says there.
        found: the export's predictions by split, in the order of the source.
    """

    examples: int
    largest: float
    output: str
    split: str
    index: int
    run: float
    export: float
    found: Mapping[str, dict[str, np.ndarray]]

    def json(self) -> dict[str, Any]:
        """What the manifest says of it."""
        return {
            "examples": self.examples,
            "largest_difference": self.largest,
            "worst_example": {
                "split": self.split, "index": self.index, "output": self.output,
                "run": self.run, "export": self.export,
            },
        }  # fmt: skip


def compare(said: Callable[[Any], Arrays], compared: tuple[Compared, ...]) -> Difference:
    """Asks an export for all examples.

    Args:
        said: from a batch as the source gathers it to the export's outputs.
    """
    worst: tuple[float, str, str, int, float, float] = (-1.0, "", "", 0, 0.0, 0.0)
    found: dict[str, dict[str, np.ndarray]] = {}
    for part in compared:
        pieces = []
        for rows, batch in part.chunks():
            pieces.append(outputs := said(batch))
            for name, ours in outputs.items():
                theirs = part.found.predictions.get(name)
                if theirs is not None and theirs.dtype.kind == "f":
                    one = _worst(theirs[rows], np.asarray(ours), batch)
                    worst = max(worst, (one[0], name, part.split, rows.start + one[1], *one[2:]))
        names = [n for n in pieces[0] if n in part.found.predictions]
        found[part.split] = {n: np.concatenate([np.asarray(p[n]) for p in pieces]) for n in names}
    examples = sum(len(part.source) for part in compared)
    return Difference(examples, *worst, found=found)


def require(difference: Difference, bound: float | None, what: str) -> None:
    """Raises ExportRefused where `what` differs by more than the bound, or is not finite."""
    if difference.largest <= (np.finfo(np.float64).max if bound is None else bound):
        return
    allowed = "only finite numbers are" if bound is None else f"{bound:g} is"
    raise ExportRefused(
        f"{what} differs from the run by {difference.largest:.3g}, where {allowed} allowed: "
        f"{difference.output} of example {difference.index} of {difference.split} is "
        f"{difference.export:.6g}, the run's {difference.run:.6g}"
    )


def _worst(run: np.ndarray, ours: np.ndarray, batch: Any) -> tuple[float, int, float, float]:
    """The largest difference, its row, and both numbers. NaN counts as the largest there is."""
    a, b = run.astype(np.float64), ours.astype(np.float64)
    if a.shape != b.shape:
        raise ExportRefused(f"an output of shape {list(b.shape)}, the run's is {list(a.shape)}")
    off = np.abs(a - b) / np.maximum(1, np.abs(a))
    if "labels" in batch and off.shape == np.shape(batch["labels"]) and off.ndim == 2:
        off = np.where(np.asarray(batch["labels"]) >= 0, off, 0)  # of padding nothing is asked
    off = np.where(np.isnan(off), np.inf, off)
    place = np.unravel_index(int(off.argmax()), off.shape)
    return float(off[place]), int(place[0]), float(a[place]), float(b[place])
