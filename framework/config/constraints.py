"""Types for constructor arguments; the checker reads them before anything is built."""

from pathlib import Path, PurePath
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, NonNegativeInt, PositiveInt

PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegativeFloat = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1)]
# What a random key can be made of, as an unsigned number of 32 bits.
Seed = Annotated[int, Field(ge=0, lt=2**32)]


def _folder_name(value: str) -> str:
    if not value.strip() or PurePath(value).is_absolute() or ".." in PurePath(value).parts:
        raise ValueError("a name that a folder can have")
    return value


def _not_empty(value: object) -> object:
    if value == "":  # Path("") is the folder one happens to be in
        raise ValueError("a path (this is empty)")
    return value


FolderName = Annotated[str, AfterValidator(_folder_name)]
FolderPath = Annotated[Path, BeforeValidator(_not_empty)]

__all__ = [
    "FolderName",
    "FolderPath",
    "Fraction",
    "NonNegativeFloat",
    "NonNegativeInt",
    "PositiveFloat",
    "PositiveInt",
    "Seed",
]
