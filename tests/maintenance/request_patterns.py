"""Write patterns of the paths and queries that operations allow, for the gateway's allow-list."""

import re
import sys
import warnings
from urllib.parse import quote

from overlays.reference.contract import Operation, Parameter

# The parts of a pattern that can be translated to what is sent: syntax, a class of characters, or
# a character. Among them are no negations and no dots, which would match the & after a value.
PART = re.compile(
    r"(?P<syntax>\(\?:|[()|?*+]|\{\d+(?:,\d*)?\}|\\[dw])"
    r"|\[(?P<members>-?(?:[a-z]-[a-z]|[A-Z]-[A-Z]|\d-\d|\\[dw-]|[^-\\\[\]^]|-(?=\]))+)\]"
    r"|\\(?P<escaped>\W)|(?P<character>[^\\\[\]^${}.])",
    re.ASCII,
)
MEMBER = re.compile(r"\w-\w|\\[dw-]|.", re.ASCII)
# What is one part of a path, and sent as it is.
PLAIN = re.compile(r"(?:\w|-|\\[dw-])*", re.ASCII)
# The values of a query parameter without a pattern, by its type.
VALUES = {"integer": "-?[0-9]+", "number": "-?[0-9.]+", "boolean": "true|false"}
ANY_TEXT = "[^&# ]*"


def query_pattern(operation: Operation) -> str:
    """Return the pattern of a query with any of the operation's query parameters."""
    allowed = [
        f"{re.escape(quote(parameter.name))}=(?:{_value(parameter)})"
        for parameter in operation.parameters
        if parameter.location == "query"
    ]
    one = f"(?:{'|'.join(allowed)})"
    return f"[?]{one}(?:&{one})*" if allowed else ""


def _value(parameter: Parameter) -> str:
    """Return the pattern of a query parameter's values as they are sent."""
    keywords = parameter.schema.keywords
    if "enum" in keywords:
        texts = map(str, keywords["enum"])
        return "|".join("".join(f"(?:{_character(each)})" for each in text) for text in texts)
    if "pattern" not in keywords:
        [type_, *others] = parameter.schema.types or ("string",)
        return ANY_TEXT if others else VALUES.get(type_, ANY_TEXT)
    return PART.sub(_as_sent, _of_parts(parameter))


def path_pattern(parameter: Parameter) -> str:
    """Return the pattern of a path parameter's values, each of which is one part of the path.

    They are sent as they are. `..`, `?` or what is encoded would lead to another operation.
    """
    pattern = _of_parts(parameter)
    parts = [
        part["members"] or part["escaped"] or part["character"] for part in PART.finditer(pattern)
    ]
    if not all(PLAIN.fullmatch(part or "") for part in parts) or re.fullmatch(pattern, ""):
        sys.exit(
            f"the gateway can't check the pattern of the parameter {parameter.name}: write it with "
            "letters, digits, _ and - alone, and let it match no empty text"
        )
    return pattern


def _of_parts(parameter: Parameter) -> str:
    """Return the pattern of a parameter, which consists of the parts that are known."""
    pattern = _anchored(parameter)
    if not re.fullmatch(f"(?:{re.sub(r'[?]P<[a-z]+>', '?:', PART.pattern)})*", pattern, re.ASCII):
        sys.exit(
            f"the gateway can't check the pattern of the parameter {parameter.name}: write it "
            "without dots and negations"
        )
    return pattern


def _as_sent(part: re.Match[str]) -> str:
    """Return a part of a pattern that matches what it matches, as it is sent in a query."""
    if part["syntax"]:
        return part["syntax"]
    members = MEMBER.findall(part["members"] or "") or [part["escaped"] or part["character"]]
    return f"(?:{'|'.join(f'[{m}]' if len(m) > 1 else _character(m) for m in members)})"


def _character(character: str) -> str:
    """Return a pattern of a character as it is sent: encoded, or where that is safe as it is."""
    encoded = re.sub("[A-F]", lambda digit: f"[{digit[0]}{digit[0].lower()}]", quote(character, ""))
    if encoded == character:
        return re.escape(character)
    if character in "&#+% ":
        return f"{encoded}|[+]" if character == " " else encoded
    return f"{encoded}|{re.escape(character)}"


def _anchored(parameter: Parameter) -> str:
    """Return the pattern of a parameter, without ^ and $."""
    pattern = str(parameter.schema.keywords.get("pattern", ""))
    try:
        with warnings.catch_warnings(action="ignore"):  # such as of a set in a set, rejected later
            re.compile(pattern)
    except re.error as error:
        sys.exit(f"the pattern of the parameter {parameter.name} is not one: {error}")
    if not (pattern.startswith("^") and pattern.endswith("$")):
        sys.exit(f"the gateway needs a pattern from ^ to $ for the parameter {parameter.name}")
    return pattern[1:-1]
