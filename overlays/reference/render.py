"""Render a contract as a page with forms: `python -m overlays.reference.render openapi.yaml site`.

Everything on the page comes from the contract, except for the names in Python, which are the
generator's, and the advice on errors, which is the client's.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape
from openapi_python_client.strings import PythonIdentifier
from sentry_members.error_mapping import RULES, advice_of

from .agents import KEY_HEADER, documents
from .contract import Contract, Node, Part, Schema, load
from .form import FIELD_PREFIX, Unrenderable, body_field, parameter_field

HERE = Path(__file__).parent
PHRASES = {str(status.value): status.phrase for status in HTTPStatus}


def render(contract: Contract) -> str:
    """Return the page of a contract.

    Args:
        contract: The contract; it must be valid.

    Raises:
        Unrenderable: A parameter of a path has no pattern.
    """
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def to_html(text: str) -> Markup:
        return Markup(markdown.render(text).rstrip())

    def to_inline_html(text: str) -> Markup:
        return Markup(markdown.renderInline(text))

    environment.filters["markdown"] = to_html
    environment.filters["inline"] = to_inline_html
    return environment.get_template("index.html.jinja").render(
        info=contract.document["info"],
        operations=list(_operations(contract)),
        credentials=[scheme.description for scheme in contract.security_schemes.values()],
        key_header=KEY_HEADER,
        schemas={name: _shown(schema) for name, schema in _response_schemas(contract).items()},
    )


def _operations(contract: Contract) -> Iterator[Node]:
    for operation in contract.operations:
        call = PythonIdentifier(operation.id, FIELD_PREFIX)
        path = operation.path
        fields = {
            location: [
                parameter_field(parameter)
                for parameter in operation.parameters
                if parameter.location == location
            ]
            for location in ("path", "query")
        }
        yield {
            "id": operation.id,
            "call": call,
            "method": operation.method,
            "path": path,
            "tags": operation.node.get("tags", []),
            "summary": operation.summary,
            "description": operation.description,
            "deprecated": operation.node.get("deprecated", False),
            # The generated function has them in the order of the path.
            "parameters": sorted(fields["path"], key=lambda each: path.index(f"{{{each.name}}}")),
            "query": fields["query"],
            "body": body_field(operation.body) if operation.body else None,
            "responses": list(_responses(operation.responses, call)),
        }


def _responses(responses: dict[str, Part], call: str) -> Iterator[Node]:
    # The page sees the status code and the body of a response only. So it leaves out the rules
    # that depend on a header or the host, and those for responses of a gateway.
    advice: dict[tuple[int, str], str] = {}
    for rule in RULES:
        is_visible = not (rule.sender or rule.names_scopes or rule.on_sentry_io)
        if rule.advice and is_visible and rule.operation in ("", call):
            advice.setdefault((rule.status, rule.words or rule.code), advice_of(rule, call))
    for status, response in responses.items():
        schema = next(iter(response.content.values()), None)
        example = schema.keywords.get("example") if schema and status.startswith("2") else None
        yield {
            "status": status,
            "phrase": PHRASES.get(status, ""),
            "description": response.description,
            "body": _type(schema) if schema else "",
            "example": _as_text(example) if example else "",
            "advice": [
                {"words": words, "text": text}
                for (rule_status, words), text in advice.items()
                if status in (str(rule_status), f"{rule_status // 100}XX")
            ],
        }


def _as_text(example: object) -> Markup:
    """Return JSON as the text of an element. Quotes stay as they are, which saves bytes."""
    text = escape(json.dumps(example, indent=2, ensure_ascii=False))
    return Markup(str(text).replace("&#34;", '"'))


def _response_schemas(contract: Contract) -> dict[str, Schema]:
    """Return the components of all responses that have fields, by name."""
    seen: dict[str, Schema] = {}

    def find(schema: Schema) -> None:
        if schema.name in seen:
            return
        if schema.name:
            seen[schema.name] = schema
        items = [schema.items] if "items" in schema.keywords else []
        for part in (*schema.alternatives, *schema.properties.values(), *items, *_others(schema)):
            find(part)

    for operation in contract.operations:
        for response in operation.responses.values():
            for schema in response.content.values():
                find(schema)
    return {name: schema for name, schema in seen.items() if _has_fields(schema)}


def _others(schema: Schema) -> list[Schema]:
    """Return the schema of additional properties, if the contract describes them."""
    described = isinstance(schema.keywords.get("additionalProperties"), dict)
    return [schema.others] if described and schema.others else []


def _has_fields(schema: Schema) -> bool:
    return bool(schema.name and (schema.properties or _others(schema)))


def _shown(schema: Schema) -> Node:
    fields = [
        {
            "name": name,
            "type": _type(described),
            "description": described.keywords.get("description", ""),
            "required": name in schema.required,
        }
        for name, described in schema.properties.items()
    ]
    fields += [
        {"name": "any other key", "type": _type(others), "description": "", "required": True}
        for others in _others(schema)
    ]
    return {"description": schema.keywords.get("description", ""), "fields": fields}


def _type(schema: Schema, around: tuple[str, ...] = ()) -> Markup:
    """Return a type in words, with links to the components that have fields."""
    if _has_fields(schema):
        return Markup('<a href="#s-{0}">{0}</a>').format(schema.name)
    if schema.name:
        if schema.name in around:
            return escape(schema.name)
        around = (*around, schema.name)
    if schema.alternatives:
        types = [_type(choice, around) for choice in schema.alternatives]
        return Markup(" or ").join(dict.fromkeys(types))
    if "enum" in schema.keywords:
        return escape(", ".join(map(str, schema.keywords["enum"])))
    names = [
        Markup("list of ") + _type(schema.items, around) if name == "array" else escape(name)
        for name in schema.types
    ]
    return Markup(" or ").join(names) or Markup("any value")


def main(source: Path, site: Path) -> None:
    """Write the site of a contract; an existing site stays until the new one is complete."""
    contract = Contract(load(source.read_text("utf-8")))
    written = {"index.html": render(contract), **documents(contract)}
    new = site.with_name(f".{site.name}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for name, content in written.items():
        (new / name).write_text(content, "utf-8")
    for name in ("style.css", "script.js"):
        shutil.copyfile(HERE / name, new / name)
    shutil.rmtree(site, ignore_errors=True)
    new.rename(site)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except Unrenderable as unrenderable:
        sys.exit(f"{sys.argv[1]}: {unrenderable}")
