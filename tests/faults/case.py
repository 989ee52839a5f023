"""A case: what is broken, and what must come of it."""

import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.faults.equal import assert_close, assert_same_bits, assert_same_weights
from tests.faults.scene import WORDS, Scene

Equal = Literal["bits", "weights", "close"]
Play = Callable[[Scene], object]


class NotHere(Exception):  # noqa: N818
    """The case needs what this machine does not give; says what."""


EQUAL: Mapping[Equal, Callable[[Path, Path], None]] = {
    "bits": assert_same_bits, "weights": assert_same_weights, "close": assert_close,
}  # fmt: skip


def start_once(scene: Scene) -> None:
    """The run that nothing happens to."""
    scene.start(code=0)


def finish(scene: Scene) -> None:
    """Nothing more than the same command again."""
    scene.finish()


@dataclass(frozen=True)
class Case:
    """Breaks a run in `play`, starts it again until it is complete, and compares.

    Attributes:
        name: by which it is run.
        play: breaks the run; may start it several times.
        words: of the command beside the usual ones, and of the run that nothing happens to.
        harmless: words that change no number: the other run has its place without them.
        base: the usual words.
        told: environment of every start.
        module, before: what is started, and the words in front.
        untouched: how the run is made that this one must equal.
        like: how it is started, where that is another way.
        then: starts it until it is complete.
        equal: to the bit; that, but for what was logged and is lost; or as near as another mesh's
            arithmetic comes.
        tests: whether pytest runs it too, and among the fast or the long ones.
    """

    name: str
    play: Play
    words: tuple[str, ...] = ()
    harmless: tuple[str, ...] = ()
    base: tuple[str, ...] = WORDS
    told: Mapping[str, str] = field(default_factory=dict)
    module: str = "experiments.run"
    before: tuple[str, ...] = ()
    untouched: Play = start_once
    like: "Like | None" = None
    then: Play = finish
    equal: Equal = "bits"
    tests: Literal["fast", "long", "no"] = "no"

    def scene(self, folder: Path) -> Scene:
        """In which it is played."""
        words = (*self.base, *self.words, *self.harmless)
        return Scene(folder, words, self.module, self.before, dict(self.told))


@dataclass(frozen=True)
class Like:
    """How the untouched run is started, where that is another way."""

    words: tuple[str, ...] = ()
    told: Mapping[str, str] = field(default_factory=dict)
    module: str = "experiments.run"
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Result:
    """One row of the table.

    Attributes:
        codes: of each start.
        said: by the start after the first fault.
        equal: "yes", "within 1e-5", or why not.
    """

    case: str
    codes: tuple[int, ...]
    said: str
    equal: str
    seconds: float
    good: bool = True


@dataclass
class Workshop:
    """Plays cases below a folder; an untouched run is made once for all that compare with it."""

    folder: Path
    _made: dict[object, Path] = field(default_factory=dict)

    def play(self, case: Case) -> Result:
        """The case from start to end. Raises AssertionError and NotHere."""
        reference = self.untouched(case)
        folder = self.folder / case.name
        folder.mkdir()
        scene, begun = case.scene(folder), time.monotonic()
        try:
            case.play(scene)
            case.then(scene)
            EQUAL[case.equal](scene.run, reference)
        except AssertionError as error:
            error.result = self._row(case, scene, begun, _first_line(error))  # type: ignore[attr-defined]
            raise
        shutil.rmtree(folder)
        return self._row(case, scene, begun, "within 1e-5" if case.equal == "close" else "yes")

    def untouched(self, case: Case) -> Path:
        """The run that nothing happened to."""
        like = case.like or Like(case.words, case.told, case.module, case.before)
        told = tuple(like.told.items())
        key = (case.base, like.words, told, like.module, like.before, case.untouched)
        if key not in self._made:
            folder = Path(tempfile.mkdtemp(prefix="untouched-", dir=self.folder))
            words = (*case.base, *like.words)
            scene = Scene(folder, words, like.module, like.before, dict(like.told))
            case.untouched(scene)
            self._made[key] = scene.run
        return self._made[key]

    def _row(self, case: Case, scene: Scene, begun: float, equal: str) -> Result:
        codes = tuple(ended.code for ended in scene.ends)
        good = equal in ("yes", "within 1e-5")
        return Result(case.name, codes, scene.said(), equal, time.monotonic() - begun, good)


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"no: {lines[0][:160]}" if lines else "no"
