"""Draw the time of a call by the number of concurrent calls, as an SVG for light and dark."""

from math import log
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 550, 60, 360
TICKS = [scale * digit for scale in (0.01, 0.1, 1, 10, 100) for digit in (1, 2, 5)]
LABELS_APART = 20

STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.card { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0 }
.line { fill: none; stroke-width: 2.5; stroke-linejoin: round }
.c0 { --colour: #bc4c00 } .c1 { --colour: #0969da }
.line { stroke: var(--colour) } circle, .label { fill: var(--colour) }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .card { fill: #0d1117; stroke: #3d444d }
  .grid { stroke: #3d444d }
  .c0 { --colour: #f0883e } .c1 { --colour: #58a6ff }
}
"""

Curve = dict[int, float]
"""The seconds that a call takes, by the number of concurrent calls."""


def draw(curves: dict[str, Curve]) -> str:
    """Return an SVG of up to two curves over the same numbers, each named at its end."""
    levels = sorted({level for curve in curves.values() for level in curve})
    milliseconds = [seconds * 1e3 for curve in curves.values() for seconds in curve.values()]
    low = max(tick for tick in TICKS if tick <= min(milliseconds))
    high = min(tick for tick in TICKS if tick >= max(milliseconds))

    def x(level: int) -> float:
        return LEFT + (RIGHT - LEFT) * log(level / levels[0]) / log(levels[-1] / levels[0])

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * log(value / low) / log(high / low)

    parts = [
        f'<rect class="card" x="0.5" y="0.5" width="{WIDTH - 1}" height="{HEIGHT - 1}" rx="6"/>',
        f'<text class="title" x="{LEFT}" y="32">Time of a call, in milliseconds</text>',
        _text(
            (LEFT + RIGHT) / 2,
            HEIGHT - 16,
            "concurrent calls (both axes are logarithmic)",
            "middle",
        ),
    ]
    for tick in (tick for tick in TICKS if low <= tick <= high):
        parts.append(f'<path class="grid" d="M{LEFT} {y(tick):.1f}H{RIGHT}"/>')
        parts.append(_text(LEFT - 10, y(tick) + 5, f"{tick:g}", "end"))
    for level in levels:
        parts.append(_text(x(level), BOTTOM + 24, str(level), "middle"))
    ends = _apart({name: y(curve[levels[-1]] * 1e3) for name, curve in curves.items()})
    for number, (name, curve) in enumerate(curves.items()):
        points = [(x(level), y(seconds * 1e3)) for level, seconds in sorted(curve.items())]
        line = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        dots = "".join(f'<circle cx="{a:.1f}" cy="{d:.1f}" r="4"/>' for a, d in points)
        label = _text(RIGHT + 14, ends[name] + 5, name, "start", "label")
        parts.append(
            f'<g class="c{number}"><polyline class="line" points="{line}"/>{dots}{label}</g>'
        )
    body = "\n".join(parts)
    title = "; ".join(
        f"{name}: {curve[levels[0]] * 1e3:.2g} ms one by one, {curve[levels[-1]] * 1e3:.2g} ms "
        f"with {levels[-1]} concurrent"
        for name, curve in curves.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">\n'
        f"<title>{escape(title)}</title>\n<style>{STYLE}</style>\n{body}\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str, class_: str = "") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text class="{class_}" {place}>{escape(text)}</text>'


def _apart(places: dict[str, float]) -> dict[str, float]:
    """Return the places, from the top, moved down where a label would cover the one above it."""
    moved: dict[str, float] = {}
    last = -LABELS_APART * 1.0
    for name, place in sorted(places.items(), key=lambda item: item[1]):
        moved[name] = last = max(place, last + LABELS_APART)
    return moved
