"""Templates of the pages that a person reads: each one file that needs nothing but a browser."""

from typing import TYPE_CHECKING

from framework.evaluation import formats

if TYPE_CHECKING:
    from jinja2 import Environment

HERE = "framework.evaluation"


def pages(package: str = HERE) -> "Environment":
    """Templates in a package's folder, which may include those beside this file.

    What is put into them is text: it is escaped.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

    folders = dict.fromkeys((package, HERE))
    found = Environment(
        loader=ChoiceLoader([PackageLoader(folder, ".") for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"count": formats.count, "size": formats.size, "share": formats.share}
    return found
