"""What is not defined is a dash or a sentence, wherever in an analysis it is missing."""

import copy
import importlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from framework.evaluation import read_evaluation
from framework.evaluation.analysis_figures import analysis_figures, drift_figure, slices_figure
from framework.evaluation.narrative import headline
from framework.evaluation.section import section

_MAY_MISS = {
    "value", "low", "high", "p_value", "excess", "adjusted_p_value", "accuracy", "under_calibration"
}  # fmt: skip


def places(value, path=()):
    """Paths of the numbers that may be undefined."""
    if isinstance(value, dict):
        for key, part in value.items():
            if key in _MAY_MISS and not isinstance(part, dict | list):
                yield (*path, key)
            yield from places(part, (*path, key))
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from places(part, (*path, position))


def without(analysis, missing):
    """Without a value there is no interval either, and of a gap nothing."""
    changed = copy.deepcopy(analysis)
    for *path, key in missing:
        at = changed
        for step in path:
            at = at[step]
        if path[0] == "gaps":
            at |= dict.fromkeys(("value", "low", "high", "without_difference", "p_value"))
            at["between"] = []
        for name in ("value", "low", "high", "p_value") if key == "value" else (key,):
            if name in at:
                at[name] = None
        if key in ("low", "high") and "value" in at:
            at["low"] = at["high"] = None
    return changed


@pytest.mark.parametrize("kind", ["class", "multi_label", "number"])
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_number_may_be_undefined(examined_run, kind, data):
    folder = examined_run(kind) / "evaluation" / "test"
    analysis = json.loads((folder / "analysis.json").read_text())
    known = list(places({k: v for k, v in analysis.items() if k != "recalibration"}))
    missing = data.draw(st.lists(st.sampled_from(known), max_size=40))
    changed = without(analysis, missing)
    evaluation, labels, mistakes = read_evaluation(folder)
    with pytest.MonkeyPatch.context() as patch:  # drawing takes most of the time
        for name in ("section", "sections.confidence"):
            module = importlib.import_module(f"framework.evaluation.{name}")
            patch.setattr(module, "as_svg", lambda *_: "")
        blocks = section(evaluation, labels, mistakes, changed).blocks
    told = headline(evaluation, labels, changed)
    words = json.dumps([told, [block.sentences + block.points for block in blocks]])
    assert "None" not in words.replace("None of", "")
    assert "nan" not in words.split()
    drift_figure(changed["drift"])
    slices_figure(changed["slices"])


@pytest.mark.parametrize(
    "left_out",
    ["estimates", "abstaining", "slices", "gaps", "drift", "shift", "recalibration", "two_sample"],
)
def test_any_part_may_be_missing(examined_run, left_out):
    folder = examined_run("class") / "evaluation" / "test"
    analysis = json.loads((folder / "analysis.json").read_text())
    if left_out == "estimates":
        analysis["estimates"] = {}
    else:
        del analysis[left_out]
    record = read_evaluation(folder)
    assert section(*record, analysis).blocks
    assert headline(*record[:2], analysis)
    analysis_figures(analysis)


def test_a_split_without_examples_has_no_curve(examined_run):
    folder = examined_run("class") / "evaluation" / "test"
    analysis = {"estimates": {}, "abstaining": {"coverage": [], "risk": []}}
    evaluation, labels, mistakes = read_evaluation(folder)
    assert len(section(evaluation, labels, mistakes, analysis).blocks[0].figures) == 1
    assert analysis_figures(analysis) == {}
