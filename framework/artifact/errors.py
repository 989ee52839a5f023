"""What is said when an artifact, or what it was given, is not as it must be."""


class ArtifactError(Exception):
    """The directory is no artifact, or not as it was made; the message is one line."""


class InvalidInput(ValueError):  # noqa: N818
    """What was given does not fit, the signature for one; the message says what does."""
