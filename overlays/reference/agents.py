"""Write a contract for programs and agents.

`openapi.json` is the contract as the gateway offers it, without references. `llms.txt` says in words
what the operations do and how they are called.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from openapi_python_client.strings import ClassName, PythonIdentifier

from .contract import METHODS, Contract, Node, Operation, Schema, follow
from .form import CONVERTERS, FIELD_PREFIX, PACKAGE, module_of

HERE = Path(__file__).parent
KEY_HEADER = "X-Gateway-Key"
# Relative to the URL of the document. When the gateway serves it, it fills in its own URL.
GATEWAY = {"url": "/", "description": "The gateway, which adds the Sentry token."}
KEY = {
    "type": "apiKey",
    "in": "header",
    "name": KEY_HEADER,
    "description": "The key that the gateway requires. The Sentry token stays with the gateway.",
}


def documents(contract: Contract) -> dict[str, str]:
    """Return the documents of a valid contract, by file name."""
    return {
        "llms.txt": _in_words(contract),
        "openapi.json": json.dumps(_resolved(contract.document), indent=1, ensure_ascii=False)
        + "\n",
    }


def _resolved(document: Node) -> Node:
    """Return the contract as the gateway offers it, with each `$ref` replaced by its target.

    A component that contains itself can't be replaced: it stays a reference into `components`.
    """
    components: Node = {"securitySchemes": {"gateway_key": KEY}}
    security: list[Node] = [{"gateway_key": []}]

    def resolve(value: Any, references: tuple[str, ...] = ()) -> Any:
        """Return a value without references; it is inside the targets of the given ones."""
        if isinstance(value, list):
            return [resolve(item, references) for item in cast(list[object], value)]
        if not isinstance(value, dict):
            return value
        node = cast(Node, value)
        reference = node.get("$ref")
        if isinstance(reference, str):
            if reference in references:  # The component contains itself.
                _, _, category, name = reference.split("/")
                if name not in components.setdefault(category, {}):
                    # Present before its content is resolved, so that the recursion ends.
                    components[category][name] = {}
                    target = follow(node, document)
                    components[category][name] = resolve(target, (reference,))
                return node
            return resolve(follow(node, document), (*references, reference))
        return {key: resolve(item, references) for key, item in node.items()}

    paths = resolve(document.get("paths", {}))
    for item in paths.values():
        for method in item.keys() & METHODS:
            item[method]["security"] = security
    return {
        **document,
        "servers": [GATEWAY],
        "security": security,
        "paths": paths,
        "components": components,
    }


def _in_words(contract: Contract) -> str:
    environment = Environment(
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # The document is text.
    )
    environment.filters["line"] = _line
    return environment.get_template("llms.txt.jinja").render(
        info=contract.document["info"],
        key_header=KEY_HEADER,
        operations=[
            {
                "summary": operation.summary,
                "description": operation.description.strip(),
                "method": operation.method,
                "path": operation.path,
                "inputs": list(_inputs(operation)),
                "responses": operation.responses,
                "python": _python_call(operation),
                "curl": _curl(operation),
            }
            for operation in contract.operations
        ],
    )


def _line(text: str) -> str:
    return " ".join(text.split())


def _inputs(operation: Operation) -> Iterator[tuple[str, str, str, bool]]:
    """Yield the name, place and description of each input, and whether it is required."""
    for parameter in operation.parameters:
        yield parameter.name, parameter.location, parameter.description, parameter.required
    for name, schema, required in _fields(_body(operation)):
        yield name, "body", _description(schema), required


def _fields(
    schema: Schema | None, prefix: str = "", around: tuple[str, ...] = ()
) -> Iterator[tuple[str, Schema, bool]]:
    """Yield the properties of an object, and those of the objects and lists inside it."""
    if schema is None or (schema.name and schema.name in around):
        return
    around = (*around, schema.name)
    for name, described in schema.properties.items():
        yield prefix + name, described, name in schema.required
        yield from _fields(described, f"{prefix}{name}.", around)
        if "items" in described.keywords:
            yield from _fields(described.items, f"{prefix}{name}[].", around)


def _description(schema: Schema) -> str:
    texts = [schema.keywords.get("description", "")]
    if "enum" in schema.keywords and not schema.name:
        texts.append("One of " + ", ".join(map(json.dumps, schema.keywords["enum"])) + ".")
    return " ".join(filter(None, texts))


def _body(operation: Operation) -> Schema | None:
    return operation.body.content.get("application/json") if operation.body else None


def _examples(operation: Operation) -> list[tuple[str, str]]:
    """Return the name and the example of each parameter of the path, in the order of the path."""
    examples = {
        parameter.name: str(parameter.node.get("example", parameter.name))
        for parameter in operation.parameters
    }
    return [(name, examples[name]) for name in re.findall(r"\{(.*?)\}", operation.path)]


def _python_call(operation: Operation) -> str:
    """Return the Python that makes a call with the examples of the contract."""
    imports = {(PACKAGE, "SentryMembers")}
    arguments = [json.dumps(example) for _, example in _examples(operation)]
    body = _body(operation)
    if body:
        arguments.append(_python(body.keywords.get("example", {}), body, imports))
    lines = [
        f"from {module} import {', '.join(sorted(n for m, n in imports if m == module))}"
        for module in sorted({module for module, name in imports if name})
    ]
    lines[:0] = [f"import {module}" for module, name in sorted(imports) if not name]
    call = PythonIdentifier(operation.id, FIELD_PREFIX)
    lines += ["", "with SentryMembers() as sentry:", f"    result = sentry.{call}("]
    lines += [f"        {argument}," for argument in arguments]
    return "\n".join([*lines, "    )", "print(result)"])


def _python(value: Any, schema: Schema, imports: set[tuple[str, str]]) -> str:
    """Return the Python for an example, and add what it needs to the imports."""
    for choice in schema.alternatives:
        if choice.types != ("null",) and value is not None:
            return _python(value, choice, imports)
    if isinstance(value, list):
        items = [_python(item, schema.items, imports) for item in cast(list[object], value)]
        return f"[{', '.join(items)}]"
    if isinstance(value, dict) and schema.name:
        model = ClassName(schema.name, FIELD_PREFIX)
        imports.add((module_of(model), model))
        parts = [
            f"{PythonIdentifier(name, FIELD_PREFIX)}="
            + _python(item, schema.properties[name], imports)
            for name, item in cast(Node, value).items()
            if name in schema.properties
        ]
        return f"{model}({', '.join(parts)})"
    converter = CONVERTERS.get(schema.keywords.get("format", ""))
    if converter and isinstance(value, str):
        imports.add((converter.partition(".")[0], ""))
        return f"{converter}({value!r})"
    return json.dumps(value) if isinstance(value, str) else repr(cast(object, value))


def _curl(operation: Operation) -> str:
    """Return the shell command that makes a call with the examples of the contract."""
    path = operation.path
    for name, example in _examples(operation):
        path = path.replace(f"{{{name}}}", example)
    parts = [
        f"printf '{KEY_HEADER}: %s' \"$SENTRY_GATEWAY_KEY\" |",
        f"curl --include --request {operation.method} --header @-",
    ]
    if body := _body(operation):
        example = json.dumps(body.keywords.get("example", {}), ensure_ascii=False)
        quoted = example.replace("'", "'\\''")
        parts += ["--header 'Content-Type: application/json'", f"--data-raw '{quoted}'"]
    return " \\\n  ".join([*parts, f'"$SENTRY_GATEWAY_URL{path}"'])


def write(contract: Contract, folder: Path) -> None:
    """Write the documents of a contract into a folder."""
    folder.mkdir(exist_ok=True)
    for name, text in documents(contract).items():
        (folder / name).write_text(text, "utf-8")
