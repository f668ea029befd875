"""The gateway knows Sentry by its certificate before it shows the token."""

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
    return Authority(tmp_path_factory.mktemp("authority") / "its")


def ask(
    folder: Path, token: str, context: ssl.SSLContext, ca_file: Path | None
) -> tuple[httpx.Response, list[tuple[bytes, bytes]]]:
    """The answer of a gateway before a server of this context, and what that server received."""
    with (
        recorder(context) as upstream,
        gateway(folder, sentry_url=upstream.url("localhost"), token=token, ca_file=ca_file) as gate,
    ):
        answer = gate.http.post(JOIN, headers={"X-Gateway-Key": gate.key})
        return answer, upstream.requests


def test_a_server_that_the_authority_knows_gets_the_token(
    authority: Authority, token: str, tmp_path: Path
) -> None:
    names: list[str] = []
    context = authority.context("localhost")
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.sni_callback = lambda connection, name, context: names.append(name)
    answer, received = ask(tmp_path, token, context, authority.file)
    assert 204 == answer.status_code
    assert ["localhost"] == names
    [(head, _)] = received
    assert f"Authorization: Bearer {token}".encode() in head


@pytest.mark.parametrize("wrong", ["authority", "the system's authorities", "name"])
def test_any_other_server_gets_nothing(
    wrong: str, authority: Authority, token: str, tmp_path: Path
) -> None:
    context = authority.context("sentry.example" if wrong == "name" else "localhost")
    ca_file = None if wrong == "the system's authorities" else authority.file
    if wrong == "authority":
        ca_file = Authority(tmp_path / "other").file
    (tmp_path / "gateway").mkdir()
    answer, received = ask(tmp_path / "gateway", token, context, ca_file)
    assert (502, True) == (answer.status_code, json.loads(answer.content)["gateway"])
    assert [] == received
