"""A tokenizer that was learned before: other text is read by it as the first one was."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from framework.config import InvalidConfig, Problem
from framework.data.tokenizer import Tokenizer, tokenizer_from_json


@dataclass(frozen=True, repr=False)
class KeptTokenizer:
    """The tokenizer in a run's `tokenizer.json`.

    Attributes:
        file: its path.
    """

    file: str

    def __repr__(self) -> str:
        """By its content, as the cache goes by this."""
        return f"KeptTokenizer({self._text()})"

    def fit(self, texts: Sequence[str]) -> Tokenizer:
        """The same whatever the texts.

        Raises:
            InvalidConfig: there is no such file, or no tokenizer in it.
        """
        del texts
        return tokenizer_from_json(self._text())

    def _text(self) -> str:
        try:
            return Path(self.file).read_text(encoding="utf-8")
        except OSError as error:
            expected = "the tokenizer.json of a run"
            reason = error.strerror or str(error)
            raise InvalidConfig(Problem("file", self.file, expected, reason)) from error
