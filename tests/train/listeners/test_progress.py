"""What a person sees while a run trains."""

import io

import jax.numpy as jnp
from rich.console import Console

from framework.train.listeners.progress import Progress
from framework.train.loop import Moment

VALUES = {"loss": 1.5, "learning_rate": 1e-3, "steps_per_second": 10.0,
          "examples_per_second": 3200.0}  # fmt: skip


def shown(terminal: bool) -> tuple[Progress, io.StringIO]:
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=120)
    return Progress(console, steps=100, line_seconds=0.0), file


def moment(step: int) -> Moment:
    return Moment(step, 1, None, {"loss": jnp.zeros(())}, 0.0)  # type: ignore[arg-type]


def test_plain_lines_where_there_is_no_terminal() -> None:
    progress, file = shown(terminal=False)
    progress.on_step(moment(20))
    progress.hear(20, VALUES)
    progress.on_eval(20, {"validation/accuracy": 0.5, "validation/macro_f1": 0.4})
    progress.on_end(20)
    assert file.getvalue().splitlines() == [
        "step 20/100  loss 1.5000  learning rate 1.00e-03  10.0 steps/s  3,200 examples/s  "
        "8 s left",
        "step 20/100  validation/accuracy 0.5000",
    ]


def test_tokens_and_utilisation_where_they_are_known() -> None:
    progress, file = shown(terminal=False)
    progress.hear(20, {**VALUES, "tokens_per_second": 64000.0, "mfu": 0.412})
    assert "10.0 steps/s  64,000 tokens/s  MFU 41.2%  8 s left" in file.getvalue()


def test_plain_lines_do_not_come_faster_than_can_be_read() -> None:
    progress, file = shown(terminal=False)
    progress.line_seconds = 60.0
    for step in (20, 40, 60):
        progress.hear(step, VALUES)
    assert len(file.getvalue().splitlines()) == 1


def test_metrics_of_a_users_own_task_are_shown_all() -> None:
    progress, file = shown(terminal=False)
    progress.on_eval(20, {"validation/stars": 3.0})
    assert "validation/stars 3.0000" in file.getvalue()


def test_a_bar_on_a_terminal() -> None:
    progress, file = shown(terminal=True)
    progress.on_step(moment(1))
    progress.hear(1, VALUES)
    progress.on_step(moment(50))
    progress.on_end(50)
    text = file.getvalue()
    assert "training" in text
    assert "50/100" in text
    assert "loss 1.5000" in text
