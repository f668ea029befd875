"""The figures: what was measured against what, the spread of the rounds, and the limit."""

from dataclasses import dataclass
from statistics import median, quantiles
from typing import Self


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        work: What is measured.
        against: What it is compared with; empty if nothing.
        ours: Our median of the rounds, in seconds or MiB.
        theirs: The median of the other.
        value: What the limit applies to: for two times the median of the rounds' ratios, for
            memory the difference, for a time by itself our median.
        quartiles: The first and the third of the rounds' values; None if there was one round.
        limit: The highest allowed value.
        unit: The unit of the value and the limit; "" for a ratio.
    """

    work: str
    against: str
    ours: float
    theirs: float | None
    value: float
    quartiles: tuple[float, float] | None
    limit: float
    unit: str

    @classmethod
    def ratio(
        cls, work: str, against: str, limit: float, ours: list[float], theirs: list[float]
    ) -> Self:
        """Return the ratio of two times, given one of each for every round, in seconds."""
        ratios = [our / their for our, their in zip(ours, theirs, strict=True)]
        value, spread = median(ratios), _quartiles(ratios)
        return cls(work, against, median(ours), median(theirs), value, spread, limit, "")

    @classmethod
    def more(cls, work: str, against: str, limit: float, ours: float, theirs: float) -> Self:
        """Return the difference of two amounts of memory in MiB."""
        return cls(work, against, ours, theirs, ours - theirs, None, limit, "MiB")

    @classmethod
    def seconds(cls, work: str, limit: float, ours: list[float]) -> Self:
        """Return a time by itself, given one for every round, in seconds."""
        value = median(ours)
        return cls(work, "", value, None, value, _quartiles(ours), limit, "s")

    @property
    def is_within(self) -> bool:
        return self.value <= self.limit

    def cells(self) -> list[str]:
        """Return the cells of the figure's row."""
        value = f"{self.value:.3f}" if self.unit == "" else _format(self.value, self.unit)
        unit = self.unit or "s"
        return [
            self.work,
            self.against,
            _format(self.ours, unit),
            "" if self.theirs is None else _format(self.theirs, unit),
            value if self.is_within else f"**{value}**, over",
            " to ".join(f"{quartile:.3f}" for quartile in self.quartiles or ()),
            f"{self.limit:.2f}" if self.unit == "" else f"{self.limit:g} {self.unit}",
        ]


def table(figures: list[Figure]) -> str:
    """Return a Markdown table of figures, and how many of them are within their limits."""
    head = ["work", "against", "ours", "theirs", "measured", "quartiles", "at most"]
    rows = [head, *(figure.cells() for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows.insert(1, ["-" * width for width in widths])
    lines = [
        f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
        for row in rows
    ]
    within = sum(figure.is_within for figure in figures)
    return "\n".join([*lines, "", f"{within} of {len(figures)} figures are within their limits."])


def _quartiles(values: list[float]) -> tuple[float, float] | None:
    if len(values) < 2:
        return None
    first, _, third = quantiles(values, n=4, method="inclusive")
    return first, third


def _format(value: float, unit: str) -> str:
    if unit == "s" and value < 1:
        return f"{value * 1e6:,.0f} µs" if value < 0.01 else f"{value * 1e3:.0f} ms"
    return f"{value:.2f} {unit}"
