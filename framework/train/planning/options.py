"""What to plan, and what for."""

from dataclasses import dataclass

from framework.config import NonNegativeFloat, PositiveFloat, PositiveInt


@dataclass(frozen=True)
class PlanOptions:
    """Options of `experiments.plan`.

    Attributes:
        search: try every mesh that divides the devices, and the model's policies of
            rematerialisation, instead of the one that is configured.
        minutes: time for compiling in a search.
        workers: compilers at once in a search.
        shown: candidates printed.
        price: of a chip for an hour, in whatever currency.
        out: the JSON file; null writes none.
    """

    search: bool = False
    minutes: PositiveFloat = 8.0
    workers: PositiveInt = 2
    shown: PositiveInt = 12
    price: NonNegativeFloat | None = None
    out: str | None = "plan.json"
