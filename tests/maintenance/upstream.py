"""Compare the contract with Sentry's published schema: `python upstream.py file-or-url`.

Intended differences are listed in upstream.yaml, each under its reason.
"""

import json
import re
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import yaml

ROOT = Path(__file__).parent.parent.parent
EXPLAINED = "tests/maintenance/upstream.yaml"
REMEDY = (
    "adopt each in openapi.yaml and run make generate, or put its line under a reason in "
    f"{EXPLAINED}; remove from there what no longer holds"
)

# In seconds, for connecting and for each read.
TIMEOUT = 30
METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
# Keywords of a schema that are for people only.
PROSE = {"title", "description", "example", "examples", "externalDocs"}


@dataclass
class Part:
    """An operation or a part of one, in a form common to OpenAPI 3.0 and 3.1.

    Attributes:
        facts: Its properties, by keyword.
        parts: Its parts, by the suffix that makes their name from its own.
    """

    facts: dict[str, str] = field(default_factory=dict)
    parts: dict[str, "Part"] = field(default_factory=dict)

    def __str__(self) -> str:
        facts, parts = dict(self.facts), dict(self.parts)
        words = [word for word in ("required", "nullable") if facts.pop(word, None)]
        words += [facts.pop(word) for word in ("format", "type") if word in facts]
        if items := parts.pop("[]", None):
            words.append(f"of {items}")
        if fields := ", ".join(f"{name[1:]}: {part}" for name, part in parts.items()):
            words.append(f"{{{fields}}}")
        if notes := ", ".join(f"{word} {value}" for word, value in facts.items()):
            words.append(f"({notes})")
        return " ".join(words) or "listed"


def operations(document: Any) -> dict[str, tuple[str, str]]:
    """Return path and method of each operation, by both without the names of parameters."""
    return {
        f"{method.upper()} {re.sub('{.+?}', '{}', path)}": (path, method)
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def differences(contract: Any, published: Any) -> Iterator[str]:
    """Yield a line for each difference in the contract's operations: place, ours, and Sentry's."""
    theirs = operations(published)
    for name, (path, method) in operations(contract).items():
        names = re.findall("{(.+?)}", path)
        if name in theirs:
            ours = _operation(contract, path, method, names)
            yield from _differences(name, ours, _operation(published, *theirs[name], names))
        else:
            yield f"{name}: ours {path}, Sentry's none"


def _differences(name: str, ours: Part | None, theirs: Part | None) -> Iterator[str]:
    if ours is None or theirs is None:
        yield f"{name}: ours {ours or 'none'}, Sentry's {theirs or 'none'}"
        return
    for word in ours.facts | theirs.facts:
        our, their = (part.facts.get(word, "none") for part in (ours, theirs))
        if our != their:
            yield f"{name} {word}: ours {our}, Sentry's {their}"
    for part in ours.parts | theirs.parts:
        yield from _differences(name + part, ours.parts.get(part), theirs.parts.get(part))


def _operation(document: Any, path: str, method: str, names: list[str]) -> Part:
    """Read an operation. The parameters of its path get these names in place of their own."""
    item = _resolved(document["paths"][path], document)
    described = item[method]
    security = described.get("security") or [{}]
    operation = Part({"scopes": " or ".join(sorted(map(_scopes, security)))})
    for word in ("operationId", "summary"):
        if word in described:
            operation.facts[word] = json.dumps(described[word])
    if described.get("deprecated"):
        operation.facts["deprecated"] = "true"
    # The servers of an operation replace those of its path, and these those of the document.
    for server in described.get("servers") or item.get("servers") or document.get("servers", []):
        operation.parts[f" server {server['url']}"] = _server(server)
    renamed = dict(zip(re.findall("{(.+?)}", path), names, strict=True))
    for parameter in item.get("parameters", []) + described.get("parameters", []):
        part = _schema(parameter.get("schema", {}), parameter.get("required", False))
        name = parameter["name"]
        if parameter["in"] == "path":
            part.facts["name"] = name
            name = renamed[name]
        operation.parts[f" {parameter['in']} parameter {name}"] = part
    if "requestBody" in described:
        operation.parts[" request"] = _body(described["requestBody"])
    for status, response in described["responses"].items():
        # Sentry publishes no content of error responses.
        operation.parts[f" {status}"] = _body(response) if status.startswith("2") else Part()
    return operation


def _server(server: Any) -> Part:
    part = Part()
    for name, variable in server.get("variables", {}).items():
        part.parts[f" variable {name}"] = _schema({"type": "string", **variable})
    return part


def _scopes(needs: dict[str, list[str]]) -> str:
    return " + ".join(sorted(scope for scopes in needs.values() for scope in scopes)) or "none"


def _body(described: Any) -> Part:
    content = described.get("content")
    if not content:
        return Part()
    schema = content.get("application/json", {}).get("schema", {})
    part = _schema(schema, described.get("required", False))
    part.facts["content"] = ", ".join(sorted(content))
    return part


def _schema(schema: Any, required: bool = False) -> Part:
    rest = {word: value for word, value in schema.items() if word not in PROSE}
    if types := rest.pop("type", None):
        types = [types] if isinstance(types, str) else types
        part = _either([Part({"type": each}) for each in types])
    elif alternatives := rest.pop("anyOf", None) or rest.pop("oneOf", None):
        part = _either([_schema(each) for each in alternatives])
    else:
        part = Part({"type": "anything"})
    if required:
        part.facts["required"] = "true"
    if rest.pop("nullable", False):
        part.facts["nullable"] = "true"
    fields_required = rest.pop("required", [])
    for name, described in rest.pop("properties", {}).items():
        part.parts[f".{name}"] = _schema(described, name in fields_required)
    if "items" in rest:
        part.parts["[]"] = _schema(rest.pop("items"))
    others = rest.pop("additionalProperties", True)
    if others not in (True, {}):
        part.facts["additionalProperties"] = str(_schema(others)) if others else "false"
    if "format" in rest:
        part.facts["format"] = rest.pop("format")
    if "enum" in rest:
        rest["enum"] = sorted((value for value in rest["enum"] if value is not None), key=str)
    # All other keywords are compared verbatim.
    part.facts |= {word: json.dumps(rest[word]) for word in rest if not word.startswith("x-")}
    return part


def _either(alternatives: list[Part]) -> Part:
    """Merge alternatives: null becomes a fact, and one that another includes is dropped."""
    types = [part for part in alternatives if part.facts["type"] != "null"]
    if not types:
        return alternatives[0]
    nullable = [part for part in types if part.facts.pop("nullable", None)]
    wide = {str(part): part for part in types if not any(_is_wider(other, part) for other in types)}
    [either] = wide.values() if len(wide) == 1 else [Part({"type": " or ".join(sorted(wide))})]
    if nullable or len(types) < len(alternatives):
        either.facts["nullable"] = "true"
    return either


def _is_wider(one: Part, other: Part) -> bool:
    return one.facts.items() < other.facts.items() and one.parts in ({}, other.parts)


def _resolved(node: Any, document: Any) -> Any:
    """Replace each reference in the node by its target."""
    if isinstance(node, list):
        return [_resolved(each, document) for each in node]
    if not isinstance(node, dict):
        return node
    if not isinstance(node.get("$ref"), str):
        return {name: _resolved(each, document) for name, each in node.items()}
    target = document
    for name in node["$ref"].split("/")[1:]:
        target = target[name]
    beside = {name: each for name, each in node.items() if name != "$ref"}
    return _resolved({**target, **beside}, document)


def read(source: str) -> Any:
    """Read the OpenAPI document of a file or a URL; exit with the reason if it has none."""
    try:
        content = _fetch(source) if "://" in source else Path(source).expanduser().read_bytes()
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        sys.exit(f"{source} can't be read ({reason}): name another by SCHEMA=file-or-url")
    try:
        document = json.loads(content)
    except (RecursionError, ValueError) as error:
        sys.exit(f"{source} is not JSON ({error}): Sentry's schema is openapi-derefed.json")
    if not (isinstance(document, dict) and {"openapi", "paths"} <= document.keys()):
        sys.exit(f"{source} is not an OpenAPI document: Sentry's schema is openapi-derefed.json")
    return document


def _fetch(url: str) -> bytes:
    # As for the package index, a company's proxy may need the system's certificates.
    context = ssl.create_default_context()
    response = httpx.get(url, verify=context, timeout=TIMEOUT, follow_redirects=True)
    return response.raise_for_status().content


def explained(text: str) -> list[str]:
    """Return the lines under all reasons; exit with an explanation if the text has none."""
    try:
        by_reason = yaml.safe_load(text)
        return [line for lines in by_reason.values() for line in lines.splitlines() if line]
    except (AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        sys.exit(f"{EXPLAINED} must hold reasons, with lines under each ({reason})")


def report(contract: Any, published: Any, known: list[str]) -> list[str]:
    """List the differences that are not known, then the known ones that no longer hold."""
    found = list(differences(contract, published))
    gone = [f"no longer so: {line}" for line in known if line not in found]
    return [line for line in found if line not in known] + gone


def main(source: str) -> None:
    """Compare; unless all differences are explained, exit with each line and the remedy."""
    published = read(source)
    contract = yaml.safe_load((ROOT / "openapi.yaml").read_text("utf-8"))
    known = explained((ROOT / EXPLAINED).read_text("utf-8"))
    try:
        if not operations(contract).keys() & operations(published).keys():
            sys.exit(f"{source} has no {' and no '.join(operations(contract))}")
        lines = report(contract, published, known)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError) as error:
        sys.exit(f"{source} is not a sound OpenAPI document: {error!r}")
    if lines:
        sys.exit("\n".join([*lines, REMEDY]))
    print(f"openapi.yaml is as published, but for the {len(known)} differences in {EXPLAINED}")


if __name__ == "__main__":
    main(sys.argv[1])
