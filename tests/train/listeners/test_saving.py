"""What is saved when, and with which metrics."""

from typing import Any

from framework.train.listeners.saving import Saving
from framework.train.loop import Loop, Moment


class Kept:
    """Checkpoints that only note what is asked of them."""

    def __init__(self) -> None:
        self.saves: list[tuple[int, dict[str, Any], dict[str, float]]] = []

    def save(
        self, step: int, state: Any, extra: dict[str, Any], metrics: dict[str, float], ready: Any
    ) -> None:
        self.saves.append((step, extra, metrics))


def saving(every: int | None = 10, **options: Any) -> tuple[Saving, Kept]:
    loop = Loop(call=lambda size: None, feed=lambda step, size: iter(()))  # type: ignore[arg-type,return-value]
    kept = Kept()
    return Saving(loop, kept, every, **options), kept  # type: ignore[arg-type]


def moment(step: int, size: int = 5) -> Moment:
    return Moment(step, size, None, {}, 0.0)  # type: ignore[arg-type]


def test_it_saves_at_the_interval_with_the_position() -> None:
    listener, kept = saving()
    for step in (5, 10, 15, 20):
        listener.on_step(moment(step))
    assert [step for step, _, _ in kept.saves] == [10, 20]
    assert kept.saves[0][1] == {"step": 10}


def test_metrics_go_with_the_save_at_their_own_step_alone() -> None:
    listener, kept = saving()
    listener.on_eval(10, {"validation/accuracy": 0.5, "validation/recall/a": 1.0})
    listener.on_step(moment(10))
    listener.on_step(moment(20))
    listener.on_eval(25, {"validation/accuracy": 0.7})
    listener.on_step(moment(25))
    listener.save(25, None)  # type: ignore[arg-type]
    assert [metrics for _, _, metrics in kept.saves] == [
        {"accuracy": 0.5, "recall/a": 1.0}, {}, {"accuracy": 0.7},
    ]  # fmt: skip


def test_a_step_is_saved_once() -> None:
    listener, kept = saving()
    listener.on_step(moment(10))
    listener.save(10, None)  # type: ignore[arg-type]
    assert len(kept.saves) == 1


def test_others_are_told_before_and_may_have_something_remembered() -> None:
    listener, kept = saving(extra=lambda step: {"early_stopping": {"best": step / 10}})
    order: list[str] = []

    class Ear:
        def on_checkpoint(self, step: int) -> None:
            order.append(f"told of {step}, {len(kept.saves)} saves")

    listener.loop.listeners = [Ear()]
    listener.on_step(moment(10))
    assert order == ["told of 10, 0 saves"]
    assert kept.saves[0][1]["early_stopping"] == {"best": 1.0}


def test_it_can_be_switched_off() -> None:
    listener, kept = saving(every=None)
    listener.on_step(moment(1000))
    assert kept.saves == []
