"""Training, validation and test examples out of one set: seeded, and stratified where it can be."""

import math
from collections.abc import Mapping

import numpy as np

from framework.config import InvalidConfig, Problem
from framework.data.fingerprint import array_digest
from framework.data.source import Source, Subset


def divide(
    examples: int,
    fractions: dict[str, float],
    *,
    seed: int,
    classes: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Sorted indices of `train` and of a split for each of `fractions`; no example in two.

    A fraction is a share of all examples, rounded up; `train` has the rest. With `classes` (int
    [examples]) every class is divided in the same proportion, to within one example.
    """
    _leaves_something(fractions, "examples")
    places = _spread(examples, seed, classes)
    counts = [math.ceil(fraction * examples - 1e-9) for fraction in fractions.values()]
    ends = np.cumsum([0, *counts])
    parts = {name: places[ends[i] : ends[i + 1]] for i, name in enumerate(fractions)}
    found = {"train": places[ends[-1] :], **parts}
    for name, part in found.items():
        wanted = fractions.get(name, 1.0)
        if wanted > 0 and len(part) == 0:
            raise InvalidConfig(_empty(name, fractions, examples))
    return {name: np.sort(part) for name, part in found.items() if fractions.get(name, 1.0) > 0}


def divide_by_size(
    sizes: np.ndarray, fractions: Mapping[str, float], *, seed: int, hint: str = ""
) -> dict[str, np.ndarray]:
    """Sorted indices of `train` and of a split for each of `fractions`, each a share of the sizes.

    Documents are whole and of very different sizes. So each split in turn goes through those that
    are left, in a seeded order, and takes every one that brings its size nearer to its fraction of
    the whole: in the end no other document would bring it nearer. It takes at least one, and
    `train` has the rest.

    Args:
        sizes: int [documents], all positive.
        hint: what to do about too few documents.
    """
    _leaves_something(fractions, "text")
    wanted = {name: fraction * int(sizes.sum()) for name, fraction in fractions.items() if fraction}
    if len(sizes) <= len(wanted):
        names = ", ".join(["train", *wanted])
        key = f"{next(iter(wanted))}_fraction" if wanted else "path"
        expected = f"a document for each of {names} (there are {len(sizes)})"
        raise InvalidConfig(Problem(key, fractions.get(next(iter(wanted), "")), expected, hint))
    left = _spread(len(sizes), seed, None).tolist()
    parts: dict[str, list[int]] = {}
    for number, (name, goal) in enumerate(wanted.items()):
        spare = len(left) - (len(wanted) - number)  # one stays for each split to come
        taken: list[int] = []
        missing = goal
        for place in left:
            size = int(sizes[place])
            if len(taken) < spare and abs(missing - size) < abs(missing):
                taken.append(place)
                missing -= size
        parts[name] = taken or [min(left, key=lambda place: sizes[place])]
        chosen = set(parts[name])
        left = [place for place in left if place not in chosen]
    return {name: np.sort(part).astype(np.int64) for name, part in {"train": left, **parts}.items()}


def with_splits(
    sources: Mapping[str, Source],
    fractions: dict[str, float],
    *,
    seed: int,
    classes: np.ndarray | None = None,
) -> dict[str, Source]:
    """The sources, and out of `train` the splits in `fractions` that have no source of their own.

    `classes` are those of the whole of `train`.
    """
    missing = {split: share for split, share in fractions.items() if split not in sources}
    train = sources["train"]
    parts = divide(len(train), missing, seed=seed, classes=classes)
    return {**sources, **{part: Subset(part, train, places) for part, places in parts.items()}}


def described(splits: Mapping[str, Source]) -> dict[str, str]:
    """What was decided about the splits, for a fingerprint: the examples that each one holds."""
    return {
        name: array_digest(source.indices) if isinstance(source, Subset) else str(len(source))
        for name, source in splits.items()
    }


def _spread(examples: int, seed: int, classes: np.ndarray | None) -> np.ndarray:
    """An order of which every stretch has the classes in (nearly) their proportion."""
    bits = np.random.Philox(np.random.SeedSequence(seed)).random_raw(examples)
    shuffled = np.argsort(bits, kind="stable")
    if classes is None:
        return shuffled
    ordered = shuffled[np.argsort(classes[shuffled], kind="stable")]
    # The i-th of a class's m examples goes to (i + 1/2) / m of the way: classes lie evenly.
    _, counts = np.unique(classes, return_counts=True)
    where = np.concatenate([(np.arange(m) + 0.5) / m for m in counts])
    return np.asarray(ordered[np.argsort(where, kind="stable")])


def _leaves_something(fractions: Mapping[str, float], what: str) -> None:
    total = sum(fractions.values())
    if fractions and total >= 1:
        name = next(iter(fractions))
        expected = f"fractions that leave {what} for training, not {total:g} in all"
        raise InvalidConfig(Problem(f"{name}_fraction", fractions[name], expected))


def _empty(name: str, fractions: dict[str, float], examples: int) -> Problem:
    expected = f"at least one example in the {name} split of {examples} examples"
    key = f"{name}_fraction" if name in fractions else "path"
    return Problem(key, fractions.get(name), expected)
