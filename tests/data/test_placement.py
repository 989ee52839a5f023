from collections.abc import Iterator

from framework.data import Batch, on_mesh


def numbered(count: int, log: list[str]) -> Iterator[Batch]:
    try:
        for number in range(count):
            yield {"number": number}
    finally:
        log.append("closed")


def test_every_batch_arrives_in_order() -> None:
    for ahead in (0, 1, 2, 9):
        placed = on_mesh(numbered(5, []), lambda batch: batch["number"] * 10, ahead=ahead)
        assert list(placed) == [0, 10, 20, 30, 40]


def test_batches_are_put_ahead_and_no_further() -> None:
    put: list[int] = []
    placed = on_mesh(numbered(9, []), lambda batch: put.append(batch["number"]), ahead=2)
    next(placed)
    assert put == [0, 1, 2]
    next(placed)
    assert put == [0, 1, 2, 3]


def test_closing_closes_the_reader() -> None:
    log: list[str] = []
    placed = on_mesh(numbered(9, log), lambda batch: batch)
    next(placed)
    placed.close()
    assert log == ["closed"]
