"""Numbered artifacts and the aliases that mean them.

    python scripts/registry.py push ARTIFACT                  a new version of the model it names
    python scripts/registry.py list                           all models
    python scripts/registry.py show NAME                      its versions, and what aliases meant
    python scripts/registry.py show NAME@3                    one version: signature, metrics, files
    python scripts/registry.py promote NAME 3                 champion, if the gates let it
    python scripts/registry.py rollback NAME                  champion is what it was before
    python scripts/registry.py lineage NAME@champion          run, data, config, commit, parents
    python scripts/registry.py pull NAME@champion DIR         the artifact again
    python scripts/registry.py verify                         logs, blobs, with --key signatures
    python scripts/registry.py gc                             what no version needs

NAME@3, NAME@champion and NAME@latest name a version. Words key=value change configs/registry.yaml:
registry=DIR_OR_URL (or --registry, or the variable FRAMEWORK_REGISTRY), gates.champion.size=null.

Exit codes: 0; 1 where a gate refuses, another was faster, something is damaged or the store fails;
2 for a user's mistake. A line says what and why; --json prints what a program can read.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT) not in sys.path:  # started by its path
    sys.path.insert(0, str(ROOT))
DONE, REFUSED, MISTAKE, INTERRUPTED = 0, 1, 2, 130
_SETTING = re.compile(r"[+~]{0,2}[A-Za-z_][\w.@]*=")
_WITH_VALUE = (
    "--registry", "--name", "--reason", "--force", "--expect", "--alias", "--key", "--head",
    "--grace-hours",
)  # fmt: skip


def main(words: Sequence[str] | None = None) -> int:
    """Does what the words say; returns the exit code."""
    own, settings = _apart(sys.argv[1:] if words is None else words)
    chosen = _parser().parse_args(own)
    from framework.config import InvalidConfig
    from framework.config.command import report
    from framework.registry import GatesFailed, InvalidRequest, RegistryError
    from scripts.registry_command import commands

    try:
        answer = commands.run(chosen, settings)
    except InvalidConfig as error:
        return report(error.problems)
    except InvalidRequest as error:
        return _say(str(error), MISTAKE)
    except GatesFailed as error:
        failed = [finding for finding in error.findings if not finding.passed]
        count = "a gate refuses" if len(failed) == 1 else f"{len(failed)} gates refuse"
        lines = [f"{count}; nothing was changed.", *(f"  {f.gate}: {f.sentence}" for f in failed)]
        if chosen.json:
            print(json.dumps({"promoted": False, "gates": [f.json() for f in error.findings]}))
        return _say("\n".join(lines), REFUSED)
    except RegistryError as error:
        return _say(str(error), REFUSED)
    except KeyboardInterrupt:
        return _say("Interrupted.", INTERRUPTED)
    answer.show(as_json=chosen.json)
    return answer.code


def _say(line: str, code: int) -> int:
    print(line, file=sys.stderr)
    return code


def _apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words of the command, and settings: `key=value` that is no flag's value."""
    own: list[str] = []
    settings: list[str] = []
    for before, word in zip(["", *words], words, strict=False):
        setting = _SETTING.match(word) and before not in _WITH_VALUE
        (settings if setting else own).append(word)
    return own, settings


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="scripts/registry.py", description=__doc__, allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, said: str, *references: str) -> Callable[..., Any]:
        own = commands.add_parser(name, help=said, description=said, allow_abbrev=False)
        for reference in references:
            own.add_argument(reference.strip("?"), nargs="?" if reference[-1] == "?" else None)
        own.add_argument("--registry", help="a folder or a URL, as registry=… is")
        own.add_argument("--json", action="store_true", help="print what a program can read")
        return own.add_argument

    reason = {"default": "", "help": "in words; the log keeps it"}
    alias = {"default": "champion", "help": "the alias that moves (champion)"}
    expect = {"help": "the version it must mean before, or none: else it is not moved"}
    add = command("push", "registers an artifact as a new version", "artifact")
    add("--name", default="", help="of the model; the artifact's own unless given")
    add("--reason", **reason)
    command("list", "shows all models")
    command("show", "shows a model, or a version of it", "model")
    add = command("promote", "has an alias mean another version", "model", "version?")
    add("--alias", **alias)
    add("--expect", **expect)
    add("--reason", **reason)
    add("--force", metavar="REASON", help="gates that fail do not count, for this reason")
    add = command("rollback", "has an alias mean again what it meant before", "model")
    add("--alias", **alias)
    add("--expect", **expect)
    add("--reason", **reason)
    command("lineage", "says what a version came from", "model")
    command("pull", "makes the artifact of a version at a directory", "model", "directory")
    add = command("verify", "reads logs and blobs, and holds them against their hashes", "model?")
    add("--key", type=Path, help="a public key: every version must be signed with its private one")
    add("--head", default="", metavar="HASH", help="of an entry that was once the newest")
    add = command("gc", "removes what no version needs")
    add("--grace-hours", type=float, default=24.0, help="younger files stay (24): pushes use them")
    add("--dry-run", action="store_true", help="only say what would go")
    return parser


if __name__ == "__main__":
    sys.exit(main())
