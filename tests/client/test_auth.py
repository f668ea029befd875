"""Finding the credentials: which source is used, and what is rejected."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from traceback import TracebackException
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentry_members import SentryMembers, errors
from sentry_members.auth import default_organization, resolve
from sentry_members.errors import ConfigurationError
from sentry_members.secret import Secret
from sentry_members_api.api.teams import add_an_organization_member_to_a_team

from tests.support.client_harness import USER_TOKEN, Caller, responding

OTHER_TOKEN = "sntryi_" + "f" * 64


def url_and_header(**arguments: str) -> str:
    """Return the URL and the `Authorization` header of a request."""
    caller = Caller("sync")
    with SentryMembers(
        transport=caller.transport(responding(httpx.Response(204))), **arguments
    ) as c:
        c.add_an_organization_member_to_a_team("acme", "8", "backend")
    [request] = caller.requests
    return f"{request.url.copy_with(path='/')} {request.headers.get('Authorization')}"


def write_clirc(folder: Path, token: str | None = None, url: str | None = None) -> Path:
    """Write a `.sentryclirc` in a folder."""
    file = folder / ".sentryclirc"
    text = f"[auth]\ntoken = {token}\n" if token else ""
    text += f"[defaults]\nurl = {url}\n" if url else ""
    file.write_text(text, "utf-8")
    return file


def link(target: str) -> Callable[[Path], None]:
    return lambda file: file.symlink_to(target)


def test_prefers_arguments_to_the_environment_and_files(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", OTHER_TOKEN)
    monkeypatch.setenv("SENTRY_URL", "https://env.example")
    write_clirc(elsewhere, OTHER_TOKEN, "https://file.example")
    expected = f"https://arg.example/ Bearer {USER_TOKEN}"
    assert expected == url_and_header(token=USER_TOKEN, url="https://arg.example")


def test_prefers_the_environment_to_files(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", f" {USER_TOKEN}\n")
    monkeypatch.setenv("SENTRY_URL", "env.example")
    write_clirc(elsewhere, OTHER_TOKEN, "https://file.example")
    assert f"https://env.example/ Bearer {USER_TOKEN}" == url_and_header()


@pytest.mark.parametrize("above", [0, 1])
def test_prefers_a_projects_file_to_that_in_the_home_directory(above: int, elsewhere: Path) -> None:
    write_clirc(elsewhere.parents[1], OTHER_TOKEN, "https://home.example")
    write_clirc([elsewhere, *elsewhere.parents][above], USER_TOKEN, "https://file.example")
    assert f"https://file.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_reads_the_file_in_the_home_directory(elsewhere: Path) -> None:
    write_clirc(elsewhere.parents[1], USER_TOKEN, "https://home.example/")
    assert f"https://home.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_reads_the_file_in_a_home_directory_that_is_not_above(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    monkeypatch.chdir(tmp_path / "outside")
    write_clirc(elsewhere.parents[1], USER_TOKEN)
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header()


def test_ignores_empty_environment_variables(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", " ")
    monkeypatch.setenv("SENTRY_URL", "")
    write_clirc(elsewhere.parents[1], USER_TOKEN, "https://home.example")
    assert f"https://home.example/ Bearer {USER_TOKEN}" == url_and_header()


@pytest.mark.parametrize("name", ["SENTRY_HOST", "SENTRY_URL"])
@pytest.mark.parametrize("value", ["", " ", "''"])
def test_sends_no_token_to_sentry_io_because_a_variable_is_empty(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=f"^{name} is empty: give a URL, or unset it"):
        url_and_header(token=USER_TOKEN)


@pytest.mark.parametrize(("url", "key"), [(None, "key"), ("", "key"), (" ", ""), ("''", None)])
def test_sends_no_token_to_sentry_io_past_a_gateway_without_a_url(
    url: str | None, key: str | None, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    for name, value in (("URL", url), ("KEY", key)):
        if value is not None:
            monkeypatch.setenv(f"SENTRY_GATEWAY_{name}", value)
    with pytest.raises(ConfigurationError, match="SENTRY_GATEWAY_URL is empty or missing"):
        url_and_header()
    # These come before a gateway of the environment.
    assert "https://sentry.io/" in url_and_header(token=USER_TOKEN)
    assert "https://de.sentry.io/" in url_and_header(region="de")
    write_clirc(elsewhere.parents[1], url="https://own.example")
    assert "https://own.example/" in url_and_header()


@pytest.mark.parametrize("token_place", ["argument", "environment", "home"])
def test_sends_no_other_token_to_a_projects_url(
    token_place: str, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    project = write_clirc(elsewhere.parent, url="https://evil.example")
    home = elsewhere.parents[1] / ".sentryclirc"
    arguments = {}
    if token_place == "argument":
        arguments["token"] = USER_TOKEN
        named = "the argument token"
    elif token_place == "environment":
        monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
        named = "SENTRY_AUTH_TOKEN"
    else:
        write_clirc(home.parent, USER_TOKEN)
        named = str(home)
    with pytest.raises(ConfigurationError) as caught:
        url_and_header(**arguments)
    assert str(project) in str(caught.value)
    assert named in str(caught.value)
    monkeypatch.setenv("SENTRY_URL", "https://own.example")
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header(**arguments)


def test_sends_any_token_to_a_projects_url_that_is_the_default(elsewhere: Path) -> None:
    """Sentry's own tools write it, and the token would go there without the file, too."""
    write_clirc(elsewhere, url="https://sentry.io/")
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN)


@pytest.mark.parametrize("url", ["https://sentry.io/", "https://own.example"])
def test_sends_a_token_to_a_projects_url_only_if_the_user_names_no_other(
    url: str, elsewhere: Path
) -> None:
    write_clirc(elsewhere, url=url)
    write_clirc(elsewhere.parents[1], USER_TOKEN, "https://own.example")
    if url == "https://sentry.io/":
        with pytest.raises(ConfigurationError, match=r"the token from elsewhere .* is not sent to"):
            url_and_header()
    else:
        assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_sends_a_projects_token_to_the_users_own_url(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    write_clirc(elsewhere, USER_TOKEN)
    monkeypatch.setenv("SENTRY_URL", "https://own.example")
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_lists_the_places_where_it_found_no_token(elsewhere: Path) -> None:
    write_clirc(elsewhere, url="https://file.example")
    with pytest.raises(ConfigurationError) as caught:
        url_and_header()
    for place in (
        "the argument token",
        "SENTRY_AUTH_TOKEN",
        str(elsewhere / ".sentryclirc"),
        str(elsewhere.parents[1] / ".sentryclirc"),
        "SENTRY_GATEWAY_URL",
        "sntryu_",
    ):
        assert place in str(caught.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (f"token = {USER_TOKEN}\n".encode(), "MissingSectionHeaderError"),
        (f"[auth]\ntoken {USER_TOKEN}\n".encode(), "ParsingError"),
        (f"[auth]\ntoken={USER_TOKEN}\n[defaults] url=https://a".encode(), "ParsingError"),
        (f"[auth]\ntoken={USER_TOKEN}\n[defaults] url=https://[::1]/x".encode(), "ParsingError"),
        (f"[auth]\ntoken={USER_TOKEN}\n[defaults] url=https://[::1]".encode(), "ParsingError"),
        (f"[auth]\ntoken = {USER_TOKEN}".encode("utf-16"), "UnicodeDecodeError"),
    ],
)
def test_names_an_unreadable_file_without_quoting_it(
    content: bytes, reason: str, elsewhere: Path
) -> None:
    file = elsewhere / ".sentryclirc"
    file.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        url_and_header()
    assert f"{file} can't be read" in str(caught.value)
    assert reason in str(caught.value)
    assert USER_TOKEN not in str(caught.value)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        pytest.param(Path.mkdir, "is a folder, a pipe or a device", id="folder"),
        pytest.param(os.mkfifo, "is a folder, a pipe or a device", id="pipe"),
        pytest.param(link("/dev/zero"), "is a folder, a pipe or a device", id="device"),
        pytest.param(link("moved"), "can't be read", id="broken link"),
        pytest.param(link(".sentryclirc"), "can't be read", id="link to itself"),
    ],
)
@pytest.mark.parametrize("above", [0, 1])
def test_sends_no_token_past_a_file_that_is_none(
    above: int,
    make: Callable[[Path], None],
    problem: str,
    monkeypatch: pytest.MonkeyPatch,
    elsewhere: Path,
) -> None:
    """Docker makes a folder of a file that it was to mount and that is missing."""
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    file = [elsewhere, *elsewhere.parents][above] / ".sentryclirc"
    make(file)
    with pytest.raises(ConfigurationError, match=re.escape(f"{file} {problem}")):
        url_and_header()


def test_an_empty_device_is_no_file(monkeypatch: pytest.MonkeyPatch, elsewhere: Path) -> None:
    link("/dev/null")(elsewhere / ".sentryclirc")
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN)


def test_sends_no_token_past_a_folder_that_it_cannot_search(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    """A link to itself stands for a locked folder: nothing locks out root."""
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    home = elsewhere.with_name("loop")
    link("loop")(home)
    monkeypatch.setenv("HOME", str(home))
    refusal = r"sentryclirc can't be read \(Too many levels .*\), .* set SENTRY_URL"
    with pytest.raises(ConfigurationError, match=refusal):
        url_and_header()
    monkeypatch.setenv("SENTRY_URL", "sentry.io")
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header()


def test_looks_at_no_folder_that_is_not_needed(elsewhere: Path) -> None:
    home = elsewhere.parents[1]
    link(".config")(home / ".config")
    write_clirc(home, USER_TOKEN, "https://home.example")
    assert f"https://home.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_takes_no_file_of_a_project_for_the_users_own(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    monkeypatch.setenv("HOME", ".")
    write_clirc(elsewhere, url="https://project.example")
    with pytest.raises(ConfigurationError, match="HOME is not an absolute path"):
        url_and_header()


def test_ignores_a_relative_folder_of_settings(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    """A project could have one, and say where the token goes."""
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    (elsewhere / "relative/sentry").mkdir(parents=True)
    stray = write_clirc(elsewhere, url="https://project.example")
    stray.rename(elsewhere / "relative/sentry/sentrycli.ini")
    own = elsewhere.parents[1] / ".config/sentry"
    own.mkdir(parents=True)
    write_clirc(own, url="https://own.example").rename(own / "sentrycli.ini")
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_reads_a_file_as_windows_writes_it(elsewhere: Path) -> None:
    text = (
        f"\ufeff[auth]\r\ntoken={USER_TOKEN} \r\n[defaults]\r\nurl=https://file.example/api/0/\r\n"
    )
    (elsewhere / ".sentryclirc").write_bytes(text.encode())
    assert f"https://file.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_reads_a_projects_file_by_its_other_name(elsewhere: Path) -> None:
    write_clirc(elsewhere, USER_TOKEN, "https://own.example").rename(elsewhere / "sentrycli.ini")
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_rejects_a_file_that_another_hides(elsewhere: Path) -> None:
    """The URL would be missed, and the token go to sentry.io."""
    write_clirc(elsewhere, USER_TOKEN, "https://own.example").rename(elsewhere / "sentrycli.ini")
    (elsewhere / ".sentryclirc").write_text(f"[auth]\ntoken={USER_TOKEN}\n")
    with pytest.raises(ConfigurationError, match=r"sentryclirc hides .*sentrycli\.ini: put all"):
        url_and_header()


def test_reads_properties_as_java_writes_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "settings.conf"
    file.write_text(
        f"auth.token={USER_TOKEN}\n# C:\\build\\\nhttp.cache=C:\\\\build\\\\\n"
        "defaults.url=\\\n  https\\://own.example/\n"
    )
    monkeypatch.setenv("SENTRY_PROPERTIES", str(file))
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_works_without_a_home_or_a_working_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Path:
        raise FileNotFoundError

    def homeless() -> Path:
        raise RuntimeError

    monkeypatch.setattr(Path, "cwd", missing)
    monkeypatch.setattr(Path, "home", homeless)
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN)


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("sentry.example.com", "https://sentry.example.com/"),
        ("sentry.example.com:8443", "https://sentry.example.com:8443/"),
        ("https://sentry.example.com/api/", "https://sentry.example.com/"),
        ("https://sentry.example.com/api/0/", "https://sentry.example.com/"),
        ("https://sentry.example.com/API/0", "https://sentry.example.com/"),
        (" https://sentry.example.com\n", "https://sentry.example.com/"),
        ("http://localhost:9000", "http://localhost:9000/"),
        ("http://127.0.0.2:9000/", "http://127.0.0.2:9000/"),
        ("http://[::1]:9000", "http://[::1]:9000/"),
    ],
)
def test_normalizes_a_url_to_the_root_of_a_sentry(given: str, root: str) -> None:
    assert f"{root} Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN, url=given)


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ("https://", "is not a URL"),
        ("ftp://sentry.io", "is not a URL"),
        ("https://sentry.io:port", "is not a URL"),
        ("https://sentry.io:99999", "is not a URL"),
        ("https://sentry..io", "is not a URL"),
        ("https://xn--a.io", "is not a URL"),
        ("https://sentry.io /", "must not hold a blank"),
        ("https://sentry.io?", "must not hold a blank"),
        ("https://@sentry.io", "must not hold a blank"),
        ("https://a\x01b", "is not a URL"),
        ("http://sentry.example.com", "unencrypted"),
        ("http://127.0.0.1.evil.example", "unencrypted"),
        ("http://sentry.localhost", "unencrypted"),
        ("https://user:geheim@sentry.io", "must not hold a blank, a user"),
        ("https://sentry.io/?geheim=1", "must not hold a blank, a user"),
        ("https://sentry.io/organizations/acme", "the root of a Sentry, not a page"),
    ],
)
@pytest.mark.parametrize("source", ["the argument url", "SENTRY_URL"])
def test_rejects_a_bad_url(
    given: str, problem: str, source: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if source == "SENTRY_URL":
        monkeypatch.setenv("SENTRY_URL", given)
    with pytest.raises(ConfigurationError) as caught:
        url_and_header(token=USER_TOKEN, **({} if source == "SENTRY_URL" else {"url": given}))
    assert source in str(caught.value)
    assert problem in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_sends_to_the_host_of_a_region() -> None:
    assert f"https://de.sentry.io/ Bearer {USER_TOKEN}" == url_and_header(
        token=USER_TOKEN, region="de"
    )


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"token": USER_TOKEN, "region": "de", "url": "sentry.io"}, "url and region exclude"),
        ({"token": USER_TOKEN, "region": "evil.example/"}, "region must be"),
        ({"token": USER_TOKEN, "gateway_url": "https://gw.example"}, "token and a gateway exclude"),
        ({"region": "de", "gateway_key": "k"}, "region and a gateway exclude"),
        ({"gateway_key": "k"}, "gateway_key needs a gateway_url"),
        ({"gateway_url": "https://gw.example"}, "the gateway's key is missing"),
        ({"gateway_url": "https://gw.example", "gateway_key": "a b"}, "the gateway's key"),
        ({"gateway_url": "http://gw.example", "gateway_key": "k"}, "gateway_url would send"),
        ({"token": ""}, "the argument token is empty"),
        ({"token": f"{USER_TOKEN}\n{USER_TOKEN}"}, "a character that no token has"),
        ({"token": f"'{USER_TOKEN}'"}, "a character that no token has"),
        ({"token": f"{USER_TOKEN}é"}, "a character that no token has"),
        ({"token": "sntrys_eyJpYXQiOjE3fQ==_abc"}, "organization auth token"),
    ],
)
def test_rejects_arguments_that_cannot_work(arguments: dict[str, str], problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        url_and_header(**arguments)
    assert problem in str(caught.value)
    assert USER_TOKEN[7:] not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("token", "the argument token is empty, or not a text"),
        ("url", "the argument url is empty, or not a text"),
        ("region", "region must be the name of one"),
        ("gateway_url", "the argument gateway_url is not a URL"),
    ],
)
@pytest.mark.parametrize("bad", ["", ["x"], 5], ids=repr)
def test_rejects_an_argument_that_is_not_a_text(name: str, problem: str, bad: object) -> None:
    with pytest.raises(ConfigurationError, match=f"^{problem}"):
        url_and_header(**{name: bad}, **({"gateway_key": "k"} if name == "gateway_url" else {}))  # type: ignore[arg-type]


def test_prefers_the_host_variable_as_sentrys_own_tool_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTRY_HOST", "host.example")
    monkeypatch.setenv("SENTRY_URL", "https://url.example")
    assert f"https://host.example/ Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN)
    monkeypatch.setenv("SENTRY_HOST", "ftp://host.example")
    with pytest.raises(ConfigurationError, match=r"^SENTRY_HOST is not a URL"):
        url_and_header(token=USER_TOKEN)


@pytest.mark.parametrize("nothing", ["", " ", "''"])
def test_takes_an_empty_host_variable_for_none(
    nothing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise the token would go to sentry.io."""
    monkeypatch.setenv("SENTRY_HOST", nothing)
    monkeypatch.setenv("SENTRY_URL", "https://url.example")
    assert f"https://url.example/ Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN)


def test_reads_the_properties_file_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, elsewhere: Path, tmp_path: Path
) -> None:
    file = tmp_path / "sentry.properties"
    file.write_text(
        f"# written by the wizard\nauth.token={USER_TOKEN}\n"
        "defaults.url=https://properties.example/\ndefaults.org = acme\n"
    )
    monkeypatch.setenv("SENTRY_PROPERTIES", str(file))
    write_clirc(elsewhere, OTHER_TOKEN, "https://file.example")
    assert f"https://properties.example/ Bearer {USER_TOKEN}" == url_and_header()
    assert "acme" == default_organization()
    file.write_text(f"auth.token={USER_TOKEN}\nauth.url=https://properties.example/\n")
    with pytest.raises(ConfigurationError, match=r"has `auth\.url`, which"):
        url_and_header()
    file.unlink()
    with pytest.raises(ConfigurationError, match=r"sentry\.properties can't be read"):
        url_and_header()


def test_reads_the_file_in_the_folder_of_settings(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    (tmp_path / "settings/sentry").mkdir(parents=True)
    (tmp_path / "settings/sentry/sentrycli.ini").write_text(
        f"[auth]\ntoken={USER_TOKEN}\n[defaults]\nurl=https://ini.example\n"
    )
    assert f"https://ini.example/ Bearer {USER_TOKEN}" == url_and_header()
    (Path.home() / ".sentryclirc").write_text(f"[auth]\ntoken={USER_TOKEN}\n")
    with pytest.raises(ConfigurationError, match=r"sentryclirc hides .*sentrycli\.ini: put all"):
        url_and_header()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[default]\nurl = https://own.example\norg = acme\n", "has `default.url`, which"),
        ("[DEFAULT]\nurl = https://own.example\n", "has `DEFAULT.url`, which"),
        ("[defaults]\nurl = own.example\ntoken = x\n", "`defaults.token`, .* is `auth.token`"),
        ("[defaults]\nurl = own.example\n[auth]\norg = acme\n", "`auth.org`, .* `defaults.org`"),
        ("[defaults]\nhost = own.example\n", "has `defaults.host`, .* are `defaults.url` and"),
        ("[defaults]\nendpoint = https://own.example\n", "has `defaults.endpoint`"),
        ("[defaults]\ndefaults.url = https://own.example\n", "has `defaults.defaults.url`"),
        ("[sentry]\nbase_url = https://own.example\n", "has `sentry.base_url`"),
        ("[http]\nurl = https://own.example\n", "has `http.url`"),
        ("[cli]\nserver = own.example\n", "has `cli.server`"),
        ("[defaults]\nurl = https://own.example\nurl =\n", "has an empty `defaults.url`"),
        ("[defaults]\nurl = ''\n", "has an empty `defaults.url`"),
        (f"[auth]\n{OTHER_TOKEN}=\n", "has a setting, which is not read"),
    ],
)
def test_rejects_a_file_that_may_name_a_url_in_vain(
    content: str, problem: str, elsewhere: Path
) -> None:
    """A token of a self-hosted Sentry would go to sentry.io if the URL were ignored."""
    (elsewhere / ".sentryclirc").write_text(f"{content}[auth]\ntoken = {USER_TOKEN}\n")
    with pytest.raises(ConfigurationError, match=problem) as caught:
        url_and_header()
    assert OTHER_TOKEN.lower() not in str(caught.value).lower()


def test_ignores_what_others_wrote_into_a_file_that_names_a_url(elsewhere: Path) -> None:
    file = write_clirc(elsewhere, USER_TOKEN, "https://own.example")
    file.write_text(f"{file.read_text()}[deploy]\nserver = build.example\n")
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()


def test_reads_indented_lines(elsewhere: Path) -> None:
    (elsewhere / ".sentryclirc").write_text(
        f"  [auth]\ntoken={USER_TOKEN}\n[defaults]\n    org=acme\n\turl=https://own.example\n"
    )
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()
    assert "acme" == default_organization()


def test_ignores_other_sections_of_sentrys_tools(elsewhere: Path) -> None:
    (elsewhere / ".sentryclirc").write_text(
        f"[auth]\ntoken={USER_TOKEN}\n[http]\nproxy_url=http://x\n[log]\nlevel=debug\n"
        "[defaults]\nenvironment=production\ncustom_header=X-One: 1\n"
    )
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header()


@pytest.mark.parametrize("quote", ["'", '"'])
def test_strips_the_quotes_around_a_value(
    quote: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (elsewhere / ".sentryclirc").write_text(
        f"[auth]\ntoken={quote}{USER_TOKEN}{quote}\n"
        f"[defaults]\nurl={quote}https://own.example{quote}\norg={quote}acme{quote}\n"
    )
    assert f"https://own.example/ Bearer {USER_TOKEN}" == url_and_header()
    assert "acme" == default_organization()
    monkeypatch.setenv("SENTRY_URL", f"{quote}https://env.example{quote}")
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", f"{quote}{OTHER_TOKEN}{quote}")
    monkeypatch.setenv("SENTRY_ORG", f" {quote}other{quote}\n")
    assert f"https://env.example/ Bearer {OTHER_TOKEN}" == url_and_header()
    assert "other" == default_organization()


@pytest.mark.parametrize("bad", ["ac me", "acme/", "https://acme.sentry.io", "a@b", USER_TOKEN])
def test_names_the_place_of_an_invalid_organization(
    bad: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_ORG", bad)
    with pytest.raises(ConfigurationError, match=r"^SENTRY_ORG is") as caught:
        default_organization()
    assert bad not in str(caught.value)
    monkeypatch.delenv("SENTRY_ORG")
    (elsewhere / ".sentryclirc").write_text(f"[defaults]\norg={bad}\n")
    with pytest.raises(ConfigurationError, match=r"^the org in .*\.sentryclirc is"):
        default_organization()


def test_names_the_remedies_when_it_rejects_http() -> None:
    with pytest.raises(
        ConfigurationError, match=r"use https.*TLS in front.*a tunnel to a loopback"
    ):
        url_and_header(token=USER_TOKEN, url="http://sentry.internal:9000")


def sent_headers(**arguments: Any) -> httpx.Headers:
    """Return the headers of a request; check that a generated function sends the same."""
    caller = Caller("sync")
    transport = caller.transport(responding(httpx.Response(204)))
    with SentryMembers(token=USER_TOKEN, transport=transport, **arguments) as sentry:
        sentry.add_an_organization_member_to_a_team("acme", "8", "backend")
        add_an_organization_member_to_a_team.sync("acme", "8", "backend", client=sentry.generated)
    first, second = (request.headers for request in caller.requests)
    for name in arguments.get("headers", {}):
        assert first[name] == second[name]
    return first


def test_sends_the_headers_that_a_proxy_wants() -> None:
    headers = {"CF-Access-Client-Id": "id.access", "CF-Access-Client-Secret": "geheim0123"}
    sent = sent_headers(headers=headers)
    assert headers == {name: sent[name] for name in headers}
    with SentryMembers(token=USER_TOKEN, headers=headers) as sentry, pytest.raises(TypeError):
        sentry.credentials.headers["X-Later"] = Secret("later")  # type: ignore[index]


def test_reads_the_headers_of_the_environment_for_self_hosted_sentries(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTRY_CUSTOM_HEADERS", "X-One: 1; X-Two: a:b\nX-Three:3;")
    sent = sent_headers(url="https://sentry.example")
    assert ["1", "a:b", "3"] == [sent[f"X-{name}"] for name in ("One", "Two", "Three")]
    for url in ("https://sentry.io", "https://de.sentry.io"):
        assert "X-One" not in sent_headers(url=url)
    assert "X-One" not in sent_headers(url="https://sentry.example", headers={"X-Other": "5"})


@pytest.mark.parametrize("user", ["names no URL", "names another", "names the same"])
def test_sends_the_headers_of_the_environment_to_no_host_that_only_a_project_names(
    user: str, monkeypatch: pytest.MonkeyPatch, elsewhere: Path
) -> None:
    def headers(**arguments: Any) -> httpx.Headers:
        caller = Caller("sync")
        transport = caller.transport(responding(httpx.Response(204)))
        with SentryMembers(transport=transport, **arguments) as sentry:
            sentry.add_an_organization_member_to_a_team("acme", "8", "backend")
        return caller.requests[0].headers

    monkeypatch.setenv("SENTRY_CUSTOM_HEADERS", "X-One: 1")
    project = write_clirc(elsewhere, OTHER_TOKEN, "https://evil.example")
    if user == "names another":
        write_clirc(elsewhere.parents[1], url="https://own.example")
    if user == "names the same":
        write_clirc(elsewhere.parents[1], url="https://evil.example/")
    else:
        with pytest.raises(
            ConfigurationError,
            match=f"^SENTRY_CUSTOM_HEADERS is not sent to the url in {re.escape(str(project))}, .*or in SENTRY_URL",
        ):
            headers()
        assert "X-One" not in headers(headers={})
        monkeypatch.setenv("SENTRY_URL", "https://evil.example")
    assert "1" == headers()["X-One"]


@pytest.mark.parametrize(
    ("pairs", "number"),
    [
        ("geheim0123", 1),
        ("CF-Access-Client-Secret=geheim0123", 1),
        ("X-One: 1; =geheim0123: 2", 2),
        ("Cookie: a=1; b=geheim0123", 2),
        ("Cookie: a;geheim0123:", 2),
        ("Cookie: a; geheim0123: \u00e9", 2),
        ("X-One: 1; sntryu_geheim0123: 1", 2),
    ],
)
def test_does_not_show_what_is_no_header_in_the_environment(
    pairs: str, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENTRY_CUSTOM_HEADERS", pairs)
    with pytest.raises(ConfigurationError, match=f"pair {number} of") as caught:
        sent_headers(url="https://sentry.example")
    shown = TracebackException.from_exception(caught.value, capture_locals=True)
    assert "geheim0123" not in "".join(shown.format()).replace(pairs, "")


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Authorization", "Basic x", "itself: leave it out"),
        ("host", "evil.example", "itself: leave it out"),
        ("X-Gateway-Key", "x", "itself: leave it out"),
        ("Content-Length", "0", "itself: leave it out"),
        ("Transfer-Encoding", "chunked", "itself: leave it out"),
        ("Accept-Encoding", "br", "itself: leave it out"),
    ],
)
def test_names_the_header_that_it_rejects(name: str, value: str, problem: str) -> None:
    with pytest.raises(ConfigurationError, match=problem) as caught:
        sent_headers(headers={name: value})
    assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X geheim", "geheim"),
        ("X-One", "gehe\r\nim"),
        ("sntryu_geheim", "X-One"),
        ("geheim", ""),
        ("", "geheim"),
    ],
)
def test_numbers_the_header_that_cannot_be_sent(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=r"^pair 2 of headers can't be sent") as caught:
        sent_headers(headers={"X-Other": "1", name: value})
    assert "geheim" not in str(caught.value)


def test_redacts_the_headers_of_a_proxy() -> None:
    secret = "cf-0123456789abcdef"
    echo = responding(httpx.Response(403, json={"detail": f"no {secret}"}))
    with pytest.raises(errors.ForbiddenError) as caught:
        Caller("sync").join(echo, options={"headers": {"CF-Access-Client-Secret": secret}})
    assert secret not in f"{caught.value}{vars(caught.value)}"


def test_does_not_read_a_file_that_is_not_needed(elsewhere: Path) -> None:
    (elsewhere / ".sentryclirc").write_text("garbage")
    assert f"https://a.example/ Bearer {USER_TOKEN}" == url_and_header(
        token=USER_TOKEN, url="a.example"
    )


def test_names_the_file_where_it_found_none() -> None:
    with pytest.raises(
        ConfigurationError, match=r"\.sentryclirc in the working directory or above"
    ):
        url_and_header()


def test_names_the_usable_tokens_when_it_rejects_an_organization_token() -> None:
    with pytest.raises(ConfigurationError, match=r"sntryu_….*sntryi_…"):
        url_and_header(token="sntrys_eyJpYXQiOjE3fQ==_abc")


@pytest.mark.parametrize("given", ["arguments", "environment"])
def test_sends_no_token_to_a_gateway(given: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENTRY_AUTH_TOKEN", USER_TOKEN)
    arguments = {}
    if given == "environment":
        monkeypatch.setenv("SENTRY_GATEWAY_URL", "https://gw.example/sentry/")
        monkeypatch.setenv("SENTRY_GATEWAY_KEY", "gateway-key")
    else:
        arguments = {
            "gateway_url": "https://gw.example/sentry/api/0/",
            "gateway_key": "gateway-key",
        }
    caller = Caller("sync")
    transport = caller.transport(responding(httpx.Response(204)))
    with SentryMembers(transport=transport, **arguments) as client:
        client.add_an_organization_member_to_a_team("acme", "8", "backend")
        join = add_an_organization_member_to_a_team.sync_detailed
        join("acme", "8", "backend", client=client.generated)
    path = "/sentry/api/0/organizations/acme/members/8/teams/backend/"
    assert 2 == len(caller.requests)
    for request in caller.requests:
        assert "Authorization" not in request.headers
        assert "gateway-key" == request.headers["X-Gateway-Key"]
        assert f"https://gw.example{path}" == str(request.url)


def test_prefers_a_token_argument_to_a_gateway_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SENTRY_GATEWAY_URL", "https://gw.example")
    assert f"https://sentry.io/ Bearer {USER_TOKEN}" == url_and_header(token=USER_TOKEN)


@pytest.mark.parametrize(
    ("token", "token_kind"),
    [
        ("sntryu_" + "a" * 64, "user"),
        ("sntrya_" + "a" * 64, "user"),
        ("sntryi_" + "a" * 64, "internal integration"),
        ("a" * 64, None),
    ],
)
def test_recognizes_the_token_kind_by_the_prefix(token: str, token_kind: str | None) -> None:
    assert token_kind == resolve(Secret(token)).token_kind


@pytest.mark.slow
@given(st.text())
def test_sends_any_token_unaltered_or_rejects_it(token: str) -> None:
    """A rejection is a ConfigurationError, and nothing else."""
    try:
        credentials = resolve(Secret(token))
    except ConfigurationError:
        return
    assert "Authorization" == credentials.header
    assert f"Bearer {token.strip()}" == credentials.secret.reveal()


@given(st.text())
def test_normalizes_any_url_to_a_root_or_rejects_it(url: str) -> None:
    try:
        root = resolve(Secret(USER_TOKEN), url=Secret(url)).url
    except ConfigurationError:
        return
    assert "/" == root.path
    assert "https" == root.scheme or root.host in ("localhost", "127.0.0.1", "::1")
    assert b"" == root.userinfo + root.query
