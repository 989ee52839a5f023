"""What an export is asked for."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from framework.config import (
    FolderPath,
    Fraction,
    InvalidConfig,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveInt,
    Problem,
)
from framework.export.layout import Layout
from framework.export.quantising import ExportPrecision
from framework.train.trained import Which

Format = Literal["stablehlo", "savedmodel", "onnx", "litert"]


@dataclass(frozen=True)
class Bounds:
    """How far an export of one precision may be from its run; null: as far as it is.

    Attributes:
        difference: the largest |a - b| / max(1, |a|) of any number of any example.
        accuracy_drop: of the accuracy on the compared examples.
        calibration_increase: of the expected calibration error.
        agreement: the least share of examples with the same answer.
        loss_increase: of the log loss in nats; of numbers, of the error as a share of the run's.
    """

    difference: NonNegativeFloat | None = None
    accuracy_drop: NonNegativeFloat | None = None
    calibration_increase: NonNegativeFloat | None = None
    agreement: Fraction | None = None
    loss_increase: NonNegativeFloat | None = None


@dataclass(frozen=True)
class Parity:
    """The gate: what is compared with the run's own predictions, and how near it must be.

    Attributes:
        examples: real ones, at least; all that there are where there are fewer.
        across_platforms: the difference that is allowed on another platform than that on which
            the run's predictions are made here.
    """

    float32: Bounds
    bfloat16: Bounds
    int8: Bounds
    int8_dynamic: Bounds
    examples: PositiveInt = 1000
    across_platforms: NonNegativeFloat = 0.02


@dataclass(frozen=True)
class ExportOptions:
    """What is made of a run.

    Attributes:
        parity: the gate that it must pass.
        dir: of the artifact; null: `artifact` in the run's directory, with the precision's name
            where one is chosen.
        formats: StableHLO always; the others are written beside it.
        precision: of weights and computation; null: as the run computes. `int8` are whole-number
            weights, `int8_dynamic` also the inputs of each product.
        layout: where the other formats are to stand so that a server loads them as they are.
        storage: KServe's `storageUri`; null: the model's name on a volume claim `models`.
        batch_sizes: to which batches are filled up.
        sign: a private key (PEM) to sign the artifact with.
        replace: an artifact that is there is replaced.
        examples: kept in the artifact.
    """

    parity: Parity
    dir: FolderPath | None = None
    formats: tuple[Format, ...] = ("stablehlo",)
    precision: ExportPrecision | None = None
    layout: Layout | None = None
    storage: str | None = None
    batch_sizes: tuple[PositiveInt, ...] = (1, 8, 32, 128)
    sign: Path | None = None
    replace: bool = False
    examples: NonNegativeInt = 16

    def __post_init__(self) -> None:
        if not self.batch_sizes:
            raise InvalidConfig(Problem("batch_sizes", [], "at least one size"))


@dataclass(frozen=True)
class DataPlace:
    """Where the run's data are now.

    Attributes:
        path: null: where they were.
    """

    path: str | None = None


@dataclass(frozen=True)
class ExportJob:
    """One export.

    Attributes:
        run: the directory of a run.
        step: its newest or best checkpoint, or that of a step.
    """

    run: FolderPath
    export: ExportOptions
    data: DataPlace = field(default_factory=DataPlace)
    step: Which = "latest"
