"""Upload the wheel and the sdist to an index once every test has passed: `make publish`.

The credentials come from the variables that uv reads, and are sent to the index only.
"""

import hashlib
import os
import re
import signal
import ssl
import subprocess
import sys
import tarfile
from contextlib import suppress
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NoReturn
from urllib.parse import unquote

import httpx
from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from packaging.version import Version

from tests.maintenance import changes
from tests.maintenance.archives import extract

NAME = "sentry-members"


def fail(reason: str) -> NoReturn:
    """Exit with the reason why nothing, or not everything, was uploaded."""
    sys.exit(f"publish: {reason}")


def reject_credentials(status: object, url: str) -> NoReturn:
    fail(f"the index rejects these credentials, or they lack a permission ({status} at {url})")


def http_url(name: str, default: str = "") -> str:
    """Return the URL in a variable. Messages don't show it, because it may hold a password."""
    given = os.environ.get(name) or default
    try:
        url = httpx.URL(given)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host:
        fail(f"{name} must be an http(s) URL, such as {name}=https://packages.example.com/")
    if url.userinfo:
        fail(f"{name} holds a user or a password: export UV_PUBLISH_USERNAME and _PASSWORD")
    return given


def credentials(url: str) -> tuple[str, str]:
    """Return the user and the password that uv uploads with."""
    if token := os.environ.get("UV_PUBLISH_TOKEN"):
        return "__token__", token
    user = os.environ.get("UV_PUBLISH_USERNAME")
    password = os.environ.get("UV_PUBLISH_PASSWORD")
    if user and not password and os.environ.get("UV_KEYRING_PROVIDER") == "subprocess":
        try:
            command = ["keyring", "get", url, user]
            found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        except FileNotFoundError:
            fail("UV_KEYRING_PROVIDER needs the program keyring, which is not installed")
        password = found.stdout.strip()
        if not password:
            fail(f"the keyring has no password: keyring set {url} {user}")
    if not user or not password:
        fail(
            "no credentials: export UV_PUBLISH_TOKEN, or UV_PUBLISH_USERNAME with "
            "UV_PUBLISH_PASSWORD or with UV_KEYRING_PROVIDER=subprocess"
        )
    return user, password


def changelog_version() -> str:
    """Return the version of openapi.yaml; fail if the changelog has no entry for it."""
    version = str(changes.version(Path()))
    heading = rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$"
    if not re.search(heading, Path("CHANGELOG.md").read_text("utf-8"), re.MULTILINE):
        fail(f"CHANGELOG.md has no entry for {version}: write ## [{version}] - YYYY-MM-DD")
    return version


class Listing(HTMLParser):
    """A page of the simple API.

    Attributes:
        files: The SHA-256 of each file, by name; empty if the page doesn't state it.
        links: The link to each file, by name.
    """

    def __init__(self, page: str = "") -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            link, _, fragment = (dict(attrs).get("href") or "").partition("#")
            name = unquote(link).rpartition("/")[2]
            self.files[name] = fragment.removeprefix("sha256=")
            self.links[name] = link

    def releases(self) -> dict[Version, str]:
        """Return the link to the sdist of each final release."""
        found: dict[Version, str] = {}
        for name, link in self.links.items():
            with suppress(InvalidSdistFilename):
                project, version = parse_sdist_filename(name)
                if project == NAME and not version.is_prerelease:
                    found[version] = link
        return found


def request(method: str, url: str, auth: tuple[str, str] | None) -> httpx.Response:
    """Return the response of the index; fail if it rejects the credentials."""
    # The certificate of a company's own index can only be verified with the system's authorities.
    certificates = ssl.create_default_context()
    try:
        response = httpx.request(method, url, auth=auth, verify=certificates, follow_redirects=True)
    except (httpx.HTTPError, UnicodeError) as error:
        fail(f"the index can't be reached at {url}: {error}")
    if response.status_code in (401, 403):
        reject_credentials(response.status_code, url)
    return response


def listing(page: str, auth: tuple[str, str]) -> Listing:
    """Return the index's page of this project; an empty one before the first release."""
    response = request("GET", page, auth)
    # Some indexes redirect to the public one for a project that they don't have.
    if response.status_code == 404 or response.url.host != httpx.URL(page).host:
        print(
            f"publish: {page} is empty (files elsewhere? export UV_PUBLISH_CHECK_URL)", flush=True
        )
        return Listing()
    if not response.is_success:
        fail(f"the index responds with {response.status_code} at {page}")
    return Listing(response.text)


def check_version(version: Version, page: str, there: Listing, auth: tuple[str, str]) -> None:
    """Fail if the changes since the newest release require a higher version.

    That is the newest of the index; if it has none, the last version tag. The present version is
    not compared with itself: its upload may have been cut off, and it may be tagged.
    """
    releases = there.releases()
    releases.pop(version, None)
    with TemporaryDirectory() as name:
        folder = Path(name)
        if releases:
            newest = max(releases)
            if version < newest:
                fail(f"the index has {NAME} {newest}: raise the {version} in openapi.yaml")
            before = unpack(str(httpx.URL(page).join(releases[newest])), page, folder, auth)
            reason = changes.compare(before, f"{newest} on the index")
        elif tag := changes.last_release(excluded=f"v{version}"):
            changes.unpack(tag, folder)
            reason = changes.compare(folder, tag)
        else:
            print("publish: nothing is released yet, so any version will do", flush=True)
            return
    if reason:
        fail(reason)


def unpack(url: str, page: str, folder: Path, auth: tuple[str, str]) -> Path:
    """Unpack the sdist at a URL into a folder, and return the folder of its tree."""
    is_on_index = httpx.URL(url).netloc == httpx.URL(page).netloc
    response = request("GET", url, auth if is_on_index else None)
    try:
        with tarfile.open(fileobj=BytesIO(response.content)) as sdist:
            extract(sdist, folder)
        [tree] = folder.iterdir()
    except (tarfile.TarError, ValueError):
        fail(f"the newest release can't be read: {response.status_code} at {url}")
    return tree


def built_files() -> dict[str, str]:
    """Return the SHA-256 of each file in dist/, by name."""
    files = sorted(Path("dist").iterdir())
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def missing(files: dict[str, str], there: dict[str, str], version: str) -> list[str]:
    """Return the paths of the built files that the index lacks.

    After an upload that failed halfway, these are not all.
    """
    for name, digest in files.items():
        if there.get(name, digest) != digest:
            fail(f"the index has another {name}: raise the version in openapi.yaml")
    if files.keys() <= there.keys():
        fail(f"the index has {NAME} {version} already: raise the version in openapi.yaml")
    return [f"dist/{name}" for name in files if name not in there]


def tested_state() -> list[object]:
    """Return what the tests depend on: the commit, the changes since it, and the built files."""
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain"])
    return [subprocess.check_output(command) for command in commands] + [built_files()]


def make(verb: str) -> None:
    """Run a verb without the credentials. With CI set, no test is skipped."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("UV_PUBLISH_")
    }
    command = ["make", "--no-print-directory", verb]
    if subprocess.run(command, env={**environment, "CI": "true"}, check=False).returncode:
        fail(f"make {verb} failed: nothing was uploaded")


def upload(url: str, files: list[str], *options: str) -> bool:
    """Upload files, print the output of uv, and return whether it succeeded."""
    command = ["uv", "publish", "--publish-url", url, *options, *files]
    uploaded = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if forbidden := re.search(r"status code (40[13])", uploaded.stderr):
        reject_credentials(forbidden[1], url)
    print(uploaded.stderr, end="", file=sys.stderr)
    return uploaded.returncode == 0


def main() -> None:
    url = http_url("INDEX_URL")
    if url.rstrip("/").endswith("/simple"):
        fail("INDEX_URL is where files are uploaded to, not where pip reads: leave out /simple")
    simple = http_url("UV_PUBLISH_CHECK_URL", f"{url.rstrip('/')}/simple/")
    auth = credentials(url)
    version = changelog_version()
    # An empty upload changes nothing, but the index rejects it if the password is wrong.
    request("POST", url, auth)
    page = f"{simple.rstrip('/')}/{NAME}/"
    there = listing(page, auth)
    check_version(Version(version), page, there, auth)
    make("build")
    files = missing(built_files(), there.files, version)
    if not upload(url, files, "--dry-run"):
        fail("uv can't upload these files (see above)")
    before = tested_state()
    make("check")
    make("test")
    if before != tested_state():
        fail("the tree or dist/ changed while the tests ran: nothing was uploaded; run it again")
    if os.environ.get("DRY_RUN"):
        print(f"publish: dry run: would upload {', '.join(files)}")
    elif not upload(url, files):
        fail("the upload failed: run the same command again to upload the rest")
    else:
        print(f"publish: {NAME} {version} is on the index")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
