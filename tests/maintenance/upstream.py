"""Compare the contract with Sentry's published schema: `make upstream`.

Run as `python -m tests.maintenance.upstream file-or-url`. Intended differences are listed in
upstream.yaml, each under its reason.
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

from overlays.reference.contract import Contract, Node, Operation, Schema, load
from tests.support.repo_copy import ROOT

EXPLAINED = "tests/maintenance/upstream.yaml"
REMEDY = (
    "adopt each in openapi.yaml and run make generate, or put its line under a reason in "
    f"{EXPLAINED}; remove from there each line that is no longer true"
)

# In seconds, for connecting and for each read.
TIMEOUT = 30
# Keywords of a schema that are for people only, and keywords that are compared by their meaning.
# All others are compared verbatim.
PROSE = {"title", "description", "example", "examples", "externalDocs"}
STRUCTURE = {"type", "anyOf", "oneOf", "properties", "required", "items", "additionalProperties"}


@dataclass
class Part:
    """An operation or a part of one, in a form common to OpenAPI 3.0 and 3.1.

    Attributes:
        facts: What is stated of it, by keyword.
        parts: Its parts, by the suffix that is added to its own name to name the part.
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


def operations(document: Any) -> dict[str, Operation]:
    """Return the operations by method and path, with `{}` for each path parameter."""
    return {
        f"{operation.method} {re.sub('{.+?}', '{}', operation.path)}": operation
        for operation in Contract(document).operations
    }


def differences(contract: Any, published: Any) -> Iterator[str]:
    """Yield a line for each difference in the contract's operations: place, ours, and Sentry's."""
    theirs = operations(published)
    for name, ours in operations(contract).items():
        names = re.findall("{(.+?)}", ours.path)
        if name in theirs:
            yield from _differences(name, _part(ours, names), _part(theirs[name], names))
        else:
            yield f"{name}: ours {ours.path}, Sentry's none"


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


def _part(operation: Operation, names: list[str]) -> Part:
    """Convert an operation; its path parameters get these names in place of their own."""
    part = Part({"scopes": " or ".join(sorted(map(_scopes, operation.security)))})
    for word in ("operationId", "summary"):
        if word in operation.node:
            part.facts[word] = json.dumps(operation.node[word])
    if operation.node.get("deprecated"):
        part.facts["deprecated"] = "true"
    for server in operation.servers:
        part.parts[f" server {server['url']}"] = _server(server)
    renamed = dict(zip(re.findall("{(.+?)}", operation.path), names, strict=True))
    for parameter in operation.parameters:
        schema = _schema(parameter.schema, parameter.required)
        name = parameter.name
        if parameter.location == "path":
            schema.facts["name"] = name
            name = renamed[name]
        part.parts[f" {parameter.location} parameter {name}"] = schema
    if operation.body:
        part.parts[" request"] = _body(operation.body.content, operation.body.required)
    for status, response in operation.responses.items():
        # Sentry publishes no content of error responses.
        part.parts[f" {status}"] = _body(response.content) if status.startswith("2") else Part()
    return part


def _server(server: Node) -> Part:
    part = Part()
    for name, variable in server.get("variables", {}).items():
        part.parts[f" variable {name}"] = _schema(Schema({"type": "string", **variable}, {}))
    return part


def _scopes(needs: dict[str, list[str]]) -> str:
    return " + ".join(sorted(scope for scopes in needs.values() for scope in scopes)) or "none"


def _body(content: dict[str, Schema], required: bool = False) -> Part:
    if not content:
        return Part()
    part = _schema(content.get("application/json", Schema(True, {})), required)
    part.facts["content"] = ", ".join(sorted(content))
    return part


def _schema(schema: Schema, required: bool = False) -> Part:
    if schema.types:
        part = _either([Part({"type": each}) for each in schema.types])
    elif schema.alternatives:
        part = _either([_schema(each) for each in schema.alternatives])
    else:
        part = Part({"type": "anything"})
    if required:
        part.facts["required"] = "true"
    keywords = dict(schema.keywords)
    if keywords.pop("nullable", False):
        part.facts["nullable"] = "true"
    for name, described in schema.properties.items():
        part.parts[f".{name}"] = _schema(described, name in schema.required)
    if "items" in keywords:
        part.parts["[]"] = _schema(schema.items)
    if not schema.others:
        part.facts["additionalProperties"] = "false"
    elif schema.others.keywords:
        part.facts["additionalProperties"] = str(_schema(schema.others))
    if "format" in keywords:
        part.facts["format"] = keywords.pop("format")
    if "enum" in keywords:
        values = (value for value in keywords["enum"] if value is not None)
        keywords["enum"] = sorted(values, key=str)
    part.facts |= {
        word: json.dumps(value)
        for word, value in keywords.items()
        if word not in PROSE | STRUCTURE and not word.startswith("x-")
    }
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


def read(source: str) -> Any:
    """Read an OpenAPI document from a file or a URL; exit with the reason if there is none."""
    try:
        content = _fetch(source) if "://" in source else Path(source).expanduser().read_bytes()
    except (httpx.HTTPError, httpx.InvalidURL, ImportError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        sys.exit(f"{source} can't be read ({reason}): set SCHEMA=file-or-url to use another")
    try:
        document = json.loads(content)
    except (RecursionError, ValueError) as error:
        sys.exit(f"{source} is not JSON ({error}): Sentry's schema is openapi-derefed.json")
    if not (isinstance(document, dict) and {"openapi", "paths"} <= document.keys()):
        sys.exit(f"{source} is not an OpenAPI document: Sentry's schema is openapi-derefed.json")
    return document


def _fetch(url: str) -> bytes:
    # A company's proxy can only be verified with the system's certificates.
    context = ssl.create_default_context()
    response = httpx.get(url, verify=context, timeout=TIMEOUT, follow_redirects=True)
    return response.raise_for_status().content


def explained(text: str) -> list[str]:
    """Return the lines under all reasons; exit with a message if the text has another form."""
    try:
        by_reason = load(text)
        return [line for lines in by_reason.values() for line in lines.splitlines() if line]
    except (AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        sys.exit(f"{EXPLAINED} must map each reason to lines ({reason})")


def report(contract: Any, published: Any, known: list[str]) -> list[str]:
    """List the differences that are not known, then the known ones that are no longer true."""
    found = list(differences(contract, published))
    outdated = [f"no longer true: {line}" for line in known if line not in found]
    return [line for line in found if line not in known] + outdated


def main(source: str) -> None:
    """Compare, and exit with each difference that is not explained, and the remedy."""
    published = read(source)
    contract = load((ROOT / "openapi.yaml").read_text("utf-8"))
    known = explained((ROOT / EXPLAINED).read_text("utf-8"))
    try:
        if not operations(contract).keys() & operations(published).keys():
            sys.exit(f"{source} has no {' and no '.join(operations(contract))}")
        lines = report(contract, published, known)
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
        sys.exit(f"{source} is not a valid OpenAPI document: {error!r}")
    if lines:
        sys.exit("\n".join([*lines, REMEDY]))
    print(f"openapi.yaml is as published, except for the {len(known)} differences in {EXPLAINED}")


if __name__ == "__main__":
    main(sys.argv[1])
