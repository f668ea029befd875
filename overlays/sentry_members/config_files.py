"""Reads the token, the URL and the organization that Sentry's tools read: environment, files."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .errors import ConfigurationError
from .secret import Secret

FILE = ".sentryclirc"

# The section of each value in a file of Sentry's tools.
_PLACES = {"token": "auth", "url": "defaults", "org": "defaults"}
# A key that nothing reads, although it seems to say where Sentry is.
_LIKE_A_URL = re.compile(r"(?!((defaults\.)?url|(http\.)?proxy_url)\Z).*(url|host|server)")


class Source(NamedTuple):
    """A place that may name a token, a URL, an organization, or several of them.

    Attributes:
        token_name: What messages call the place of the token; `url_name` likewise.
        token: The token; empty if it names none.
        url: The URL, which may hold a password; empty if it names none.
        organization: The organization; empty if it names none.
        is_users_own: Whether the user wrote it. A project's file may be somebody else's.
    """

    token_name: str
    token: Secret
    url_name: str
    url: Secret
    organization_name: str = ""
    organization: str = ""
    is_users_own: bool = True


def sources() -> Iterator[Source]:
    """Yield the places to look in, the most specific first.

    Raises:
        ConfigurationError: A file can't be read.
    """
    # Sentry's own tool prefers SENTRY_HOST to SENTRY_URL, too.
    url_name = "SENTRY_HOST" if _variable("SENTRY_HOST") else "SENTRY_URL"
    yield Source(
        "SENTRY_AUTH_TOKEN in the environment",
        _variable("SENTRY_AUTH_TOKEN"),
        url_name,
        _variable(url_name),
        "SENTRY_ORG",
        _variable("SENTRY_ORG").reveal(),
    )
    if properties := os.environ.get("SENTRY_PROPERTIES"):
        yield _read(Path(properties), is_users_own=True, is_required=True)
    home, project = _home_file(), _project_file()
    if project is None:
        name = f"{FILE} in the working directory or above it"
        yield Source(name, Secret(None), name, Secret(None))
    elif home is None or project.resolve() != home.resolve():
        yield _read(project, is_users_own=False)
    if home is not None:
        yield _read(home, is_users_own=True)


def _variable(name: str) -> Secret:
    return Secret(os.environ.get(name)).unquoted()


def _home_file() -> Path | None:
    """Return the user's own file: in the home directory, else in the settings directory."""
    with suppress(RuntimeError):
        home = Path.home()
        settings = os.environ.get("XDG_CONFIG_HOME") or home / ".config"
        if sys.platform == "darwin":
            settings = home / "Library/Application Support"
        elif sys.platform == "win32":
            settings = os.environ.get("APPDATA") or home
        files = (home / FILE, Path(settings, "sentry/sentrycli.ini"))
        return next(filter(os.path.isfile, files), files[0])
    return None


def _project_file() -> Path | None:
    """Return the file in the working directory, or the nearest above it."""
    with suppress(OSError):
        here = Path.cwd()
        files = (folder / FILE for folder in (here, *here.parents))
        return next(filter(os.path.isfile, files), None)
    return None


def _read(file: Path, *, is_users_own: bool, is_required: bool = False) -> Source:
    # Raised here, where no local variable holds the text of the file or the parser's error, which
    # quotes the line with the token.
    values, problem = _parse(file, is_required=is_required)
    if problem:
        raise ConfigurationError(f"{file} {problem}")
    return Source(
        f"the token in {file}",
        values["token"],
        f"the url in {file}",
        values["url"],
        f"the org in {file}",
        values["org"].reveal(),
        is_users_own,
    )


def _parse(file: Path, *, is_required: bool) -> tuple[dict[str, Secret], str]:
    """Return the values of a file, and what is wrong with it."""
    from configparser import (
        Error,
        RawConfigParser,
    )  # Imported here: most processes have no file to read.

    parser = RawConfigParser(strict=False, default_section="", comment_prefixes=("#", ";", "!"))
    values = dict.fromkeys(_PLACES, Secret(None))
    try:
        if is_required or os.path.isfile(file):
            text = file.read_text("utf-8-sig")
            # A file of properties has keys such as `auth.token`, and no sections.
            parser.read_string(f"[.]\n{text}" if file.suffix == ".properties" else text)
    except (OSError, UnicodeError, Error) as error:
        return values, f"can't be read as a UTF-8 file of settings ({type(error).__name__})"
    for section in parser.sections():
        for key in filter(_LIKE_A_URL.match, parser.options(section)):
            return values, f"has `{key}`: where Sentry is belongs at `url` below [defaults]"
    for key, place in _PLACES.items():
        for section in parser.sections():
            if parser.has_option(section, key) and section != place:
                return values, f"has `{key}` below [{section}]: it belongs below [{place}]"
        of_properties = parser.get(".", f"{place}.{key}", fallback=None)
        values[key] = Secret(parser.get(place, key, fallback=of_properties)).unquoted()
    return values, ""
