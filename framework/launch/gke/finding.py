"""What is wrong with a manifest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """A rule that a manifest breaks.

    Attributes:
        rule: its name.
        place: the path of the field.
        said: what is there, and what was expected.
    """

    rule: str
    place: str
    said: str

    def __str__(self) -> str:
        return f"[{self.rule}] {self.place}: {self.said}"
