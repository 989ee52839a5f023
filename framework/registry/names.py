"""Names: of models, of what is stored, and what a person writes for a version."""

import difflib
import re
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from framework.registry.errors import InvalidRequest

LATEST = "latest"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", re.ASCII)


class Reference(NamedTuple):
    """`digits`, `digits@3` or `digits@champion`, taken apart; no text means none was given."""

    model: str
    version: str = ""


def parse_reference(text: str) -> Reference:
    """Takes `NAME`, `NAME@NUMBER` or `NAME@ALIAS` apart.

    Raises:
        InvalidRequest: it is none of these.
    """
    model, at, version = text.partition("@")
    if at and not version:
        raise InvalidRequest(f"{text!r}: expected a version or an alias after the @")
    return Reference(check_name(model, "model"), version)


def check_name(name: str, kind: str) -> str:
    """The name of a model or an alias, which is also that of a folder, as it was given.

    Raises:
        InvalidRequest: it is none that every store can keep.
    """
    # An alias that is a number would hide a version.
    if not _NAME.fullmatch(name) or (kind == "alias" and name.isdecimal()):
        letter = ", and not digits alone" if kind == "alias" else ""
        expected = f"up to 100 of A-Z a-z 0-9 . _ -, the first a letter or a digit{letter}"
        raise InvalidRequest(f"{name!r} cannot be the name of a {kind}: expected {expected}")
    return name


def check_alias(name: str) -> str:
    """The name of an alias that is to move, as it was given.

    A log may have others, from before they were refused.

    Raises:
        InvalidRequest: it is no name, or `latest`, which the newest version always is.
    """
    if name == LATEST:
        text = f"{LATEST} is always the newest version, and no alias that moves"
        raise InvalidRequest(f"{text}: expected another name, such as champion")
    return check_name(name, "alias")


def is_inside(name: str) -> bool:
    """Whether `name` is the plain relative name of a file below a folder, with `/`."""
    place = PurePosixPath(name)
    plain = name == place.as_posix() and not place.is_absolute() and name != "."
    return plain and ".." not in place.parts and not set(name) & set("\\:\0")


def nearest(name: str, known: Iterable[object]) -> str:
    """What may have been meant, or what there is."""
    choices = sorted(map(str, known))
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]}?"
    return f"known: {', '.join(choices[:20])}" if choices else "there are none"
