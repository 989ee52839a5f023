"""Where in the source an operation was asked for."""

import traceback
from pathlib import Path
from typing import Any

from jax.extend.core import JaxprEqn

import framework

_HERE = str(Path(__file__).parent)
_OWN = str(Path(framework.__file__).parent)
_FOREIGN = ("site-packages", "<frozen", "<string>")


def place_of(eqn: JaxprEqn) -> str:
    """`file:line (function)`: the last on the way that is the model's or the user's own."""
    raw: Any = eqn.source_info.traceback  # None where JAX keeps none
    if raw is None:
        return ""
    frames = traceback.extract_tb(raw.as_python_traceback())
    own = [f for f in frames if _is_own(f.filename)]
    if not own:
        return ""
    return f"{_shown(Path(own[-1].filename))}:{own[-1].lineno} ({own[-1].name})"


def _is_own(file: str) -> bool:
    if file.startswith(_OWN):
        return not file.startswith(_HERE)
    return not any(part in file for part in _FOREIGN)


def _shown(file: Path) -> str:
    """Shortened where it lies in the package or below the present folder."""
    for root in (Path(_OWN).parent, Path.cwd()):
        if file.is_relative_to(root):
            return str(file.relative_to(root))
    return str(file)
