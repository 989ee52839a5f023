"""Each gate lets pass what keeps its bounds, and says in numbers what does not."""

import copy
import time

import pytest

from framework.registry.gates import (
    Calibration,
    Latency,
    Metrics,
    ModelCard,
    Parity,
    SignatureCompatible,
    Signed,
    Size,
    Slices,
    judge,
    latency,
)
from tests.artifact.keys import PUBLIC
from tests.registry.artifacts import CARD, METRICS, about


def test_a_first_version_has_nothing_to_be_compared_with(contender):
    one = contender(works=True)
    gates = {
        "metrics": Metrics(), "calibration": Calibration(), "slices": Slices(),
        "latency": Latency(calls=3, warm_up=1), "size": Size(), "parity": Parity(),
        "signature": SignatureCompatible(), "model_card": ModelCard(),
    }  # fmt: skip
    findings = judge(gates, one, None)
    assert [finding.gate for finding in findings] == list(gates)
    assert all(finding.passed for finding in findings), findings


# The champion's is 0.9 (0.88 to 0.92); two half-widths of 0.02 in quadrature are 0.0283.
@pytest.mark.parametrize(
    ("accuracy", "margin", "passed"),
    [(0.95, 0, True), (0.9, 0, True), (0.873, 0, True), (0.871, 0, False), (0.863, 0.01, True),
     (0.861, 0.01, False)],
)  # fmt: skip
def test_metrics_may_be_worse_by_chance_and_by_the_margin(contender, accuracy, margin, passed):
    ends = {"accuracy/low": accuracy - 0.02, "accuracy/high": accuracy + 0.02}
    candidate = contender(1, metrics=METRICS | {"accuracy": accuracy} | ends)
    found = Metrics(margin=margin)(candidate, contender())
    assert found.passed == passed
    assert found.numbers["accuracy/difference_high"] == pytest.approx(
        accuracy - 0.9 + 0.02 * 2**0.5
    )


def test_of_a_loss_less_is_better(contender):
    worse = METRICS | {"log_loss": 0.5, "log_loss/low": 0.45, "log_loss/high": 0.55}
    assert not Metrics()(contender(1, metrics=worse), contender()).passed
    assert Metrics()(contender(), contender(1, metrics=worse)).passed


def test_without_intervals_any_loss_counts(contender):
    champion = contender(metrics={"accuracy": 0.9})
    assert Metrics()(contender(1, metrics={"accuracy": 0.9}), champion).passed
    assert not Metrics()(contender(2, metrics={"accuracy": 0.8999}), champion).passed


def test_a_metric_that_is_gone_or_no_number_does_not_pass(contender):
    gone = {name: value for name, value in METRICS.items() if "log_loss" not in name}
    found = Metrics()(contender(1, metrics=gone), contender())
    assert (found.passed, found.sentence) == (False, "it has no log_loss, which the champion has")
    nothing = Metrics(names=("perplexity",))(contender(2), contender())
    assert not nothing.passed
    broken = contender(3, metrics=METRICS | {"accuracy": float("nan")})
    assert not judge({"metrics": Metrics()}, broken, contender())[0].passed


def test_numbers_of_two_splits_are_not_compared(contender):
    of_validation = METRICS | {"split": "validation"}
    found = Metrics()(contender(1, metrics=of_validation), contender())
    assert (found.passed, found.sentence) == (
        False, "measured on validation, the champion on test: export both on the same split",
    )  # fmt: skip
    champion = contender(2, metrics=of_validation)
    assert Metrics()(contender(3, metrics=of_validation), champion).passed


def test_other_data_are_spoken_of(contender):
    other = contender(1, data={"name": "toys", "fingerprint": "other"})
    assert Metrics()(other, contender()).sentence.endswith("they were measured on different data")


@pytest.mark.parametrize(
    ("error", "chance", "passed"),
    [(0.04, 0.01, True), (0.06, 0.01, False), (0.06, 0.07, True), (0.06, None, False),
     (None, 0.07, False)],
)  # fmt: skip
def test_calibration_is_within_its_bound_or_within_chance(contender, error, chance, passed):
    name = "expected_calibration_error"
    measured = {name: error, f"{name}/under_calibration": chance}
    found = {n: value for n, value in measured.items() if value is not None}
    assert Calibration()(contender(metrics=found), None).passed == passed


def test_what_gives_no_probabilities_need_not_be_calibrated(contender):
    assert Calibration()(contender(metrics={}, kind="number"), None).passed


@pytest.mark.parametrize(
    ("changes", "gate", "passed"),
    [
        ({}, Slices(), True),
        ({"slice/small/accuracy": 0.84}, Slices(), True),
        ({"slice/small/accuracy": 0.82}, Slices(), False),
        ({"slice/small/accuracy": 0.82}, Slices(margin=0.05), True),
        ({"slice/small/accuracy": 0.82, "slice/small/accuracy/high": 0.9,
          "slice/small/accuracy/low": 0.7}, Slices(), False),  # the champion has no interval
        ({"slice/small/accuracy": None}, Slices(), False),
        ({}, Slices(floor=0.86), False),
        ({}, Slices(floor=0.85), True),
        ({}, Slices(metrics=("log_loss",)), True),
        ({}, Slices(metrics=("log_loss",), required=True), False),
    ],
)  # fmt: skip
def test_no_slice_is_worse_or_under_the_floor(contender, changes, gate, passed):
    metrics = {n: v for n, v in (METRICS | changes).items() if v is not None}
    assert gate(contender(1, metrics=metrics), contender()).passed == passed


def test_slices_with_intervals_may_be_worse_by_chance(contender):
    ends = {"slice/small/accuracy/low": 0.75, "slice/small/accuracy/high": 0.95}
    champion = contender(metrics=METRICS | ends)
    worse = METRICS | {"slice/small/accuracy": 0.75} | {
        "slice/small/accuracy/low": 0.65, "slice/small/accuracy/high": 0.85,
    }  # fmt: skip
    assert Slices()(contender(1, metrics=worse), champion).passed


def test_latency_is_measured_side_by_side(contender):
    candidate, champion = contender(1, works=True), contender(2, works=True)
    found = Latency(ratio=100, milliseconds=1000, calls=5, warm_up=1)(candidate, champion)
    assert found.passed
    assert 0 < found.numbers["milliseconds"] < 1000
    assert not Latency(ratio=1e-3, calls=5, warm_up=1)(candidate, champion).passed
    assert not Latency(milliseconds=1e-6, calls=5, warm_up=1)(candidate, champion).passed


def test_calls_alternate_so_that_a_slow_moment_meets_both():
    order = []

    def call(name, seconds):
        return lambda: (order.append(name), time.sleep(seconds))

    slow, fast = latency._interleaved([call("a", 0.004), call("b", 0.001)], count=5, warm_up=2)
    assert order == ["a", "b"] * 7
    assert slow > fast >= 1


def test_what_cannot_be_loaded_has_no_latency(contender):
    found = Latency()(contender(), None)
    assert not found.passed
    assert "cannot be measured" in found.sentence


def test_what_has_no_examples_has_no_latency(contender):
    """As of `export.examples=0`."""
    without, champion = contender(works=True, examples=False), contender(1, works=True)
    for pair in ((without, None), (champion, without)):
        found = Latency(calls=1, warm_up=0)(*pair)
        assert not found.passed
        assert found.sentence == (
            "cannot be measured: version 1 has no examples/inputs.npz to be called with; export "
            "it with export.examples=1 or more"
        )


def test_size_has_bounds_in_bytes_and_against_the_champion(contender):
    candidate, champion = contender(1), contender(2, card=CARD * 40)
    assert Size()(candidate, champion).passed
    assert not Size()(champion, candidate).passed
    assert Size(ratio=None)(champion, candidate).passed
    size = candidate.version.size
    assert Size(bytes=size)(candidate, None).passed
    assert not Size(bytes=size - 1)(candidate, None).passed


@pytest.mark.parametrize(
    ("changes", "passed", "said"),
    [
        ({}, True, "1 compared"),
        (
            {"largest_difference": 1e-4},
            False,
            "stablehlo/float32/cpu differs by 0.0001, over 1e-05",
        ),
        ({"largest_difference": None}, False, "differs by None"),
        ({"format": "onnx"}, False, "stablehlo was not compared"),
        ({"examples": 10}, False, "on 10 examples only"),
    ],
)
def test_parity_is_within_its_bound(contender, changes, passed, said):
    parity = [about()["parity"][0] | changes]
    found = Parity(examples=1000)(contender(parity=parity), None)
    assert found.passed == passed
    assert said in found.sentence


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        ({"accuracy_drop": 0.01, "agreement": 0.97}, ""),
        ({"accuracy_drop": -0.01, "agreement": None}, ""),
        (
            {"accuracy_drop": 0.03, "agreement": 0.97},
            "accuracy_drop of its precision is 0.03, over 0.02",
        ),
        ({"accuracy_drop": 0.0, "agreement": 0.9}, "agrees with the run in 0.9, under 0.96"),
        ({"loss_increase": 0.2}, "loss_increase of its precision is 0.2, over 0.1"),
        ({}, "stablehlo/int8/cpu has no bound, and its cost was not measured"),
        ({"accuracy_drop": None, "calibration_increase": 0.0}, "its cost was not measured"),
    ],
)
def test_a_coarser_precision_is_bounded_by_what_it_costs(contender, cost, said):
    parity = [about()["parity"][0] | {"precision": "int8", "bound": None}]
    told = {name: {"value": value} for name, value in cost.items()}
    found = Parity()(contender(parity=parity, precision="int8", cost=told), None)
    assert found.passed == (not said)
    assert said in found.sentence


@pytest.mark.parametrize(
    ("cost", "difference", "said"),
    [
        ({"accuracy_drop": 0.01, "agreement": 0.97}, 1e-2, ""),
        ({"accuracy_drop": 0.03, "agreement": 0.97}, 1e-2, "accuracy_drop of its precision"),
        ({"accuracy_drop": 0.01, "agreement": 0.97}, None, "differs by None"),
        ({}, 1e-2, "stablehlo/float32/cpu has no bound, and its cost was not measured"),
    ],
)
def test_float32_of_a_coarser_run_is_bounded_by_what_it_costs(contender, cost, difference, said):
    parity = [about()["parity"][0] | {"bound": None, "largest_difference": difference}]
    told = {name: {"value": value} for name, value in cost.items()}
    found = Parity()(contender(parity=parity, cost=told), None)
    assert found.passed == (not said)
    assert said in found.sentence


def test_every_format_is_compared(contender):
    assert not Parity()(contender(parity=[]), None).passed
    found = Parity()(contender(formats={"onnx": {"path": "programs/onnx/model.onnx"}}), None)
    assert found.sentence == "onnx was not compared"


X, Y = ("inputs", "x"), ("outputs", "probabilities")


@pytest.mark.parametrize(
    ("place", "changes", "said"),
    [
        (X, {"shape": ["batch", 5]}, "input x: shape ['batch', 5] instead of ['batch', 4]"),
        (X, {"dtype": "int32"}, "input x: dtype int32 instead of float32"),
        (X, {"units": "metres"}, "input x: units metres instead of "),
        (X, {"range": [0, 0.5]}, "input x: range [0, 0.5] instead of [0, 1]"),
        (Y, {"classes": ["yes", "no"]}, "output probabilities: classes"),
        (Y, {"shape": ["batch", 3]}, "output probabilities: shape"),
    ],
)
def test_a_signature_that_breaks_clients_does_not_pass(contender, place, changes, said):
    signature = copy.deepcopy(about()["signature"])
    signature[place[0]][place[1]] |= changes
    found = SignatureCompatible()(contender(1, signature=signature), contender())
    assert not found.passed
    assert said in found.sentence


def test_a_signature_that_takes_and_gives_more_passes(contender):
    signature = copy.deepcopy(about()["signature"])
    signature["inputs"]["x"]["range"] = [-1, 2]
    signature["outputs"]["embedding"] = {"shape": ["batch", 7], "dtype": "float32"}
    wider = contender(1, signature=signature)
    assert SignatureCompatible()(wider, contender()).passed
    back = SignatureCompatible()(contender(), wider)
    assert "output embedding is gone" in back.sentence
    assert "range [0, 1] instead of [-1, 2]" in back.sentence


def test_a_missing_value_that_was_taken_is_still_taken(contender):
    signature = copy.deepcopy(about()["signature"])
    signature["inputs"]["x"]["missing"] = True
    champion = contender(1, signature=signature)
    found = SignatureCompatible()(contender(), champion)
    assert found.sentence == "input x: missing values are refused now"
    assert SignatureCompatible()(champion, contender()).passed


def test_inputs_that_are_new_or_gone_break_clients(contender):
    signature = copy.deepcopy(about()["signature"])
    signature["inputs"]["z"] = signature["inputs"].pop("x")
    found = SignatureCompatible()(contender(1, signature=signature), contender())
    assert found.sentence == "input x is gone; input z is new: no client sends it"


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("", "there is no model_card.md"),
        (CARD.replace("## Calibration\n", ""), "“Calibration” is missing"),
        (CARD.replace("## Limitations\n\nAll that there is to say.", "## Limitations\n"),
         "“Limitations” is empty"),
        (CARD.replace("## Training data\n\nAll that", "## Training data\n\n- Not recorded: all"),
         "“Training data” is empty"),
        (CARD.replace("## Training data\n\nAll that there is to say.",
                      "## Training data\n\n| | |\n|---|---|"), "“Training data” is empty"),
    ],
)  # fmt: skip
def test_a_model_card_with_a_hole_does_not_pass(contender, card, said):
    found = ModelCard()(contender(card=card), None)
    assert (found.passed, found.sentence) == (False, said)


def test_what_is_not_signed_does_not_pass(contender, tmp_path):
    key = tmp_path / "public.pem"
    key.write_text(PUBLIC)
    found = Signed(key=key)(contender(), None)
    assert not found.passed
    assert "not signed" in found.sentence or "model-signing" in found.sentence
    key.unlink()
    with pytest.raises(ValueError, match="there is no such file"):
        Signed(key=key)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Metrics(names=()), lambda: Metrics(margin=-1), lambda: Calibration(at_most=2),
        lambda: Latency(calls=0), lambda: Latency(ratio=0), lambda: Size(bytes=0),
    ],
)  # fmt: skip
def test_bounds_that_make_no_sense_are_refused(make):
    with pytest.raises(ValueError, match=r"expected|a name"):
        make()
