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
_FILES = (FILE, "sentrycli.ini")
# In the order in which Sentry's own tool reads them.
URL_VARIABLES = ("SENTRY_HOST", "SENTRY_URL")

# What Sentry's tools read. Another setting may be meant to say where Sentry is.
_SETTINGS = re.compile(
    r"auth\.(token|api_key|dsn)"
    r"|defaults\.(url|org|project|pipeline|vcs_remote|environment|custom_header)"
    r"|(cli|dif|dsym|http|log|ui|update)\.(proxy_url|(?!.*(ur[il]|host|server|domain|endpoint)).*)"
)


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
    token: Secret = Secret()
    url_name: str = ""
    url: Secret = Secret()
    organization_name: str = ""
    organization: Secret = Secret()
    is_users_own: bool = True


def sources() -> Iterator[Source]:
    """Yield the places to look in, the most specific first.

    Raises:
        ConfigurationError: A file can't be read.
    """
    url_name = next(filter(variable, URL_VARIABLES), URL_VARIABLES[-1])
    token, organization = variable("SENTRY_AUTH_TOKEN"), variable("SENTRY_ORG")
    name = "SENTRY_AUTH_TOKEN in the environment"
    yield Source(name, token, url_name, variable(url_name), "SENTRY_ORG", organization)
    if properties := os.environ.get("SENTRY_PROPERTIES"):
        yield _read(Path(properties), is_users_own=True, is_properties=True)
    homes, project = _home_files(), _project_file()
    if project is None:
        yield Source(f"{FILE} in the working directory or above it")
    elif os.path.realpath(project) not in map(os.path.realpath, homes):
        yield _read(project, is_users_own=False)
    if homes:
        own = _only(*homes)
        yield _read(own, is_users_own=True) if own else Source(f"the token in {homes[0]}")


def variable(name: str) -> Secret:
    """Return the value of an environment variable; empty if it is not set."""
    return Secret(os.environ.get(name)).unquoted()


def _home_files() -> tuple[Path, Path] | tuple[()]:
    """Return where the user's own file may be: in the home directory or the settings directory."""
    with suppress(RuntimeError):
        home = Path.home()
        if not home.is_absolute():  # A project's file would be taken for the user's own.
            raise ConfigurationError("HOME is not an absolute path: make it one, or unset it")
        settings = Path(os.environ.get("XDG_CONFIG_HOME", ""))
        if not settings.is_absolute():  # The specification has it ignored.
            settings = home / ".config"
        if sys.platform == "darwin":
            settings = home / "Library/Application Support"
        elif sys.platform == "win32":
            settings = Path(os.environ.get("APPDATA") or home)
        return home / FILE, settings / "sentry/sentrycli.ini"
    return ()


def _project_file() -> Path | None:
    """Return the file in the working directory, or the nearest above it."""
    with suppress(OSError):
        here = Path.cwd()
        found = (_only(*(folder / name for name in _FILES)) for folder in (here, *here.parents))
        return next(filter(None, found), None)
    return None


def _only(first: Path, second: Path) -> Path | None:
    """Return the file that is there. Of two, Sentry's own tool ignores the second."""
    if not _is_there(first):
        return second if _is_there(second) else None
    with suppress(OSError):  # Where the first is there, the second need not be readable.
        if second.is_file():
            raise ConfigurationError(f"{first} hides {second}: put all settings into one of them")
    return first


def _is_there(file: Path) -> bool:
    """Tell whether a file is there; a broken link is.

    Raises:
        ConfigurationError: That can't be seen.
    """
    try:
        file.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise ConfigurationError(
            f"{file} can't be read ({error.strerror}), and it may say where your Sentry is: make "
            "it readable, or set SENTRY_URL, SENTRY_AUTH_TOKEN and SENTRY_ORG"
        ) from error
    return True


def _read(file: Path, *, is_users_own: bool, is_properties: bool = False) -> Source:
    # Raised here, where no local variable holds the text of the file or the parser's error, which
    # quotes the line with the token.
    settings, problem = _parse(file, is_properties=is_properties)
    if problem:
        raise ConfigurationError(f"{file} {problem}")
    return Source(
        f"the token in {file}",
        settings.get("auth.token", Secret()),
        f"the url in {file}",
        settings.get("defaults.url", Secret()),
        f"the org in {file}",
        settings.get("defaults.org", Secret()),
        is_users_own,
    )


def _parse(file: Path, *, is_properties: bool) -> tuple[dict[str, Secret], str]:
    """Return the settings of a file, such as `auth.token`, and what is wrong with it."""
    # Imported here: most processes have no file to read.
    from configparser import Error, ParsingError, RawConfigParser

    parser = RawConfigParser(strict=False, default_section="", comment_prefixes=("#", ";", "!"))
    settings: dict[str, Secret] = {}
    try:
        if file.exists() and not (file.is_file() or file.samefile(os.devnull)):
            return {}, "is a folder, a pipe or a device: put a file in its place"
        text = file.read_text("utf-8-sig")
        if is_properties:
            # Such a file has keys such as `auth.token`, no sections, and escapes, but in comments.
            text = "[.]\n" + re.sub(r"(?m)^\s*[#!].*|\\(?:\n\s*|(.))", r"\1", text)
        # The parser would take an indented line for more of the value above it, and ignore what
        # follows a section's name.
        lines = [line.strip() for line in text.splitlines()]
        if any(re.match(r"\[(?![^]]*\]\s*([#;!]|\Z))", line) for line in lines):
            raise ParsingError(FILE)
        parser.read_string("\n".join(lines))
    except (OSError, UnicodeError, Error) as error:
        return {}, f"can't be read as a UTF-8 file of settings ({type(error).__name__})"
    for section in parser.sections():
        for key, value in parser.items(section):
            settings[f"{section}.{key}".removeprefix("..")] = Secret(value).unquoted()
    url = settings.get("defaults.url")
    if url is not None and not url:
        return {}, "has an empty `defaults.url`: give one, or remove the line for sentry.io"
    for name in settings:
        if not _SETTINGS.fullmatch(name) and (not url or name.endswith((".token", ".url", ".org"))):
            # A token without a key, such as one that ends with `=`, is read as a key.
            shown = f"`{name}`" if re.fullmatch("[A-Za-z_.-]{1,40}", name) else "a setting"
            return {}, (
                f"has {shown}, which is not read: the token is `auth.token`, and the others are "
                "`defaults.url` and `defaults.org`"
            )
    return settings, ""
