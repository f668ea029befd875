"""The allow-list has the operations of a contract, with their query parameters and no others."""

import re
from typing import Any

import httpx
import pytest

from overlays.reference.contract import Contract
from tests.maintenance import allow_list

PATH = {"name": "id", "in": "path", "required": True, "schema": {"pattern": "^[a-z]+$"}}


def contract(id_: str = "list", path: dict[str, Any] = PATH, **queries: Any) -> Contract:
    """Return a contract with a GET that has these query parameters, and a POST without."""
    parameters = [{"name": name, "in": "query", "schema": queries[name]} for name in queries]
    get = {"operationId": id_, "parameters": parameters}
    item = {"parameters": [path], "get": get, "post": {"operationId": "add"}}
    return Contract({"paths": {"/people/{id}/": item}})


def allowed(contract: Contract, method: str, target: str) -> tuple[str, str]:
    """Return the operation of a request, and the methods of its path, as nginx finds them."""
    found: list[str] = []
    for part in allow_list.render(contract).split("map $request")[1:]:
        rows = re.findall(r'^    "~(.*)" "(.*)";$', part, re.MULTILINE)
        unquoted = ((re.sub(r"\\(.)", r"\1", pattern), value) for pattern, value in rows)
        line = f"{method} {target} HTTP/1.1"
        found.append(next((value for pattern, value in unquoted if re.search(pattern, line)), ""))
    operation, methods = found
    return operation, methods


CURSOR = {"type": "string", "pattern": r"^-?\d+:\d+:[01]$"}
TEXT = {"type": "string"}


def test_allows_an_operation_with_and_without_its_query() -> None:
    listing = contract(cursor=CURSOR, query=TEXT)
    assert ("list", "GET, POST") == allowed(listing, "GET", "/people/ada/")
    assert ("add", "GET, POST") == allowed(listing, "POST", "/people/ada/")
    for query in ("cursor=0:100:1", "query=a%20b", "query=a&cursor=0%3A100%3a0", "query="):
        assert ("list", "GET") == allowed(listing, "GET", f"/people/ada/?{query}")
        assert ("", "GET") == allowed(listing, "POST", f"/people/ada/?{query}")


@pytest.mark.parametrize(
    "query",
    [
        "",
        "other=1",
        "query",
        "query=a&other=1",
        "query=a;other=1&x",
        "cursor=0",
        "cursor=0:100:2",
        "cursor=0:100:1&&",
        "xcursor=0:100:1",
    ],
)
def test_allows_no_other_query(query: str) -> None:
    listing = contract(cursor=CURSOR, query=TEXT)
    assert ("", "") == allowed(listing, "GET", f"/people/ada/?{query}")


@pytest.mark.parametrize(
    ("schema", "accepted", "rejected"),
    [
        (CURSOR, ["0:100:1", "-5:0:0"], ["0:100", "0:100:1&x=1", "0:1:1\n"]),
        ({"pattern": "^[a-z &:-]{1,3}$"}, ["a", "a b", "&:-"], ["", "abcd", "A", "é"]),
        ({"pattern": r"^a\.b(?:c|d)?$"}, ["a.b", "a.bc", "a.bd"], ["axb", "a.bcd"]),
        ({"pattern": "^é$"}, ["é"], ["e"]),
        ({"pattern": r"^[\w\-]+[-:]$"}, ["a-", "a-b:"], ["a", "a b-"]),
        ({"type": "integer"}, ["5", "-5"], ["a", "5.5", ""]),
        ({"type": "boolean"}, ["true", "false"], ["5"]),
        ({"enum": ["a b", "c"]}, ["a b", "c"], ["a", "b"]),
        (TEXT, ["", "a&b=c", "ä 5%"], []),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_allows_the_values_of_a_query_parameter_as_clients_send_them(
    schema: dict[str, Any], accepted: list[str], rejected: list[str]
) -> None:
    listing = contract(value=schema)
    for text in accepted + rejected:
        request = httpx.Request("GET", "https://x/people/ada/", params={"value": text})
        operation, _ = allowed(listing, "GET", request.url.raw_path.decode())
        assert (operation == "list") == (text in accepted), text


@pytest.mark.parametrize(
    "pattern",
    ["^.*$", "^[^a]$", "^[!-~]$", r"^\S+$", "^[Z-a]$", "^a|^b$", "^[[:alpha:]]$"],
)
def test_rejects_a_pattern_that_it_cannot_check_as_it_is_sent(pattern: str) -> None:
    with pytest.raises(SystemExit, match="can't check the pattern of the parameter value: write"):
        allow_list.render(contract(value={"pattern": pattern}))


@pytest.mark.parametrize(
    "pattern",
    [
        "^[^/]+$",
        "^.+$",
        "^[a-z.]+$",
        "^[a-z%]+$",
        "^[[:alpha:]]+$",
        "^[a&&b]+$",
        r"^\S+$",
        "^a?b#$",
        "^[Z-a]+$",
        "^a$KEY$",
        "^a|^b$",
        r"^\\d$",
        "^$",
        "^[a-z]*$",
        "^a?$",
        "^(?:a|)$",
    ],
)
def test_rejects_a_path_parameter_that_may_be_more_than_one_part(pattern: str) -> None:
    """`..`, `?`, `#` and what is encoded would lead to what is no operation of the contract."""
    with pytest.raises(SystemExit, match="can't check the pattern of the parameter id: write it"):
        allow_list.render(contract(path={**PATH, "schema": {"pattern": pattern}}))


@pytest.mark.parametrize(
    "pattern", [r"^[\w\-]+$", r"^[-\w]+$", "^[a-z0-9-]{2,50}$", r"^(?:me|u-\d+)$"]
)
def test_allows_a_path_parameter_that_is_one_part(pattern: str) -> None:
    listing = contract(path={**PATH, "schema": {"pattern": pattern}})
    for value in ("me", "u-5", "a/b", "..", "?", "%61", ""):
        operation, _ = allowed(listing, "GET", f"/people/{value}/")
        assert (operation == "list") == bool(re.search(pattern, value)), value


def test_holds_no_name_that_the_templates_fill_in() -> None:
    """A name such as `$GATEWAY_KEYS` would put a secret into the rows."""
    listing = Contract({"paths": {"/$KEY/${KEY}/$$/": {"get": {"operationId": "list"}}}})
    listing.document["paths"]["/$KEY/${KEY}/$$/"]["parameters"] = [{**PATH, "name": "KEY"}]
    assert not re.search(r"\$\{?[A-Z]", allow_list.render(listing))
    assert ("list", "GET") == allowed(listing, "GET", "/$KEY/$ada/$$/")


@pytest.mark.parametrize(
    ("contract", "message"),
    [
        (contract('a" ""; default "b'), "GET /people/{id}/: it needs an operationId of letters"),
        (contract("$request"), "GET /people/{id}/: it needs an operationId of letters and digits"),
        (contract(path={**PATH, "schema": {}}), "a pattern from ^ to $ for the parameter id"),
        (contract(path={**PATH, "schema": {"pattern": "^(a$"}}), "of the parameter id is not one"),
    ],
)
def test_rejects_what_the_configuration_cannot_hold(contract: Contract, message: str) -> None:
    with pytest.raises(SystemExit, match=re.escape(message)):
        allow_list.render(contract)
