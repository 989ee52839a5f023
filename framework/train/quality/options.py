"""What a check of data looks at, and when it calls something out."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from framework.config import PositiveInt

Share = Annotated[float, Field(gt=0, le=1)]


@dataclass(frozen=True)
class QualityOptions:
    """How much is looked at.

    Attributes:
        examples: of each split, at most; evenly spaced where there are more.
        shown: suspects, anomalies and pairs that are listed and pictured.
        cosine: of thumbnails or numbers that are near duplicates.
        jaccard: of texts that are near duplicates.
        neighbours: nearest examples whose mean distance says how anomalous one is.
    """

    examples: PositiveInt = 100_000
    shown: PositiveInt = 24
    cosine: Share = 0.99
    jaccard: Share = 0.8
    neighbours: PositiveInt = 10
