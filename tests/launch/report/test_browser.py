"""The page of a sweep as a browser shows it, on a phone and on a desk."""

import re
from pathlib import Path
from typing import Any

import pytest

from framework.launch.report.report import write_report
from tests.evaluation.test_report import chromium, looked_at
from tests.launch.report.made_up import confirm, confirm_front, make, row, several, two_objectives

__all__ = ["chromium"]  # a fixture

# Drags along the last axis, over its better half, then taps on it.
PROBE = """<script>
const errors = [];
addEventListener("error", e => errors.push(String(e.message || e.target.src)), true);
addEventListener("securitypolicyviolation", e => errors.push(e.blockedURI));
Element.prototype.setPointerCapture = () => {};
addEventListener("load", () => setTimeout(() => {
  const root = document.documentElement, colour = (e, of) => getComputedStyle(e)[of];
  const shown = () => [...document.querySelectorAll("tr[data-trial]")].filter(r => r.offsetParent)
    .map(r => Number(r.dataset.trial));
  const label = document.querySelector("figure svg text"), before = shown();
  const hit = [...document.querySelectorAll(".hit")].pop();
  let brushed = null, told = null, after = null;
  if (hit) {
    const box = hit.getBoundingClientRect(), tall = box.width > box.height;
    const at = share => tall
      ? { clientX: box.left + share * box.width, clientY: box.top + box.height / 2 }
      : { clientX: box.left + box.width / 2, clientY: box.bottom - share * box.height };
    const send = (kind, share) => hit.dispatchEvent(new PointerEvent(kind, at(share)));
    send("pointerdown", .5); send("pointermove", 1); send("pointerup", 1);
    brushed = shown(); told = document.querySelector("[data-told]").textContent;
    send("pointerdown", .7); send("pointerup", .7);
    after = shown();
  }
  document.querySelectorAll("details").forEach(d => d.open = true);
  parent.postMessage(JSON.stringify({
    errors, wide: root.scrollWidth, window: innerWidth, tall: root.scrollHeight, before, brushed,
    told, after, lines: document.querySelectorAll(".line").length,
    paper: colour(document.body, "backgroundColor"), label: label && colour(label, "fill"),
    copy: [...document.querySelectorAll("[data-copy]")].filter(b => !b.hidden).length,
  }), "*");
}, 500));
</script>
"""


def sweep(kind: str, folder: Path) -> Path:
    """Made-up sweeps by name."""
    if kind == "several":
        made = make(folder, several())
        confirm(made, several()[2], [0.89, 0.91, 0.9], [0.87, 0.88, 0.86])
        return made
    if kind == "two objectives":
        made = make(folder, two_objectives(), metrics=("accuracy", "log_loss"))
        confirm_front(made, two_objectives()[1:4])
        return made
    if kind == "many":
        keys = {f"optimizer.a_key_with_a_long_name_{n}": {"written": "0,1,2"} for n in range(9)}
        rows = [
            row(n, accuracy=0.5 + n / 200, values={key: (n + k) % 3 for k, key in enumerate(keys)})
            for n in range(60)
        ]
        return make(folder, rows, keys)
    return make(folder, {"one": [row(0, accuracy=0.5)], "none": []}[kind])


def light(colour: str) -> bool:
    return sum(map(int, re.findall(r"\d+", colour)[:3])) > 3 * 128


@pytest.mark.parametrize(
    ("kind", "width", "dark"),
    [
        ("several", 390, True), ("several", 1440, False), ("two objectives", 390, False),
        ("two objectives", 1440, True), ("many", 390, False), ("many", 1440, False),
        ("one", 390, False), ("none", 390, True),
    ],
)  # fmt: skip
def test_a_browser_shows_it(chromium, tmp_path, kind, width, dark):
    text = write_report(sweep(kind, tmp_path / "sweep")).read_text(encoding="utf-8")
    found: dict[str, Any]
    found, console = looked_at(chromium, text, tmp_path, width, dark, PROBE)
    assert console == []
    assert found["errors"] == []
    assert found["window"] == width
    assert found["wide"] <= width, "the page scrolls sideways"
    assert light(found["paper"]) is not dark
    if found["label"]:
        assert light(found["label"]) is dark, "the figures do not follow the page's scheme"
    if kind == "several":
        assert found["lines"] == 6
        assert found["brushed"] == [2, 3, 0]  # the upper half of 40 to 93%
        assert found["told"].startswith("3 of 6 trials; the best of them is trial 2: 93.0%")
        assert found["copy"] == 2
    if kind == "many":
        assert len(found["before"]) == 20
        assert found["brushed"] == list(range(59, 29, -1))  # those that were folded too
    if found["lines"]:
        assert found["after"] == found["before"], "a tap takes the choice away"
