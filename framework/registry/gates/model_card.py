"""A reader of the model card finds what there is to know."""

import re
from dataclasses import dataclass

from framework.registry.gates.gate import Contender, Verdict

CARD = "model_card.md"
_HEADING = re.compile(r"^## +(.+?) *$", re.MULTILINE)


@dataclass(frozen=True)
class ModelCard:
    """Every one of `sections` is there and says something.

    Attributes:
        nothing: a section whose first words are one of these says nothing.
    """

    sections: tuple[str, ...] = (
        "Model details", "Intended use", "Training data", "Training procedure",
        "Evaluation results", "Calibration", "Limitations", "How to use and reproduce",
    )  # fmt: skip
    nothing: tuple[str, ...] = ("not measured", "not recorded", "not stated", "todo")

    def __call__(self, candidate: Contender, champion: Contender | None) -> Verdict:
        """Fails where the card or a section is missing or empty."""
        del champion
        text = candidate.text(CARD)
        if not text.strip():
            return Verdict(False, f"there is no {CARD}")
        parts = _HEADING.split(text)
        found = dict(zip(parts[1::2], parts[2::2], strict=True))
        wrong = [
            f"“{name}” is {'empty' if name in found else 'missing'}"
            for name in self.sections
            if self._is_empty(found.get(name, ""))
        ]
        said = f"{len(self.sections)} sections, all of which say something"
        return Verdict(not wrong, "; ".join(wrong) or said)

    def _is_empty(self, section: str) -> bool:
        lines = [line.strip(" -*#>|") for line in section.splitlines()]
        words = [line for line in lines if line and set(line) - set("-:| ")]
        return not words or words[0].lower().startswith(self.nothing)
