"""Draw latency and throughput by the number of calls in flight, as an SVG for light and dark."""

from math import log
from statistics import median

from tests.benchmarks.figures import Samples
from tests.benchmarks.measures import IN_FLIGHT

SIZE, TOP, BOTTOM, WIDTH = (860, 400), 80, 330, 310
TICKS = [scale * digit for scale in (0.1, 1, 10, 100, 1000, 10_000) for digit in (1, 2, 5)]
CLIENTS = ("httpx", "httpx2", "sentry-members")
STYLE = """
text { font: 14px system-ui, sans-serif; fill: #1f2328 }
.title { font-weight: 600 }
.card { fill: #ffffff; stroke: #d1d9e0 }
.grid { stroke: #d1d9e0 }
.c0 { --colour: #bc4c00 } .c1 { --colour: #8250df } .c2 { --colour: #0969da }
polyline { fill: none; stroke-width: 2.5; stroke: var(--colour) }
circle { fill: var(--colour) }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .card { fill: #0d1117; stroke: #3d444d }
  .grid { stroke: #3d444d }
  .c0 { --colour: #f0883e } .c1 { --colour: #ab7df8 } .c2 { --colour: #58a6ff }
}
"""


def draw(samples: Samples) -> str:
    """Return the SVG: latency on the left, throughput on the right."""
    seconds = {
        client: [median(samples[f"{client}: async, {n} in flight"]) for n in IN_FLIGHT]
        for client in CLIENTS
    }
    latency = {
        client: [n * each * 1e3 for n, each in zip(IN_FLIGHT, values, strict=True)]
        for client, values in seconds.items()
    }
    throughput = {client: [1 / each for each in values] for client, values in seconds.items()}
    parts = [
        *_panel(70, "Latency of a call, in milliseconds", latency),
        *_panel(500, "Calls a second", throughput),
        _text(SIZE[0] / 2, SIZE[1] - 14, "calls in flight (all axes are logarithmic)", "middle"),
    ]
    for number, label in enumerate(CLIENTS):
        x = 70 + 110 * number
        parts.append(f'<circle class="c{number}" cx="{x}" cy="25" r="5"/>')
        parts.append(_text(x + 12, 30, label, "start"))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {SIZE[0]} {SIZE[1]}" role="img">\n'
        f"<title>Latency and throughput of {', '.join(CLIENTS)}</title>\n<style>{STYLE}</style>\n"
        f'<rect class="card" x="0.5" y="0.5" width="{SIZE[0] - 1}" height="{SIZE[1] - 1}" rx="6"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _panel(left: int, title: str, curves: dict[str, list[float]]) -> list[str]:
    numbers = [value for curve in curves.values() for value in curve]
    low = max(tick for tick in TICKS if tick <= min(numbers))
    high = min(tick for tick in TICKS if tick >= max(numbers))

    def y(value: float) -> float:
        return BOTTOM - (BOTTOM - TOP) * log(value / low) / log(high / low)

    across = [left + WIDTH * log(n) / log(IN_FLIGHT[-1]) for n in IN_FLIGHT]
    parts = [_text(left, TOP - 18, title, "start", "title")]
    for tick in (tick for tick in TICKS if low <= tick <= high):
        parts.append(f'<path class="grid" d="M{left} {y(tick):.1f}h{WIDTH}"/>')
        parts.append(_text(left - 10, y(tick) + 5, f"{tick:g}", "end"))
    parts += [
        _text(x, BOTTOM + 24, str(n), "middle") for x, n in zip(across, IN_FLIGHT, strict=True)
    ]
    for number, curve in enumerate(curves.values()):
        points = [f"{x:.1f},{y(value):.1f}" for x, value in zip(across, curve, strict=True)]
        parts.append(f'<polyline class="c{number}" points="{" ".join(points)}"/>')
    return parts


def _text(x: float, y: float, text: str, anchor: str, name: str = "") -> str:
    return f'<text class="{name}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{text}</text>'
