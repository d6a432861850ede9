"""Do the arms get the shares that they were given? (sample-ratio mismatch)"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from assay.errors import InputError

CONCENTRATION = 100.0
"""How many units' worth of belief in the given shares: a mismatch found early is a gross one."""


@dataclass(slots=True)
class SampleRatio:
    """Evidence that units do not fall into the arms by the shares given.

    Add every unit (user) once, with the shares under which it was assigned; these may differ from
    unit to unit, as stages do. Requests are not units: one user's requests all fall into one arm.

    Method: the multinomial e-process of Lindon and Malek (2022, arXiv 2011.03567), its Dirichlet
    prior centred on the shares. Each unit multiplies the evidence by what the units before made
    its arm's probability, over its share. For shares that change, arm i's probability is its
    share times (κᵢ + units so far) / (κᵢ + units expected so far), made to sum to 1, κᵢ =
    ``concentration`` · share; for constant shares that is the Dirichlet's own prediction.
    """

    concentration: float = CONCENTRATION
    log_e: float = 0.0
    peak: float = 0.0
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)

    def add(self, arm: str, shares: Mapping[str, float]) -> None:
        """Take one unit. Raises InputError for an arm without a share, or shares that do not sum to 1."""
        if any(share < 0 for share in shares.values()) or not math.isclose(math.fsum(shares.values()), 1, abs_tol=1e-9):
            raise InputError(f"the shares {dict(shares)} do not sum to 1")
        if not shares.get(arm, 0.0) > 0:
            raise InputError(f"a unit is in the arm {arm!r}, which has no share; the assignment and the log disagree")
        weights = {name: share * self._excess(name, share) for name, share in shares.items() if share > 0}
        self.log_e += math.log(weights[arm] / math.fsum(weights.values()) / shares[arm])
        self.peak = max(self.peak, self.log_e)
        self.counts[arm] = self.counts.get(arm, 0) + 1
        for name, share in shares.items():
            self.expected[name] = self.expected.get(name, 0.0) + share

    def _excess(self, arm: str, share: float) -> float:
        """How many times as many units as expected the arm has had, drawn towards 1."""
        belief = self.concentration * share
        return (belief + self.counts.get(arm, 0)) / (belief + self.expected.get(arm, 0.0))
