"""A text that must not be shown."""

import re
from collections.abc import Callable
from typing import NoReturn


class Secret:
    """A text that no `repr`, pickle or traceback shows, stripped of surrounding blanks.

    What is not a text counts as empty, so that no frame of an exception about it holds it.
    """

    __slots__ = ("reveal",)

    def __init__(self, text: object = None) -> None:
        stripped = str.strip(text) if isinstance(text, str) else ""
        self.reveal: Callable[[], str] = lambda: stripped

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret can't be pickled or copied")

    def matches(self, pattern: str) -> bool:
        """Return whether the text begins with a match of the pattern."""
        return re.match(pattern, self.reveal()) is not None

    def unquoted(self) -> "Secret":
        """Return the text without the quotes that some files and shells leave around it."""
        return Secret(re.sub(r"""\A(["'])(.*)\1\Z""", r"\2", self.reveal(), flags=re.DOTALL))
