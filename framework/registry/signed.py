"""Whether an artifact is signed with a key that is trusted."""

from pathlib import Path

from framework.artifact import ArtifactError, InvalidInput
from framework.artifact.signing import verify_signature


def why_unsigned(directory: Path, key: Path) -> str:
    """Why the artifact's signature does not count, in a line; empty where it does.

    Args:
        key: the public key whose private one must have signed it.
    """
    try:
        verify_signature(directory, key)
    except (ArtifactError, InvalidInput) as error:
        return str(error)
    return ""
