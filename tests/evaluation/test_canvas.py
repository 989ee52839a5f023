import re
from xml.etree import ElementTree

import numpy as np
import pytest

from framework.evaluation import as_image, as_svg
from framework.evaluation.canvas import PALETTE
from framework.evaluation.figures import (
    confusion_figure,
    curve_figure,
    mistakes_figure,
    regression_figure,
    reliability_figure,
)
from framework.stats import confusion_matrix, label_reliability
from tests.evaluation.fake_run import class_predictions


def confusion(classes):
    p, labels = class_predictions(20 * classes, classes)
    return confusion_figure(
        confusion_matrix(labels, p.argmax(axis=1), classes),
        [f"<class> & number {i}" for i in range(classes)],
    )


def reliability():
    return reliability_figure(label_reliability(*class_predictions(300, 5)))


def curves():
    x = np.arange(1000.0)
    return curve_figure({"train": (x, np.exp(-x / 50)), "validation": (x[::100], x[::100] + 1)})


def regression():
    rng = np.random.default_rng(0)
    return regression_figure(rng.normal(size=50), rng.normal(size=50))


FIGURES = {
    "two classes": lambda: confusion(2),
    "twelve classes": lambda: confusion(12),
    "thirty classes": lambda: confusion(30),
    "hundred classes": lambda: confusion(100),
    "reliability": reliability,
    "curves": curves,
    "regression": regression,
}


@pytest.mark.parametrize("name", FIGURES)
def test_an_svg_takes_its_colours_and_font_from_the_page(name):
    svg = as_svg(FIGURES[name](), "some-name", 'what is "seen"')
    root = ElementTree.fromstring(svg)  # well-formed
    assert root.get("aria-label") == 'what is "seen"'
    assert not re.findall(r"#[0-9a-fA-F]{6}", svg), "a colour that does not follow the page"
    assert set(re.findall(r"var\(--(\w+)\)", svg)) <= set(PALETTE)
    assert "font-size: " in svg
    assert "font-family" not in svg
    assert "DejaVu" not in svg
    assert "http" not in svg
    assert len(svg) < 120_000


def test_identifiers_are_the_figures_own_and_every_reference_leads_somewhere():
    svg = as_svg(curves(), "mine", "")
    known = re.findall(r' id="([^"]+)"', svg)
    assert known
    assert all(name.startswith("mine-") for name in known)
    assert set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg)) == set(known)


def test_the_same_figure_is_the_same_text():
    assert as_svg(reliability(), "a", "") == as_svg(reliability(), "a", "")


def test_numbers_in_the_text_keep_their_digits():
    x = np.arange(5.0)
    svg = as_svg(curve_figure({"train": (x, x * 1e-4)}), "a", "")
    assert re.search(r">0\.000[1-4]", svg)


@pytest.mark.parametrize("name", ["reliability", "thirty classes"])
def test_an_image_is_what_a_tracker_takes(name):
    image = as_image(FIGURES[name]())
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
    assert image.shape[1] >= 800


def test_a_contact_sheet_shows_every_picture_whole_whatever_its_shape():
    pictures = [np.full((8, 16, 3), 10 * (i + 1), np.uint8) for i in range(13)]
    sheet = as_image(mistakes_figure(pictures, ["said\nis"] * 13), scale=1)
    assert sheet.shape == (3 * 136, 6 * 112, 3)
    for i in range(13):
        assert (sheet == 10 * (i + 1)).all(axis=-1).sum() > 0.95 * 100 * 50
    assert as_image(mistakes_figure(pictures[:1], ["a"]), scale=1).shape == (136, 112, 3)


@pytest.mark.parametrize(
    "series",
    [
        {},
        {"train": (np.array([3.0]), np.array([1.0]))},
        {"train": (np.arange(3.0), np.full(3, np.nan))},
        {"train": (np.arange(3.0), np.array([1.0, np.inf, 2.0]))},
        {"train": (np.arange(3.0), np.zeros(3))},
    ],
)
def test_odd_curves_are_drawn_all_the_same(series):
    assert "<svg" in as_svg(curve_figure(series), "a", "")
