"""Other formats than StableHLO: each a module that writes it and runs it, and imports late."""

import importlib.util
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol

import numpy as np

from framework.config import InvalidConfig, Problem, blame
from framework.export.exportable import Exportable
from framework.export.formats import litert, onnx, savedmodel

Predict = Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]]


class Format(Protocol):
    """What a module of a format has.

    Attributes:
        PACKAGES: that it imports when it is used, by the names of their modules.
        EXTRA: of this framework, that installs them.
        PRECISIONS: of `export.precision`, that it can hold.
        FILE: the one that stands for the format in its folder.
    """

    PACKAGES: tuple[str, ...]
    EXTRA: str
    PRECISIONS: tuple[str, ...]
    FILE: str

    def write(self, exportable: Exportable, folder: Path) -> Path:
        """Writes the format into `folder`; returns the path of `FILE`."""
        ...

    def open_(self, folder: Path) -> Predict:
        """What is in `folder`, run by the format's own runtime on the CPU."""
        ...


FORMATS: Mapping[str, Format] = {"savedmodel": savedmodel, "onnx": onnx, "litert": litert}


def lacking(name: str) -> list[Problem]:
    """The format's packages that are not installed, as a problem with the command that helps."""
    form = FORMATS[name]
    missing = [package for package in form.PACKAGES if not importlib.util.find_spec(package)]
    if not missing:
        return []
    expected = f"a format whose packages are installed ({', '.join(missing)} missing)"
    return [Problem("export.formats", name, expected, f'pip install "framework[{form.EXTRA}]"')]


def write_format(name: str, exportable: Exportable, folder: Path) -> Path:
    """Writes the format `name` into `folder`; returns the path of its `FILE`.

    Raises:
        InvalidConfig: its packages are missing, or it has no words for this model.
        OSError: it cannot be written.
    """
    if problems := lacking(name):
        raise InvalidConfig(*problems)
    try:
        return FORMATS[name].write(exportable, folder)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # each converter fails in a way of its own
        raise _refused(name, error) from error


def open_format(name: str, folder: Path) -> Predict:
    """What `write_format` wrote into `folder`, run by the format's own runtime.

    Raises:
        InvalidConfig: its runtime cannot run this model.
    """
    try:
        return FORMATS[name].open_(folder)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # each runtime fails in a way of its own
        raise _refused(name, error) from error


def _refused(name: str, error: Exception) -> InvalidConfig:
    """One line of what a converter says in many."""
    expected = f"a format that can hold this model ({blame(error)})"
    hint = f"leave {name} out: stablehlo, which is always written, holds every model"
    return InvalidConfig(Problem("export.formats", name, expected, hint))
