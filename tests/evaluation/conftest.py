import json
import shutil

import pytest

from tests.evaluation.examined_run import examined, quality_found
from tests.evaluation.fake_run import (
    CLOTHES,
    class_predictions,
    gather_images,
    gather_table,
    image_spec,
    label_predictions,
    number_predictions,
    table_spec,
    write_run,
)


def _class_run(folder):
    outputs, labels = class_predictions(900, 10)
    return write_run(folder, image_spec("class", CLOTHES), outputs, labels, gather_images)


def _many_run(folder):
    names = [f"a species with a rather long name, number {i}" for i in range(100)]
    outputs, labels = class_predictions(1500, 100)
    return write_run(folder, image_spec("class", names), outputs, labels, gather_images)


def _two_run(folder):
    outputs, labels = class_predictions(300, 2)
    return write_run(
        folder, table_spec("class", ("stays", "leaves")), outputs, labels, gather_table
    )


def _label_run(folder):
    names = ("sea", "sky", "<script>alert(1)</script>")
    outputs, labels = label_predictions(300, names)
    return write_run(folder, image_spec("multi_label", names), outputs, labels, gather_images)


def _number_run(folder):
    names = ("price", "age")
    outputs, labels = number_predictions(300, names)
    return write_run(folder, table_spec("number", names), outputs, labels, gather_table)


MAKERS = {
    "class": _class_run,
    "many": _many_run,
    "two": _two_run,
    "multi_label": _label_run,
    "number": _number_run,
    "bare": write_run,
}


@pytest.fixture(scope="session")
def fake_run(tmp_path_factory):
    """`fake_run(kind)`: a run directory of that kind, made once; kinds are those of `MAKERS`."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = MAKERS[kind](tmp_path_factory.mktemp("runs") / kind)
        return made[kind]

    return of


@pytest.fixture(scope="session")
def examined_run(fake_run, tmp_path_factory):
    """`examined_run(kind)`: the same with an analysis, and data that were checked."""
    made = {}

    def of(kind):
        if kind not in made:
            run = tmp_path_factory.mktemp("examined") / kind
            shutil.copytree(fake_run(kind), run)
            examined(run / "evaluation" / "test", moved=1.0)
            (run / "data_quality").mkdir()
            pictured = json.loads((run / "evaluation" / "test" / "mistakes.json").read_text())
            found = quality_found(pictured[0]["picture"])
            (run / "data_quality" / "quality.json").write_text(json.dumps(found))
            made[kind] = run
        return made[kind]

    return of
