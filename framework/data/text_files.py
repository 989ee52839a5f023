"""Text files as documents: which there are, what is wrong with one, and which split has which."""

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

import numpy as np

from framework.config import InvalidConfig, PositiveFloat, Problem, nearest
from framework.data.files import existing, read_bytes
from framework.data.splits import divide_by_size


@dataclass(frozen=True)
class Corpus:
    """Text files under `path`, or the one file that it is.

    Attributes:
        path: a folder, or a file.
        weight: share in a mixture, relative to the other corpora's.
        files: pattern of the files' paths in the folder.
        separator: text between documents in a file, such as an empty line (`\\n\\n`); without it
            a file is one document.
        validation_files: names or patterns of the validation split's files.
        test_files: the same for the test split.
    """

    path: str
    weight: PositiveFloat = 1.0
    files: str = "**/*.txt"
    separator: str | None = None
    validation_files: tuple[str, ...] = ()
    test_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextFiles:
    """A corpus's files, read: names relative to its path, and what they hold."""

    corpus: Corpus
    contents: Mapping[str, bytes]

    def splits(self, fractions: Mapping[str, float], seed: int) -> dict[str, list[str]]:
        """The documents of `train`, `validation` and `test`, as they come in the files.

        A split has the files named for it; one without is its fraction of the remaining text.
        """
        named = {split: self._named(split) for split in fractions}
        both = [name for name in named.get("validation", ()) if name in named.get("test", ())]
        if both:
            expected = "files that are not in validation_files too"
            raise InvalidConfig(Problem("test_files", both[0], expected))
        apart = {name for names in named.values() for name in names}
        rest = [text for name in self.contents if name not in apart for text in self._texts(name)]
        sizes = np.asarray([len(text.encode()) for text in rest], np.int64)
        missing = {split: share for split, share in fractions.items() if not named[split]}
        hint = "divide files by `separator`, or leave a split out by a fraction of 0"
        parts = divide_by_size(sizes, missing, seed=seed, hint=hint)
        found = {split: [rest[i] for i in places] for split, places in parts.items()}
        for split, names in named.items():
            if names:
                found[split] = [text for name in names for text in self._texts(name)]
        return found

    def _named(self, split: str) -> list[str]:
        found: list[str] = []
        for place, pattern in enumerate(getattr(self.corpus, f"{split}_files")):
            names = [name for name in self.contents if fnmatch(name, pattern)]
            if not names:
                hint = nearest(pattern, self.contents)
                key = f"{split}_files.{place}"
                raise InvalidConfig(Problem(key, pattern, f"a file in {self.corpus.path}", hint))
            found += [name for name in names if name not in found]
        return found

    def _texts(self, name: str) -> list[str]:
        text = self.contents[name].decode()
        if self.corpus.separator is None:
            return [text]
        # On a command line an end of line is written as two characters.
        separator = self.corpus.separator.replace("\\n", "\n").replace("\\t", "\t")
        return [part for part in text.split(separator) if part.strip()]


def read_texts(corpus: Corpus) -> TextFiles:
    """The corpus's files.

    Raises:
        InvalidConfig: there is none, or one is empty or not UTF-8.
    """
    if corpus.separator == "":
        raise InvalidConfig(Problem("separator", "", "some text between documents, or null"))
    path = existing(corpus.path, "path")
    root = path.parent if path.is_file() else path
    paths = [path] if path.is_file() else _matching(path, corpus.files)
    contents = {p.relative_to(root).as_posix(): read_bytes(p) for p in paths}
    problems = [p for name, content in contents.items() for p in _wrong(root / name, content)]
    if problems:
        raise InvalidConfig(*problems)
    return TextFiles(corpus, contents)


def _matching(folder: Path, pattern: str) -> list[Path]:
    try:
        found = sorted(p for p in folder.glob(pattern) if p.is_file())
    except (ValueError, NotImplementedError) as error:
        expected = "a pattern of paths in the folder, such as **/*.txt"
        raise InvalidConfig(Problem("files", pattern, expected, str(error))) from error
    shown = [p for p in found if not any(x.startswith(".") for x in p.relative_to(folder).parts)]
    if not shown:
        seen = ", ".join(sorted(p.name for p in folder.iterdir())[:8]) or "nothing"
        hint = f"it has {seen}; `files` is the pattern that is looked for"
        raise InvalidConfig(Problem("path", folder, f"a folder with files {pattern}", hint))
    return shown


def _wrong(file: Path, content: bytes) -> list[Problem]:
    if not content.strip():
        hint = "remove it, or leave it out by `files`"
        return [Problem("path", file, "a file with text (this one is empty)", hint)]
    try:
        content.decode()
    except UnicodeDecodeError as error:
        hint = (
            f"byte {error.start} is 0x{content[error.start]:02x}, {error.reason};"
            f" convert it (iconv -f latin1 -t utf-8), or leave it out by `files`"
        )
        return [Problem("path", file, "a file of UTF-8 text", hint)]
    return []
