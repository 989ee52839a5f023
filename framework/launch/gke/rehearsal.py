"""A place that only writes down what it would submit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from framework.launch.gke.lint import check
from framework.launch.gke.manifest import of_trial, of_worker
from framework.launch.gke.order import Order
from framework.launch.place import Ended
from framework.launch.trial import Trial
from framework.run import write_text

FOLDER = "manifests"
_ALL = 10**6


@dataclass
class Rehearsal:
    """Writes manifests to `<sweep>/manifests`, checked as if they were submitted.

    Attributes:
        directory: of the sweep.
        begin: called before manifests are written.
        say: prints a line for people.
    """

    order: Order
    directory: Path
    begin: Callable[[], object] = lambda: None
    say: Callable[[str], None] = print

    def free(self) -> int:
        """All of them."""
        return _ALL

    def start(self, trials: Sequence[Trial]) -> None:
        """Writes a manifest for each trial, or for each worker.

        Raises:
            InvalidManifest: one that would be refused: a fault of ours.
        """
        self.begin()
        if self.order.options.workers is not None:
            count = min(self.order.options.workers, len(trials))
            manifests = [of_worker(self.order, number) for number in range(count)]
        else:
            manifests = [of_trial(self.order, each) for each in trials]
        missing: list[str] = []
        for manifest in manifests:
            missing = check(manifest)
            self._write(manifest)
        for package in missing:
            self.say(f"Not checked by {package}: it is not installed")
        folder = self.directory / FOLDER
        self.say(f"Manifests {folder}, {len(manifests)} of them; nothing was submitted")

    def wait(self, seconds: float) -> list[Ended]:
        """Nothing was submitted that could end."""
        del seconds
        return []

    def stop(self, at_once: bool) -> None:
        """Does nothing: nothing was submitted that could be stopped."""

    def _write(self, manifest: dict[str, Any]) -> None:
        text = yaml.safe_dump(manifest, sort_keys=False, width=100)
        write_text(self.directory / FOLDER / f"{manifest['metadata']['name']}.yaml", text)
