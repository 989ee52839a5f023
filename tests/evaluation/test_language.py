"""What is shown of a language model, against sums written out by hand."""

import math

import numpy as np
import pytest

from framework.evaluation.evaluate import Evaluation
from framework.evaluation.language import (
    loss_by_place,
    token_baselines,
    token_headline,
    token_reliability,
)
from framework.evaluation.record import read_evaluation, write_evaluation
from framework.evaluation.section import section
from framework.spec import Field, Labels, Spec
from framework.stats import language_metrics

ROWS, LENGTH = 40, 130
SPEC = Spec({"tokens": Field((LENGTH,), "int32", (7,))}, Labels("token", count=7))


@pytest.fixture(scope="module")
def evaluation() -> Evaluation:
    random = np.random.default_rng(0)
    labels = random.integers(0, 7, (ROWS, LENGTH)).astype(np.int32)
    labels[:, 120:] = -1
    confidence = random.uniform(0.2, 1, labels.shape).astype(np.float32)
    correct = random.uniform(size=labels.shape) < confidence
    arrays = {
        "log_likelihood": np.where(correct, np.log(confidence), -2).astype(np.float32),
        "confidence": confidence,
        "correct": correct,
        "bytes": np.full(ROWS, 240, np.int32),
    }
    metrics = language_metrics(
        arrays["log_likelihood"], confidence, correct, labels >= 0, arrays["bytes"]
    )
    index = np.arange(ROWS, dtype=np.int32)
    return Evaluation("test", metrics, {**arrays, "labels": labels, "index": index})


def test_the_loss_at_each_place_adds_up_to_the_whole(evaluation: Evaluation) -> None:
    place, nats = loss_by_place(evaluation)
    assert (np.diff(place) > 0).all()
    assert 1 <= place[0] < 3
    first = evaluation.predictions["log_likelihood"][:, :3].mean()  # 130 places in 64 groups
    assert nats[0] == pytest.approx(-first)
    assert place[-1] <= 120


def test_padding_is_no_prediction(evaluation: Evaluation) -> None:
    assert token_reliability(evaluation).counts.sum() == 120 * ROWS == evaluation.metrics["tokens"]


def test_frequencies_are_the_baseline(evaluation: Evaluation) -> None:
    found = token_baselines(evaluation)
    assert found["log_loss"] == pytest.approx(math.log(7), rel=1e-2)
    assert found["bits_per_byte"] == pytest.approx(found["log_loss"] / math.log(2) / 2)


def test_an_evaluation_of_tokens_comes_back_and_has_a_section(evaluation, tmp_path) -> None:
    pictures = write_evaluation(tmp_path, evaluation, SPEC)
    assert set(pictures) == {"reliability"}
    again, labels, mistakes = read_evaluation(tmp_path)
    assert labels == SPEC.labels
    assert again.metrics == pytest.approx(evaluation.metrics)
    part = section(again, labels, mistakes)
    assert {number.title for number in part.numbers} >= {"Bits per byte", "Perplexity"}
    assert len(part.figures) == 1
    assert [block.link for block in part.blocks] == ["Confidence"]
    assert part.mistakes == []


def test_the_headline_names_bits_a_byte_and_trust(evaluation: Evaluation) -> None:
    first, second = token_headline("On so many tokens", evaluation)
    assert "bits for each byte" in first
    assert "its confidence fits" in second
