import json
import math
import os
import re
import shutil
import subprocess
import tempfile
from html import unescape

import pytest

from framework.evaluation import write_report
from tests.evaluation.fake_run import CLOTHES, class_predictions, image_spec, write_run

KINDS = ("class", "many", "two", "multi_label", "number", "bare", "examined class",
         "examined many", "examined multi_label", "examined number")  # fmt: skip


@pytest.fixture(scope="module")
def page(fake_run, examined_run):
    made = {}

    def of(kind):
        if kind not in made:
            run = examined_run(kind[9:]) if kind.startswith("examined ") else fake_run(kind)
            made[kind] = write_report(run).read_text(encoding="utf-8")
        return made[kind]

    return of


@pytest.mark.parametrize("kind", KINDS)
def test_one_file_that_asks_nothing_of_the_network(page, kind):
    text = page(kind)
    assert "://" not in text
    assert "<script" not in text
    links = re.findall(r'(?:src|href)="([^"]*)"', text) + re.findall(r"url\(([^)]*)\)", text)
    assert links
    assert all(link.startswith(("#", "data:")) for link in links)
    assert "@import" not in text
    assert len(text) < 1_000_000


@pytest.mark.parametrize("kind", KINDS)
def test_every_identifier_is_unique_and_every_link_leads_somewhere(page, kind):
    names = re.findall(r'\bid="([^"]+)"', page(kind))
    assert len(names) == len(set(names))
    assert set(re.findall(r'href="#([^"]+)"', page(kind))) <= set(names)


def test_what_a_person_looks_for_is_there(page):
    text = unescape(page("class"))
    for words in (
        "it is right", "errs most on", "CNN with 31,680 parameters", "fashion_mnist (55,000",
        "Expected calibration error", "without looking", "Learning rate",
        "The commonest confusions",
        "The most confident mistakes", "python -m experiments.run experiment=fashion",
        "not committed", "9f86d081884c7d65", "jax 0.10.2", "learning_rate: 0.002", "Ankle boot",
    ):  # fmt: skip
        assert words in text, words
    assert text.count("data:image/png;base64,") == 24


def test_an_analysis_is_shown(page):
    text = unescape(page("examined class")).replace("\u00a0", " ")
    for words in (
        "a calibrated model would read", "Is its confidence to be trusted?", "95% interval",
        "Answering only the surest 80.1%", "Calibrated afterwards", "Sets that hold the true class",
        "Where it does worse", "Demographic parity over sex", "not enough data",
        "Have the data moved?", "Major drift from the training data", "Had there been no labels",
        "Two-sample tests", "What it would take to break it", "where 5% are promised",
        "Are the data sound?", "labelled Bag", "embedding 0",
    ):  # fmt: skip
        assert words.lower() in text.lower(), words


def test_a_run_without_an_analysis_is_not_asked_for_one(page):
    text = page("class")
    assert "Have the data moved?" not in text
    assert "95% interval</" not in text
    assert "Does confidence come true?" in text


@pytest.mark.parametrize("kind", ["class", "many", "multi_label", "number"])
def test_every_number_of_the_analysis_that_is_shown_is_in_its_file(page, examined_run, kind):
    folder = examined_run(kind) / "evaluation" / "test"
    analysis = json.loads((folder / "analysis.json").read_text())
    text = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", page(f"examined {kind}"), flags=re.S)
    cells = []
    for name in ("slices", "drift", "shift"):
        start = text.index(f'<section id="{name}-test">')
        part = text[start : text.index("</section>", start)]
        cells += re.findall(r"<(?:td|small)[^>]*>([^<]*)<", part)
    known = [abs(v) for v in leaves(analysis)]
    read = [token for cell in cells for token in re.findall(r"[\d,]*\.?\d+(?:e-\d+)?", cell)]
    assert len(read) > 100
    for token in read:
        shown = float(token.replace(",", ""))
        digits = len(token.partition("e")[0].partition(".")[2])
        exponent = int(token.partition("e")[2] or 0)
        near = 0.51 * 10.0 ** (exponent - digits)
        assert any(
            abs(v - shown) <= near or abs(100 * v - shown) <= near for v in known
        ), token  # fmt: skip


def leaves(value):
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from leaves(part)
    elif isinstance(value, int | float) and math.isfinite(value):
        yield value


def test_text_of_the_users_is_text(page):
    assert "&lt;b&gt;Coat" in page("examined class")
    assert "/data/&lt;fashion&gt;" in page("class")
    assert "&lt;script&gt;alert(1)" in page("multi_label")


def test_a_run_that_was_not_evaluated_says_so_and_shows_its_curves(page):
    assert "has not been evaluated yet" in page("bare")
    assert page("bare").count("<svg") == 7


def test_an_empty_directory_still_makes_a_page(tmp_path):
    assert "not been evaluated" in write_report(tmp_path).read_text()


def test_two_splits_each_have_a_section_and_the_test_split_speaks_first(tmp_path):
    outputs, labels = class_predictions(60, 10)
    spec = image_spec("class", CLOTHES)
    for split in ("validation", "test"):
        write_run(tmp_path, spec, outputs, labels, split=split)
    text = write_report(tmp_path).read_text()
    assert "On 60 test examples" in text
    assert text.index("On the test split") < text.index("On the validation split")
    assert text.count("<h2>Training</h2>") == 1
    names = re.findall(r'\bid="([^"]+)"', text)
    assert len(names) == len(set(names))


def test_a_model_that_diverged_has_a_report(tmp_path):
    outputs, labels = class_predictions(60, 10)
    outputs[3] = float("nan")
    write_run(tmp_path, image_spec("class", CLOTHES), outputs, labels)
    text = write_report(tmp_path).read_text()
    assert "the training diverged" in text
    assert "Not defined on this split: accuracy" in text


def test_the_command_does_not_write_over_the_run(tmp_path):
    (tmp_path / "overrides.yaml").write_text("- run.dir=/somewhere\n- name='a b'\n")
    text = unescape(write_report(tmp_path).read_text())
    assert "python -m experiments.run" in text
    assert "run.dir" not in text


# The page is framed, because a browser without a screen has no window as narrow as a phone.
FRAME = """<body style="margin:0"><iframe src="page.html" style="border:0;width:{width}px;\
height:2000px"></iframe><script>onmessage = e => document.title = e.data</script>"""
PROBE = """<script>
const errors = [];
addEventListener("error", e => errors.push(String(e.message || e.target.src)), true);
addEventListener("securitypolicyviolation", e => errors.push(e.blockedURI));
addEventListener("load", () => {
  document.querySelectorAll("details").forEach(d => d.open = true);
  const root = document.documentElement, colour = (e, of) => getComputedStyle(e)[of];
  const label = document.querySelector("figure svg text");
  const texts = [...document.querySelectorAll("figure svg text")];
  parent.postMessage(JSON.stringify({
    errors, wide: root.scrollWidth, window: innerWidth, tall: root.scrollHeight,
    paper: colour(document.body, "backgroundColor"), ink: colour(document.body, "color"),
    label: label && colour(label, "fill"), labelFont: label && colour(label, "fontFamily"),
    font: colour(document.body, "fontFamily"),
    smallest: Math.min(...texts.map(t => t.getBoundingClientRect().height).filter(h => h)),
    broken: [...document.images].filter(i => i.loading != "lazy" && !i.naturalWidth).length,
  }), "*");
});
</script>
"""
POLICY = (
    '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'\">"
)


@pytest.fixture(scope="session")
def chromium():
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
    )
    if not found:
        if os.environ.get("CI") == "true":
            pytest.fail("CI needs chromium to look at the report")
        pytest.skip("no chromium here to look at the report with")
    return found


def looked_at(chromium, text, folder, width, dark, probe=PROBE):
    """What a browser of that width and scheme makes of the page; (findings, its console)."""
    probed = text.replace("<head>", f"<head>{POLICY}{probe}", 1)
    (folder / "page.html").write_text(probed, encoding="utf-8")
    (folder / "frame.html").write_text(FRAME.format(width=width))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        seen = subprocess.run(
            [
                chromium, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--disable-background-networking", "--enable-logging=stderr", "--dump-dom",
                "--virtual-time-budget=5000", f"--user-data-dir={profile}",
                f"--blink-settings=preferredColorScheme={0 if dark else 1}",
                f"--window-size={max(width, 500)},2000", (folder / "frame.html").as_uri(),
            ],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", seen.stdout, re.S)
    assert title, f"the page did not report back: {seen.stderr[-2000:]}"
    return json.loads(unescape(title[1])), re.findall(r".*CONSOLE.*", seen.stderr)


@pytest.mark.parametrize(
    ("kind", "width", "dark"),
    [
        ("class", 390, True), ("class", 1440, False), ("many", 390, False), ("two", 390, True),
        ("multi_label", 390, False), ("number", 390, True), ("number", 1440, False),
        ("bare", 390, False), ("examined class", 390, False), ("examined class", 1440, True),
        ("examined many", 390, True), ("examined multi_label", 1440, False),
        ("examined number", 390, False),
    ],
)  # fmt: skip
def test_a_browser_shows_it_on_a_phone_and_on_a_desk(chromium, page, tmp_path, kind, width, dark):
    found, console = looked_at(chromium, page(kind), tmp_path, width, dark)
    assert console == []
    assert found["errors"] == []
    assert found["window"] == width
    assert found["wide"] <= width, "the page scrolls sideways"
    assert found["tall"] > 1000
    assert found["broken"] == 0
    light_paper = sum(map(int, re.findall(r"\d+", found["paper"]))) > 3 * 128
    light_label = sum(map(int, re.findall(r"\d+", found["label"]))) > 3 * 128
    assert light_paper is not dark
    assert light_label is dark, "the figure does not follow the page's scheme"
    assert found["labelFont"] == found["font"]
    assert found["smallest"] > 5
