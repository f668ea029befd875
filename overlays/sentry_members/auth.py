"""Finds the credential and the URL that belong together.

The token and the URL are each looked for in this order: the argument; the environment
(`SENTRY_AUTH_TOKEN`; `SENTRY_HOST`, else `SENTRY_URL`); the file of properties that
`SENTRY_PROPERTIES` names; the `.sentryclirc` or `sentrycli.ini` in the working directory or nearest
above it; the one in the home directory, or `sentry/sentrycli.ini` in the settings directory. An empty
variable counts as unset, unless sentry.io would be asked because a variable for the URL is empty.

A `.sentryclirc` outside the home directory comes with a project, so that somebody else may have
written it: the URL that it names gets no token but the one in the same file.

A gateway (`SENTRY_GATEWAY_URL`, `SENTRY_GATEWAY_KEY`) holds the token itself, so that no token is
looked for.
"""

import os
import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

import httpx

from .config_files import FILE, URL_VARIABLES, Source, sources
from .errors import ConfigurationError
from .scopes import TokenKind
from .secret import Secret

DEFAULT_URL = httpx.URL("https://sentry.io/")
GATEWAY_KEY_HEADER = "X-Gateway-Key"

_TOKEN_KINDS: dict[str, TokenKind] = {
    "sntryu_": "user",
    "sntrya_": "user",
    "sntryi_": "internal integration",
}
_USABLE_TOKENS = "a user auth token (sntryu_…) or an internal integration's token (sntryi_…)"
_HEADER_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_OWN = f"(accept|transfer)-encoding|authorization|content-.*|host|user-agent|{GATEWAY_KEY_HEADER}"


class Credentials(NamedTuple):
    """Where requests go, and as whom.

    Attributes:
        url: The root of a Sentry or of a gateway.
        header: The name of the header that carries the credential.
        secret: The value of that header.
        token_kind: The kind of the token; None if its prefix doesn't say, or behind a gateway.
        description: The credential in words, for a `repr`.
        is_default_url: Whether no source names a URL, so that sentry.io is asked.
        headers: Headers that a proxy before Sentry requires, by name.
    """

    url: httpx.URL
    header: str
    secret: Secret
    token_kind: TokenKind | None
    description: str
    is_default_url: bool = False
    headers: Mapping[str, Secret] = {}


def resolve(
    token: Secret | None = None,
    url: Secret | None = None,
    region: str | None = None,
    gateway_url: Secret | None = None,
    gateway_key: Secret | None = None,
    headers: Mapping[str, Secret] | None = None,
) -> Credentials:
    """Find the credential and the URL that belong together.

    The arguments are those of `SentryMembers`.

    Raises:
        ConfigurationError: There is no token, or it can't do the operations; a URL is not one, or
            would carry the credential unencrypted; arguments exclude each other; a header can't be
            sent; a file can't be read; or a project's file names the URL and something else the
            token.
    """
    given = {"token": token, "url": url, "region": region}
    direct = [name for name, value in given.items() if value is not None]
    if direct and (gateway_url is not None or gateway_key is not None):
        raise ConfigurationError(
            f"{direct[0]} and a gateway exclude each other: the gateway holds the token and "
            "knows the URL"
        )
    if not direct and (gateway_url is not None or os.environ.get("SENTRY_GATEWAY_URL")):
        credentials = _behind_gateway(gateway_url, gateway_key)
    elif gateway_key is not None:
        raise ConfigurationError("gateway_key needs a gateway_url, or SENTRY_GATEWAY_URL")
    else:
        if region is not None:
            if url is not None:
                raise ConfigurationError("url and region exclude each other")
            if not isinstance(region, str) or not re.fullmatch(r"[a-z0-9-]+", region):
                raise ConfigurationError('region must be the name of one, such as "us" or "de"')
            url = Secret(f"https://{region}.sentry.io")
        for name, secret in (("token", token), ("url", url)):
            if secret is not None and not secret:
                raise ConfigurationError(f"the argument {name} is empty, or not a text")
        arguments = Source(
            "the argument token", token or Secret(), "the argument url", url or Secret()
        )
        credentials = _direct(chain([arguments], sources()))
    if headers is None and not is_sentry_io(credentials.url.host):
        headers = _headers_of_environment()
    return credentials._replace(headers=MappingProxyType(_checked(headers or {})))


def default_organization() -> str:
    """Find the organization that `SENTRY_ORG` names, or else a file of Sentry's tools.

    Raises:
        ConfigurationError: None of them names one, the name is invalid, or a file can't be read.
    """
    for source in sources():
        if named := source.organization:
            if not re.fullmatch(r"(?!sntry[a-z]_)[\w-]+", named):
                # It may be a token in the wrong place.
                raise ConfigurationError(
                    f"{source.organization_name} is not the slug or ID of an organization"
                )
            return named
    raise ConfigurationError(
        f"no organization: give --org, set SENTRY_ORG, or `org` below `[defaults]` in {FILE}"
    )


def is_sentry_io(host: str) -> bool:
    """Return whether a host is sentry.io or one of its regions."""
    return host == "sentry.io" or host.endswith(".sentry.io")


def _direct(places: Iterator[Source]) -> Credentials:
    token_source = url_source = None
    searched: list[str] = []
    for place in places:
        searched.append(place.token_name)
        token_source = token_source or (place if place.token else None)
        url_source = url_source or (place if place.url else None)
        if token_source and url_source:
            break
    if token_source is None:
        raise ConfigurationError(
            f"no token found. Looked in: {'; '.join(searched)}. Give {_USABLE_TOKENS}, or a "
            "gateway (SENTRY_GATEWAY_URL)."
        )
    name, secret = token_source.token_name, token_source.token
    root = _root(url_source.url, url_source.url_name) if url_source else DEFAULT_URL
    for variable in URL_VARIABLES:
        if url_source is None and variable in os.environ:
            raise ConfigurationError(f"{variable} is empty: give a URL, or unset it for sentry.io")
    if url_source and not url_source.is_users_own and url_source is not token_source:
        # A project's file may name what would be asked without it.
        own = next((place for place in (token_source, *places) if place.url), None)
        if root != (_root(own.url, own.url_name) if own else DEFAULT_URL):
            raise ConfigurationError(
                f"{url_source.url_name} is not for the token from elsewhere ({name}): a project's "
                "file may lead it astray. Give the url yourself, as an argument or in SENTRY_URL"
            )
    if not secret.matches(r"[A-Za-z0-9_+/=.-]+\Z"):
        raise ConfigurationError(
            f"{name} holds a character that no token has, such as a blank, a quote or a letter "
            "outside ASCII: is it a whole token, and nothing else?"
        )
    if secret.matches("sntrys_"):
        raise ConfigurationError(
            f"{name} is an organization auth token (sntrys_…), which can do neither operation: "
            f"use {_USABLE_TOKENS}"
        )
    if url_source and root.path != "/":
        raise ConfigurationError(f"{url_source.url_name} must be the root of a Sentry, not a page")
    token_kind = _TOKEN_KINDS.get(secret.reveal()[:7])
    description = f"{token_kind or 'unknown'} token from {name}"
    bearer = Secret(f"Bearer {secret.reveal()}")
    return Credentials(root, "Authorization", bearer, token_kind, description, url_source is None)


def _behind_gateway(gateway_url: Secret | None, gateway_key: Secret | None) -> Credentials:
    url, url_name = gateway_url, "the argument gateway_url"
    if url is None:
        url, url_name = Secret(os.environ["SENTRY_GATEWAY_URL"]).unquoted(), "SENTRY_GATEWAY_URL"
    root, key = _root(url, url_name), gateway_key
    if key is None:
        key = Secret(os.environ.get("SENTRY_GATEWAY_KEY")).unquoted()
    if not key.matches(r"[!-~]+\Z"):
        raise ConfigurationError(
            "the gateway's key is missing, or holds a blank, a control character or a letter "
            "outside ASCII: give gateway_key, or set SENTRY_GATEWAY_KEY"
        )
    return Credentials(root, GATEWAY_KEY_HEADER, key, None, "a gateway's token")


def _headers_of_environment() -> dict[str, Secret]:
    """Read `Name: value` pairs, separated by `;` or a line break, as Sentry's own tool does.

    Raises:
        ConfigurationError: One of them is no such pair. It may hold a secret, so it is not quoted.
    """
    text = Secret(os.environ.get("SENTRY_CUSTOM_HEADERS")).unquoted()
    pairs = [Secret(pair) for pair in re.split(r"[;\n]", text.reveal()) if pair.strip()]
    for number, pair in enumerate(pairs, 1):
        if not pair.matches(rf"{_HEADER_NAME}\s*:\s*[!-~][ -~]*\Z"):
            raise ConfigurationError(
                f"pair {number} of SENTRY_CUSTOM_HEADERS can't be sent: give `Name: value`, and "
                "`;` only between pairs"
            )
    split = (pair.reveal().partition(":") for pair in pairs)
    return {name.strip(): Secret(value) for name, _, value in split}


def _checked(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, value in headers.items():
        if not re.fullmatch(_HEADER_NAME, name) or not value.matches(r"[ -~]+\Z"):
            raise ConfigurationError(
                f"the header {name!r} can't be sent: give `Name: value` in visible ASCII"
            )
        if re.fullmatch(_OWN, name, re.IGNORECASE):
            raise ConfigurationError(f"the header {name} is the client's own to set")
    return headers


def _root(text: Secret, name: str) -> httpx.URL:
    """Parse a URL, or a bare host, to the root of a Sentry. The text may hold a password."""
    if re.search(r"[\s?#@]", text.reveal()):
        raise ConfigurationError(
            f"{name} must not hold a blank, a user, a password, a query or a fragment"
        )
    try:
        url = httpx.URL(text.reveal() if text.matches(".*://") else f"https://{text.reveal()}")
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65535:
        raise ConfigurationError(f"{name} is not a URL such as {DEFAULT_URL}")
    if url.scheme == "http" and not _is_loopback(url.host):
        raise ConfigurationError(
            f"{name} would send the credential to {url.host} unencrypted: use https. Where that "
            "Sentry has none, put TLS in front of it, or reach it by a tunnel to a loopback address"
        )
    path = re.sub(r"/api(/0)?\Z", "", url.path.rstrip("/"), flags=re.IGNORECASE)
    return url.copy_with(path=path or "/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
