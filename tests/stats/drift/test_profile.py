import io

import numpy as np
import pytest

from framework.stats.drift import Categories, Histogram, Profile


@pytest.fixture
def columns():
    rng = np.random.default_rng(0)
    return {
        "age": rng.normal(size=500),
        "word": rng.choice(["x", "yy"], 500),
        "class": rng.integers(0, 3, 500),
        "empty": np.full(500, np.nan),
        "flag": rng.random(500) < 0.5,
    }


@pytest.fixture
def profile(columns):
    return Profile.of(columns, bins=32, known={"class": range(4)})


def equal(first: Profile, second: Profile) -> bool:
    one, two = first.arrays(), second.arrays()
    return one.keys() == two.keys() and all(
        one[k].dtype == two[k].dtype and np.array_equal(one[k], two[k]) for k in one
    )


def test_kinds_follow_the_values_and_what_is_said_to_be_known(profile):
    kinds = {name: type(table) for name, table in profile.tables.items()}
    assert kinds == {
        "age": Histogram, "word": Categories, "class": Categories,
        "empty": Histogram, "flag": Categories,
    }  # fmt: skip
    assert profile.tables["class"].counts[3] == 0


def test_batches_add_up_to_the_whole(profile, columns):
    batches = [{k: v[i : i + 77] for k, v in columns.items()} for i in range(0, 500, 77)]
    total = sum((profile.count(batch) for batch in reversed(batches)), profile.empty())
    assert equal(total, profile)


def test_arrays_go_through_a_file_and_come_back(profile):
    file = io.BytesIO()
    np.savez_compressed(file, **profile.arrays())
    file.seek(0)
    with np.load(file, allow_pickle=False) as stored:
        back = Profile.from_arrays(dict(stored))
    assert equal(back, profile)
    assert list(back) == list(profile)
    assert equal(Profile.from_arrays(Profile({}).arrays()), Profile({}))


def test_sixty_four_features_are_a_few_hundred_kilobytes():
    profile = Profile.of(np.random.default_rng(0).normal(size=(20_000, 64)).astype(np.float32))
    file = io.BytesIO()
    np.savez_compressed(file, **profile.arrays())
    assert len(file.getvalue()) < 400_000


def test_an_array_has_columns_by_number_or_by_the_names_given():
    rows = np.arange(20.0).reshape(10, 2)
    assert list(Profile.of(rows)) == ["0", "1"]
    named = Profile.of(rows, names=["a", "b"])
    assert named.count(rows).tables["b"].highest == 19
    assert equal(named.count(rows), named.count({"b": rows[:, 1], "a": rows[:, 0]}))


def test_columns_that_changed_are_named(profile, columns):
    del columns["age"]
    with pytest.raises(ValueError, match=r"\['age'\] missing, \['years'\] unknown"):
        profile.count({**columns, "years": columns["class"]})
    with pytest.raises(ValueError, match="column 'word': the known values are"):
        profile.count({**columns, "age": columns["class"], "word": columns["class"]})
    with pytest.raises(ValueError, match="column 'age': a histogram counts numbers"):
        profile.count({**columns, "age": columns["word"]})
    with pytest.raises(ValueError, match="column 'age': histograms over different edges"):
        profile + Profile.of({**columns, "age": np.arange(500.0)}, 32, {"class": range(4)})


def test_what_is_not_columns_is_refused(profile):
    with pytest.raises(ValueError, match="different lengths"):
        Profile.of({"a": [1, 2], "b": [1]})
    with pytest.raises(ValueError, match="an array"):
        Profile.of(np.zeros(3))
    with pytest.raises(ValueError, match="3 names for 2 columns"):
        Profile.of(np.zeros((3, 2)), names=["a", "b", "c"])
    with pytest.raises(ValueError, match="'b'"):
        Profile.of({"a": [1, 2]}, known={"b": [1]})
    with pytest.raises(ValueError, match="counts, discrete"):
        Profile.from_arrays({})
    with pytest.raises(ValueError, match="different columns"):
        profile + Profile({})
