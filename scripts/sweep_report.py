"""The page of a sweep, made anew: `python scripts/sweep_report.py SWEEP`.

SWEEP is its directory; a driver may be at work on it. Exit codes: 0; 2 for a mistake of the user's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))


def main(words: Sequence[str] | None = None) -> int:
    """Writes SWEEP/sweep.html; returns the exit code."""
    parser = argparse.ArgumentParser(
        prog="scripts/sweep_report.py", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("sweep", type=Path, help="its directory")
    chosen = parser.parse_args(words)
    from framework.config import InvalidConfig
    from framework.config.command import report
    from framework.launch.report.report import write_report

    try:
        print(f"Report    {write_report(chosen.sweep.absolute())}")
    except InvalidConfig as error:
        return report(error.problems, "no page was made")
    return 0


if __name__ == "__main__":
    sys.exit(main())
