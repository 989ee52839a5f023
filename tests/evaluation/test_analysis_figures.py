import json

from framework.evaluation.analysis_figures import analysis_figures, drift_figure, slices_figure
from framework.evaluation.canvas import PALETTE, as_svg
from tests.evaluation.examined_run import drift, feature, one_slice


def test_each_part_of_an_analysis_has_its_figure(examined_run):
    file = examined_run("class") / "evaluation" / "test" / "analysis.json"
    figures = analysis_figures(json.loads(file.read_text()))
    assert list(figures) == ["risk_coverage", "slices", "drift", "shift"]
    for name, figure in figures.items():
        svg = as_svg(figure, name, name)
        assert svg.startswith("<svg")
        assert not any(colour in svg for colour in PALETTE.values())


def test_nothing_is_drawn_of_nothing():
    assert analysis_figures({}) == {}
    assert analysis_figures({"abstaining": {}, "slices": [], "drift": {"features": []}}) == {}


def test_alarms_and_worse_slices_are_orange():
    moved = drift(feature("age", "major", 0.5), feature("sex"), verdict="major")
    svg = as_svg(drift_figure(moved), "drift", "")
    assert svg.count("fill: var(--warm)") == 1
    worse = [one_slice("a", "worse", 0.5), one_slice("b", "better", 0.9)]
    assert "var(--warm)" in as_svg(slices_figure(worse), "slices", "")
    assert "var(--warm)" not in as_svg(slices_figure(worse[1:]), "slices", "")


def test_features_without_a_number_are_left_out():
    few = drift(feature("age"), feature("sex", "not enough data", None))
    svg = as_svg(drift_figure(few), "drift", "")
    assert "age" in svg
    assert "sex" not in svg
