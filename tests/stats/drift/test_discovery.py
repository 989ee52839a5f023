import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from framework.stats.drift import adjusted_p_values


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_as_scipy_does(p_values):
    expected = stats.false_discovery_control(p_values)
    np.testing.assert_allclose(adjusted_p_values(p_values), expected, rtol=1e-12)


def test_by_hand_and_what_was_not_tested_stays_out():
    adjusted = adjusted_p_values([0.04, np.nan, 0.01, 0.03])
    np.testing.assert_allclose(adjusted, [0.04, np.nan, 0.03, 0.04])
    assert adjusted_p_values([]).shape == (0,)
    with pytest.raises(ValueError, match="between 0 and 1"):
        adjusted_p_values([1.2])
