import json

import numpy as np
import pytest

from framework.stats.drift import Profile, Rule, drift

FEATURES = 20


@pytest.fixture(scope="module")
def reference():
    rng = np.random.default_rng(0)
    return Profile.of({"still": rng.normal(size=4000), "moved": rng.normal(size=4000),
                       "word": rng.choice(["a", "b"], 4000), "fled": np.zeros(4000)})  # fmt: skip


def now(rng, n=1000, shift=0.0, b=0.5, constant=0.0):
    return {
        "still": rng.normal(size=n),
        "moved": rng.normal(shift, 1, n),
        "word": np.where(rng.random(n) < b, "b", "a"),
        "fled": np.full(n, constant),
    }


def test_what_moved_most_comes_first(reference):
    rng = np.random.default_rng(1)
    found = drift(reference, reference.count(now(rng, shift=0.4, b=0.9, constant=1.0)))
    assert [f.name for f in found.features] == ["fled", "word", "moved", "still"]
    assert [f.verdict for f in found.features] == ["major", "major", "minor", "none"]
    assert found.verdict == "major"
    assert found.alarms == ("fled", "word", "moved")
    assert found.features[0].outside == 1


def test_no_drift_is_none_and_a_significant_one_that_is_small_too(reference):
    rng = np.random.default_rng(2)
    assert drift(reference, reference.count(now(rng))).verdict == "none"
    small = drift(reference, reference.count(now(rng, n=4000, shift=0.15)))
    assert small.verdict == "none"
    assert small.features[0].name == "moved"
    assert small.features[0].significant


def test_a_few_rows_alarm_no_sooner_than_chance_does(reference):
    # At 30 rows PSI is above the customary 0.25 without drift; its mean there is subtracted.
    current = reference.count(now(np.random.default_rng(3), n=30))
    found = drift(reference, current)
    assert found.verdict == "none"
    assert max(f.psi_expected for f in found.features) > 0.03


def test_what_chance_gives_does_not_count_towards_the_marks():
    rng = np.random.default_rng(10)
    profile = Profile.of({"x": rng.normal(size=360)})
    between = 0
    for _ in range(40):
        found = drift(profile, profile.count({"x": rng.normal(0.2, 1, 360)})).features[0]
        psi = found.scores["population_stability_index"].value
        assert found.psi_expected == pytest.approx(9 * 2 / 360)
        assert (found.verdict == "none") == (not found.significant or psi - 0.05 < 0.1)
        between += found.significant and 0.1 <= psi < 0.15
    assert between


def test_fewer_rows_than_groups_are_not_enough_data(reference):
    found = drift(reference, reference.count(now(np.random.default_rng(4), n=9)))
    assert found.verdict == "not enough data"
    assert all(np.isnan(f.p_value) and not f.scores for f in found.features)
    assert found.features[0].json()["p_value"] is None
    assert drift(reference, reference.empty()).verdict == "not enough data"


def test_missing_values_are_a_drift_of_their_own(reference):
    rows = now(np.random.default_rng(5))
    rows["still"][:400] = np.nan
    found = drift(reference, reference.count(rows)).features[0]
    assert (found.name, found.verdict, found.missing) == ("still", "major", (0.0, 0.4))
    all_gone = drift(reference, reference.count({**rows, "still": np.full(1000, np.nan)}))
    first = all_gone.features[0]
    assert (first.name, first.verdict) == ("still", "major")
    assert np.isnan(first.scores["wasserstein"].value)


def test_plain_data_is_strict_json(reference):
    found = drift(reference, reference.count(now(np.random.default_rng(6), constant=2.0)))
    text = json.dumps(found.json(), allow_nan=False)
    back = json.loads(text)
    assert back["alarms"] == ["fled"]
    first = back["features"][0]
    assert first["scores"]["population_stability_index"]["p_value"] < 0.001
    assert first["scores"]["wasserstein"]["value"] > 0
    assert first["scores"]["wasserstein_normalised"]["value"] is None, "a constant has no spread"


@pytest.mark.parametrize("rows", [12, 60, 1000])
def test_over_many_features_the_rate_of_alarms_without_drift_is_the_promised_one(rows):
    rng = np.random.default_rng(7)
    alarms, significant = 0, 0
    for _ in range(200):
        kinds = rng.integers(0, 10, (1000 + rows, 8)).astype(float)
        kinds[:, ::2] = rng.normal(size=kinds[:, ::2].shape)
        profile = Profile.of(kinds[:1000])
        rule = Rule(rate=0.1, resamples=499)
        found = drift(profile, profile.count(kinds[1000:]), rule)
        alarms += found.verdict != "none"
        significant += any(f.significant for f in found.features)
    # 0.1 and three deviations of a share of 200
    assert alarms <= significant <= 200 * (0.1 + 3 * np.sqrt(0.1 * 0.9 / 200))
    if rows == 1000:
        assert significant >= 200 * 0.03
        assert alarms == 0


def test_a_shift_of_one_feature_in_twenty_is_found_and_named():
    rng = np.random.default_rng(8)
    profile = Profile.of(rng.normal(size=(5000, FEATURES)))
    rows = rng.normal(size=(500, FEATURES))
    rows[:, 13] += 0.5
    assert drift(profile, profile.count(rows)).alarms == ("13",)


def test_rules_and_profiles_that_make_no_sense_are_refused(reference):
    wrongs = {"two groups": {"groups": 1}, "resample": {"resamples": 0}, "rate": {"rate": 0}}
    for match, wrong in {**wrongs, "0.3 and 0.25": {"minor": 0.3}}.items():
        with pytest.raises(ValueError, match=match):
            Rule(**wrong)
    with pytest.raises(ValueError, match="not in both profiles"):
        drift(reference, Profile.of({"still": [1.0]}))
    other = Profile.of(now(np.random.default_rng(9)))
    with pytest.raises(ValueError, match="column 'still': histograms over different edges"):
        drift(reference, other)
