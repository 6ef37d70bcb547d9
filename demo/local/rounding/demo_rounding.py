"""A module from a repository of a colleague's."""

STEP = 10


def rounded(value: int) -> int:
    """The multiple of STEP that is not above ``value``."""
    return value - value % STEP
