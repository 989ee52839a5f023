"""Formats stand in `programs`, or where a server wants them, and never twice."""

from pathlib import Path

import pytest

from framework.config import InvalidConfig
from framework.export.exportable import Exportable
from framework.export.others import check_formats, write_formats
from tests.export.formats.models import exportable

FORMATS = ("stablehlo", "litert", "onnx", "savedmodel")


@pytest.fixture(autouse=True)
def written_as_names(monkeypatch: pytest.MonkeyPatch):
    """What converters do is tested elsewhere; here a format is a file with its name."""

    def write(form: str, exportable: Exportable, folder: Path) -> Path:
        folder.mkdir(parents=True)
        (folder / form).write_text("")
        return folder / form

    monkeypatch.setattr("framework.export.others.write_format", write)


def test_without_a_layout_each_has_its_folder(tmp_path: Path):
    told = write_formats(tmp_path, exportable("mlp"), FORMATS, None, "digits", largest_batch=8)
    assert told == {
        "litert": {"path": "programs/litert/litert"},
        "onnx": {"path": "programs/onnx/onnx"},
        "savedmodel": {"path": "programs/savedmodel/savedmodel"},
    }
    assert _files(tmp_path) == {entry["path"] for entry in told.values()}


def test_a_layout_has_the_first_that_its_server_runs(tmp_path: Path):
    told = write_formats(tmp_path, exportable("mlp"), FORMATS, "triton", "digits", largest_batch=8)
    assert told["onnx"] == {"path": "serving/triton/digits/1/onnx"}
    assert told["savedmodel"] == {"path": "programs/savedmodel/savedmodel"}
    configuration = "serving/triton/digits/config.pbtxt"
    assert _files(tmp_path) == {configuration, *(entry["path"] for entry in told.values())}


def test_mistakes_are_told_before_anything_is_written(monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(InvalidConfig, match=r"export\.layout=kserve: .*onnx or savedmodel"):
        check_formats(["stablehlo"], "kserve", "float32")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InvalidConfig) as raised:
        check_formats(["onnx", "litert"], None, "float32")
    assert len(raised.value.problems) == 2


def test_a_precision_that_a_format_cannot_hold_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    check_formats(FORMATS, None, "int8")
    check_formats(["stablehlo", "savedmodel"], None, "bfloat16")
    with pytest.raises(InvalidConfig) as raised:
        check_formats(["stablehlo", "onnx", "savedmodel"], None, "bfloat16")
    assert str(raised.value) == (
        "export.formats=onnx: expected a format that can hold export.precision=bfloat16; "
        "onnx holds float32, int8; stablehlo holds every precision"
    )


def _files(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
