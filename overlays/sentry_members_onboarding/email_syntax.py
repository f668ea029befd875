"""The syntax of the e-mail addresses that Sentry accepts (the server's behaviour)."""

import re
import unicodedata
from contextlib import suppress

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


def person(address: str) -> str:
    """Return a text that is equal for all spellings of an address.

    They differ in letter case, or in how a domain is written: with letters outside ASCII, with
    other forms of letters such as wide ones, or in punycode (`xn--…`).
    """
    name, at, domain = unicodedata.normalize("NFKC", address).lower().rpartition("@")
    return name + at + unicodedata.normalize("NFKC", ".".join(map(_decode, domain.split("."))))


def _decode(label: str) -> str:
    if label.startswith("xn--"):
        with suppress(UnicodeError):
            return label[4:].encode("ascii").decode("punycode").lower()
    return label
