"""From a run to an artifact: `python scripts/export.py run=RUN export.precision=int8`."""

import sys
from pathlib import Path
from typing import Any

from experiments.interruption import end_at_once_on_signals
from experiments.job import Work, job

REFUSED = 1


def main() -> int:
    """Reads the command line and exports; returns the exit code."""
    sys.argv[1:] = _without_flags(sys.argv[1:])
    return job("export", _work)


def _work() -> Work:
    from framework.artifact import ArtifactError, InvalidInput
    from framework.export.export import export_run
    from framework.export.parity import ExportRefused
    from framework.export.place import PlaceTaken
    from framework.train.listeners.progress import make_console

    def work(job: Any, _: Any) -> int:
        try:
            export_run(job, make_console(True))
        except (ExportRefused, ArtifactError, InvalidInput) as error:
            print(f"{error}\nNo artifact was made.", file=sys.stderr)
            return REFUSED
        except PlaceTaken as error:
            print(error, file=sys.stderr)
            return REFUSED
        except OSError as error:
            place = f": {error.filename}" if error.filename else ""
            print(f"{error.strerror or error}{place}\nNo artifact was made.", file=sys.stderr)
            return REFUSED
        return 0

    return work


def _without_flags(words: list[str]) -> list[str]:
    """`--sign KEY` as `export.sign=KEY`."""
    found = list(words)
    if "--sign" in found:
        place = found.index("--sign")
        key = found[place + 1 : place + 2]
        found[place : place + 2] = [f"export.sign={key[0] if key else ''}"]
    return found


if __name__ == "__main__":
    sys.path.insert(0, str(Path.cwd()))  # as `python -m` has it, for a user's own package
    end_at_once_on_signals("No artifact was made.")
    sys.exit(main())
