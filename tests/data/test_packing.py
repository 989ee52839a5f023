import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from framework.data.packing import Packing, pack

few = settings(max_examples=60, deadline=None)
sizes = st.integers(1, 12)
documents = st.lists(st.integers(1, 40), min_size=1, max_size=30)


def rows(plan: Packing) -> list[list[tuple[int, int, int]]]:
    """(document, start, length) of each piece of each row."""
    pieces = list(zip(plan.documents, plan.starts, plan.lengths, strict=True))
    return [pieces[a:b] for a, b in itertools.pairwise(plan.first)]


@few
@given(documents, sizes)
def test_every_place_of_every_document_is_in_one_row(lengths: list[int], size: int) -> None:
    found = [
        (document, place)
        for row in rows(pack(np.array(lengths), size))
        for document, start, length in row
        for place in range(start, start + length)
    ]
    expected = [(d, place) for d, length in enumerate(lengths) for place in range(length)]
    assert sorted(found) == expected


@few
@given(documents, sizes)
def test_rows_hold_something_and_no_more_than_fits(lengths: list[int], size: int) -> None:
    for row in rows(pack(np.array(lengths), size)):
        assert 0 < sum(length for _, _, length in row) <= size
        assert len({document for document, _, _ in row}) == len(row)


@few
@given(documents, sizes)
def test_documents_are_cut_only_where_they_must_be(lengths: list[int], size: int) -> None:
    pieces = np.bincount(pack(np.array(lengths), size).documents)
    np.testing.assert_array_equal(pieces, -(-np.array(lengths) // size))


@few
@given(st.lists(st.integers(1, 11), min_size=1, max_size=7), st.just(12))
def test_few_rows_are_needed(lengths: list[int], size: int) -> None:
    """Against the fewest possible, found by trying everything (bound: Dosa 2007)."""
    assert len(pack(np.array(lengths), size)) <= 11 / 9 * fewest(tuple(lengths), size) + 6 / 9


def fewest(lengths: tuple[int, ...], size: int) -> int:
    def place(rest: tuple[int, ...], room: tuple[int, ...]) -> int:
        if not rest:
            return len(room)
        length, *others = rest
        tried = [place(tuple(others), (*room, size - length))]
        for i, left in enumerate(room):
            if left >= length:
                changed = tuple(sorted((*room[:i], left - length, *room[i + 1 :])))
                tried.append(place(tuple(others), changed))
        return min(tried)

    return place(lengths, ())


@few
@given(documents, sizes)
def test_at_most_one_shared_row_is_half_empty(lengths: list[int], size: int) -> None:
    used = [sum(length for _, _, length in row) for row in rows(pack(np.array(lengths), size))]
    assert sum(2 * places <= size for places in used) <= 1


def test_the_plan_is_pinned() -> None:
    """Another plan would change every run that is resumed."""
    plan = pack(np.array([5, 9, 3, 1, 2, 4, 4]), 4)
    assert [[tuple(map(int, piece)) for piece in row] for row in rows(plan)] == PINNED


PINNED = [
    [(0, 0, 4)], [(1, 0, 4)], [(1, 4, 4)], [(5, 0, 4)], [(6, 0, 4)],
    [(0, 4, 1), (2, 0, 3)], [(1, 8, 1), (3, 0, 1), (4, 0, 2)],
]  # fmt: skip
