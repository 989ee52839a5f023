"""What fresh seeds say of each trial of a front, a table for each metric."""

from collections.abc import Mapping, Sequence
from typing import Any

from framework.evaluation import formats
from framework.evaluation.sections.pieces import Cell, Row, Table

COLUMNS = ["Trial", "Chosen for", "Fresh seeds", "On the test split"]
CAPTION = "Means of the fresh seeds, each with its 95% interval below."


def confirmed_tables(records: Sequence[Mapping[str, Any]]) -> list[Table]:
    """Of what `confirmed.json` has of a front.

    Args:
        records: of each trial and metric one.
    """
    rows: dict[str, list[Row]] = {}
    for record in records:
        rows.setdefault(record["metric"], []).append(_row(record))
    return [Table(formats.title(one), COLUMNS, own, CAPTION, 30) for one, own in rows.items()]


def _row(record: Mapping[str, Any]) -> Row:
    metric = record["metric"]
    chosen = Cell(formats.metric(metric, record["chosen"]))
    means = [_mean(metric, record[split]) for split in ("validation", "test")]
    return Row(str(record["trial"]), [chosen, *means])


def _mean(metric: str, estimate: Mapping[str, Any]) -> Cell:
    if estimate["mean"] is None:
        return Cell("—")
    ends = formats.span(metric, estimate["low"], estimate["high"])
    return Cell(formats.metric(metric, estimate["mean"]), note=ends)
