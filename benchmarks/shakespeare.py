"""The same small transformer trained by `experiment=shakespeare` and by the loop by hand.

Both get the same documents, budget and numbers; what differs is the order of the rows and the
random start. Prints the losses on the validation documents and their difference, and draws both
curves. What is done is kept in the folder, so that the same command goes on where it was stopped.

    python benchmarks/shakespeare.py [--path ../shared/data/shakespeare] [--folder runs/by-hand]
        [--picture docs/pictures/shakespeare.png] [--smoke] [key=value …]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("JAX_PLATFORMS", "cpu")

import by_hand
from language_model import SHAKESPEARE, TINY, files_of_splits, recipe_of, size_of, some_text
from omegaconf import OmegaConf
from rich.console import Console
from rich.table import Table

from framework.config.build import require
from framework.tracking import read_metrics

ROOT = Path(__file__).resolve().parent.parent
WANTED = 0.02
SHORT = (
    *TINY, "trainer.steps=20", "trainer.log_every=5", "schedule.warmup=4", "evaluation.every=10",
    "checkpoint.every=10",
)  # fmt: skip

Curve = Sequence[Sequence[float]]


@dataclass(frozen=True)
class Curves:
    """(step, nats a token): of each batch that was logged, and of the validation documents."""

    train: Curve
    validation: Curve

    @property
    def final(self) -> float:
        return self.validation[-1][1]


def by_framework(path: Path, directory: Path, overrides: Sequence[str]) -> Curves:
    """Runs the experiment, or goes on with it; one that is complete is only read."""
    command = [sys.executable, "-m", "experiments.run", "experiment=shakespeare"]
    arguments = [f"data.path={path}", f"run.dir={directory}", "tracker.wandb.enabled=false"]
    begun = time.perf_counter()
    status = subprocess.run([*command, *arguments, *overrides], cwd=ROOT, check=False).returncode
    if status:
        sys.exit(status)  # it has said why
    print(f"the framework took {time.perf_counter() - begun:.0f} s")
    entries = list(read_metrics(directory / "metrics.jsonl"))

    def curve(name: str) -> Curve:
        found = {entry["step"]: entry[name] for entry in entries if name in entry}
        return sorted(found.items())

    return Curves(curve("loss"), curve("validation/log_loss"))


def on_its_own(settings: Mapping[str, Any], path: Path, record: Path) -> Curves:
    """Trains by hand as `settings` say, unless `record` has just that."""
    data = require(settings["data"], "data")
    files = files_of_splits(data, path)
    size, recipe = size_of(settings), recipe_of(settings)
    names = {name: [file.name for file in files[name]] for name in ("train", "validation")}
    asked = {"size": asdict(size), "recipe": asdict(recipe), "files": names}
    kept = json.loads(record.read_text()) if record.is_file() else {}
    if kept.get("asked") != asked:
        begun = time.perf_counter()
        train, validation = by_hand.train(
            files["train"], files["validation"], recipe, size=size,
            length=settings["data"]["sequence_length"],
            log_every=settings["trainer"]["log_every"],
            evaluate_every=settings["evaluation"]["every"], seed=settings["seed"],
        )  # fmt: skip
        print(f"the loop by hand took {time.perf_counter() - begun:.0f} s")
        kept = {"asked": asked, "train": train, "validation": validation}
        record.write_text(json.dumps(kept))
    return Curves(kept["train"], kept["validation"])


def draw(ours: Curves, theirs: Curves, file: Path) -> None:
    """Both curves, as wide as the README shows pictures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3.6), dpi=160, layout="constrained")
    axes = figure.subplots()
    looks = (
        ("framework", ours, "#1f6fb4", "-", "o"),
        ("one file of JAX by hand", theirs, "#d9730d", (0, (4, 2)), "x"),
    )
    for name, curves, color, dashes, marker in looks:
        axes.plot(*zip(*curves.train, strict=True), color=color, lw=1, ls=dashes, alpha=0.5)
        axes.plot(
            *zip(*curves.validation, strict=True), color=color, lw=1.8, ls=dashes, marker=marker,
            ms=6, mew=1.8, label=f"{name}: {curves.final:.3f} on the validation documents",
        )  # fmt: skip
    lowest = min(loss for curves in (ours, theirs) for _, loss in curves.train)
    first = ours.validation[0][1]
    axes.set_ylim(lowest - 0.1, max(1.6 * first, first + 0.5))
    axes.set_xlim(left=0)
    axes.set_xlabel("step")
    axes.set_ylabel("nats a byte")
    axes.set_title(
        "Shakespeare: training batches (thin) and validation documents (marked)",
        fontsize=10, loc="left",
    )  # fmt: skip
    axes.grid(axis="y", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="upper right")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)


def report(ours: Curves, theirs: Curves) -> None:
    """The validation losses side by side."""
    table = Table(title="nats a token, validation documents", title_justify="left", box=None)
    for column in ("step", "framework", "by hand", "difference", "wanted"):
        table.add_column(column, justify="right")
    last = ours.validation[-1][0]
    for (step, mine), (other, yours) in zip(ours.validation, theirs.validation, strict=True):
        assert step == other, f"evaluated at step {step} and at step {other}"
        wanted = f"within {WANTED}" if step == last else ""
        table.add_row(f"{step:g}", f"{mine:.4f}", f"{yours:.4f}", f"{mine - yours:+.4f}", wanted)
    Console(width=100, highlight=False).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("overrides", nargs="*", help="of the experiment")
    parser.add_argument("--path", type=Path, default=SHAKESPEARE, help="a folder of text files")
    parser.add_argument("--folder", type=Path, default=ROOT / "runs" / "by-hand", help="of results")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs/pictures/shakespeare.png")
    parser.add_argument("--smoke", action="store_true", help="a few tiny steps: does it still run?")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        path, folder, picture = given.path.absolute(), given.folder.absolute(), given.picture
        overrides = given.overrides
        if given.smoke:
            folder, picture = Path(temporary) / "results", Path(temporary) / "curves.png"
            path, overrides = some_text(Path(temporary) / "text"), [*SHORT, *overrides]
        elif not path.is_dir():
            parser.error(f"no folder {path}: give the one of the texts as --path")
        folder.mkdir(parents=True, exist_ok=True)
        ours = by_framework(path, folder / "framework", overrides)
        settings: Any = OmegaConf.to_container(OmegaConf.load(folder / "framework/config.yaml"))
        theirs = on_its_own(settings, path, folder / "by_hand.json")
        report(ours, theirs)
        draw(ours, theirs, picture)
        print(f"{picture}: {picture.stat().st_size} bytes")


if __name__ == "__main__":
    main()
