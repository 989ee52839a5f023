import numpy as np

from framework.evaluation import Evaluation, track_evaluation
from framework.evaluation.track import track_analysis
from tests.evaluation.examined_run import drift, estimate, feature, one_slice


class Heard:
    def __init__(self):
        self.calls = []

    def __getattr__(self, name):
        return lambda *arguments: self.calls.append((name, *arguments))


def test_main_metrics_are_scalars_and_single_classes_one_table():
    metrics = {"accuracy": 0.5, "precision/a": 1.0, "precision/b": 0.5, "recall/b": 0.25}
    picture = np.zeros((2, 2, 3), np.uint8)
    heard = Heard()
    track_evaluation(heard, 7, Evaluation("test", metrics, {}), {"confusion": picture})
    scalars, pictured, table = heard.calls
    assert scalars == ("scalars", 7, {"test/accuracy": 0.5})
    assert pictured == ("picture", 7, "test/confusion", picture)
    assert table[:4] == ("table", 7, "test/each", ["name", "precision", "recall"])
    (first, *nothing), second = table[4]
    assert first == "a"
    assert nothing[0] == 1
    assert np.isnan(nothing[1])
    assert second == ["b", 0.5, 0.25]


def test_an_analysis_becomes_tables():
    heard = Heard()
    gap = {
        "value": 0.1, "low": 0.0, "high": 0.2, "without_difference": 0.05, "p_value": 0.3,
        "groups": 2, "between": ["2", "1", "predicted 1"],
    }  # fmt: skip
    analysis = {
        "estimates": {"accuracy": estimate(0.9, 0.8, 0.95)},
        "slices": [one_slice("sex=1", "worse", 0.7)],
        "gaps": {"sex": {"demographic_parity": gap}},
        "drift": drift(feature("age", missing=(0.0, 0.5))),
    }
    track_analysis(heard, 7, "test", analysis)
    tables = {name: (columns, rows) for _, _, name, columns, rows in heard.calls}
    columns, rows = tables["test/estimates"]
    assert dict(zip(columns, rows[0], strict=True))["low"] == 0.8
    assert np.isnan(dict(zip(columns, rows[0], strict=True))["under_calibration"])
    columns, rows = tables["test/slices"]
    assert [row[columns.index("metric")] for row in rows] == ["accuracy", "loss"]
    assert tables["test/gaps"][1][0][-1] == "2, 1, predicted 1"
    assert tables["test/drift_features"][1][0][-2:] == [0.0, 0.5]
    for columns, rows in tables.values():
        assert all(len(row) == len(columns) for row in rows)


def test_what_an_analysis_lacks_is_no_table():
    heard = Heard()
    track_analysis(heard, 7, "test", {"estimates": {}})
    assert heard.calls == []
