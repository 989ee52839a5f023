"""Raw examples of a data set as a client would send them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from framework.artifact import Signature
from framework.artifact.signature import TEXT


def as_client(inputs: Any, signature: Signature) -> dict[str, Any]:
    """What `Artifact.predict` takes for a batch's raw `inputs`.

    Columns come by their names, categories as the texts that they stand for.
    """
    if not isinstance(inputs, Mapping):
        (name,) = signature.inputs
        return {name: inputs}
    batch: dict[str, Any] = {}
    for name, argument in signature.arguments.items():
        rows = np.asarray(inputs[name])
        if not argument.stacked:
            batch[name] = rows
            continue
        for place, column in enumerate(argument.inputs):
            known = signature.inputs[column]
            values = rows[:, place]
            if known.dtype == TEXT:
                values = np.array([None, *known.categories], object)[values]
            batch[column] = values
    return batch
