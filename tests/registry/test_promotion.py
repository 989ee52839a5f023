"""Aliases move only as they should."""

import pytest

from framework.registry import (
    GatesFailed,
    InvalidRequest,
    RegistryError,
    promote,
    push,
    read_model,
    rollback,
)
from framework.registry.gates import Verdict
from framework.registry.log import Draft, append, read_log


def lets(candidate, champion):
    return Verdict(True, "well", {"number": 1.0})


def refuses(candidate, champion):
    return Verdict(False, "too bad", {"number": float("nan")})


@pytest.fixture
def three(store, artifacts):
    for artifact in artifacts[:3]:
        push(store, artifact)
    return store


def champion(store):
    return read_model(store, "toy").aliases.get("champion")


def test_an_alias_means_what_it_was_last_promoted_to(three):
    assert champion(three) is None
    done = promote(three, "toy", "2", "champion", {"first": lets}, reason="better")
    assert (done.move.before, done.move.version, champion(three)) == (None, 2, 2)
    promote(three, "toy", "latest", "candidate", {})
    promote(three, "toy", "candidate", "champion", {})
    assert read_model(three, "toy").aliases == {"champion": 3, "candidate": 3}


def test_what_the_gates_found_stays_in_the_log(three):
    promote(three, "toy", "1", "champion", {"first": lets}, reason="better")
    (move,) = read_model(three, "toy").moves
    assert move.gates == (
        {"gate": "first", "passed": True, "sentence": "well", "numbers": {"number": 1.0}},
    )
    assert (move.entry.reason, move.forced) == ("better", "")


def test_a_gate_that_refuses_changes_nothing(three):
    with pytest.raises(GatesFailed) as caught:
        promote(three, "toy", "1", "champion", {"a": refuses, "b": lets, "c": refuses})
    assert [f.passed for f in caught.value.findings] == [False, True, False]
    assert len(read_model(three, "toy").entries) == 3


def test_force_keeps_its_reason_and_what_failed(three):
    promote(three, "toy", "1", "champion", {"a": refuses, "b": lets}, force="the old one is down")
    (move,) = read_model(three, "toy").moves
    assert move.forced == "the old one is down"
    assert [gate["passed"] for gate in move.gates] == [False, True]
    promote(three, "toy", "2", "champion", {"b": lets}, force="not needed")
    assert read_model(three, "toy").moves[-1].forced == ""


@pytest.mark.parametrize("reason", ["", "  "])
def test_force_needs_a_reason(three, reason):
    with pytest.raises(InvalidRequest, match="needs a reason"):
        promote(three, "toy", "1", "champion", {}, force=reason)
    assert champion(three) is None


def test_a_gate_that_cannot_measure_does_not_let_pass(three):
    def breaks(candidate, champion):
        return candidate.about["no such key"]

    with pytest.raises(GatesFailed, match="cannot be measured"):
        promote(three, "toy", "1", "champion", {"a": breaks})


def test_gates_see_the_candidate_and_what_it_would_replace(three):
    seen = []

    def look(candidate, champion):
        seen.append((candidate.version.number, champion and champion.version.number))
        return Verdict(True, "")

    promote(three, "toy", "1", "champion", {"look": look})
    promote(three, "toy", "3", "champion", {"look": look})
    assert seen == [(1, None), (3, 1)]


def test_who_was_overtaken_is_told(three):
    promote(three, "toy", "1", "champion", {})

    def another_is_faster(candidate, champion):
        promote(three, "toy", "3", "champion", {})
        return Verdict(True, "")

    with pytest.raises(RegistryError, match=r"was version 1 when this began.*made it version 3"):
        promote(three, "toy", "2", "champion", {"slow": another_is_faster})
    assert champion(three) == 3


def test_a_push_meanwhile_is_no_hindrance(three, artifacts):
    def push_meanwhile(candidate, champion):
        push(three, artifacts[3])
        return Verdict(True, "")

    promote(three, "toy", "2", "champion", {"slow": push_meanwhile})
    assert champion(three) == 2
    assert max(read_model(three, "toy").versions) == 4


def test_expect_is_held_against_what_the_alias_means(three):
    with pytest.raises(RegistryError, match="is no version, not version 1: not moved"):
        promote(three, "toy", "2", "champion", {}, expect=1)
    promote(three, "toy", "2", "champion", {}, expect=None)
    promote(three, "toy", "3", "champion", {}, expect=2)
    with pytest.raises(RegistryError, match="is version 3, not version 2: not moved"):
        rollback(three, "toy", "champion", expect=2)
    assert champion(three) == 3


def test_promoting_what_it_means_already_does_nothing(three):
    promote(three, "toy", "2", "champion", {})
    assert promote(three, "toy", "2", "champion", {"a": refuses}).move is None
    assert len(read_model(three, "toy").moves) == 1


def test_a_rollback_goes_back_one_promotion_at_a_time(three):
    for version in "123":
        promote(three, "toy", version, "champion", {"a": lets})
    assert rollback(three, "toy", "champion", reason="slow")[1].version == 2
    assert rollback(three, "toy", "champion")[1].version == 1
    with pytest.raises(InvalidRequest, match="no earlier promotion is left"):
        rollback(three, "toy", "champion")
    assert champion(three) == 1
    assert read_model(three, "toy").moves[3].entry.reason == "slow"
    promote(three, "toy", "3", "champion", {})
    assert rollback(three, "toy", "champion")[1].version == 1


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("tpy", "1", "no model 'tpy': did you mean toy"),
        ("toy", "9", "no version '9': known: 1, 2, 3"),
        ("toy", "0", "no version '0'"),
        ("toy", "latets", "no alias 'latets': did you mean latest"),
        ("../toy", "1", "cannot be the name of a model"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(three, name, version, said):
    with pytest.raises(InvalidRequest, match=said):
        promote(three, name, version, "champion", {})


def test_latest_is_no_alias_that_moves(three):
    for move in (lambda: promote(three, "toy", "1", "latest", {}),
                 lambda: rollback(three, "toy", "latest")):  # fmt: skip
        with pytest.raises(InvalidRequest, match="latest is always the newest version"):
            move()
    assert len(read_model(three, "toy").entries) == 3


def test_a_log_with_an_alias_of_that_name_is_still_read(three):
    content = {"alias": "latest", "before": None, "version": 1}
    append(three, "toy", read_log(three, "toy"), Draft("promote", "", content))
    model = read_model(three, "toy")
    assert (model.aliases, model.find("latest").number) == ({"latest": 1}, 3)


def test_an_alias_cannot_look_like_a_version(three):
    with pytest.raises(InvalidRequest, match="not digits alone"):
        promote(three, "toy", "1", "2", {})
    with pytest.raises(InvalidRequest, match="no alias 'champion'"):
        rollback(three, "toy", "champion")
