"""The limits, as data, and the table of what was measured against them."""

from statistics import median, quantiles
from typing import NamedTuple

Samples = dict[str, list[float]]
"""What was measured, by name: a value for each round."""

NOISY = 0.25
"""How wide the quartiles may be, as a share of the figure; of a difference, all of its limit."""


class Limit(NamedTuple):
    """A row of the table.

    Attributes:
        work: The name of our samples.
        against: The name of those that they are compared with; empty if nothing.
        bound: The highest allowed figure; of `/s`, the lowest.
        is_difference: Whether the figure is the difference of the medians, not their ratio.
        unit: The unit of the samples.
    """

    work: str
    against: str
    bound: float
    is_difference: bool = False
    unit: str = "s"


LIMITS = (
    Limit("sentry-members: add a member", "httpx2: add a member", 0.97),
    Limit("sentry-members: add to a team", "httpx2: add to a team", 0.92),
    Limit("sentry-members: add a member", "httpx: add a member", 0.92),
    Limit("sentry-members: add to a team", "httpx: add to a team", 0.85),
    Limit("sentry-members: add a member", "generated: add a member", 0.92),
    Limit("sentry-members: add to a team", "generated: add to a team", 0.92),
    Limit("sentry-members: async, 24 in flight", "httpx2: async, 24 in flight", 0.68),
    Limit("sentry-members: async, 24 in flight", "httpx: async, 24 in flight", 0.40),
    Limit("10,000 async calls in one task group", "100 async calls", 1.15),
    Limit("`import sentry_members` and both operations", "`import httpx`", 1.3),
    Limit("first call of a process", "httpx: first call of a process", 1.3),
    Limit("`sentry-members --version`", "`import httpx`", 1.3),
    Limit("`sentry-members --help`", "`import httpx`", 2.2),
    Limit("`sentry-members invite`, until its request leaves", "`import httpx`", 2.5),
    Limit("an unrelated pytest run", "without the wheel", 0.030, is_difference=True),
    Limit("onboarding at a limit of 40/s", "the permitted rate", 0.97, unit="/s"),
    Limit("requests rejected meanwhile", "", 0, unit=""),
    Limit("`make generate`", "", 1.5),
    Limit("`make check`", "", 1.5),
    Limit(
        "memory kept after 100,000 calls", "after 1,000 calls", 1, is_difference=True, unit="MiB"
    ),
    Limit("peak of onboarding 100,000 people", "1,000 people", 32, is_difference=True, unit="MiB"),
)


def table(samples: Samples) -> str:
    """Return a Markdown table with a row for each limit, and a summary."""
    head = ["work", "against", "ours", "theirs", "figure", "quartiles", "limit", "verdict"]
    rows = [_cells(limit, samples) for limit in LIMITS]
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    lines = [
        f"| {' | '.join(map(str.ljust, row, widths))} |"
        for row in (head, ["-" * width for width in widths], *rows)
    ]
    verdicts = [row[-1] for row in rows]
    counts = [f"{verdicts.count(verdict)} {verdict}" for verdict in ("held", "**over**", "noisy")]
    return "\n".join([*lines, "", f"{len(rows)} figures: {', '.join(counts)}."])


def _cells(limit: Limit, samples: Samples) -> list[str]:
    ours, theirs = samples[limit.work], samples.get(limit.against)
    rounds, value, unit = ours, median(ours), limit.unit
    if theirs and limit.is_difference:
        rounds = [our - their for our, their in zip(ours, theirs, strict=True)]
        value -= median(theirs)
    elif theirs:
        rounds = [our / their for our, their in zip(ours, theirs, strict=True)]
        value, unit = value / median(theirs), ""
    low, _, high = quantiles(rounds, method="inclusive") if len(rounds) > 1 else [value] * 3
    is_lowest = limit.unit == "/s"
    is_held = value >= limit.bound if is_lowest else value <= limit.bound
    verdict = "held" if is_held else "**over**"
    # A difference may be close to zero, so that its limit is the measure of its spread.
    if high - low > (limit.bound if limit.is_difference else NOISY * value):
        verdict = "noisy"
    return [
        limit.work,
        limit.against,
        _format(median(ours), limit.unit),
        _format(median(theirs), limit.unit) if theirs else "",
        _format(value, unit),
        f"{_format(low, unit)} to {_format(high, unit)}" if len(rounds) > 1 else "",
        f"{'at least' if is_lowest else 'at most'} {_format(limit.bound, unit)}",
        verdict,
    ]


def _format(value: float, unit: str) -> str:
    if unit == "s" and abs(value) < 1:
        return f"{value * 1e6:,.0f} µs" if abs(value) < 0.01 else f"{value * 1e3:.0f} ms"
    return f"{value:.2f} {unit}".strip()
