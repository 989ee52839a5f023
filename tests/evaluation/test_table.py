from io import StringIO

from rich.console import Console

from framework.evaluation import Evaluation, print_metrics

EVALUATION = Evaluation(
    "test",
    {"accuracy": 0.91345, "log_loss": 0.25, "area_under_roc": float("nan"), "recall/[b]": 0.5},
    {},
)


def printed(terminal):
    console = Console(file=StringIO(), force_terminal=terminal, width=60, color_system=None)
    print_metrics(console, EVALUATION)
    return console.file.getvalue().splitlines()


def test_on_a_terminal_the_numbers_are_aligned_and_the_main_one_first():
    title, *lines = [line.rstrip() for line in printed(True)]
    assert title.strip() == "Test"
    assert lines[0].startswith("Accuracy")
    assert lines[0].endswith("91.3%")
    assert len({len(line) for line in lines}) == 1
    assert lines[2].endswith("—")
    assert len(lines) == 3  # single classes are in the report


def test_elsewhere_each_line_is_a_name_and_a_number():
    assert printed(False) == [
        "test/accuracy 0.91345",
        "test/log_loss 0.25",
        "test/area_under_roc nan",
    ]
