import json
import re
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.launch.report import say_page
from framework.launch.report.axis import axis
from framework.launch.report.axis import text as written
from framework.launch.report.found import read_sweep
from framework.launch.report.importance import importance
from framework.launch.report.report import write_report
from framework.launch.request import Request
from framework.launch.table import Row
from scripts.sweep_report import main
from tests.launch.report.made_up import confirm, confirm_front, make, row, several, two_objectives

SCRIPT = "<script>alert(1)</script>"


def text_of(folder: Path) -> str:
    """What a reader of the page sees, and its scripts."""
    return unescape(write_report(folder).read_text(encoding="utf-8")).replace("\u00a0", " ")


def coordinates(folder: Path) -> dict:
    page = write_report(folder).read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.S)
    assert found
    return json.loads(found[1])


@pytest.fixture(scope="module")
def swept(tmp_path_factory) -> Path:
    folder = make(tmp_path_factory.mktemp("sweep"), several())
    confirm(folder, several()[2], [0.89, 0.91, 0.9], [0.87, 0.88, 0.86])
    return folder


@pytest.fixture(scope="module")
def text(swept: Path) -> str:
    return text_of(swept)


def test_what_a_person_looks_for_is_there(text):
    for words in (
        "Trial 2 is best: validation accuracy 93.0%.", "90.1 to 95.1%", "on 400 examples",
        "optimizer.learning_rate 0.016596", "1 pruned, 1 failed, 1 running, 1 waiting",
        "Best so far, accuracy", "Learning curves, accuracy", "What matters for accuracy",
        "Stopped: in step 2 the loss is nan", "2 tries", "Begun again", "on cpu",
        "python -m experiments.run experiment=digits trainer.steps=60 "
        "optimizer.learning_rate=0.016596 'model.widths=[16]'",
        "launch.retry_failed=true", "Compiling", "rows of a program with others",
    ):  # fmt: skip
        assert words in text, words


def test_luck_is_told_apart_and_the_test_split_comes_once(text):
    assert "Trial 2 was chosen for its 93.0%" in text
    assert "with 3 fresh seeds, the same values reach 90.0% on average" in text
    assert "3.0 points of the chosen figure were luck." in text
    assert text.count("On the test split") == 1
    assert "accuracy 87.0% on average" in text


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.89, 0.95, 0.91], "with 3 seeds it cannot be told from chance"),
        ([0.95, 0.96, 0.97], "None of its lead was luck: the fresh seeds are 3.0 points better"),
        ([0.92, 0.94], "None of its lead was luck: the fresh seeds are as good."),
        ([], "None of its confirmations has ended"),
    ],
)
def test_what_confirmations_say(tmp_path, values, said):
    folder = make(tmp_path, several())
    if values:
        confirm(folder, several()[2], values, values)
    else:
        empty = {"mean": None, "low": None, "high": None, "n": 0, "by_seed": {}}
        said_nothing = {"metric": "accuracy", "validation": empty, "test": empty}
        (folder / "confirmed.json").write_text(json.dumps(said_nothing))
    assert said in text_of(folder)


def test_a_share_is_never_said_to_be_more_than_all(tmp_path):
    folder = make(tmp_path, several())
    confirm(folder, several()[2], [0.8, 0.99], [0.8, 0.99])
    assert "to 100.0%)" in text_of(folder)


def test_each_trial_has_a_line_and_a_link_to_its_own_report(swept):
    (swept / "trials" / "2" / "report.html").write_text("its own")
    page = write_report(swept).read_text()
    numbers = re.findall(r'<tr data-trial="(\d+)"', page)
    assert numbers == ["2", "3", "0", "1", "8", "6", "4", "5", "7"]
    assert '<a href="trials/2/report.html">2</a>' in page
    assert '<a href="trials/3/">3</a>' in page
    assert 'href="trials/7/' not in page  # it has not begun


def test_coordinates_lie_on_axes_as_the_space_has_them(swept):
    found = coordinates(swept)
    rate, widths, _ = found["axes"]
    assert [axis["result"] for axis in found["axes"]] == [False, False, True]
    assert [text for _, text in widths["ticks"]] == ["[16]", "[32, 16]"]
    powers = {text: share for share, text in rate["ticks"]}
    assert powers["0.01"] - powers["0.001"] == pytest.approx(powers["0.001"] - powers["0.0001"])
    lines = {trial["number"]: trial for trial in found["trials"]}
    assert set(lines) == {0, 1, 2, 3, 4, 8}  # what has no result has no line
    assert lines[2]["best"]
    assert lines[2]["at"][2] == 1
    assert all(0 <= share <= 1 for trial in lines.values() for share in trial["at"])


@pytest.mark.parametrize(
    ("values", "log"),
    [
        ([1e-4, 3e-4, 1e-3, 3e-3], True), ([1e-4, 1e-1], True), ([1, 2, 4, 8, 16], True),
        ([1, 4, 8, 12], False), ([1e-3, 2e-3], False), ([0, 1, 100], False), ([3], False),
    ],
)  # fmt: skip
def test_lists_are_read_by_powers_of_ten_where_they_are_even_there(values, log):
    assert axis("a.b", {"written": "", "values": values}, []).log is log


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ([0.9, 0.99, 0.0001], ["0.9", "0.99", "0.0001"]),
        ([0.9, 0.9995], ["0.9", "0.9995"]),
        ([0.99999, 0.9999999], ["0.99999", "0.9999999"]),
        ([0.1 + 0.2, 0.1], ["0.3", "0.1"]),
        ([0.1 + 0.2, 0.3], ["0.30000000000000004", "0.3"]),
        ([[0.9, 0.999], [0.9, 0.9991]], ["[0.9, 0.999]", "[0.9, 0.9991]"]),
        ([True, 1, "x"], ["true", "1", "x"]),
        ([True, "true"], ["true", '"true"']),
    ],
)
def test_listed_values_are_told_apart(values, said):
    one = axis("a", {"written": "", "values": values}, [])
    assert [one.text(value) for value in values] == said
    assert len({one.place(value) for value in values}) == len(values)


def test_ticks_of_large_numbers_are_told_apart():
    ticks = axis("a", {"written": "", "values": [2048, 2050]}, []).ticks()
    assert len({said for _, said in ticks}) == len(ticks)


def test_what_was_sampled_is_short_where_it_is_read_and_exact_where_it_is_used():
    value = 0.00123456789
    drawn = axis("a", {"written": "interval(0,1)"}, [{"a": value}, {"a": 0.5}])
    assert drawn.text(value) == "0.00123"
    assert [written(v) for v in (value, 0.99999, 1e-5, 2.0, [0.9995])] == [
        "0.00123456789", "0.99999", "1e-5", "2", "[0.9995]",
    ]  # fmt: skip


def test_two_choices_that_are_near_each_other_stay_two(tmp_path):
    betas = [[0.9, 0.999], [0.9, 0.9991]]
    rows = [
        row(n, accuracy=0.5 + 0.4 * (n % 2), values={"betas": betas[n % 2], "seed": n // 2})
        for n in range(8)
    ]
    space = {"betas": {"values": betas}, "seed": {"values": [0, 1, 2, 3]}}
    found = read_sweep(make(tmp_path, rows, space))
    table = importance(found, found.wanted[0])
    assert table is not None
    assert {one.name: one.cells[0].bar or 0.0 for one in table.rows}["betas"] > 0.9
    assert "It has betas [0.9, 0.9991], seed" in text_of(tmp_path)


def test_two_objectives_have_a_front(tmp_path):
    folder = make(tmp_path, two_objectives(), metrics=("accuracy", "log_loss"))
    text = text_of(folder)
    assert "3 trials are not beaten in accuracy and log loss at once." in text
    assert "The front" in text
    assert "What matters for log loss" in text
    assert text.count("python -m experiments.run") == 3
    assert [one.number for one in read_sweep(folder).best] == [1, 2, 3]


def test_each_trial_of_a_front_has_its_interval(tmp_path):
    rows = two_objectives()
    folder = make(tmp_path, rows, metrics=("accuracy", "log_loss"))
    confirm_front(folder, rows[1:4])
    text = text_of(folder)
    assert "Each trial of the front was trained again with fresh seeds," in text
    section = text[text.index('<section id="luck">') :].partition("</section>")[0]
    assert re.findall(r"<h3>(.*?)</h3>", section) == ["Accuracy", "Log loss"]
    assert re.findall(r'scope="row">(\d)', section) == ["1", "2", "3"] * 2
    cells = [re.sub(r"<.*?>", " ", cell).split() for cell in re.findall(r"<td.*?</td>", section)]
    assert cells[:2] == [["75.0%"], ["74.0%", "61.3", "to", "86.7%"]]
    assert cells[9][0] == "0.5"


def test_less_is_better_where_the_metric_says_so(tmp_path):
    rows = [row(n, result={"validation/log_loss": 1.0 + n}) for n in range(3)]
    folder = make(tmp_path, rows, metrics=("log_loss",))
    assert "Trial 0 is best: validation log loss 1." in text_of(folder)
    good = {trial["number"]: trial["good"] for trial in coordinates(folder)["trials"]}
    assert good[0] == 1 > good[1] > good[2] == 0


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No trial has begun yet."),
        ([row(0, accuracy=0.5)], "Trial 0 is best"),
        ([row(0, "running", seconds=0.0)], "No trial has come to a result yet."),
        ([row(0, "failed", message="x"), row(1, "failed", message="y")], "Every trial failed."),
        ([row(0, accuracy=float("nan"))], "No trial has come to a result yet."),
    ],
)
def test_few_trials_still_make_a_page(tmp_path, rows, said):
    assert said in text_of(make(tmp_path, rows))


def test_one_experiment_is_a_sweep_without_a_space(tmp_path):
    text = text_of(make(tmp_path, [row(0, accuracy=0.5, values={})], space={}))
    assert "One experiment." in text


def test_text_of_the_users_is_text(tmp_path):
    values = ["plain", SCRIPT]
    rows = [
        row(n, accuracy=0.5 + n / 10, values={"model.name": value, SCRIPT: n})
        for n, value in enumerate(values)
    ]
    rows.append(row(2, "failed", message=SCRIPT, values=rows[0].values))
    space = {"model.name": {"written": ",".join(values), "values": values}, SCRIPT: {"values": [0]}}
    page = write_report(make(tmp_path, rows, space)).read_text()

    class Scripts(HTMLParser):
        found = 0

        def handle_starttag(self, tag, attrs):
            self.found += tag == "script"

    parser = Scripts()
    parser.feed(page)
    assert parser.found == 2  # the page's own, and its data
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_one_file_that_asks_nothing_of_the_network(swept):
    page = write_report(swept).read_text()
    outside = re.sub(r"http://www.w3.org/2000/svg", "", page)  # a name, not an address
    assert "://" not in outside
    links = re.findall(r'(?:src|href)="([^"]*)"', page) + re.findall(r"url\(([^)]*)\)", page)
    assert links
    assert all(link.startswith(("#", "data:", "trials/")) for link in links)
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))
    assert {link[1:] for link in links if link.startswith("#")} <= set(names)


def test_chips_are_paid_for_where_a_price_is_known(tmp_path):
    rows = [row(0, accuracy=0.5, seconds=3600.0), row(1, accuracy=0.6, seconds=3600.0)]
    launcher = {"slice": "v5e:2x4", "slices": 2, "price": 1.5}
    text = text_of(make(tmp_path / "paid", rows, **launcher))
    assert "32 chip hours at 1.5: 48.00" in text
    text = text_of(make(tmp_path / "free", rows, slice="v5e:2x4", price=None))
    assert "16 chip hours; launch.price=… gives the sum" in text
    text = text_of(make(tmp_path / "unknown", rows, slice="v5e:2x4"))
    assert "16 chip hours" in text
    assert "launch.price" not in text


def test_without_optuna_it_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "framework.launch.study.importance", None)
    text = text_of(make(tmp_path, several()))
    assert "pip install 'framework[sweep]'" in text
    assert "What matters for" not in text


def test_the_command(tmp_path, capsys):
    folder = make(tmp_path / "sweep", several())
    assert main([str(folder)]) == 0
    assert (folder / "sweep.html").exists()
    assert capsys.readouterr().out == f"Report    {folder / 'sweep.html'}\n"
    assert main([str(tmp_path)]) == 2
    assert "the directory of a sweep" in capsys.readouterr().err


def test_what_is_no_sweep_is_refused(tmp_path):
    with pytest.raises(InvalidConfig, match=r"sweep\.yaml"):
        write_report(tmp_path)


def test_the_end_of_a_sweep_says_where_its_page_is(tmp_path, capsys):
    request = Request("digits", make(tmp_path, several()), (), ())
    say_page(request, wait=False)
    assert capsys.readouterr().out == f"Report    python scripts/sweep_report.py {tmp_path}\n"
    assert not (tmp_path / "sweep.html").exists()
    say_page(request, wait=True)
    assert capsys.readouterr().out == f"Report    {tmp_path / 'sweep.html'}\n"


def test_a_page_that_cannot_be_made_does_not_end_a_sweep(tmp_path, capsys):
    say_page(Request("digits", tmp_path, (), ()), wait=True)
    assert "The page could not be made" in capsys.readouterr().err


def test_a_sweep_that_wants_no_reports_gets_none(tmp_path, capsys):
    folder = make(tmp_path, several())
    say_page(Request("digits", folder, ("evaluation.report=false",), ()), wait=True)
    assert capsys.readouterr().out == ""


def test_a_line_cut_short_is_passed_over(tmp_path):
    folder = make(tmp_path, several())
    with (folder / "trials" / "2" / "metrics.jsonl").open("a") as file:
        file.write('{"step": 80, "validation/accuracy": 0.')
    found = read_sweep(folder)
    best: Row = found.best[0]
    steps, values = found.curves(best)["accuracy"]
    assert steps.tolist() == [20, 40, 60]
    assert values.tolist() == pytest.approx([0.31, 0.62, 0.93])
