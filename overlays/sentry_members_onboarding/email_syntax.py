"""What Sentry takes for an e-mail address (the server's behaviour)."""

import re

LENGTH = 75
"""How many characters it may have."""

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?!-)(?:[^\W_]|-){1,63}(?<!-)"
_ADDRESS = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*@(?:localhost|(?:{_LABEL}\.)+(?!.\Z){_LABEL})", re.IGNORECASE
)


def is_address(text: str) -> bool:
    """Whether a text is one, of whatever length. Quoted ones and IP literals are not."""
    return _ADDRESS.fullmatch(text) is not None
