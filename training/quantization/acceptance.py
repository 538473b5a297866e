"""Acceptance: may a quantized network ship? It is refused where it is surely worse than allowed.

"Surely" means beyond 1.64 standard errors of the held-out pictures (one-sided 95 %), so that one picture in a
hundred decides nothing. Where the pictures are too few to tell, a notice says so instead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from training.quantization.comparison import Drop

# Standard errors of a one-sided 95 % bound.
ONE_SIDED_95 = 1.64


@dataclass(frozen=True, slots=True)
class AcceptanceLimits:
    """max_drop: the loss of accuracy allowed; min_agreement: the least share of equal labels; 0 to 1."""

    max_drop: float = 0.01
    min_agreement: float = 0.97


USUAL_LIMITS = AcceptanceLimits()


def refusal(drop: Drop, limits: AcceptanceLimits) -> str | None:
    """Why the network must not ship, None where it may."""
    if drop.size - ONE_SIDED_95 * drop.error > limits.max_drop:
        return (
            f"its accuracy is {drop.after:.3f}, the float network's {drop.before:.3f}, on {drop.count} "
            f"held-out photographs; {limits.max_drop:.3f} less is allowed"
        )
    if drop.agreement + ONE_SIDED_95 * _error(drop) < limits.min_agreement:
        return (
            f"it agrees with the float network on {drop.agreement:.3f} of {drop.count} held-out photographs; "
            f"{limits.min_agreement:.3f} is needed"
        )
    return None


def doubt(drop: Drop, limits: AcceptanceLimits) -> str | None:
    """What to say where the figures are over a limit, but too few photographs to tell that from chance."""
    over = [f"lost {drop.size:.3f}"] if drop.size > limits.max_drop else []
    over += [f"agrees on {drop.agreement:.3f}"] if drop.agreement < limits.min_agreement else []
    if not over:
        return None
    return (
        f"the quantized network {' and '.join(over)} of {drop.count} held-out photographs: over the limit, "
        "but they are too few to tell that from chance; add some to the test part"
    )


def _error(drop: Drop) -> float:
    """The standard error of the agreement."""
    return float(np.sqrt(drop.agreement * (1 - drop.agreement) / max(1, drop.count)))
