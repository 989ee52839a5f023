"""Corruptions of tables at five strengths: what pipelines do to columns.

Each takes raw inputs `numeric` [n, k] and `categorical` [n, m] (index 0 is missing), the strength
1 to 5 and a generator.
"""

from collections.abc import Callable, Mapping

import numpy as np

Table = Mapping[str, np.ndarray]
Corruption = Callable[[Table, int, np.random.Generator], dict[str, np.ndarray]]


def missing(table: Table, strength: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """10 to 50 % of all cells are lost."""
    share = 0.1 * strength
    numeric = table["numeric"].astype(np.float32)
    numeric[random.random(numeric.shape) < share] = np.nan
    categorical = table["categorical"].copy()
    categorical[random.random(categorical.shape) < share] = 0
    return {**table, "numeric": numeric, "categorical": categorical}


def scaled(table: Table, strength: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Numbers come in a unit that is 1.2 to 2 times as small."""
    del random
    return {**table, "numeric": table["numeric"] * (1 + 0.2 * strength)}


def swapped(table: Table, strength: int, random: np.random.Generator) -> dict[str, np.ndarray]:
    """In 20 to 100 % of the rows neighbouring columns have changed places.

    A category that its new column does not have becomes missing.
    """
    rows = random.random(len(table["categorical"])) < 0.2 * strength
    out = {name: array.copy() for name, array in table.items()}
    for array in (out["numeric"], out["categorical"]):
        width = array.shape[1] // 2 * 2
        order = np.arange(array.shape[1])
        order[:width] = order[:width].reshape(-1, 2)[:, ::-1].ravel()
        array[rows] = array[rows][:, order]
    most = table["categorical"].max(axis=0, initial=0)
    out["categorical"][out["categorical"] > most] = 0
    return out


TABLES: dict[str, Corruption] = {"missing": missing, "scaled": scaled, "swapped": swapped}
