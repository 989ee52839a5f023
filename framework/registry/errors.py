"""What is said when the registry refuses, is damaged, or is asked for what is not there."""


class RegistryError(Exception):
    """The registry refuses, is damaged, or its store fails; the message is one line."""


class InvalidRequest(Exception):  # noqa: N818
    """A user's mistake: a name, a version or an alias that is not there; one line."""


def reason(error: BaseException) -> str:
    """What was raised, in one line: of the operating system's errors what they mean."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = next(iter(str(error).strip().splitlines()), "")[:200]
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
