"""SENTRY_CUSTOM_HEADERS: what a proxy in front of Sentry wants."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.support.gateway import RUN, START, TOKEN, gateway, settings
from tests.support.raw_server import Recorder

JOIN = "/api/0/organizations/acme/members/8/teams/backend/"
VALUE = "a-secret-value"


def test_sends_each_header_to_sentry_and_nothing_else(upstream: Recorder, tmp_path: Path) -> None:
    headers = f"CF-Access-Client-Id: {VALUE}.access;\r\n Proxy-Authorization:Bearer {VALUE}:1=\n;"
    with gateway(tmp_path, sentry_url=upstream.url(), SENTRY_CUSTOM_HEADERS=headers) as gate:
        response = gate.http.post(JOIN, headers={"X-Gateway-Key": gate.key})
        gate.log()
        written = (tmp_path / "stdout").read_text() + (tmp_path / "stderr").read_text()
    assert 204 == response.status_code
    [(head, _)] = upstream.requests
    arrived = dict(line.split(": ", 1) for line in head.decode().splitlines()[1:])
    assert f"{VALUE}.access" == arrived.pop("CF-Access-Client-Id")
    assert f"Bearer {VALUE}:1=" == arrived.pop("Proxy-Authorization")
    assert {"Host", "Authorization", "X-Request-Id", "Content-Length"} >= {
        name for name in arrived if name not in ("Accept", "User-Agent")
    }
    assert f"Bearer {TOKEN}" == arrived["Authorization"]
    assert VALUE not in written + response.text + str(response.headers)


def start_error(folder: Path, **more: str) -> str:
    """Return the one line that a gateway prints that does not start; it must show no value."""
    run = subprocess.run(
        RUN,
        env=settings(folder) | more,
        capture_output=True,
        text=True,
        check=False,
        timeout=START,
    )
    assert (1, "") == (run.returncode, run.stdout)
    assert VALUE not in run.stderr
    [line] = run.stderr.splitlines()
    return line


@pytest.mark.parametrize(
    ("header", "message"),
    [
        (VALUE, "must be Name: value"),
        (f": {VALUE}", "must have a name of letters, digits and -"),
        ("X-Empty:", "must be Name: value"),
        (f"X Name: {VALUE}", "must have a name of letters, digits and -"),
        (f"X_Name: {VALUE}", "must have a name of letters, digits and -"),
        (f'X-Name: "{VALUE}', "must have a value of ASCII, without quotes"),
        (f"X-Name: $host{VALUE}", "must have a value of ASCII, without quotes"),
        (f"X-Name: {VALUE}\\", "must have a value of ASCII, without quotes"),
        (f"X-Name: ä{VALUE}", "must have a value of ASCII, without quotes"),
        (f"X-Name: a\rX-More: {VALUE}", "must have a value of ASCII, without quotes"),
        (f"authorization: Bearer {VALUE}", "must not be Authorization, Host or Content-*"),
        (f"HOST: {VALUE}", "must not be Authorization, Host or Content-*"),
        (f"Content-Length: {VALUE}", "must not be Authorization, Host or Content-*"),
        (f"Transfer-Encoding: {VALUE}", "must not be Transfer-Encoding"),
        (f"x-request-id: {VALUE}", "must not be x-request-id"),
        (f"x-first: {VALUE}", "has the name of another"),
        (f"X-Name: {VALUE * 500}", "has more than 4,000 characters"),
    ],
)
def test_does_not_start_with_a_bad_header_and_names_its_place(
    header: str, message: str, tmp_path: Path
) -> None:
    line = start_error(tmp_path, SENTRY_CUSTOM_HEADERS=f"X-First: 1; {header}")
    assert re.match(rf"gateway: SENTRY_CUSTOM_HEADERS: header 2 {re.escape(message)}", line), line


@pytest.mark.parametrize(
    "url", ["https://sentry.io", "us.sentry.io", "https://DE.Sentry.IO:443/", "https://sentry.io."]
)
def test_does_not_send_headers_to_sentry_io(url: str, tmp_path: Path) -> None:
    line = start_error(tmp_path, SENTRY_URL=url, SENTRY_CUSTOM_HEADERS=f"X-Name: {VALUE}")
    assert "SENTRY_CUSTOM_HEADERS are for a proxy in front of your own Sentry" in line
