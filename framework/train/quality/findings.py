"""What was found in the data, as JSON values: duplicates, suspect labels, anomalous examples."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from framework.spec import Labels
from framework.stats.quality.anomalies import anomalies
from framework.stats.quality.banding import Pairs, no_pairs
from framework.stats.quality.duplicates import Overlap, conflicts, first_equal, overlaps
from framework.stats.quality.label_errors import label_errors
from framework.stats.quality.near_texts import near_texts
from framework.stats.quality.near_vectors import near_vectors
from framework.stats.quality.shared_text import TOKENS, rows_with_shared_text
from framework.train.quality.examples import Examples
from framework.train.quality.features import Features
from framework.train.quality.judges import Judged
from framework.train.quality.options import QualityOptions

Found = dict[str, Any]


def duplicates(
    examples: Examples, features: Features, labels: Labels, options: QualityOptions
) -> Found:
    """Counts within and across splits, and the most similar pairs, those across splits first."""
    first = first_equal(examples.digests)
    unique = np.flatnonzero(first == np.arange(len(first)))
    measure, pairs = _near(examples, features, unique, options)
    counted = overlaps(examples.splits, examples.names, first, pairs)
    if examples.rounded is not None:
        alike = first_equal(examples.rounded)
        rounded = overlaps(examples.splits, examples.names, alike, no_pairs())
        counted = [
            Overlap(exact.split, exact.other, exact.examples, exact.exact, near.exact)
            for exact, near in zip(counted, rounded, strict=True)
        ]
    copies = np.flatnonzero(first != np.arange(len(first)))
    found: Found = {
        "examples": len(examples),
        "equal": len(copies),
        "groups_of_equal": len(np.unique(first[copies])),
        "groups_with_several_labels": (
            None if labels.kind == "token" else conflicts(first, examples.labels)
        ),
        "near": {"measure": measure, "pairs": len(pairs), "complete": pairs.complete},
        "within": [_counts(o) for o in counted if o.split == o.other],
        "across": [_counts(o) for o in counted if o.split != o.other],
        "pairs": _listed(examples, first, copies, pairs, options.shown),
    }
    if examples.tokens is not None:
        found["shared_text"] = list(_shared_text(examples))
    return found


def suspect_labels(examples: Examples, judged: Judged, labels: Labels, shown: int) -> Found:
    """The numbers of confident learning, and the suspects, the worst first, as `worst`."""
    if judged.probabilities is None:
        return _unknown(f"labels of kind {labels.kind} are not classes")
    given = examples.labels[judged.rows]
    present = np.unique(given)
    if len(present) < 2:
        only = labels.names[int(present[0])] if len(present) else "no class"
        return _unknown(f"not enough data: {only} is all there is to judge")
    result = label_errors(given, judged.probabilities)
    suspects = []
    for place, said, margin in zip(
        result.suspects[:shown], result.suggested, result.margins, strict=False
    ):
        split, index = examples.where(judged.rows[place])
        suspects.append(
            {
                "split": split,
                "index": index,
                "label": labels.names[int(given[place])],
                "suggested": labels.names[int(said)],
                "margin": float(margin),
            }
        )
    by_split = np.bincount(
        examples.splits[judged.rows[result.suspects]], minlength=len(examples.names)
    )
    all_of = np.bincount(examples.splits[judged.rows], minlength=len(examples.names))
    shares = {
        name: {"examples": int(n), "suspects": int(k)}
        for name, n, k in zip(examples.names, all_of, by_split, strict=True)
        if n
    }
    agreement = float((judged.probabilities.argmax(axis=1) == given).mean())
    by = {"by": judged.described, "agreement": agreement, "splits": shares}
    return {**by, **result.json(), "worst": suspects}


def anomalous(examples: Examples, judged: Judged, described: str, options: QualityOptions) -> Found:
    """Distances to the nearest training examples; the farthest beyond the threshold as `worst`."""
    reference = judged.vectors[examples.rows_of("train")] if "train" in examples.names else None
    if reference is None or not len(reference):
        return _unknown("not enough data: no training examples")
    result = anomalies(judged.vectors, reference, neighbours=options.neighbours)
    if math.isnan(result.threshold):
        least = 10 * options.neighbours
        return _unknown(f"not enough data: fewer than {least} different training examples")
    ranked = result.ranked
    found = []
    for row in ranked[: options.shown]:
        split, index = examples.where(row)
        distance = float(result.distance[row])
        found.append(
            {
                "split": split,
                "index": index,
                "distance": distance if np.isfinite(distance) else None,
            }
        )
    counts = np.bincount(examples.splits[ranked], minlength=len(examples.names))
    numbers = {
        "examples": len(examples),
        "measured_in": described,
        "neighbours": result.neighbours,
        "reference": result.reference,
        "threshold": result.threshold,
        "median": float(np.median(result.distance[np.isfinite(result.distance)])),
        "beyond": len(ranked),
        "not_finite": int(np.isinf(result.distance).sum()),
        "splits": dict(zip(examples.names, map(int, counts), strict=True)),
    }
    return {**numbers, "worst": found}


def _near(
    examples: Examples, features: Features, unique: np.ndarray, options: QualityOptions
) -> tuple[str, Pairs]:
    """The measure in words and the pairs, of examples that are the first of their equals."""
    if features.kind == "table":
        return "equal to a hundredth of each column's standard deviation", no_pairs()
    if examples.tokens is not None and examples.mask is not None:
        found = near_texts(examples.tokens[unique], examples.mask[unique], options.jaccard)
        measure = f"Jaccard similarity of shingles of at least {options.jaccard:g}"
    else:
        vectors = examples.vectors[unique]
        if features.kind == "images":  # of any brightness and contrast
            vectors = vectors - vectors.mean(axis=1, keepdims=True)
        found = near_vectors(vectors, options.cosine)
        measure = f"cosine of {features.described} of at least {options.cosine:g}"
    pairs = Pairs(unique[found.first], unique[found.second], found.similarity, found.complete)
    return measure, pairs


def _listed(
    examples: Examples, first: np.ndarray, copies: np.ndarray, near: Pairs, shown: int
) -> list[dict[str, Any]]:
    one = np.concatenate([first[copies], near.first])
    two = np.concatenate([copies, near.second])
    similarity = np.concatenate([np.ones(len(copies)), np.minimum(near.similarity, 1)])
    equal = np.arange(len(one)) < len(copies)
    across = examples.splits[one] != examples.splits[two]
    order = np.lexsort((-similarity, ~equal, ~across))[:shown]
    return [
        {
            "first": dict(zip(("split", "index"), examples.where(one[i]), strict=True)),
            "second": dict(zip(("split", "index"), examples.where(two[i]), strict=True)),
            "equal": bool(equal[i]),
            "similarity": float(similarity[i]),
        }
        for i in order
    ]


def _shared_text(examples: Examples) -> Iterator[Found]:
    assert examples.tokens is not None
    assert examples.mask is not None
    for name in examples.names:
        if name == "train" or "train" not in examples.names:
            continue
        own, other = examples.rows_of(name), examples.rows_of("train")
        rows = rows_with_shared_text(
            examples.tokens[own], examples.mask[own], examples.tokens[other], examples.mask[other]
        )
        count = int(rows.sum())
        yield {
            "split": name, "other": "train", "tokens": TOKENS, "examples": len(own),
            "shared": count, "share": count / len(own),
        }  # fmt: skip


def _counts(overlap: Overlap) -> Found:
    n = overlap.examples
    return {
        "split": overlap.split,
        "other": overlap.other,
        "examples": n,
        "equal": overlap.exact,
        "equal_share": overlap.exact_share if n else None,
        "near": overlap.near,
        "near_share": overlap.near_share if n else None,
    }


def _unknown(reason: str) -> Found:
    return {"unknown": reason, "worst": []}
