"""What the gateway forwards, how it changes it, and how it responds to everything else."""

import json
import re
from collections.abc import Callable, Generator
from datetime import datetime
from typing import Any

import httpx
import pytest

from overlays.reference.contract import Contract, Operation, load
from tests.support.gateway import Gateway, gateway
from tests.support.raw_server import Recorder
from tests.support.repo_copy import ROOT

CONTRACT = Contract(load((ROOT / "openapi.yaml").read_text("utf-8")))
OPERATIONS = {operation.id: operation for operation in CONTRACT.operations}
SEGMENTS = [
    "acme", "Acme", "4711", "a-b_c", "-", "a" * 200, "me", "ME", "mee", "8", "08", "8x", "-1",
    "", ".", "..", "%2e%2e", "a.b", "a/b", "a%2Fb", "a%2fb", "a\\b", "%61cme", "a+b", "a;b", "a:b",
    "a@b", "a~b", "a,b", "a*b", "a&b", "a$b", "a%00", "a%0a", "a?b", "a#b", "*", "{x}", "ä",
]  # fmt: skip


def fill_in(operation: Operation, **segments: str) -> str:
    """Replace each parameter of a path by its segment, or by the example of the contract."""
    examples = {each.name: each.node.get("example", "") for each in operation.parameters}
    return re.sub(r"\{(\w+)\}", lambda braced: (examples | segments)[braced[1]], operation.path)


INVITE = fill_in(OPERATIONS["addAMemberToAnOrganization"])
JOIN = fill_in(OPERATIONS["addAnOrganizationMemberToATeam"])
# The methods of each path.
METHODS = {
    fill_in(operation): [each.method for each in CONTRACT.operations if each.path == operation.path]
    for operation in CONTRACT.operations
}


def post(gate: Gateway, path: str, key: str | None = None, **options: Any) -> httpx.Response:
    headers = {"X-Gateway-Key": gate.key if key is None else key, **options.pop("headers", {})}
    return gate.http.request(options.pop("method", "POST"), path, headers=headers, **options)


def raw_request(gate: Gateway, path: str, method: str = "POST") -> bytes:
    """Return a request whose path is not normalized."""
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-Gateway-Key: {gate.key}\r\n\r\n".encode()


def assert_from_gateway(response: httpx.Response, status: int) -> None:
    """Check that this is a response of the gateway itself, with a message of its own."""
    assert status == response.status_code
    assert "application/json" == response.headers["Content-Type"]
    assert "no-store" == response.headers["Cache-Control"]
    body = response.json()
    assert {"gateway", "detail"} == body.keys()
    assert body["gateway"] is True
    assert body["detail"].startswith("The gateway")
    assert "can't process this" not in body["detail"]


@pytest.mark.parametrize("name", OPERATIONS)
def test_forwards_the_paths_that_match_the_contracts_patterns(
    name: str, gate: Gateway, upstream: Recorder
) -> None:
    operation = OPERATIONS[name]
    for parameter in operation.parameters:
        if parameter.location != "path":
            continue
        pattern = re.compile(parameter.schema.keywords["pattern"])
        for segment in SEGMENTS:
            target = fill_in(operation, **{parameter.name: segment})
            before = len(upstream.requests)
            status, _, _ = gate.send(raw_request(gate, target, operation.method))
            arrived = [head.split(b"\r\n")[0] for head, _ in upstream.requests[before:]]
            if pattern.fullmatch(segment):
                assert (204, [f"{operation.method} {target} HTTP/1.1".encode()]) == (
                    status,
                    arrived,
                )
            else:
                assert status in (400, 404), segment
                assert [] == arrived


@pytest.mark.parametrize(
    "path",
    [
        INVITE[:-1],
        INVITE.upper(),
        INVITE + "x",
        INVITE + "?",
        INVITE + "?a=1",
        "/x" + INVITE,
        JOIN.replace("/teams/", "/team/"),
        INVITE.replace("/members/", "/member/"),
        "/api/0/",
        INVITE + "none/",
        "/-gateway",
        "/-no-response",
    ],
)
def test_rejects_any_other_path_or_query_with_404(
    path: str, gate: Gateway, upstream: Recorder
) -> None:
    assert_from_gateway(post(gate, path), 404)
    assert [] == upstream.requests


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize(
    "method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
)
def test_allows_the_methods_of_the_contract_and_rejects_others_with_405(
    path: str, method: str, gate: Gateway, upstream: Recorder
) -> None:
    response = post(gate, path, method=method)
    if method in METHODS[path]:
        assert (204, 1) == (response.status_code, len(upstream.requests))
        return
    assert (405, ", ".join(METHODS[path])) == (response.status_code, response.headers["Allow"])
    assert [] == upstream.requests
    if method != "HEAD":
        assert_from_gateway(response, 405)


@pytest.fixture(scope="module")
def own_gate(
    shared_upstream: Recorder, tmp_path_factory: pytest.TempPathFactory
) -> Generator[Gateway]:
    """A gateway that nobody else sends wrong keys to: more than ten of them are 429."""
    folder = tmp_path_factory.mktemp("own")
    with gateway(folder, sentry_url=shared_upstream.url()) as running:
        yield running


@pytest.mark.parametrize(
    "change",
    [lambda key: "", lambda key: "x", str.swapcase, lambda key: key + "x", lambda key: key + " x"],
    ids=["no key", "another key", "letter case", "a letter more", "a word more"],
)
def test_rejects_a_wrong_key_with_403(
    change: Callable[[str], str], own_gate: Gateway, upstream: Recorder
) -> None:
    assert_from_gateway(post(own_gate, JOIN, change(own_gate.key)), 403)
    assert [] == upstream.requests


def test_reads_the_key_from_its_header_only(own_gate: Gateway, upstream: Recorder) -> None:
    key = own_gate.key
    for headers in ({}, {"Authorization": f"Bearer {key}"}, {"X_Gateway_Key": key}):
        assert_from_gateway(own_gate.http.post(JOIN, headers=headers), 403)
    assert [] == upstream.requests


def test_rejects_a_body_over_64_kb_with_413(gate: Gateway, upstream: Recorder) -> None:
    assert 204 == post(gate, INVITE, content=b"x" * 65536).status_code
    assert_from_gateway(post(gate, INVITE, content=b"x" * 65537), 413)
    assert_from_gateway(post(gate, INVITE, content=iter([b"x" * 65536, b"x"])), 413)
    assert [b"x" * 65536] == [body for _, body in upstream.requests]


def test_forwards_the_body_unchanged(gate: Gateway, upstream: Recorder) -> None:
    body = json.dumps({"email": "ada@example.com", "name": "Ä\U0001f600\u2028"}).encode()
    post(gate, INVITE, content=body)
    post(gate, INVITE, content=iter([body[:5], body[5:]]))
    assert [body, body] == [arrived for _, arrived in upstream.requests]
    assert all(f"Content-Length: {len(body)}".encode() in head for head, _ in upstream.requests)


def test_forwards_three_headers_and_adds_the_token(
    gate: Gateway, upstream: Recorder, token: str
) -> None:
    passed = {
        "Content-Type": "application/json",
        "Accept": "application/json",
        "User-Agent": "me/1",
    }
    withheld = {
        "Accept-Encoding": "gzip",
        "Accept-Language": "de",
        "Authorization": "Bearer mine",
        "Connection": "X-Forwarded-For, keep-alive",
        "Cookie": "session=1",
        "Expect": "100-continue",
        "Forwarded": "for=192.0.2.1",
        "Origin": "https://evil.example",
        "Referer": "https://evil.example/",
        "TE": "trailers",
        "Upgrade": "websocket",
        "X-CSRFToken": "1",
        "X-Forwarded-For": "192.0.2.1",
        "X-Forwarded-Host": "evil.example",
        "X-HTTP-Method-Override": "DELETE",
        "X-Sentry-Anything": "1",
    }
    post(gate, INVITE, headers={**passed, **withheld}, content=b"{}")
    [(head, _)] = upstream.requests
    expected = {
        "Host": upstream.url().rpartition("/")[2],
        "Authorization": f"Bearer {token}",
        "Content-Length": "2",
        **passed,
    }
    lines = head.decode().splitlines()[1:]
    arrived = dict(each.split(": ", 1) for each in lines)
    assert len(arrived) == len(lines)
    assert expected == {name: arrived[name] for name in arrived if name != "X-Request-Id"}


def test_adds_no_header_that_the_caller_left_out(gate: Gateway, upstream: Recorder) -> None:
    gate.send(raw_request(gate, JOIN))
    [(head, _)] = upstream.requests
    assert {b"Host", b"Authorization", b"X-Request-Id"} == {
        each.split(b":")[0] for each in head.splitlines()[1:]
    }


def test_returns_the_response_without_headers_for_browsers(
    gate: Gateway, upstream: Recorder
) -> None:
    limits = {"X-Sentry-Rate-Limit-Limit": "40", "X-Sentry-Rate-Limit-ConcurrentRemaining": "None"}
    withheld = [
        "Access-Control-Allow-Credentials",
        "Access-Control-Allow-Headers",
        "Access-Control-Allow-Methods",
        "Access-Control-Allow-Origin",
        "Access-Control-Allow-Private-Network",
        "Access-Control-Expose-Headers",
        "Access-Control-Max-Age",
        "Alt-Svc",
        "Set-Cookie",
        "Strict-Transport-Security",
        "Vary",
        "X-Accel-Redirect",
    ]
    passed = {
        "Content-Type": "application/json",
        "Date": "Sun, 31 May 2026 00:00:00 GMT",
        "Location": "https://sentry.example/",
        "Retry-After": "7",
        **limits,
    }
    headers = {**passed, **dict.fromkeys(withheld, "/")}
    keywords = {name.replace("-", "_"): value for name, value in headers.items()}
    upstream.respond(429, b'{"detail": "slowly"}', **keywords)
    response = post(gate, JOIN)
    assert (429, b'{"detail": "slowly"}') == (response.status_code, response.content)
    assert passed == {name: response.headers.get(name) for name in passed}
    assert {} == {name: response.headers[name] for name in withheld if name in response.headers}


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413, 500, 502, 503, 504, 520])
def test_returns_an_error_of_sentry_unchanged(
    status: int, gate: Gateway, upstream: Recorder
) -> None:
    upstream.respond(status, b"<html>", Content_Type="text/html")
    response = post(gate, JOIN)
    assert (status, b"<html>", "text/html") == (
        response.status_code,
        response.content,
        response.headers["Content-Type"],
    )
    assert "Allow" not in response.headers
    assert "nginx" == response.headers["Server"]


def test_returns_response_headers_of_12_kb(gate: Gateway, upstream: Recorder) -> None:
    upstream.respond(204, X_Large="x" * 12_000)
    assert 12_000 == len(post(gate, JOIN).headers["X-Large"])


def test_responds_504_if_sentry_closes_the_connection(gate: Gateway, upstream: Recorder) -> None:
    upstream.break_off()
    assert_from_gateway(post(gate, INVITE), 504)
    assert 1 == len(upstream.requests)


def test_does_not_resend_a_request_that_failed_on_a_reused_connection(
    gate: Gateway, upstream: Recorder
) -> None:
    post(gate, INVITE)
    upstream.break_off()
    assert_from_gateway(post(gate, INVITE), 504)
    assert 2 == len(upstream.requests)


def test_reuses_connections_to_sentry(gate: Gateway, upstream: Recorder) -> None:
    before = upstream.connections
    for _ in range(3):
        post(gate, JOIN)
    assert upstream.connections - before <= 1


def test_logs_each_request_as_a_line_of_json_without_its_query(
    gate: Gateway, upstream: Recorder
) -> None:
    before = gate.log()
    upstream.respond(201, b"{}")
    response = post(gate, JOIN)
    post(gate, INVITE + "?key=a-secret")
    gate.send(b"GET /\xe4 HTTP/9.9\r\n\r\n")
    upstream.break_off()
    post(gate, INVITE)
    lines = gate.log()[len(before) :]
    for line in lines:
        assert datetime.fromisoformat(line["time"]).tzinfo
        assert 0 <= line["seconds"] < 60
        assert re.fullmatch("[0-9a-f]{32}", line["request_id"])
        assert "127.0.0.1" == line["address"]
    assert [response.headers["X-Request-Id"]] == [line["request_id"] for line in lines[:1]]
    assert [
        ("default", "addAnOrganizationMemberToATeam", 201, 201, f"POST {JOIN} HTTP/1.1"),
        ("default", "", 404, None, f"POST {INVITE}"),
        ("", "", 400, None, "GET /"),
        ("default", "addAMemberToAnOrganization", 504, None, f"POST {INVITE} HTTP/1.1"),
    ] == [
        tuple(line[key] for key in ("caller", "operation", "status", "sentry_status", "request"))
        for line in lines
    ]


def test_a_request_has_one_id_for_the_caller_the_log_and_sentry(
    gate: Gateway, upstream: Recorder
) -> None:
    upstream.respond(500, b"{}", X_Request_Id="sentrys-own")
    before = len(gate.log())
    responses = [
        post(gate, JOIN, headers={"X-Request-Id": "callers-own"}),
        post(gate, JOIN, "wrong"),
        post(gate, "/none"),
    ]
    ids = [response.headers["X-Request-Id"] for response in responses]
    assert ids == [line["request_id"] for line in gate.log()[before:]]
    assert 3 == len(set(ids))
    [(head, _)] = upstream.requests
    assert [f"X-Request-Id: {ids[0]}"] == re.findall("X-Request-Id: .*(?=\r)", head.decode())


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_healthz_needs_no_key_and_does_not_ask_sentry(
    method: str, gate: Gateway, upstream: Recorder
) -> None:
    before = gate.log()
    response = gate.http.request(method, "/healthz")
    assert (200, "no-store") == (response.status_code, response.headers["Cache-Control"])
    if method == "GET":
        assert {"gateway": True} == response.json()
    assert before == gate.log()
    assert [] == upstream.requests
    rejected = post(gate, "/healthz")
    assert_from_gateway(rejected, 405)
    assert "GET, HEAD" == rejected.headers["Allow"]


def test_closes_each_connection_so_that_a_reload_loses_no_request(gate: Gateway) -> None:
    assert "close" == gate.http.get("/").headers["Connection"]


class TestPage:
    """The reference page at the gateway's root."""

    @pytest.mark.parametrize("path", ["/", "/index.html", "/?a=1"])
    def test_is_served_without_a_key(self, path: str, gate: Gateway) -> None:
        response = gate.http.get(path)
        page = (gate.folder / "page" / "index.html").read_text()
        assert (200, page) == (response.status_code, response.text)
        expected = {
            "Cache-Control": "no-cache",
            "Content-Security-Policy": "frame-ancestors 'none'",
            "Content-Type": "text/html",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        assert expected == {name: response.headers.get(name) for name in expected}
        assert gate.http.head(path).is_success
        etag = response.headers["ETag"]
        assert 304 == gate.http.get(path, headers={"If-None-Match": etag}).status_code

    def test_files_have_their_content_types(self, gate: Gateway) -> None:
        for name, content_type in (("style.css", "text/css"), ("script.js", "text/javascript")):
            (gate.folder / "page" / name).write_text("/* */")
            response = gate.http.get(f"/{name}")
            assert (200, content_type) == (response.status_code, response.headers["Content-Type"])

    @pytest.mark.parametrize(
        "path",
        ["/none.html", "/.hidden", "/sub/index.html", "//index.html", "/index.html/", "/stdout"],
    )
    def test_hidden_files_and_subfolders_are_not_served(self, path: str, gate: Gateway) -> None:
        page = gate.folder / "page"
        (page / ".hidden").write_text("x")
        (page / "sub").mkdir(exist_ok=True)
        (page / "sub" / "index.html").write_text("x")
        status, _, body = gate.send(raw_request(gate, path, "GET"))
        assert (404, True) == (status, json.loads(body)["gateway"])

    @pytest.mark.parametrize("path", ["/../stdout", "/%2e%2e/stdout", "/..%2fstdout"])
    def test_files_outside_the_folder_are_not_served(self, path: str, gate: Gateway) -> None:
        status, _, body = gate.send(raw_request(gate, path, "GET"))
        assert status in (400, 404)
        assert json.loads(body)["gateway"] is True

    @pytest.mark.parametrize(
        ("status", "headers"), [(416, {"Range": "bytes=99999-"}), (412, {"If-Match": '"x"'})]
    )
    def test_a_failed_condition_gives_json(
        self, status: int, headers: dict[str, str], gate: Gateway
    ) -> None:
        response = gate.http.get("/", headers=headers)
        assert (status, True) == (response.status_code, response.json()["gateway"])

    def test_other_methods_are_rejected_with_405(self, gate: Gateway) -> None:
        for method in ("POST", "PUT", "DELETE", "OPTIONS"):
            response = gate.http.request(method, "/")
            assert_from_gateway(response, 405)
            assert "GET, HEAD" == response.headers["Allow"]


@pytest.mark.parametrize(
    ("sent", "received"),
    [
        (
            (
                '<https://sentry.io/api/0/x/?cursor=0:0:1>; rel="previous"; results="false", '
                '<https://sentry.io/api/0/x/?cursor=0:100:0>; rel="next"; results="true"'
            ),
            (
                '</api/0/x/?cursor=0:0:1>; rel="previous"; results="false", '
                '</api/0/x/?cursor=0:100:0>; rel="next"; results="true"'
            ),
        ),
        ('<http://sentry.example:9000/api/0/x/>; rel="next"', '</api/0/x/>; rel="next"'),
        ("something else", None),
    ],
)
def test_links_do_not_name_the_host_of_sentry(
    sent: str, received: str | None, gate: Gateway, upstream: Recorder
) -> None:
    upstream.respond(201, b"{}", Link=sent)
    assert received == post(gate, INVITE).headers.get("Link")
