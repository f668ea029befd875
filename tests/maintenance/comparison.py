"""Compare two OpenAPI documents: what changed between them, and whom it breaks.

A document is read into places, such as an operation, a response or a field, each with the facts
that the document states there. Then the two documents are compared, place by place. A request that
accepts less than before breaks its senders. A response that can hold more than before, or lacks
what it had, breaks its readers. A new success breaks them too, because results are types. A keyword
that is not understood here counts as breaking.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from overlays.reference.contract import Contract, Node, Operation, Part, Schema

# Keywords that are for people only: no program depends on them.
PROSE = frozenset(
    {"summary", "description", "title", "example", "examples", "externalDocs", "tags", "deprecated"}
)

# Keywords that are read into places and facts of their own. All others are compared verbatim.
STRUCTURE = frozenset(
    {"operationId", "parameters", "requestBody", "responses", "security", "headers"}
    | {"name", "in", "required", "schema", "content"}
    | {"$ref", "anyOf", "oneOf", "type", "format", "enum", "const"}
    | {"properties", "additionalProperties", "items"}
)

# Keywords that limit a value: a higher minimum allows less, a higher maximum more.
MINIMA = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
MAXIMA = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
BOUNDS = MINIMA | MAXIMA | {"pattern", "multipleOf", "uniqueItems"}

# A component with one of these is a place of its own: it may contain itself.
NESTING = frozenset({"properties", "additionalProperties", "items", "anyOf", "oneOf", "allOf"})

ANYTHING = "anything"


class Weight(IntEnum):
    """How much a change matters to those who use what changed."""

    REPAIR = 0
    ADDITION = 1
    BREAKING = 2


class Change(NamedTuple):
    """A difference between two versions.

    Attributes:
        weight: Whether it breaks anybody.
        place: Where it is, such as "request NewMember > email".
        what: What happened there, such as "is required now".
    """

    weight: Weight
    place: str
    what: str


class _Effect(Enum):
    """What a change does to the set of allowed values; its value holds the directions it breaks."""

    LESS = ("request",)
    MORE = ("response",)
    OTHER = ("request", "response")

    def weight(self, direction: str) -> Weight:
        return Weight.BREAKING if direction in self.value else Weight.ADDITION


# The weights of a new place and of a removed one, by its category.
_WEIGHTS = {
    "operation": (Weight.ADDITION, Weight.BREAKING),
    "component": (Weight.ADDITION, Weight.BREAKING),
    "part": (Weight.ADDITION, Weight.BREAKING),
    "success": (Weight.BREAKING, Weight.BREAKING),
    "failure": (Weight.ADDITION, Weight.REPAIR),
    "prose": (Weight.REPAIR, Weight.REPAIR),
}

Place = tuple[str, ...]
Facts = dict[str, Any]
Finding = tuple[Weight, str]


def changes(before: Node, now: Node) -> Iterator[Change]:
    """Yield what changed from one valid document to another, in the order of the places."""
    old, new = _Places(Contract(before)).facts, _Places(Contract(now)).facts
    for name, renamed in _renamed(old, new):
        yield Change(Weight.BREAKING, name, f"was renamed to {renamed}")
        old = {(renamed, *p[1:]) if p[0] == name else p: facts for p, facts in old.items()}
    # A place below one that came, went or changed its type is not reported as well.
    reported: set[Place] = set()
    for place in sorted(old.keys() | new.keys()):
        if place in old and place in new:
            findings = list(_differences(old[place], new[place]))
            if old[place].get("types") != new[place].get("types"):
                reported.add(place)
        else:
            is_below = any(place[:length] in reported for length in range(len(place)))
            finding = _added(new[place]) if place in new else _removed(old[place])
            findings = [] if is_below else [finding]
            reported.add(place)
        for weight, what in findings:
            yield Change(weight, " > ".join(place), what)


class _Places:
    """The places of a contract.

    Attributes:
        facts: What the contract states at each place.
    """

    def __init__(self, contract: Contract) -> None:
        document = contract.document
        self.facts: dict[Place, Facts] = {}
        for key in document.keys() - {"paths", "components", "security"}:
            self._add((key,), {"description": document[key]}, category="prose")
        for name, scheme in contract.security_schemes.items():
            place, what = (f"security scheme {name}",), scheme.node["type"]
            self._add(place, scheme.node, category="part", what=what)
        for operation in contract.operations:
            self._add_operation(operation)

    def _add_operation(self, operation: Operation) -> None:
        place = (operation.id,)
        what = f"{operation.method} {operation.path}"
        accepted = {frozenset(_scopes(alternative)) for alternative in operation.security}
        self._add(place, operation.node, category="operation", what=what, accepted=accepted)
        for parameter in operation.parameters:
            name = f"{parameter.location} parameter {parameter.name}"
            self._add_part((*place, name), parameter, "request")
        if operation.body:
            self._add_part((*place, "request body"), operation.body, "request")
        for status, response in operation.responses.items():
            part = (*place, f"response {status}")
            category = "success" if status[0] == "2" else "failure"
            self._add_part(part, response, "response", category)
            for name, header in response.headers.items():
                self._add_part((*part, f"header {name}"), header, "response")

    def _add_part(self, place: Place, part: Part, direction: str, category: str = "part") -> None:
        """Add a parameter, body, response or header, with its schema or one for each media type."""
        self._add(place, part.node, category=category, direction=direction, required=part.required)
        if "schema" in part.node:
            self._add_schema(place, part.schema, direction)
        for media_type, schema in part.content.items():
            self._add((*place, media_type), part.node["content"][media_type], category="part")
            self._add_schema((*place, media_type), schema, direction)

    def _add_schema(self, place: Place, schema: Schema, direction: str, **facts: Any) -> None:
        types: dict[str, set[str]] = {}
        self._add(place, {}, direction=direction, types=types, **facts)
        for type_, one in self._alternatives(place, schema, direction):
            keywords = one.keywords if one else {}
            values = keywords.get(
                "enum", [keywords["const"]] if "const" in keywords else [ANYTHING]
            )
            name = f"{type_} ({keywords['format']})" if "format" in keywords else type_
            types.setdefault(name, set()).update(map(str, values))
            if one and type_ == "array":
                self._add_schema((*place, "each"), one.items, direction, category="part")
            if one and type_ == "object":
                for field, described in one.properties.items():
                    self._add_schema(
                        (*place, field),
                        described,
                        direction,
                        category="part",
                        required=field in one.required,
                    )
                if one.others:
                    self._add_schema(
                        (*place, "any other key"), one.others, direction, category="others"
                    )

    def _alternatives(
        self, place: Place, schema: Schema, direction: str
    ) -> Iterator[tuple[str, Schema | None]]:
        """Yield each type that a schema allows, with its schema.

        A component that is more than a type is yielded by name, without its schema, because it is a
        place of its own.
        """
        self._add(place, schema.written if isinstance(schema.written, dict) else schema.keywords)
        if schema.component:
            if not schema.keywords.keys() & NESTING:
                yield from self._alternatives(place, schema.component, direction)
                return
            component = (f"{direction} {schema.name}",)
            if component not in self.facts:
                self._add_schema(component, schema.component, direction, category="component")
            yield schema.name, None
        elif schema.alternatives:
            for one in schema.alternatives:
                yield from self._alternatives(place, one, direction)
        else:
            yield from ((type_, schema) for type_ in schema.types or [ANYTHING])

    def _add(self, place: Place, node: Node, **facts: Any) -> None:
        """Add the keywords of a node, and these facts, to those that are known of a place."""
        known = self.facts.setdefault(place, {"prose": [], "keywords": {}})
        for key in node:
            if key in PROSE:
                known["prose"].append((key, node[key]))
            elif key not in STRUCTURE:
                known["keywords"].setdefault(key, []).append(node[key])
        known["prose"].sort(key=str)
        known.update(facts)


def _scopes(alternative: dict[str, list[str]]) -> Iterator[str]:
    for scheme, scopes in alternative.items():
        yield from (f"{scheme}: {scope}" for scope in scopes) if scopes else [scheme]


def _renamed(old: dict[Place, Facts], new: dict[Place, Facts]) -> Iterator[tuple[str, str]]:
    """Yield the old and the new ID of each operation that kept its method and its path."""
    names = {facts["what"]: place[0] for place, facts in new.items() if _is_operation(facts)}
    for place, facts in old.items():
        if _is_operation(facts) and place not in new and facts["what"] in names:
            yield place[0], names[facts["what"]]


def _is_operation(facts: Facts) -> bool:
    return bool(facts["category"] == "operation")


def _added(facts: Facts) -> Finding:
    if facts["category"] == "others":
        return _Effect.MORE.weight(facts["direction"]), "is allowed now"
    if facts["category"] == "part" and facts.get("direction") == "request":
        if facts.get("required"):
            return Weight.BREAKING, "is new, and required"
        return Weight.ADDITION, "is new, and optional"
    return _WEIGHTS[facts["category"]][0], "is new"


def _removed(facts: Facts) -> Finding:
    if facts["category"] == "others":
        return _Effect.LESS.weight(facts["direction"]), "is no longer allowed"
    return _WEIGHTS[facts["category"]][1], "was removed"


def _differences(old: Facts, new: Facts) -> Iterator[Finding]:
    """Yield how a place that is in both documents differs."""
    direction = new.get("direction", "request")
    if old.get("what") != new.get("what"):
        yield Weight.BREAKING, f"was {old['what']}, is {new['what']} now"
    yield from _scope_changes(old.get("accepted", set()), new.get("accepted", set()))
    if new.get("required", False) and not old.get("required", False):
        yield _Effect.LESS.weight(direction), "is required now"
    if old.get("required", False) and not new.get("required", False):
        yield _Effect.MORE.weight(direction), "is optional now"
    yield from _type_changes(old.get("types", {}), new.get("types", {}), direction)
    for key in sorted(old["keywords"].keys() | new["keywords"].keys()):
        was, now = old["keywords"].get(key, []), new["keywords"].get(key, [])
        if was != now:
            what = f"was {_join(was)}, is {_join(now)} now"
            if not was or not now:
                what = f"{_join(now)} is new" if now else f"{_join(was)} was removed"
            yield _keyword_effect(key, was, now).weight(direction), f"{key} {what}"
    if old["prose"] != new["prose"]:
        yield Weight.REPAIR, "has another description"


def _scope_changes(was: set[frozenset[str]], now: set[frozenset[str]]) -> Iterator[Finding]:
    for scopes in sorted(was - now, key=sorted):
        # A token with all of these scopes still works if a part of them is accepted.
        weight = Weight.REPAIR if any(other <= scopes for other in now) else Weight.BREAKING
        yield weight, f"{_join(scopes) or 'no credential'} is no longer accepted"
    for scopes in sorted(now - was, key=sorted):
        yield Weight.ADDITION, f"{_join(scopes) or 'no credential'} is accepted now"


def _type_changes(
    was: dict[str, set[str]], now: dict[str, set[str]], direction: str
) -> Iterator[Finding]:
    if was.keys() != now.keys():
        effect = _Effect.OTHER
        if was.keys() < now.keys():
            effect = _Effect.MORE
        elif now.keys() < was.keys():
            effect = _Effect.LESS
        yield effect.weight(direction), f"was {_join(was, ' or ')}, is {_join(now, ' or ')} now"
    for type_ in sorted(was.keys() & now.keys()):
        removed, new = was[type_] - now[type_], now[type_] - was[type_]
        if ANYTHING in removed:
            yield _Effect.LESS.weight(direction), f"can only be {_join(now[type_], ', ')} now"
        elif ANYTHING in new:
            yield _Effect.MORE.weight(direction), f"can be any {type_} now"
        else:
            # Where any value was allowed before, readers already expect values they don't know.
            any_value = ANYTHING in now[type_]
            for value in sorted(new):
                weight = Weight.ADDITION if any_value else _Effect.MORE.weight(direction)
                yield weight, f"the value {value} is new"
            for value in sorted(removed):
                weight = Weight.REPAIR if any_value else _Effect.LESS.weight(direction)
                yield weight, f"the value {value} was removed"


def _keyword_effect(key: str, was: list[Any], now: list[Any]) -> _Effect:
    if key not in BOUNDS or len(was) > 1 or len(now) > 1:
        return _Effect.OTHER
    if not was:
        return _Effect.LESS
    if not now:
        return _Effect.MORE
    if key in MINIMA:
        return _Effect.LESS if now > was else _Effect.MORE
    if key in MAXIMA:
        return _Effect.LESS if now < was else _Effect.MORE
    return _Effect.OTHER


def _join(values: Iterable[object], separator: str = " + ") -> str:
    return separator.join(sorted(map(str, values)))
