"""What an artifact's directory holds, believed only when every hash is right."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from framework.artifact.errors import ArtifactError
from framework.manifest import MANIFEST, Entry, read_manifest, verify

FORMAT = 1
SIGNATURE_FILE = "model.sig"
_SHOWN = 5


@dataclass(frozen=True)
class Contents:
    """A directory that was verified.

    Attributes:
        about: what it is, as `manifest.json` says under that name.
        files: sizes and hashes by relative names with `/`.
    """

    path: Path
    about: Mapping[str, Any]
    files: Mapping[str, Entry]

    def file(self, name: str) -> Path:
        """The path of a file that the manifest lists.

        Raises:
            ArtifactError: it lists none of that name.
        """
        if name not in self.files:
            raise ArtifactError(f"{self.path}: its manifest names {name}, but lists no such file")
        return self.path / name

    @property
    def size(self) -> int:
        """Bytes of all files but the manifest."""
        return sum(entry.size for entry in self.files.values())


def inspect(path: Path | str, *, verified: bool = True) -> Contents:
    """What is in the artifact at `path`.

    Args:
        verified: every file is read and held against its hash.

    Raises:
        ArtifactError: it is no artifact, of a format that is not known here, or a file is changed,
            missing, a link, or there and not in the manifest; each is named.
    """
    path = Path(path)
    if not path.is_dir():
        raise ArtifactError(f"{path}: no such directory; scripts/export.py makes artifacts")
    try:
        files, about = read_manifest(path)
    except FileNotFoundError:
        near = "artifact" if (path / "artifact" / MANIFEST).is_file() else ""
        hint = f"; did you mean {path / near}?" if near else ""
        raise ArtifactError(f"{path}: no artifact, as it has no {MANIFEST}{hint}") from None
    except (OSError, ValueError) as error:
        raise ArtifactError(f"{path}/{MANIFEST}: cannot be read ({error})") from error
    known = about.get("artifact_format")
    if known is None:
        raise ArtifactError(f"{path}: no artifact, but another directory with a {MANIFEST}")
    if known != FORMAT:
        expected = f"this version reads format {FORMAT}; update the package `framework`"
        raise ArtifactError(f"{path}: an artifact of format {known!r}; {expected}")
    problems = verify(path, exact=True, beside=(SIGNATURE_FILE,)) if verified else []
    if problems:
        more = f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ArtifactError(f"{path} is not as it was made: {'; '.join(problems[:_SHOWN])}{more}")
    return Contents(path, about, files)
