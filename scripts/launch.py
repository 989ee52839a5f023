"""What the trials of a sweep do on the cluster, and what to do about it.

    python scripts/launch.py status SWEEP             one line a trial: its state, and why
    python scripts/launch.py logs SWEEP 7             the last lines of its first host that failed
    python scripts/launch.py cancel SWEEP [7 8]       ends trials, or all that run
    python scripts/launch.py retry SWEEP [7 8]        tries again those that failed, or were put off
    python scripts/launch.py fetch SWEEP 7            its run directory, with the checkpoints

SWEEP is its directory here. A confirmation of the best trial is called by its folder in it,
`confirm/1000`. A trial that a worker of held slices trains ends after its next evaluation, when it
is cancelled. Exit codes: 0; 1 where the cluster or the storage fails; 2 for a
mistake of the user's.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))
FAULT, INTERRUPTED = 1, 130


def main(words: Sequence[str] | None = None) -> int:
    """Does what the words say; returns the exit code."""
    chosen = _parser().parse_args(words)
    from framework.config import InvalidConfig
    from framework.config.command import report
    from framework.launch.gke.cluster import ClusterError
    from framework.launch.gke.commands import Commands, open_sweep
    from framework.launch.storage import StorageError

    try:
        commands: Commands = open_sweep(chosen.sweep)
        names = [chosen.trial] if "trial" in chosen else chosen.trials
        more = {"lines": chosen.lines} if chosen.command == "logs" else {}
        for line in getattr(commands, chosen.command)(names, **more):
            print(line, flush=True)
    except InvalidConfig as error:
        return report(error.problems, "nothing was done")
    except (ClusterError, StorageError) as error:
        print(error, file=sys.stderr)
        return FAULT
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # as of `| head`
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/launch.py", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, said: str) -> argparse.ArgumentParser:
        own = commands.add_parser(name, help=said, description=said, allow_abbrev=False)
        own.add_argument("sweep", type=Path, help="its directory")
        return own

    several = {"nargs": "*", "metavar": "TRIAL"}
    command("status", "one line a trial: its state, and why").add_argument("trials", **several)
    own = command("logs", "the last lines of a trial's host that failed first, or of its first")
    own.add_argument("trial", metavar="TRIAL")
    own.add_argument("--lines", type=int, default=100)
    command("cancel", "ends trials, or all that run").add_argument("trials", **several)
    command("retry", "tries failed trials again").add_argument("trials", **several)
    command("fetch", "brings a run directory with its checkpoints").add_argument(
        "trial", metavar="TRIAL"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
