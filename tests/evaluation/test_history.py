import json

import numpy as np

from framework.evaluation.history import read_curves, telling


def test_lines_are_sorted_into_metrics_and_splits(tmp_path):
    file = tmp_path / "metrics.jsonl"
    lines = [
        {"step": 1, "gradient_norm": 3.0, "loss": 2.0},
        {"step": 2, "validation/accuracy": 0.5, "validation/loss": 1.5},
        {"step": 2, "validation/recall/Shirt": 0.1, "validation/examples": 10, "note": "text"},
        {"step": 3, "loss": 1.0},
    ]
    file.write_text("\n".join(map(json.dumps, lines)) + '\n{"step": 4, "lo')
    curves = read_curves(file)
    assert list(curves) == ["loss", "accuracy", "gradient_norm"]
    steps, values = curves["loss"]["train"]
    np.testing.assert_array_equal(steps, [1, 3])
    np.testing.assert_array_equal(values, [2, 1])
    assert list(curves["loss"]) == ["train", "validation"]
    assert telling(curves) == ["loss", "accuracy"]


def test_no_file_and_broken_lines_are_no_curves(tmp_path):
    assert read_curves(tmp_path / "none") == {}
    (tmp_path / "odd").write_text('[1]\nnull\n{"loss": 1}\n\n')
    assert read_curves(tmp_path / "odd") == {}


def test_numbers_that_are_none_are_kept_for_the_figure_to_leave_out(tmp_path):
    (tmp_path / "m").write_text('{"step": 1, "loss": NaN}\n{"step": 2, "loss": null}\n')
    assert np.isnan(read_curves(tmp_path / "m")["loss"]["train"][1]).all()
