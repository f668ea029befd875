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
from time import monotonic, sleep
from typing import NoReturn

import httpx
from packaging.utils import InvalidSdistFilename, parse_sdist_filename
from packaging.version import Version

from tests.maintenance import changes
from tests.maintenance.archives import extract

NAME = "sentry-members"
# Some indexes list a file only a while after its upload.
LISTED_WITHIN = 60  # seconds


def fail(reason: str) -> NoReturn:
    """Exit with the reason why nothing, or not everything, was uploaded."""
    sys.exit(f"publish: {reason}")


def reject_credentials(status: object, url: object) -> NoReturn:
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
        links: The URL of each file, by name.
    """

    def __init__(self, response: httpx.Response) -> None:
        super().__init__()
        self.links: dict[str, httpx.URL] = {}
        self._url = response.url
        self.feed(response.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            url = self._url.join(dict(attrs).get("href") or "").copy_with(fragment=None)
            self.links[url.path.rpartition("/")[2]] = url


def request(
    method: str,
    url: httpx.URL,
    auth: tuple[str, str] | None,
    form: dict[str, tuple[None, str]] | None = None,
) -> httpx.Response:
    """Return the response of the index; fail if it rejects the credentials."""
    # The certificate of a company's own index can only be verified with the system's authorities.
    certificates = ssl.create_default_context()
    try:
        response = httpx.request(
            method, url, auth=auth, files=form, verify=certificates, follow_redirects=True
        )
    # Settings of a proxy may be wrong, or need what is not installed.
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, ValueError) as error:
        if isinstance(error, httpx.RequestError) and error.request.url.host != url.host:
            # The index redirected to a public one, which can't be reached: it has nothing there.
            return httpx.Response(404, request=error.request)
        fail(f"the index can't be reached at {url}: {error}")
    if response.status_code in (401, 403) and response.url.host == url.host:
        reject_credentials(response.status_code, url)
    return response


def check_upload(url: str, auth: tuple[str, str]) -> str:
    """Fail if nothing can be uploaded to a URL; return the URL where its files are listed."""
    # A form without a file changes nothing, but the index rejects it if the password is wrong.
    response = request("POST", httpx.URL(url), auth, {":action": (None, "file_upload")})
    if response.history or response.status_code in (404, 405):
        answer = f"redirects to {response.url}" if response.history else response.status_code
        fail(f"nothing can be uploaded to INDEX_URL={url} ({answer})")
    folder = "+simple" if "X-Devpi-API-Version" in response.headers else "simple"
    return f"{url.rstrip('/')}/{folder}/"


def listing(page: httpx.URL, auth: tuple[str, str]) -> dict[str, httpx.URL]:
    """Return the URL of each file of this project on the index, by name."""
    response = request("GET", page, auth)
    # Some indexes redirect to the public one for a project that they don't have.
    if response.status_code == 404 or response.url.host != page.host:
        return {}
    if not response.is_success:
        fail(f"the index responds with {response.status_code} at {page}")
    return Listing(response).links


def download(url: httpx.URL, page: httpx.URL, auth: tuple[str, str]) -> bytes:
    """Return a file that the page of the index links to."""
    # The credentials are for the index, which may link to another host.
    response = request("GET", url, auth if url.netloc == page.netloc else None)
    if not response.is_success:
        fail(f"the index lists {url}, and responds with {response.status_code} there")
    return response.content


def releases(there: dict[str, httpx.URL]) -> dict[Version, httpx.URL]:
    """Return the URL of the sdist of each final release."""
    found: dict[Version, httpx.URL] = {}
    for name, url in there.items():
        with suppress(InvalidSdistFilename):
            project, version = parse_sdist_filename(name)
            if project == NAME and not version.is_prerelease:
                found[version] = url
    return found


def check_version(
    version: Version, page: httpx.URL, there: dict[str, httpx.URL], auth: tuple[str, str]
) -> None:
    """Fail if the changes since the newest release require a higher version.

    That is the newest of the index; if it has none, the last version tag. The present version is
    not compared with itself: its upload may have been cut off, and it may be tagged.
    """
    others = releases(there)
    others.pop(version, None)
    with TemporaryDirectory() as name:
        folder = Path(name)
        if others:
            newest = max(others)
            if version < newest:
                fail(f"the index has {NAME} {newest}: raise the {version} in openapi.yaml")
            before = unpack(download(others[newest], page, auth), folder)
            reason = changes.compare(before, f"{newest} on the index")
        elif tag := changes.last_release(excluded=f"v{version}"):
            changes.unpack(tag, folder)
            reason = changes.compare(folder, tag)
        else:
            print("publish: nothing is released yet, so any version will do", flush=True)
            return
    if reason:
        fail(reason)


def unpack(release: bytes, folder: Path) -> Path:
    """Unpack an sdist into a folder, and return the folder of its tree."""
    try:
        with tarfile.open(fileobj=BytesIO(release)) as sdist:
            extract(sdist, folder)
        [tree] = folder.iterdir()
    except (tarfile.TarError, ValueError):
        fail("the newest release on the index is not an sdist")
    return tree


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def built_files() -> dict[str, str]:
    """Return the SHA-256 of each file in dist/, by name."""
    return {file.name: sha256(file.read_bytes()) for file in sorted(Path("dist").iterdir())}


def missing(files: dict[str, str], page: httpx.URL, auth: tuple[str, str]) -> list[str]:
    """Return the names of the built files that the index lacks; fail if it has others.

    After an upload that failed halfway, these are not all. Not every index states a SHA-256, so
    the files are compared.
    """
    there = listing(page, auth)
    for name, digest in files.items():
        if name in there and sha256(download(there[name], page, auth)) != digest:
            fail(f"the index has another {name}: raise the version in openapi.yaml")
    return [name for name in files if name not in there]


def check_listed(files: dict[str, str], page: httpx.URL, auth: tuple[str, str]) -> None:
    """Fail unless the index lists the built files, for an upload may succeed and do nothing."""
    end = monotonic() + LISTED_WITHIN
    while names := missing(files, page, auth):
        if monotonic() > end:
            fail(
                f"the upload succeeded, but {page} lists no {names[0]} "
                "(files elsewhere? export UV_PUBLISH_CHECK_URL)"
            )
        sleep(1)


def tested_state() -> list[object]:
    """Return what the tests depend on: the commit, the changes since it, and the built files."""
    commands = (["git", "rev-parse", "HEAD"], ["git", "status", "--porcelain"])
    return [subprocess.check_output(command) for command in commands] + [built_files()]


def make(verb: str) -> None:
    """Run a verb without the credentials. With CI set, no test is skipped."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("UV_PUBLISH_")
    }
    environment |= {"CI": "true", "PYTEST_ADDOPTS": "--maxfail=3 --tb=short"}
    command = ["make", "--no-print-directory", verb]
    if subprocess.run(command, env=environment, check=False).returncode:
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
    if found := re.fullmatch(r"(.*/)\+?simple/*", url):
        fail(f"INDEX_URL={url} is where pip reads: to upload, make publish INDEX_URL={found[1]}")
    auth = credentials(url)
    version = changelog_version()
    simple = http_url("UV_PUBLISH_CHECK_URL", check_upload(url, auth))
    page = httpx.URL(f"{simple.rstrip('/')}/{NAME}/")
    there = listing(page, auth)
    if not there:
        print(
            f"publish: {page} is empty (files elsewhere? export UV_PUBLISH_CHECK_URL)", flush=True
        )
    check_version(Version(version), page, there, auth)
    tag = f"git tag v{version} && git push origin HEAD v{version}"
    make("build")
    built = built_files()
    files = [f"dist/{name}" for name in missing(built, page, auth)]
    if not files:
        # The response to the last upload may have been lost.
        fail(
            f"the index has {NAME} {version} already: raise the version in openapi.yaml; or, if "
            f"only its tag is missing, {tag}"
        )
    if not upload(url, files, "--dry-run"):
        fail("uv can't upload these files (see above)")
    before = tested_state()
    make("check")
    make("test")
    if before != tested_state():
        fail("the tree or dist/ changed while the tests ran: nothing was uploaded; run it again")
    if os.environ.get("DRY_RUN"):
        print(f"publish: dry run: would upload {', '.join(files)}")
        return
    if not upload(url, files):
        fail("the upload failed: run the same command again to upload the rest")
    check_listed(built, page, auth)
    print(f"publish: {NAME} {version} is on the index: {tag}")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    main()
