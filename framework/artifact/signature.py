"""What an artifact takes and what it gives, by name."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

BATCH = "batch"
TEXT = "string"


@dataclass(frozen=True)
class Input:
    """One thing that a client gives for each example.

    Attributes:
        shape: of one example; () for a column of a table, and None for a length that is free.
        dtype: a NumPy type, or `string`.
        units: in words.
        range: the least and the greatest value, where others are refused.
        categories: the names that the model knows, of a `string`; another is like a missing one.
        missing: NaN or None may be given, where a value is not known.
    """

    shape: tuple[int | None, ...]
    dtype: str
    units: str = ""
    range: tuple[float, float] | None = None
    categories: tuple[str, ...] = ()
    missing: bool = False

    def words(self) -> str:
        """As a message names it: `uint8 [batch, 8, 8] from 0 to 16`."""
        places = ", ".join([BATCH, *("any" if n is None else str(n) for n in self.shape)])
        limits = f" from {self.range[0]:g} to {self.range[1]:g}" if self.range else ""
        missing = " or missing" if self.missing else ""
        return f"{self.dtype} [{places}]{limits}{missing}"


@dataclass(frozen=True)
class Output:
    """One thing that the artifact gives for each example.

    Attributes:
        classes: names of the last axis' places.
    """

    shape: tuple[int | None, ...]
    dtype: str
    units: str = ""
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Argument:
    """One array that the program takes.

    Attributes:
        inputs: names of what it is made of: one input as it is, or columns side by side.
        stacked: the inputs are columns.
    """

    shape: tuple[int, ...]
    dtype: str
    inputs: tuple[str, ...]
    stacked: bool = False


@dataclass(frozen=True)
class Signature:
    """Inputs, outputs, and how the inputs become the program's arguments."""

    inputs: Mapping[str, Input]
    outputs: Mapping[str, Output]
    arguments: Mapping[str, Argument]

    def json(self) -> dict[str, Any]:
        """JSON values, from which `from_json` makes the same; shapes begin with `batch`."""
        return {
            part: {name: _told(one) for name, one in getattr(self, part).items()}
            for part in ("inputs", "outputs", "arguments")
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Signature":
        """The inverse of `json`."""
        kinds: dict[str, Any] = {"inputs": Input, "outputs": Output, "arguments": Argument}
        return cls(
            **{
                part: {name: _made(kind, one) for name, one in values[part].items()}
                for part, kind in kinds.items()
            }
        )


def _told(one: Any) -> dict[str, Any]:
    return asdict(replace(one, shape=(BATCH, *one.shape)))


def _made(kind: Any, values: Mapping[str, Any]) -> Any:
    made = {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
    return kind(**{**made, "shape": made["shape"][1:]})
