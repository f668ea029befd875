"""A text that must not be shown."""

import re
from collections.abc import Callable
from typing import NoReturn


class Secret:
    """A text that no `repr`, pickle or traceback shows. Surrounding blanks are not part of it.

    Whatever is not a text is taken as an empty one, so that no frame that raises has to hold it.
    """

    __slots__ = ("reveal",)

    def __init__(self, text: object) -> None:
        stripped = text.strip() if isinstance(text, str) else ""
        self.reveal: Callable[[], str] = lambda: stripped

    def __bool__(self) -> bool:
        return bool(self.reveal())

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret can't be pickled or copied")

    def matches(self, pattern: str) -> bool:
        """Return whether it begins as the pattern says."""
        return re.match(pattern, self.reveal()) is not None

    def unquoted(self) -> "Secret":
        """Return it without a pair of quotes around it, as files and shells leave them."""
        return Secret(re.sub(r"""\A(["'])(.*)\1\Z""", r"\2", self.reveal(), flags=re.DOTALL))
