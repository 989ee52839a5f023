"""Completion of `python -m experiments.…` on the shell; Hydra's own knows `python file.py` only.

eval "$(python -m experiments.run -sc install=bash)"
"""

import os
import re
from collections.abc import Sequence
from pathlib import Path

# The words are those of the line, not COMP_WORDS: bash breaks these at every "=".
_SCRIPT = """\
_experiments_completion() {
    local words=($COMP_LINE) word=""
    [[ "${words[1]}" == -m && "${words[2]}" == experiments.* ]] || return 0
    [[ "$COMP_LINE" == *" " ]] || word="${words[${#words[@]}-1]}"
    local choices
    choices=$(COMP_LINE="$COMP_LINE" "${words[0]}" -m "${words[2]}" -sc query=bash 2> /dev/null)
    COMPREPLY=($(compgen -o nospace -W "$choices" -- "$word"))
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//=}
complete -o nospace -o default -o bashdefault -F _experiments_completion python python3
"""


def script(words: Sequence[str]) -> str | None:
    """What `-sc install=bash` prints; None where that is not what `words` ask for."""
    return _SCRIPT if _asked(words) and "install=bash" in words else None


def prepare_query(words: Sequence[str], extra: Path | None) -> list[str]:
    """The words with which Hydra can answer `-sc query=…` for the line in COMP_LINE.

    Args:
        extra: the `--config-dir` of that line.
    """
    if not _asked(words) or "COMP_LINE" not in os.environ:
        return list(words)
    os.environ["COMP_LINE"] = re.sub(r"^\s*\S+ -m (\S+)", r"\1", os.environ["COMP_LINE"])
    return [*(["--config-dir", str(extra)] if extra is not None and extra.is_dir() else []), *words]


def _asked(words: Sequence[str]) -> bool:
    return "-sc" in words or "--shell-completion" in words
