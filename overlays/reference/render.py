"""Renders a contract as a page with forms: `python render.py openapi.yaml site`.

The page is made of the contract alone. Only the names that a Python program calls things by are
the generator's, and what to do about an error the client's.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup
from openapi_python_client.strings import PythonIdentifier
from sentry_members.auth import GATEWAY_KEY_HEADER
from sentry_members.error_mapping import RULES, advice_of

from .form import FIELD_PREFIX, Forms, Node, Unrenderable

HERE = Path(__file__).parent


def render(text: str) -> str:
    """The page of a contract.

    Args:
        text: The contract, in YAML; a valid one.

    Raises:
        Unrenderable: It says something that the page has no form for.
    """
    contract = yaml.safe_load(text)
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["markdown"] = lambda written: Markup(markdown.render(written))
    return environment.get_template("index.html.jinja").render(
        info=contract["info"],
        operations=list(_operations(contract)),
        credentials=contract["components"]["securitySchemes"].values(),
        key_header=GATEWAY_KEY_HEADER,
    )


def _operations(contract: Node) -> Iterator[Node]:
    forms = Forms(contract)
    for path, item in contract["paths"].items():
        for method, operation in item.items():
            if not isinstance(operation, dict) or "responses" not in operation:
                continue
            nodes = [*item.get("parameters", ()), *operation.get("parameters", ())]
            parameters = [forms.parameter(node) for node in nodes]
            call = PythonIdentifier(operation["operationId"], FIELD_PREFIX)
            yield {
                "id": operation["operationId"],
                "call": call,
                "method": method.upper(),
                "path": path,
                "tags": operation["tags"],
                "summary": operation["summary"],
                "description": operation["description"],
                "deprecated": operation.get("deprecated", False),
                # The arguments of the generated function come in the order of the path.
                "parameters": sorted(parameters, key=lambda one: path.index(f"{{{one.name}}}")),
                "body": forms.body(operation["requestBody"])
                if "requestBody" in operation
                else None,
                "answers": list(_answers(forms, operation["responses"], call)),
            }


def _answers(forms: Forms, responses: Node, call: str) -> Iterator[Node]:
    # The page sees only the status code and the body of a response of Sentry's.
    advice: dict[tuple[int, str], str] = {}
    for rule in RULES:
        is_visible = not (rule.sender or rule.names_scopes or rule.on_sentry_io)
        if rule.advice and is_visible and rule.operation in ("", call):
            advice.setdefault((rule.status, rule.words or rule.code), advice_of(rule, call))
    for status, node in responses.items():
        response = forms.resolved(node)
        content: dict[str, Any] = next(iter(response.get("content", {}).values()), {})
        schema = forms.resolved(content.get("schema", {}))
        example = schema.get("example") if status.startswith("2") else None
        yield {
            "status": status,
            "phrase": HTTPStatus(int(status)).phrase if status.isdigit() else "",
            "description": response["description"],
            "example": json.dumps(example, indent=2, ensure_ascii=False) if example else "",
            "reasons": [
                {"words": words, "advice": text}
                for (rule_status, words), text in advice.items()
                if status in (str(rule_status), f"{rule_status // 100}XX")
            ],
        }


def main(source: Path, site: Path) -> None:
    """Replace the site by the one of the contract, once that is whole."""
    page = render(source.read_text("utf-8"))
    new = site.with_name(f".{site.name}")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    (new / "index.html").write_text(page, "utf-8")
    for name in ("style.css", "script.js"):
        shutil.copyfile(HERE / name, new / name)
    shutil.rmtree(site, ignore_errors=True)
    new.rename(site)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]), Path(sys.argv[2]))
    except Unrenderable as unrenderable:
        sys.exit(f"{sys.argv[1]}: {unrenderable}")
