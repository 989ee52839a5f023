"""An evaluation on the terminal."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.formats import metric, title


def print_metrics(console: Console, evaluation: Evaluation) -> None:
    """A table of the metrics; plain `split/name value` lines where no one is looking.

    The numbers of single classes and targets are left to `metrics.json` and the report.
    """
    main = main_metrics(evaluation)
    if not console.is_terminal:
        for name, value in main.items():
            console.print(
                f"{evaluation.split}/{name} {value:.6g}", markup=False, highlight=False,
                soft_wrap=True,
            )  # fmt: skip
        return
    table = Table(
        title=Text(evaluation.split.capitalize(), style="bold"),
        title_justify="left",
        box=None,
        show_header=False,
        pad_edge=False,
    )
    table.add_column()
    table.add_column(justify="right")
    for position, (name, value) in enumerate(main.items()):
        style = "bold" if position == 0 else ""
        table.add_row(Text(title(name), style), Text(metric(name, value), style))
    console.print(table)


def main_metrics(evaluation: Evaluation) -> dict[str, float]:
    """The metrics of everything together, without those of single classes or targets."""
    return {name: value for name, value in evaluation.metrics.items() if "/" not in name}
