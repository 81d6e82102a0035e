"""Steps: the share of the traffic that a version gets, as a small drawing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ml.report.axes import Dates, seconds
from ml.report.markup import tag

if TYPE_CHECKING:
    from collections.abc import Sequence
    from xml.etree.ElementTree import Element

LAST = 0.1
"""The last share is drawn over this part of the time before it: how long it holds is another drawing's matter."""


def steps(shares: Sequence[tuple[str, float]], ended: str | None) -> Element:
    """Draw shares of 0 to 1 over time, each from its moment on.

    Args:
        shares: Moments in ISO and shares, ascending.
        ended: When the rollout was over; None where it is not.
    """
    if not shares:
        return tag("svg", class_="steps", role="img", aria_label="no share")
    first, last = shares[0][0], max(shares[-1][0], ended or shares[-1][0], key=seconds)
    axis = Dates(first, last)
    room = 100 * (1 - LAST)
    path, height = f"M0 100V{_y(shares[0][1]):g}", shares[0][1]
    for at, share in shares[1:]:
        path += f"H{axis.place(at) / 100 * room:.2f}V{_y(share):.4g}"
        height = share
    path += f"V{_y(height):.4g}H100V100z"
    told = tag("title", f"up to {max(share for _, share in shares):.0%} of the traffic")
    box = {"viewBox": "0 0 100 100", "preserveAspectRatio": "none", "role": "img"}
    return tag("svg", told, tag("path", d=path), class_="steps", **box)


def _y(share: float) -> float:
    return 100 * (1 - share)
