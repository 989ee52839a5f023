"""How every figure looks: one palette, an image for the trackers, an SVG for the report."""

import re
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of the light page. In an SVG each becomes the page's CSS variable of that name, so
# that the figure follows the reader's light or dark: no other colour may be drawn with.
PALETTE = {
    "paper": "#fcfbf8",
    "ink": "#22252a",
    "muted": "#6f7278",
    "rule": "#dcd9d1",
    "accent": "#2a5db0",
    "warm": "#c05621",
}
PAPER, INK, MUTED, RULE, ACCENT, WARM = PALETTE.values()
TEXT = 11  # points; a figure is about 400 points wide, which is a phone's width in pixels


def new_figure(width: float, height: float) -> "Figure":
    """An empty figure of `width` by `height` points, laid out without overlaps."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.03, h_pad=0.03)
    return Figure(figsize=(width / 72, height / 72), layout=layout, facecolor=PAPER)


def dress(axes: "Axes", x: str = "", y: str = "", grid: str = "") -> None:
    """Gives axes the house look: two thin spines, small muted ticks, labels at their ends."""
    axes.set_facecolor("none")
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(RULE)
        spine.set_linewidth(0.8)
    axes.tick_params(colors=MUTED, labelsize=TEXT - 1, length=3, width=0.8)
    axes.tick_params(which="minor", length=0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_offset_text().set(color=MUTED, fontsize=TEXT - 1)
    axes.set_xlabel(x, color=MUTED, fontsize=TEXT)
    axes.set_ylabel(y, color=MUTED, fontsize=TEXT)
    if grid:
        axes.grid(axis=grid, color=RULE, linewidth=0.6)  # type: ignore[arg-type]
        axes.set_axisbelow(True)


def as_image(figure: "Figure", scale: float = 2.0) -> np.ndarray:
    """The figure as uint8 [height, width, 3], `scale` pixels a point."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure.set_dpi(72 * scale)
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def as_svg(figure: "Figure", name: str, description: str) -> str:
    """The figure as an SVG element to be put into a page that defines the palette's variables.

    Args:
        figure: drawn with the palette's colours alone.
        name: unlike that of any other figure of the page; keeps their identifiers apart.
        description: what a reader hears who cannot see the figure.
    """
    import matplotlib

    drawn: Any = BytesIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.set_dpi(72)
        figure.savefig(drawn, format="svg", transparent=True, metadata=nothing)
    return _for_a_page(drawn.getvalue().decode(), name, description)


def _for_a_page(svg: str, name: str, description: str) -> str:
    """Takes off what a file needs and a page does not, and lends the page's font and colours."""
    from html import escape

    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", "", svg, flags=re.S)
    box = re.search(r'viewBox="([^"]+)"', svg)
    head = f'<svg viewBox="{box[1] if box else ""}" role="img" aria-label="{escape(description)}">'
    svg = head + svg[svg.index(">") + 1 :]
    svg = svg.replace("xlink:href", "href")
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', svg))
    svg = re.sub(r' id="([^"]*)"', partial(_kept_identifier, used=used), svg)
    svg = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>{re.escape(name)}-", svg)
    # Matplotlib writes `font: 10px 'DejaVu Sans'…` or, since 3.11, size and family apart.
    svg = re.sub(r"font: ?([\d.]+px)[^;\"]*", r"font-size: \1", svg)
    svg = re.sub(r"font-family: ?[^;\"]*;? ?", "", svg)
    for variable, colour in PALETTE.items():
        svg = svg.replace(colour, f"var(--{variable})")
    svg = re.sub(r"<[^>]*>", _shorter_numbers, svg)
    return re.sub(r">\s+<", "><", svg).strip()


def _shorter_numbers(tag: re.Match[str]) -> str:
    """A hundredth of a pixel is enough; the text between the tags stays as it is."""
    return re.sub(r"(\d+\.\d{2})\d+", r"\1", tag[0])


def _kept_identifier(match: re.Match[str], used: set[str]) -> str:
    return match[0] if match[1] in used else ""
