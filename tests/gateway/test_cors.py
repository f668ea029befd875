"""CORS: pages of other origins may not call the gateway, except for one configured origin."""

from collections.abc import Generator

import pytest

from tests.support.gateway import Gateway, gateway
from tests.support.raw_server import Recorder

JOIN = "/api/0/organizations/acme/members/8/teams/backend/"
ORIGIN = "https://docs.example.com:8443"
PREFLIGHT = {
    "Origin": ORIGIN,
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "content-type,x-gateway-key",
}


def cors(headers: object) -> dict[str, str]:
    """Return the CORS headers among these."""
    return {
        name: value
        for name, value in dict(headers).items()  # type: ignore[call-overload]
        if name.lower().startswith("access-control-")
    }


@pytest.fixture(scope="module")
def open_gate(
    shared_upstream: Recorder, token: str, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Gateway]:
    folder = tmp_path_factory.mktemp("cors")
    url = shared_upstream.url()
    with gateway(folder, sentry_url=url, token=token, allow_origin=ORIGIN) as running:
        yield running


def test_cors_is_off_by_default(gate: Gateway, upstream: Recorder) -> None:
    upstream.respond(204, Access_Control_Allow_Origin="*")
    headers = {"Origin": ORIGIN, "X-Gateway-Key": gate.key}
    for response in (
        gate.http.options(JOIN, headers=PREFLIGHT),
        gate.http.post(JOIN, headers=headers),
        gate.http.post(JOIN),
        gate.http.get("/", headers=headers),
    ):
        assert {} == cors(response.headers)
    assert 405 == gate.http.options(JOIN, headers=PREFLIGHT).status_code


def test_a_preflight_of_an_operation_is_granted(open_gate: Gateway, upstream: Recorder) -> None:
    response = open_gate.http.options(JOIN, headers=PREFLIGHT)
    assert 204 == response.status_code
    assert {
        "access-control-allow-headers": "Content-Type, X-Gateway-Key",
        "access-control-allow-methods": "POST",
        "access-control-allow-origin": ORIGIN,
        "access-control-max-age": "600",
    } == cors(response.headers)
    assert [] == upstream.requests


@pytest.mark.parametrize("path", ["/", "/none", "/api/0/", JOIN[:-1], JOIN + "?a=1"])
def test_a_preflight_of_another_path_is_rejected(path: str, open_gate: Gateway) -> None:
    response = open_gate.http.options(path, headers=PREFLIGHT)
    assert response.status_code in (404, 405)


@pytest.mark.parametrize("status", [201, 403, 502])
def test_pages_of_the_origin_may_read_the_responses(
    status: int, open_gate: Gateway, upstream: Recorder
) -> None:
    upstream.respond(status, b"{}", Access_Control_Allow_Origin="https://evil.example")
    for key in (open_gate.key, "wrong"):
        response = open_gate.http.post(JOIN, headers={"Origin": ORIGIN, "X-Gateway-Key": key})
        assert {
            "access-control-allow-origin": ORIGIN,
            "access-control-expose-headers": "*",
        } == cors(response.headers)


def test_the_key_is_required_with_cors_too(open_gate: Gateway, upstream: Recorder) -> None:
    assert 403 == open_gate.http.post(JOIN, headers={"Origin": ORIGIN}).status_code
    assert [] == upstream.requests


def test_the_page_has_no_cors_headers(open_gate: Gateway) -> None:
    assert {} == cors(open_gate.http.get("/", headers={"Origin": ORIGIN}).headers)


def test_a_preflight_of_another_origin_names_the_one_that_is_allowed(open_gate: Gateway) -> None:
    headers = {**PREFLIGHT, "Origin": "https://evil.example"}
    response = open_gate.http.options(JOIN, headers=headers)
    assert ORIGIN == response.headers["Access-Control-Allow-Origin"]
