"""Whatever is done in whatever order, the registry says what a plain dictionary would."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from framework.registry import (
    GatesFailed,
    InvalidRequest,
    RegistryError,
    collect,
    open_store,
    promote,
    push,
    read_model,
    rollback,
    verify,
)
from framework.registry.gates import Verdict
from tests.registry.artifacts import make_artifact
from tests.registry.conftest import bucket

ALIASES = st.sampled_from(["champion", "candidate"])
SEEDS = range(5)
FOLDER = []


class Machine(RuleBasedStateMachine):
    @initialize()
    def begin(self):
        self.where = bucket()
        self.store = open_store(self.where, make=True)
        self.pushed = []  # seeds in order
        self.stacks = {}

    @rule(seed=st.sampled_from(SEEDS))
    def push(self, seed):
        new = seed not in self.pushed
        found = push(self.store, FOLDER[0] / str(seed))
        assert found.new == new
        if new:
            self.pushed.append(seed)
        assert found.version.number == self.pushed.index(seed) + 1

    @precondition(lambda self: self.pushed)
    @rule(data=st.data(), alias=ALIASES, passes=st.booleans(), forced=st.booleans())
    def promote(self, data, alias, passes, forced):
        version = data.draw(st.integers(1, len(self.pushed)))
        stack = self.stacks.setdefault(alias, [])
        before = stack[-1] if stack else None
        gates = {"gate": lambda *_: Verdict(passes, "")}
        force = "because" if forced else None
        if before != version and not (passes or forced):
            with pytest.raises(GatesFailed):
                promote(self.store, "toy", str(version), alias, gates, force=force)
            return
        done = promote(self.store, "toy", str(version), alias, gates, force=force)
        assert (done.move is None) == (before == version)
        if before != version:
            stack.append(version)

    @precondition(lambda self: self.pushed)
    @rule(alias=ALIASES, expected=st.integers(1, 5))
    def promote_with_another_expectation(self, alias, expected):
        stack = self.stacks.get(alias)
        if (stack[-1] if stack else None) != expected:
            with pytest.raises(RegistryError):
                promote(self.store, "toy", "1", alias, {}, expect=expected)

    @precondition(lambda self: self.pushed)
    @rule(alias=ALIASES)
    def rollback(self, alias):
        stack = self.stacks.get(alias, [])
        if len(stack) < 2:
            with pytest.raises(InvalidRequest):
                rollback(self.store, "toy", alias)
            return
        stack.pop()
        assert rollback(self.store, "toy", alias)[1].version == stack[-1]

    @rule()
    def collect(self):
        assert collect(self.store, 0).removed == ()

    @rule()
    def start_again(self):
        self.store = open_store(self.where)

    @invariant()
    def it_says_what_the_dictionary_says(self):
        if getattr(self, "pushed", None):
            model = read_model(self.store, "toy")
            assert list(model.versions) == list(range(1, len(self.pushed) + 1))
            assert model.aliases == {a: stack[-1] for a, stack in self.stacks.items() if stack}

    def teardown(self):
        assert verify(self.store).problems == ()


def test_it_is_a_dictionary(tmp_path_factory):
    FOLDER[:] = [tmp_path_factory.mktemp("machine")]
    for seed in SEEDS:
        make_artifact(FOLDER[0] / str(seed), seed)
    from hypothesis.stateful import run_state_machine_as_test

    options = settings(max_examples=20, stateful_step_count=20, deadline=None)
    run_state_machine_as_test(Machine, settings=options)
