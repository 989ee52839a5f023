"""What an example looks like: the one description that data, models and tasks share."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeVar


@dataclass(frozen=True)
class Field:
    """One input array of an example, as the model sees it (after preprocessing).

    `vocabulary` holds the number of categories of each column of a table, or the number of
    tokens; `names` the columns' names.
    """

    shape: tuple[int, ...]
    dtype: str
    vocabulary: tuple[int, ...] = ()
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Labels:
    """What is predicted: one class of `names`, any of `names`, a number for each of `names`, or
    at each place of a sequence one of `count` tokens.
    """

    kind: Literal["class", "multi_label", "number", "token"]
    names: tuple[str, ...] = ()
    count: int = 0

    @property
    def width(self) -> int:
        """Number of classes, of target columns or of tokens."""
        return self.count or len(self.names)


@dataclass(frozen=True)
class Spec:
    """Inputs and labels of a data set."""

    inputs: Field | Mapping[str, Field]
    labels: Labels

    def json(self) -> dict[str, Any]:
        """JSON values, from which `from_json` makes the same."""
        single = isinstance(self.inputs, Field)
        return {"single": single, **asdict(self)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Spec":
        """The inverse of `json`."""
        given, labels = values["inputs"], values["labels"]
        inputs: Field | dict[str, Field]
        if values["single"]:
            inputs = _made(Field, given)
        else:
            inputs = {name: _made(Field, field) for name, field in given.items()}
        return cls(inputs, _made(Labels, labels))


Described = TypeVar("Described")


def _made(kind: type[Described], values: Mapping[str, Any]) -> Described:
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
