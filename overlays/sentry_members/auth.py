"""Finds the credential, and the URL that it is for.

The token and the URL are each looked for in this order: the argument; the environment
(`SENTRY_AUTH_TOKEN`, `SENTRY_URL`); the `.sentryclirc` in the working directory or nearest above
it; the one in the home directory. A `.sentryclirc` outside the home directory comes with a project
and may be anybody's: the URL that it names gets no token but that from the same file.

A gateway (`SENTRY_GATEWAY_URL`, `SENTRY_GATEWAY_KEY`) holds the token itself: then none is looked
for.
"""

import os
import re
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple, NoReturn

import httpx

from .errors import ConfigurationError
from .scopes import TokenKind

DEFAULT_URL = httpx.URL("https://sentry.io/")
GATEWAY_KEY_HEADER = "X-Gateway-Key"

_FILE = ".sentryclirc"
_KINDS: dict[str, TokenKind] = {
    "sntryu_": "user",
    "sntrya_": "user",
    "sntryi_": "internal integration",
}
_GOOD_TOKENS = "a user auth token (sntryu_…) or an internal integration's token (sntryi_…)"


class Secret:
    """A text that no `repr`, pickle or traceback shows. Surrounding blanks are not part of it.

    Whatever is no text is taken as an empty one, so that no frame that raises has to hold it.
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
        """Whether it begins as the pattern says."""
        return re.match(pattern, self.reveal()) is not None


class Credentials(NamedTuple):
    """Where requests go, and as whom.

    Attributes:
        url: The root of a Sentry or of a gateway.
        header: The name of the header that carries the credential.
        secret: The value of that header.
        token_kind: The kind of the token; None if its prefix doesn't say, or behind a gateway.
        description: The credential in words, for a `repr`.
        is_default_url: Whether no source names a URL, so that sentry.io is asked.
    """

    url: httpx.URL
    header: str
    secret: Secret
    token_kind: TokenKind | None
    description: str
    is_default_url: bool = False


class _Source(NamedTuple):
    """A place that may name a token, a URL, or both."""

    token_name: str
    token: Secret | None
    url_name: str
    url: str | None
    is_users_own: bool = True
    organization: str | None = None


def resolve(
    token: Secret | None = None,
    url: str | None = None,
    region: str | None = None,
    gateway_url: str | None = None,
    gateway_key: Secret | None = None,
) -> Credentials:
    """Find the credential and the URL that belong together.

    The arguments are those of `SentryMembers`.

    Raises:
        ConfigurationError: There is no token, or it can't do the operations; a URL is none, or
            would carry the credential unencrypted; arguments exclude each other; a file can't be
            read; or a project's file names the URL and something else the token.
    """
    for name, text in (("url", url), ("region", region), ("gateway_url", gateway_url)):
        if text is not None and not isinstance(text, str):
            raise ConfigurationError(f"{name} must be a text, not {type(text).__name__}")
    direct = [
        name
        for name, value in (("token", token), ("url", url), ("region", region))
        if value is not None
    ]
    if direct and (gateway_url is not None or gateway_key is not None):
        raise ConfigurationError(
            f"{direct[0]} and a gateway exclude each other: the gateway holds the token and "
            "knows the URL"
        )
    if not direct and (gateway_url is not None or os.environ.get("SENTRY_GATEWAY_URL")):
        return _behind_gateway(gateway_url, gateway_key)
    if gateway_key is not None:
        raise ConfigurationError("gateway_key needs a gateway_url, or SENTRY_GATEWAY_URL")
    if region is not None:
        if url is not None:
            raise ConfigurationError("url and region exclude each other")
        if not re.fullmatch(r"[a-z0-9-]+", region):
            raise ConfigurationError('region must be the name of one, such as "us" or "de"')
        url = f"https://{region}.sentry.io"
    if token is not None and not token:
        raise ConfigurationError("the argument token is empty, or no text")
    return _direct(_sources(token, url))


def default_organization() -> str:
    """The organization that `SENTRY_ORG` names, else the nearest `.sentryclirc`.

    Raises:
        ConfigurationError: Neither names one, or a file can't be read.
    """
    if named := os.environ.get("SENTRY_ORG"):
        return named
    for source in _files():
        if source.organization:
            return source.organization
    raise ConfigurationError(
        f"no organization: give --org, set SENTRY_ORG, or `org` below `[defaults]` in {_FILE}"
    )


def _direct(sources: Iterator[_Source]) -> Credentials:
    token_source = url_source = None
    looked: list[str] = []
    for source in sources:
        looked.append(source.token_name)
        token_source = token_source or (source if source.token else None)
        url_source = url_source or (source if source.url is not None else None)
        if token_source and url_source:
            break
    if token_source is None or token_source.token is None:
        raise ConfigurationError(
            f"no token found. Looked in: {'; '.join(looked)}. Give {_GOOD_TOKENS}, or a gateway "
            "(SENTRY_GATEWAY_URL)."
        )
    root = (
        _root(url_source.url, url_source.url_name)
        if url_source and url_source.url is not None
        else DEFAULT_URL
    )
    if (
        url_source
        and not url_source.is_users_own
        and url_source is not token_source
        and root != DEFAULT_URL
    ):
        raise ConfigurationError(
            f"{url_source.url_name} is not for the token from elsewhere ({token_source.token_name}): a "
            "project's file may lead it astray. Give the url yourself, as an argument or in "
            "SENTRY_URL"
        )
    name, secret = token_source.token_name, token_source.token
    if not secret.matches(r"[A-Za-z0-9_+/=.-]+\Z"):
        raise ConfigurationError(
            f"{name} holds a character that no token has, such as a blank, a quote or a letter "
            "outside ASCII: is it a whole token, and nothing else?"
        )
    if secret.matches("sntrys_"):
        raise ConfigurationError(
            f"{name} is an organization auth token (sntrys_…), which can do neither operation: "
            f"use {_GOOD_TOKENS}"
        )
    kinds: list[TokenKind] = [kind for prefix, kind in _KINDS.items() if secret.matches(prefix)]
    kind = kinds[0] if kinds else None
    if url_source and root.path != "/":
        raise ConfigurationError(f"{url_source.url_name} must be the root of a Sentry, not a page")
    description = f"{kind or 'unknown'} token from {name}"
    bearer = Secret(f"Bearer {secret.reveal()}")
    return Credentials(root, "Authorization", bearer, kind, description, url_source is None)


def _behind_gateway(gateway_url: str | None, gateway_key: Secret | None) -> Credentials:
    url, url_name = gateway_url, "the argument gateway_url"
    if url is None:
        url, url_name = os.environ["SENTRY_GATEWAY_URL"], "SENTRY_GATEWAY_URL"
    key = Secret(os.environ.get("SENTRY_GATEWAY_KEY")) if gateway_key is None else gateway_key
    if not key.matches(r"[!-~]+\Z"):
        raise ConfigurationError(
            "the gateway's key is missing, or holds a blank, a control character or a letter "
            "outside ASCII: give gateway_key, or set SENTRY_GATEWAY_KEY"
        )
    return Credentials(_root(url, url_name), GATEWAY_KEY_HEADER, key, None, "a gateway's token")


def _sources(token: Secret | None, url: str | None) -> Iterator[_Source]:
    yield _Source("the argument token", token, "the argument url", url)
    yield _Source(
        "SENTRY_AUTH_TOKEN in the environment",
        Secret(os.environ.get("SENTRY_AUTH_TOKEN")),
        "SENTRY_URL",
        os.environ.get("SENTRY_URL") or None,
    )
    yield from _files()


def _files() -> Iterator[_Source]:
    home, project = _home_file(), _project_file()
    if project is None:
        name = f"{_FILE} in the working directory or above it"
        yield _Source(name, None, name, None)
    elif home is None or project.resolve() != home.resolve():
        yield _read(project, is_users_own=False)
    if home is not None:
        yield _read(home, is_users_own=True)


def _home_file() -> Path | None:
    try:
        return Path.home() / _FILE
    except RuntimeError:
        return None


def _project_file() -> Path | None:
    """The file in the working directory, or the nearest above it."""
    try:
        here = Path.cwd()
    except OSError:
        return None
    files = (folder / _FILE for folder in (here, *here.parents))
    return next((file for file in files if os.path.isfile(file)), None)


def _read(file: Path, *, is_users_own: bool) -> _Source:
    from configparser import Error, RawConfigParser  # most processes have no file to read

    parser = RawConfigParser(strict=False)
    try:
        if os.path.isfile(file):
            parser.read_string(file.read_text("utf-8-sig"))
        token = Secret(parser.get("auth", "token", fallback=None))
        url = parser.get("defaults", "url", fallback=None) or None
        organization = parser.get("defaults", "org", fallback=None) or None
        names = f"the token in {file}", f"the url in {file}"
        return _Source(names[0], token, names[1], url, is_users_own, organization)
    except (OSError, UnicodeError, Error) as error:
        reason = type(error).__name__
    # Out here the parser's error, which quotes the line with the token, is not the context.
    raise ConfigurationError(f"{file} can't be read as an INI file in UTF-8 ({reason})")


def _root(text: str, name: str) -> httpx.URL:
    """The root that a URL means, or a bare host. The text is not shown: it may hold a password."""
    text = text.strip()
    if re.search(r"[\s?#@]", text):
        raise ConfigurationError(
            f"{name} must not hold a blank, a user, a password, a query or a fragment"
        )
    try:
        url = httpx.URL(text if "://" in text else f"https://{text}")
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65535:
        raise ConfigurationError(f"{name} is not a URL such as {DEFAULT_URL}")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise ConfigurationError(
            f"{name} would send the credential to {url.host} unencrypted: use https"
        )
    path = re.sub(r"/api(/0)?\Z", "", url.path.rstrip("/"), flags=re.IGNORECASE)
    return url.copy_with(path=path or "/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
