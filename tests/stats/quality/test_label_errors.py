"""Confident learning, against the definition read aloud and against planted errors."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framework.stats.quality.label_errors import label_errors


def plainly(labels: list[int], p: list[list[float]]) -> tuple[list[list[float]], list[int]]:
    """The joint and the ranked suspects, example by example."""
    classes, n = len(p[0]), len(labels)
    own = [[p[k][j] for k in range(n) if labels[k] == j] for j in range(classes)]
    thresholds = [sum(values) / len(values) - 1e-9 if values else 2.0 for values in own]
    count = [[0.0] * classes for _ in range(classes)]
    suspects = []
    for k in range(n):
        above = [j for j in range(classes) if p[k][j] >= thresholds[j]]
        if not above:
            continue
        best = max(above, key=lambda j: (p[k][j], -j))
        count[labels[k]][best] += 1
        if best != labels[k] and p[k][best] > p[k][labels[k]]:
            suspects.append((p[k][labels[k]] - p[k][best], k))
    joint = []
    for i in range(classes):
        row = count[i] if sum(count[i]) else [float(i == j) for j in range(classes)]
        joint.append([value / sum(row) * labels.count(i) / n for value in row])
    return joint, [k for _, k in sorted(suspects)]


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(2, 5))
def test_it_is_the_definition(seed: int, n: int, classes: int) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    p = random.dirichlet(np.full(classes, 0.5), n)
    labels[:2] = 0, 1
    found = label_errors(labels, p)
    joint, suspects = plainly(labels.tolist(), p.tolist())
    np.testing.assert_allclose(found.joint, joint, atol=1e-12)
    assert found.suspects.tolist() == suspects
    assert found.joint.sum() == pytest.approx(1)
    np.testing.assert_allclose(found.joint.sum(axis=1), np.bincount(labels, minlength=classes) / n)


def test_a_worked_example() -> None:
    # Thresholds: (0.9 + 0.8 + 0.1) / 3 = 0.6 and (0.8 + 0.6) / 2 = 0.7. The last of class 0 has
    # p(1) = 0.9 ≥ 0.7, the second of class 1 neither p(0) = 0.4 ≥ 0.6 nor p(1) = 0.6 ≥ 0.7.
    found = label_errors(
        [0, 0, 0, 1, 1], [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.2, 0.8], [0.4, 0.6]]
    )
    np.testing.assert_allclose(found.thresholds, [0.6, 0.7])
    np.testing.assert_allclose(found.joint, [[0.4, 0.2], [0, 0.4]])
    assert found.suspects.tolist() == [2]
    assert found.suggested.tolist() == [1]
    np.testing.assert_allclose(found.margins, [-0.8])
    assert found.estimated == pytest.approx(1)
    assert found.json()["estimated_errors"] == pytest.approx(1)


def test_certain_and_right_is_not_suspect() -> None:
    found = label_errors([0, 1, 2, 2], np.eye(3)[[0, 1, 2, 2]])
    assert len(found.suspects) == 0
    assert found.estimated == 0


def test_a_constant_model_suspects_nobody() -> None:
    found = label_errors([0, 1, 1, 1], np.full((4, 2), 0.5))
    assert len(found.suspects) == 0


@pytest.mark.parametrize("labels", [[], [1, 1, 1]])
def test_one_class_says_nothing(labels: list[int]) -> None:
    found = label_errors(np.array(labels, int), np.full((len(labels), 2), 0.5))
    assert len(found.suspects) == 0
    assert np.isnan(found.estimated)
    assert found.json()["estimated_errors"] is None
    assert found.json()["joint"] is None


@pytest.mark.parametrize(
    ("labels", "p", "said"),
    [
        ([0, 1], [[0.5, 0.5]], "do not fit"),
        ([0, 2], [[0.5, 0.5]] * 2, "not integers from 0 to 1"),
        ([0.0, 1.0], [[0.5, 0.5]] * 2, "not integers from 0 to 1"),
        ([0, 1], [[0.5, np.nan]] * 2, "not finite"),
    ],
)
def test_what_cannot_be_read(labels: list[int], p: list[list[float]], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        label_errors(labels, p)


def test_a_million_examples_and_their_estimated_errors() -> None:
    random = np.random.default_rng(0)
    truth = random.integers(0, 4, 1_000_000)
    wrong = random.random(len(truth)) < 0.03
    labels = np.where(wrong, (truth + 1) % 4, truth)
    p = np.full((len(truth), 4), 0.1 / 3)
    p[np.arange(len(truth)), truth] = 0.9
    found = label_errors(labels, p)
    assert found.estimated == pytest.approx(wrong.sum(), rel=0.01)
    assert set(found.suspects.tolist()) == set(np.flatnonzero(wrong).tolist())
