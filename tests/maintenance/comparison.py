"""What changed between two OpenAPI documents, and whom it breaks.

A document is read into places, such as an operation, an answer or a field, each with what is said
there; then two documents are compared, place by place. A request that takes less breaks who sends
it. A response that can be more than before, or lacks what it had, breaks who reads it. So does a
success that is new: results are types. What isn't understood here counts as breaking.
"""

from collections.abc import Iterable, Iterator
from enum import Enum, IntEnum
from typing import Any, NamedTuple

from overlays.reference.contract import Contract, Node, Operation, Part, Schema

# What no program hangs on.
WORDS = frozenset(
    {"summary", "description", "title", "example", "examples", "externalDocs", "tags", "deprecated"}
)

# What is read into places.
READ = frozenset(
    {"operationId", "parameters", "requestBody", "responses", "security", "headers"}
    | {"name", "in", "required", "schema", "content"}
    | {"$ref", "anyOf", "oneOf", "type", "format", "enum", "const"}
    | {"properties", "additionalProperties", "items"}
)

# What bounds a value: the higher, the less can be sent; the lower; and others.
MINIMA = frozenset({"minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties"})
MAXIMA = frozenset({"maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties"})
BOUNDS = MINIMA | MAXIMA | {"pattern", "multipleOf", "uniqueItems"}

ANYTHING = "anything"


class Weight(IntEnum):
    REPAIR = 0
    ADDITION = 1
    BREAKING = 2


class Change(NamedTuple):
    weight: Weight
    place: str
    what: str


class _Effect(Enum):
    """What a change makes of all that can be sent there, by the ways on which that breaks."""

    LESS = ("request",)
    MORE = ("response",)
    OTHER = ("request", "response")

    def weight(self, way: str) -> Weight:
        return Weight.BREAKING if way in self.value else Weight.ADDITION


# Of what is new, and of what is gone; where the way decides, see below.
_WEIGHTS = {
    "operation": (Weight.ADDITION, Weight.BREAKING),
    "component": (Weight.ADDITION, Weight.BREAKING),
    "part": (Weight.ADDITION, Weight.BREAKING),
    "success": (Weight.BREAKING, Weight.BREAKING),
    "failure": (Weight.ADDITION, Weight.REPAIR),
    "words": (Weight.REPAIR, Weight.REPAIR),
}

Place = tuple[str, ...]
Facts = dict[str, Any]
Told = tuple[Weight, str]


def changes(before: Node, now: Node) -> Iterator[Change]:
    """Yield what changed from one valid document to another, in the order of the places."""
    old, new = _Reading(Contract(before)).places, _Reading(Contract(now)).places
    for name, renamed in _renamed(old, new):
        yield Change(Weight.BREAKING, name, f"is called {renamed} now")
        old = {(renamed, *p[1:]) if p[0] == name else p: facts for p, facts in old.items()}
    # What comes or goes beneath these is told with them.
    told: set[Place] = set()
    for place in sorted(old.keys() | new.keys()):
        if place in old and place in new:
            found = list(_differences(old[place], new[place]))
            if old[place].get("types") != new[place].get("types"):
                told.add(place)
        else:
            beneath = any(place[:length] in told for length in range(len(place)))
            found = [] if beneath else [_came(new[place]) if place in new else _went(old[place])]
            told.add(place)
        for weight, what in found:
            yield Change(weight, " > ".join(place), what)


class _Reading:
    """What a contract says, by place."""

    def __init__(self, contract: Contract) -> None:
        document = contract.document
        self.places: dict[Place, Facts] = {}
        for key in document.keys() - {"paths", "components", "security"}:
            self._say((key,), {"description": document[key]}, kind="words")
        for name, scheme in document.get("components", {}).get("securitySchemes", {}).items():
            self._say((f"security scheme {name}",), scheme, kind="part", what=scheme["type"])
        for operation in contract.operations:
            self._operation(operation)

    def _operation(self, operation: Operation) -> None:
        place = (operation.id,)
        what = f"{operation.method} {operation.path}"
        accepted = {frozenset(_scopes(alternative)) for alternative in operation.security}
        self._say(place, operation.node, kind="operation", what=what, accepted=accepted)
        for parameter in operation.parameters:
            name = f"{parameter.location} parameter {parameter.name}"
            self._part((*place, name), parameter, "request")
        if operation.body:
            self._part((*place, "request body"), operation.body, "request")
        for status, answer in operation.responses.items():
            part = (*place, f"answer {status}")
            self._part(part, answer, "response", "success" if status[0] == "2" else "failure")
            for name, header in answer.headers.items():
                self._part((*part, f"header {name}"), header, "response")

    def _part(self, place: Place, part: Part, way: str, kind: str = "part") -> None:
        """A parameter, a body, an answer or a header: it has a schema, or one a media type."""
        self._say(place, part.node, kind=kind, way=way, required=part.required)
        if "schema" in part.node:
            self._schema(place, part.schema, way)
        for media_type, schema in part.content.items():
            self._say((*place, media_type), part.node["content"][media_type], kind="part")
            self._schema((*place, media_type), schema, way)

    def _schema(self, place: Place, schema: Schema, way: str, **facts: Any) -> None:
        types: dict[str, set[str]] = {}
        self._say(place, {}, way=way, types=types, **facts)
        for kind, one in self._alternatives(place, schema, way):
            keywords = one.keywords if one else {}
            values = keywords.get(
                "enum", [keywords["const"]] if "const" in keywords else [ANYTHING]
            )
            name = f"{kind} ({keywords['format']})" if "format" in keywords else kind
            types.setdefault(name, set()).update(map(str, values))
            if one and kind == "array":
                self._schema((*place, "each"), one.items, way, kind="part")
            if one and kind == "object":
                for field, described in one.properties.items():
                    required = field in one.required
                    self._schema((*place, field), described, way, kind="part", required=required)
                if one.others:
                    self._schema((*place, "any other key"), one.others, way, kind="others")

    def _alternatives(
        self, place: Place, schema: Schema, way: str
    ) -> Iterator[tuple[str, Schema | None]]:
        """Yield each type that a schema allows, with its schema.

        A component that is more than a type is named, without its schema: it is a place of its own.
        """
        self._say(place, schema.written if isinstance(schema.written, dict) else schema.keywords)
        if schema.component:
            if not schema.keywords.keys() & {"properties", "items", "anyOf", "oneOf", "allOf"}:
                yield from self._alternatives(place, schema.component, way)
                return
            if (f"{way} {schema.name}",) not in self.places:
                self._schema((f"{way} {schema.name}",), schema.component, way, kind="component")
            yield schema.name, None
        elif schema.alternatives:
            for one in schema.alternatives:
                yield from self._alternatives(place, one, way)
        else:
            yield from ((kind, schema) for kind in schema.types or [ANYTHING])

    def _say(self, place: Place, node: Node, **facts: Any) -> None:
        said = self.places.setdefault(place, {"words": [], "keywords": {}})
        for key in node:
            if key in WORDS:
                said["words"].append((key, node[key]))
            elif key not in READ:
                said["keywords"].setdefault(key, []).append(node[key])
        said["words"].sort(key=str)
        said.update(facts)


def _scopes(alternative: dict[str, list[str]]) -> Iterator[str]:
    for scheme, scopes in alternative.items():
        yield from (f"{scheme}: {scope}" for scope in scopes) if scopes else [scheme]


def _renamed(old: dict[Place, Facts], new: dict[Place, Facts]) -> Iterator[tuple[str, str]]:
    """The operations that are called otherwise, and what they are called now."""
    names = {facts["what"]: place[0] for place, facts in new.items() if _is_operation(facts)}
    for place, facts in old.items():
        if _is_operation(facts) and place not in new and facts["what"] in names:
            yield place[0], names[facts["what"]]


def _is_operation(facts: Facts) -> bool:
    return bool(facts["kind"] == "operation")


def _came(facts: Facts) -> Told:
    if facts["kind"] == "others":
        return _Effect.MORE.weight(facts["way"]), "can be there now"
    if facts["kind"] == "part" and facts.get("way") == "request":
        if facts.get("required"):
            return Weight.BREAKING, "is new, and required"
        return Weight.ADDITION, "is new, and optional"
    return _WEIGHTS[facts["kind"]][0], "is new"


def _went(facts: Facts) -> Told:
    if facts["kind"] == "others":
        return _Effect.LESS.weight(facts["way"]), "can no longer be there"
    return _WEIGHTS[facts["kind"]][1], "is gone"


def _differences(old: Facts, new: Facts) -> Iterator[Told]:
    """How a place that is in both documents differs."""
    way = new.get("way", "request")
    if old.get("what") != new.get("what"):
        yield Weight.BREAKING, f"was {old['what']}, is {new['what']} now"
    yield from _accepted(old.get("accepted", set()), new.get("accepted", set()))
    if new.get("required", False) and not old.get("required", False):
        yield _Effect.LESS.weight(way), "is required now"
    if old.get("required", False) and not new.get("required", False):
        yield _Effect.MORE.weight(way), "is optional now"
    yield from _typed(old.get("types", {}), new.get("types", {}), way)
    for key in sorted(old["keywords"].keys() | new["keywords"].keys()):
        was, now = old["keywords"].get(key, []), new["keywords"].get(key, [])
        if was != now:
            what = f"was {_told(was)}, is {_told(now)} now"
            if not was or not now:
                what = f"{_told(now)} is new" if now else f"{_told(was)} is gone"
            yield _bounded(key, was, now).weight(way), f"{key} {what}"
    if old["words"] != new["words"]:
        yield Weight.REPAIR, "is described otherwise"


def _accepted(was: set[frozenset[str]], now: set[frozenset[str]]) -> Iterator[Told]:
    for scopes in sorted(was - now, key=sorted):
        # A token that has all of them may have enough for another.
        weight = Weight.REPAIR if any(other <= scopes for other in now) else Weight.BREAKING
        yield weight, f"{_told(scopes) or 'no credential'} is no longer accepted"
    for scopes in sorted(now - was, key=sorted):
        yield Weight.ADDITION, f"{_told(scopes) or 'no credential'} is accepted, too"


def _typed(was: dict[str, set[str]], now: dict[str, set[str]], way: str) -> Iterator[Told]:
    if was.keys() != now.keys():
        effect = _Effect.OTHER
        if was.keys() < now.keys():
            effect = _Effect.MORE
        elif now.keys() < was.keys():
            effect = _Effect.LESS
        yield effect.weight(way), f"was {_told(was, ' or ')}, is {_told(now, ' or ')} now"
    for kind in sorted(was.keys() & now.keys()):
        gone, new = was[kind] - now[kind], now[kind] - was[kind]
        if ANYTHING in gone:
            yield _Effect.LESS.weight(way), f"can only be {_told(now[kind], ', ')} now"
        elif ANYTHING in new:
            yield _Effect.MORE.weight(way), f"can be any {kind} now"
        else:
            # Who was told of any value that may come is not surprised by one.
            any_value = ANYTHING in now[kind]
            for value in sorted(new):
                weight = Weight.ADDITION if any_value else _Effect.MORE.weight(way)
                yield weight, f"the value {value} is new"
            for value in sorted(gone):
                weight = Weight.REPAIR if any_value else _Effect.LESS.weight(way)
                yield weight, f"the value {value} is gone"


def _bounded(key: str, was: list[Any], now: list[Any]) -> _Effect:
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


def _told(values: Iterable[object], between: str = " + ") -> str:
    return between.join(sorted(map(str, values)))
