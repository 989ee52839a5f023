"""Shows every group of configs with each choice's first comment line."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

CONFIGS = Path(__file__).resolve().parent.parent / "configs"


def describe(file: Path) -> str:
    """The first comment of a config that is not an instruction to Hydra."""
    for line in file.read_text(encoding="utf-8").splitlines():
        text = line.removeprefix("#").strip()
        if line.startswith("#") and not text.startswith("@"):
            return text
        if not line.startswith("#"):
            break
    return ""


def groups(*folders: Path) -> dict[str, dict[str, str]]:
    """Group to choice to description, over the project's configs and the user's."""
    found: dict[str, dict[str, str]] = {}
    for folder in folders:
        for file in sorted(folder.glob("*/**/[!_]*.yaml")):
            group = file.parent.relative_to(folder).as_posix()
            found.setdefault(group, {})[file.stem] = describe(file)
    return dict(sorted(found.items()))


def main() -> int:
    """Prints the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m experiments.list", description=__doc__)
    parser.add_argument("group", nargs="?", help="only this group")
    parser.add_argument("--config-dir", type=Path, help="your own folder of configs, shown too")
    arguments = parser.parse_args()
    if arguments.config_dir is not None and not arguments.config_dir.is_dir():
        print(f"--config-dir={arguments.config_dir}: expected a folder of configs", file=sys.stderr)
        return 2
    found = groups(*filter(None, (CONFIGS, arguments.config_dir)))
    if arguments.group is not None and arguments.group not in found:
        print(f"group={arguments.group}: expected one of {', '.join(found)}", file=sys.stderr)
        return 2
    console = Console(highlight=False)
    for group, choices in found.items():
        if arguments.group not in (None, group):
            continue
        table = Table(box=None, pad_edge=False, show_header=False)
        table.add_column(no_wrap=True, min_width=22)
        table.add_column()
        for name, text in choices.items():
            table.add_row(f"  {group}={name}", text)
        console.print(f"[bold]{group}[/bold]")
        console.print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
