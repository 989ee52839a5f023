import numpy as np

from framework.evaluation import Evaluation, track_evaluation


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
