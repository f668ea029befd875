"""The gateway verifies Sentry's certificate before it sends the token."""

import json
import ssl
from pathlib import Path

import httpx
import pytest

from tests.support.certificates import Authority
from tests.support.gateway import gateway
from tests.support.raw_server import recorder

JOIN = "/api/0/organizations/acme/members/8/teams/backend/"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority") / "trusted")


def post_through_gateway(
    folder: Path,
    token: str,
    context: ssl.SSLContext,
    ca_file: Path | None,
    host: str = "localhost",
) -> tuple[httpx.Response, list[tuple[bytes, bytes]]]:
    """Return the gateway's response, and the requests that a server with this context received."""
    with (
        recorder(context) as upstream,
        gateway(folder, sentry_url=upstream.url(host), token=token, ca_file=ca_file) as gate,
    ):
        response = gate.http.post(JOIN, headers={"X-Gateway-Key": gate.key})
        return response, upstream.requests


@pytest.mark.parametrize(
    ("host", "asked"),
    [("localhost", "localhost"), ("127.0.0.1", None)],
    ids=["name", "address that the certificate has as a name"],
)
def test_sends_the_token_to_a_server_with_a_trusted_certificate(
    host: str, asked: str | None, authority: Authority, token: str, tmp_path: Path
) -> None:
    names: list[str | None] = []
    context = authority.context(host)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sni_callback = lambda connection, name, context: names.append(name)
    response, received = post_through_gateway(tmp_path, token, context, authority.file, host)
    assert 204 == response.status_code
    assert [asked] == names
    [(head, _)] = received
    assert f"Authorization: Bearer {token}".encode() in head


@pytest.mark.parametrize("wrong", ["authority", "the system's authorities", "name"])
def test_sends_nothing_to_any_other_server(
    wrong: str, authority: Authority, token: str, tmp_path: Path
) -> None:
    context = authority.context("sentry.example" if wrong == "name" else "localhost")
    ca_file = None if wrong == "the system's authorities" else authority.file
    if wrong == "authority":
        ca_file = Authority(tmp_path / "other").file
    (tmp_path / "gateway").mkdir()
    response, received = post_through_gateway(tmp_path / "gateway", token, context, ca_file)
    assert (502, True) == (response.status_code, json.loads(response.content)["gateway"])
    assert [] == received
