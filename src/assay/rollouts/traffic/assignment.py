"""Who gets which arm: a hash, so that every process and every restart says the same, with no table of users.

Each arm draws an exponential waiting time at the rate of its share, from a hash of salt, unit and
arm; the shortest wins (weighted rendezvous hashing: Thaler and Ravishankar 1998; the exponential
race makes it exact in proportion). When shares change, units move only towards arms that grew: a
user of the candidate at 1 % is one at 5 % too.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

_SCALE = float(1 << 53)


def unit_of(salt: str, identity: str) -> str:
    """The unit that a user, session or request is in the records: a hash that means nothing elsewhere."""
    return hashlib.blake2b(f"{salt}\0{identity}".encode("utf-8", "surrogatepass"), digest_size=12).hexdigest()


def assign(salt: str, unit: str, shares: Mapping[str, float]) -> str:
    """The arm of a unit. ``shares`` by arm are not negative; one of them at least is above 0.

    Raises ValueError without an arm above 0.
    """
    times = {arm: -math.log(_uniform(salt, unit, arm)) / share for arm, share in shares.items() if share > 0}
    if not times:
        raise ValueError("no arm has a share above 0")
    return min(times, key=lambda arm: (times[arm], arm))


def _uniform(salt: str, unit: str, arm: str) -> float:
    """In (0, 1], from 53 bits."""
    found = hashlib.blake2b(f"{salt}\0{unit}\0{arm}".encode(), digest_size=8).digest()
    return ((int.from_bytes(found, "big") >> 11) + 1) / _SCALE
