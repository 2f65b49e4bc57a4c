"""Line charts over the course of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from spikeloom.plot.page.svg import Frame, canvas, tag, ticks


@dataclass(frozen=True)
class Series:
    """One line.

    Args:
        name: For the legend.
        points: (when, value) pairs, such as the epoch and its loss.
        style: CSS class that colours it.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: str


def curves(
    series: Sequence[Series],
    *,
    title: str,
    label: Callable[[float], str],
    promised: float | None = None,
    ceiling: float | None = None,
    axis: str = "epoch",
) -> Markup:
    """Draw lines over epochs or steps, with axes, a legend, and the exact value under the pointer.

    Args:
        series: The lines; those without points are left out.
        title: Name of the picture.
        label: Writes a value.
        promised: Drawn as a dashed line.
        ceiling: No value lies above, such as 100 for percent.
        axis: What is counted from left to right.

    Returns:
        An SVG element, empty markup if there is nothing to draw.
    """
    shown = [line for line in series if line.points]
    if not shown:
        return Markup("")
    values = [y for line in shown for _, y in line.points]
    values += [] if promised is None else [promised]
    last = max(x for line in shown for x, _ in line.points)
    frame = Frame((1, max(last, 2)), _range(values, ceiling))
    parts = [frame.axes(_epochs(last), label, axis)]
    if promised is not None:
        y = frame.y(promised)
        parts.append(
            tag("line", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y, class_="promise")
        )
    parts += [_line(frame, line, label, axis) for line in shown]
    parts.append(_legend(frame, shown, promised is not None))
    return canvas(frame.width, frame.height, *parts, label=title)


def _line(frame: Frame, line: Series, label: Callable[[float], str], axis: str) -> Markup:
    at = [(frame.x(x), frame.y(y)) for x, y in line.points]
    path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in at)
    dots = [
        tag(
            "g",
            tag("title", f"{axis} {when:g}: {line.name} {label(value)}"),
            tag("circle", cx=x, cy=y, r=9, class_="hit"),
            tag("circle", cx=x, cy=y, r=2.2 if len(at) <= 40 else 1.2),
        )
        for (x, y), (when, value) in zip(at, line.points, strict=True)
    ]
    return tag("g", tag("path", d=path, class_="line"), *dots, class_=line.style)


def _legend(frame: Frame, shown: Sequence[Series], promised: bool) -> Markup:
    entries = [(line.name, line.style, "line") for line in shown]
    entries += [("promised", "", "promise")] if promised else []
    # The right end of a learning curve is flat: falling ones leave the top free, rising ones the
    # bottom.
    first, last = shown[0].points[0][1], shown[0].points[-1][1]
    y = frame.top + 10 if last <= first else frame.height - frame.bottom - 12
    x = frame.width - frame.right - sum(36 + 6.5 * len(name) for name, _, _ in entries) + 8
    parts = []
    for name, style, stroke in entries:
        parts.append(tag("g", tag("path", d=f"M{x:.0f} {y:.0f}h16", class_=stroke), class_=style))
        parts.append(tag("text", name, x=x + 21, y=y + 3.5, class_="tick"))
        x += 36 + 6.5 * len(name)
    return Markup("").join(parts)


def _range(values: Sequence[float], ceiling: float | None) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    bottom = 0.0 if low >= 0 and low - 4 * margin < 0 else low - margin
    top = high + margin
    return bottom, top if ceiling is None else min(top, ceiling + 0.02 * (ceiling - bottom))


def _epochs(last: float) -> list[float]:
    whole = [value for value in ticks(0, max(last, 2), 6) if value == int(value) and value >= 1]
    return whole if len(whole) > 1 or last == 1 else [1, last]
