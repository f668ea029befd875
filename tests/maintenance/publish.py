"""Upload the wheel and the sdist to an index once every test has passed: `make publish`.

The credentials are those of the environment that uv reads; nothing but the index gets them.
"""

import hashlib
import os
import re
import signal
import ssl
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

import httpx

NAME = "sentry-members"


def refuse(reason: str) -> NoReturn:
    sys.exit(f"publish: {reason}")


def refuse_credentials(status: object, url: str) -> NoReturn:
    refuse(f"the index refuses these credentials, or what they may do ({status} at {url})")


def http_url(name: str, default: str = "") -> str:
    """The URL that the environment gives by this name. It is not shown: it may hold a password."""
    given = os.environ.get(name) or default
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        refuse(f"{name} must be an http(s) URL, such as {name}=https://packages.example.com/")
    if url.userinfo:
        refuse(f"{name} holds a user or a password: export UV_PUBLISH_USERNAME and _PASSWORD")
    return given


def credentials(url: str) -> tuple[str, str]:
    """The user and the password that uv uploads with."""
    if token := os.environ.get("UV_PUBLISH_TOKEN"):
        return "__token__", token
    user = os.environ.get("UV_PUBLISH_USERNAME")
    password = os.environ.get("UV_PUBLISH_PASSWORD")
    if user and not password and os.environ.get("UV_KEYRING_PROVIDER") == "subprocess":
        try:
            command = ["keyring", "get", url, user]
            asked = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        except FileNotFoundError:
            refuse("UV_KEYRING_PROVIDER asks for the program keyring, which is not installed")
        password = asked.stdout.strip()
        if not password:
            refuse(f"the keyring has no password: keyring set {url} {user}")
    if not user or not password:
        refuse(
            "no credentials: export UV_PUBLISH_TOKEN, or UV_PUBLISH_USERNAME with "
            "UV_PUBLISH_PASSWORD or with UV_KEYRING_PROVIDER=subprocess"
        )
    return user, password


def changelog_version() -> str:
    """The version of pyproject.toml, which the changelog must have."""
    version: str = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]["version"]
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    if not re.search(heading, Path("CHANGELOG.md").read_text("utf-8"), re.MULTILINE):
        refuse(f"CHANGELOG.md has no entry for {version}: write ## [{version}] - YYYY-MM-DD")
    return version


class Listing(HTMLParser):
    """The files that a page of the simple API lists, by name, with their SHA-256 if it tells it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            path, _, fragment = (dict(attrs).get("href") or "").partition("#")
            self.files[unquote(path).rpartition("/")[2]] = fragment.removeprefix("sha256=")


def ask(method: str, url: str, auth: tuple[str, str]) -> httpx.Response:
    """What the index answers, if it lets these credentials in."""
    # The system knows the authority of a company's own index.
    certificates = ssl.create_default_context()
    try:
        answer = httpx.request(method, url, auth=auth, verify=certificates, follow_redirects=True)
    except (httpx.HTTPError, UnicodeError) as error:
        refuse(f"the index can't be reached at {url}: {error}")
    if answer.status_code in (401, 403):
        refuse_credentials(answer.status_code, url)
    return answer


def listed(simple: str, auth: tuple[str, str]) -> dict[str, str]:
    """What the index has of this project. Nothing, if none of it was ever published there."""
    page = f"{simple.rstrip('/')}/{NAME}/"
    answer = ask("GET", page, auth)
    # Some indexes lead on to the public one for what they don't have.
    if answer.status_code == 404 or answer.url.host != httpx.URL(page).host:
        print(f"publish: {page} is empty (elsewhere? export UV_PUBLISH_CHECK_URL)", flush=True)
        return {}
    if not answer.is_success:
        refuse(f"the index answers {answer.status_code} at {page}")
    return Listing(answer.text).files


def built() -> dict[str, str]:
    """The SHA-256 of each file in dist/."""
    files = sorted(Path("dist").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def missing(files: dict[str, str], there: dict[str, str], version: str) -> list[str]:
    """Those that the index lacks: all, or those that an upload which failed has left out."""
    for name, digest in files.items():
        if there.get(name, digest) != digest:
            refuse(f"the index has another {name}: raise the version in pyproject.toml")
    if files.keys() <= there.keys():
        refuse(f"the index has {NAME} {version} already: raise the version in pyproject.toml")
    return [f"dist/{name}" for name in files if name not in there]


def state() -> list[object]:
    """What the tests are of: the commit, what differs from it, and the files."""
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain"])
    return [subprocess.check_output(command) for command in commands] + [built()]


def make(verb: str) -> None:
    """Run a verb, without the credentials. No test is skipped over a program that is missing."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("UV_PUBLISH_")
    }
    command = ["make", "--no-print-directory", verb]
    if subprocess.run(command, env={**environment, "CI": "true"}, check=False).returncode:
        refuse(f"make {verb} failed: nothing was uploaded")


def upload(url: str, files: list[str], *options: str) -> bool:
    """Upload, and tell what uv says of it and whether it went well."""
    command = ["uv", "publish", "--publish-url", url, *options, *files]
    uploaded = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if forbidden := re.search(r"status code (40[13])", uploaded.stderr):
        refuse_credentials(forbidden[1], url)
    print(uploaded.stderr, end="", file=sys.stderr)
    return uploaded.returncode == 0


def main() -> None:
    url = http_url("INDEX_URL")
    if url.rstrip("/").endswith("/simple"):
        refuse("INDEX_URL is where files are uploaded to, not where pip reads: leave out /simple")
    simple = http_url("UV_PUBLISH_CHECK_URL", f"{url.rstrip('/')}/simple/")
    auth = credentials(url)
    version = changelog_version()
    # An upload of nothing does nothing, but for a wrong password it is refused as any other.
    ask("POST", url, auth)
    there = listed(simple, auth)
    make("build")
    files = missing(built(), there, version)
    if not upload(url, files, "--dry-run"):
        refuse("uv can't upload this: see above")
    before = state()
    make("check")
    make("test")
    if before != state():
        refuse("the tree or dist/ changed while the tests ran: nothing was uploaded, run it again")
    if os.environ.get("DRY_RUN"):
        print(f"publish: a dry run: nothing was uploaded of {', '.join(files)}")
    elif not upload(url, files):
        refuse("the upload failed: the same command goes on where it was")
    else:
        print(f"publish: {NAME} {version} is on the index")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
