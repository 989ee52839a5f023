"""Some of the cases of `python -m tests.faults`, which runs all of them."""

import pytest

from tests.faults.case import Case, NotHere, Result, Workshop
from tests.faults.cases import CASES


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return Workshop(tmp_path_factory.mktemp("faults"))


def chosen(tests: str) -> list[pytest.param]:
    return [pytest.param(case, id=case.name) for case in CASES if case.tests == tests]


@pytest.mark.parametrize("case", chosen("fast"))
def test_a_broken_run_comes_to_the_same_bits(case: Case, workshop: Workshop) -> None:
    assert played(case, workshop).good


@pytest.mark.long
@pytest.mark.parametrize("case", chosen("long"))
def test_a_run_that_is_broken_at_length_does_too(case: Case, workshop: Workshop) -> None:
    assert played(case, workshop).good


def test_every_case_has_a_name_of_its_own() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))


def played(case: Case, workshop: Workshop) -> Result:
    try:
        return workshop.play(case)
    except NotHere as reason:
        pytest.skip(str(reason))
