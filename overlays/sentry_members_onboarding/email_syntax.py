"""The syntax of the e-mail addresses that Sentry accepts (the server's behaviour)."""

import re

LENGTH = 75
"""The length of the longest address that Sentry accepts, in characters."""

_ATOM = r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?!-)(?:[^\W_]|-){1,63}(?<!-)"
_ADDRESS = re.compile(
    rf"{_ATOM}(?:\.{_ATOM})*@(?:localhost|(?:{_LABEL}\.)+(?!.\Z){_LABEL})", re.IGNORECASE
)


def is_address(text: str) -> bool:
    """Return whether a text is an e-mail address, whatever its length.

    Quoted local parts and IP literals are rejected.
    """
    return _ADDRESS.fullmatch(text) is not None
