"""Finds the credential and the URL that belong together.

The token and the URL are each looked for in this order: the argument; the environment
(`SENTRY_AUTH_TOKEN`; `SENTRY_HOST`, else `SENTRY_URL`); the file of properties that
`SENTRY_PROPERTIES` names; the `.sentryclirc` or `sentrycli.ini` in the working directory or nearest
above it; the one in the home directory, or `sentry/sentrycli.ini` in the settings directory. An empty
variable counts as unset. But where nothing names a URL, an empty variable for it is an error, and so
is a gateway's key without a URL: sentry.io would be asked.

A `.sentryclirc` outside the home directory comes with a project, so that somebody else may have
written it: the URL that it names gets no token but the one in the same file, and no header of
`SENTRY_CUSTOM_HEADERS`, unless your own settings lead to the same URL.

A gateway (`SENTRY_GATEWAY_URL`, `SENTRY_GATEWAY_KEY`) holds the token itself, so that no token is
looked for.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from types import MappingProxyType
from typing import NamedTuple

import httpx

from .config_files import FILE, URL_VARIABLES, Source, sources, variable
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
_NO_TOKEN = "(?!sntry[a-z]_)"  # Not a token in the wrong place.
_HEADER_NAME = _NO_TOKEN + r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z"
_OWN_NAMES = (
    f"(accept|transfer)-encoding|authorization|content-.*|host|user-agent|{GATEWAY_KEY_HEADER}"
)
_OWN = rf"(?i)({_OWN_NAMES})\Z"


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
    region: Secret | None = None,
    gateway_url: Secret | None = None,
    gateway_key: Secret | None = None,
    *,
    headers: Sequence[tuple[Secret, Secret]] | None = None,
) -> Credentials:
    """Find the credential and the URL that belong together.

    The arguments are those of `SentryMembers`, the headers as pairs of name and value.

    Raises:
        ConfigurationError: There is no token, or it can't do the operations; a URL is not one, or
            would carry the credential unencrypted; arguments exclude each other; a header can't be
            sent; a file can't be read; or a token or headers from elsewhere would go to a URL of a
            project's file.
    """
    given = {"token": token, "url": url, "region": region}
    direct = [name for name, value in given.items() if value is not None]
    if direct and (gateway_url is not None or gateway_key is not None):
        raise ConfigurationError(
            f"{direct[0]} and a gateway exclude each other: the gateway holds the token and "
            "knows the URL"
        )
    if not direct and (gateway_url is not None or variable("SENTRY_GATEWAY_URL")):
        credentials = _behind_gateway(gateway_url, gateway_key)
    elif gateway_key is not None:
        raise ConfigurationError("gateway_key needs a gateway_url, or SENTRY_GATEWAY_URL")
    else:
        if region is not None:
            if url is not None:
                raise ConfigurationError("url and region exclude each other")
            if not region.matches(r"[a-z0-9-]+\Z"):
                raise ConfigurationError('region must be the name of one, such as "us" or "de"')
            url = Secret(f"https://{region.reveal()}.sentry.io")
        for name, secret in (("token", token), ("url", url)):
            if secret is not None and not secret:
                raise ConfigurationError(f"the argument {name} is empty, or not a text")
        first = Source("the argument token", token or Secret(), "the argument url", url or Secret())
        credentials = _direct(chain([first], sources()), takes_headers=headers is None)
        is_half = "SENTRY_GATEWAY_URL" in os.environ or variable("SENTRY_GATEWAY_KEY")
        if credentials.is_default_url and is_half and not direct:
            raise ConfigurationError(
                "SENTRY_GATEWAY_URL is empty or missing: set it and SENTRY_GATEWAY_KEY, or unset "
                "both to use sentry.io"
            )
    name = "headers"
    if headers is None and not is_sentry_io(credentials.url.host):
        headers, name = _headers_of_environment(), "SENTRY_CUSTOM_HEADERS, separated by `;`,"
    return credentials._replace(headers=MappingProxyType(_checked(headers or (), name)))


def default_organization() -> str:
    """Find the organization that `SENTRY_ORG` names, or else a file of Sentry's tools.

    Raises:
        ConfigurationError: None of them names one, the name is invalid, or a file can't be read.
    """
    for source in sources():
        if source.organization:
            if not source.organization.matches(rf"{_NO_TOKEN}[\w-]+\Z"):
                raise ConfigurationError(
                    f"{source.organization_name} is not the slug or ID of an organization"
                )
            return source.organization.reveal()
    raise ConfigurationError(
        f"no organization: give --org, set SENTRY_ORG, or `org` below `[defaults]` in {FILE}"
    )


def is_sentry_io(host: str) -> bool:
    """Return whether a host is sentry.io or one of its regions."""
    return host == "sentry.io" or host.endswith(".sentry.io")


def _direct(places: Iterator[Source], *, takes_headers: bool) -> Credentials:
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
    for setting in URL_VARIABLES:
        if url_source is None and setting in os.environ:
            raise ConfigurationError(f"{setting} is empty: give a URL, or unset it for sentry.io")
    from_elsewhere = "" if url_source is token_source else f"the token from elsewhere ({name})"
    if takes_headers and variable("SENTRY_CUSTOM_HEADERS") and not is_sentry_io(root.host):
        from_elsewhere = from_elsewhere or "SENTRY_CUSTOM_HEADERS"
    if url_source and not url_source.is_users_own and from_elsewhere:
        # The file may name the URL that would be used without it.
        own = [place for place in (token_source, *places) if place.url and place.is_users_own]
        if root != (_root(own[0].url, own[0].url_name) if own else DEFAULT_URL):
            raise ConfigurationError(
                f"{from_elsewhere} is not sent to {url_source.url_name}, as somebody else may have "
                "written that file. Give the url yourself, as an argument or in SENTRY_URL"
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
    token_kind = _TOKEN_KINDS.get(secret.reveal()[:7])
    description = f"{token_kind or 'unknown'} token from {name}"
    bearer = Secret(f"Bearer {secret.reveal()}")
    return Credentials(root, "Authorization", bearer, token_kind, description, url_source is None)


def _behind_gateway(url: Secret | None, key: Secret | None) -> Credentials:
    name = "SENTRY_GATEWAY_URL" if url is None else "the argument gateway_url"
    key = variable("SENTRY_GATEWAY_KEY") if key is None else key
    if not key.matches(r"[!-~]+\Z"):
        raise ConfigurationError(
            "the gateway's key is missing, or holds a blank, a control character or a letter "
            "outside ASCII: give gateway_key, or set SENTRY_GATEWAY_KEY"
        )
    root = _root(variable(name) if url is None else url, name, may_have_path=True)
    return Credentials(root, GATEWAY_KEY_HEADER, key, None, "a gateway's token")


def _headers_of_environment() -> list[tuple[Secret, Secret]]:
    """Read `Name: value` pairs, separated by `;` or a line break, as Sentry's own tool does."""
    pairs = re.split(r"[;\n]", variable("SENTRY_CUSTOM_HEADERS").reveal())
    split = (pair.partition(":") for pair in pairs if pair.strip())
    return [(Secret(name), Secret(value)) for name, _, value in split]


def _checked(pairs: Sequence[tuple[Secret, Secret]], source: str) -> dict[str, Secret]:
    for number, (name, value) in enumerate(pairs, 1):
        if not name.matches(_HEADER_NAME) or not value.matches(r"[ -~]+\Z"):
            # Either may be a secret in the wrong place, so neither is quoted.
            raise ConfigurationError(
                f"pair {number} of {source} can't be sent: give `Name: value` in visible ASCII"
            )
        if name.matches(_OWN):
            raise ConfigurationError(
                f"the client sets the header {name.reveal()} itself: leave it out"
            )
    return {name.reveal(): value for name, value in pairs}


def _root(text: Secret, name: str, *, may_have_path: bool = False) -> httpx.URL:
    # Raised here, where no local variable holds the URL: a token or a password may be in it.
    root, problem = _parse(text, may_have_path=may_have_path)
    if problem:
        raise ConfigurationError(f"{name} {problem}")
    return root


def _parse(text: Secret, *, may_have_path: bool) -> tuple[httpx.URL, str]:
    """Return the root that a URL, or a bare host, names, and what is wrong with it."""
    if re.search(r"[\s?#@]", text.reveal()):
        return DEFAULT_URL, "must not hold a blank, a user, a password, a query or a fragment"
    try:
        url = httpx.URL(text.reveal() if text.matches(".*://") else f"https://{text.reveal()}")
        url.host.encode("idna")
    except (httpx.InvalidURL, UnicodeError):
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or (url.port or 0) > 65535:
        return DEFAULT_URL, f"is not a URL such as {DEFAULT_URL}"
    # Another name, such as `sentry.localhost`, may lead elsewhere.
    if url.scheme == "http" and not re.fullmatch(r"localhost|127(\.[0-9]+){3}|::1", url.host):
        return DEFAULT_URL, (
            f"would send the credential to {url.host} unencrypted: use https. Where that Sentry "
            "has none, put TLS in front of it, or reach it by a tunnel to a loopback address"
        )
    path = re.sub(r"/api(/0)?\Z", "", url.path.rstrip("/"), flags=re.IGNORECASE)
    if path and not may_have_path:
        return DEFAULT_URL, "must be the root of a Sentry, not a page"
    return url.copy_with(path=path or "/"), ""
