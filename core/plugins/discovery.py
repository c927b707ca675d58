"""Which plugins there are, from the metadata of installed distributions alone: nothing is imported."""

from __future__ import annotations

import difflib
import logging
import os
import re
from importlib import metadata

from .hookspecs import API, GROUP, OPS_GROUP
from .states import Record, State

__all__ = ["discover"]

log = logging.getLogger("dfdx.plugins")
BUILT_IN = "dfdx"
BACKENDS, OPS = "dfdx.backends.v", "dfdx.ops.v"


def _scan() -> list[Record]:
    """A record per entry point of ours: by name, this API's major first, the built-in one first, then by distribution."""
    found: dict[tuple[str, str, str, str], Record] = {}
    for dist in metadata.distributions():
        try:
            entries, name, version = dist.entry_points, dist.metadata["Name"], dist.version
            if not name or not version:
                raise ValueError("no name or no version")
        except Exception as e:  # half-removed distributions are common
            log.warning("a distribution at %s cannot be read: %s", getattr(dist, "_path", "?"), e)
            continue
        for entry in entries:
            if entry.group.startswith((BACKENDS, OPS)):
                found.setdefault((entry.name, name, entry.value, entry.group), Record(entry.name, name, version, entry))
    return sorted(
        found.values(),
        key=lambda r: (r.name, r.entry.group not in (GROUP, OPS_GROUP), r.dist != BUILT_IN, r.dist, r.entry.value),
    )


def discover() -> tuple[dict[str, Record], list[Record], list[Record]]:
    """(the backend of each device name, those that lost theirs, op plugins), with what the environment blocks and prefers."""
    records = _scan()
    for r in records:
        _refuse(r)
    winners, losers = _choose([r for r in records if r.entry.group.startswith(BACKENDS)])
    ops = [r for r in records if r.entry.group.startswith(OPS)]
    _block([*winners.values(), *ops])
    return winners, losers, ops


def _choose(records: list[Record]) -> tuple[dict[str, Record], list[Record]]:
    winners: dict[str, Record] = {}
    losers: list[Record] = []
    prefer = _preferred()
    for r in records:
        other = winners.get(r.name)
        if other is None:
            winners[r.name] = r
        elif other.dist == r.dist and r.entry.group != GROUP:
            continue  # one distribution may serve two majors
        elif r.state is State.FOUND and prefer.get(r.name) == r.dist != other.dist:
            winners[r.name] = r
            losers.append(other)
        else:
            losers.append(r)
    for loser in losers:
        _shadow(loser, winners[loser.name])
    _warn_unknown("DFDX_PREFER", list(prefer), list(winners))
    return winners, losers


def _block(records: list[Record]) -> None:
    allowed, blocked = _listed("DFDX_PLUGINS"), _listed("DFDX_BLOCK") or []
    for r in records:
        if r.name in blocked:
            r.set(State.BLOCKED, "named in DFDX_BLOCK", f"take {r.name} out of DFDX_BLOCK")
        elif allowed is not None and r.name not in allowed:
            r.set(State.BLOCKED, "not named in DFDX_PLUGINS", f"add {r.name} to DFDX_PLUGINS")
    known = [r.name for r in records]
    _warn_unknown("DFDX_PLUGINS", allowed or [], known)
    _warn_unknown("DFDX_BLOCK", blocked, known)


def _listed(variable: str) -> list[str] | None:
    """The names in an environment variable, each once; None if it is not set."""
    value = os.environ.get(variable)
    return None if value is None else list(dict.fromkeys(n.strip() for n in value.split(",") if n.strip()))


def _preferred() -> dict[str, str]:
    pairs = {}
    for text in _listed("DFDX_PREFER") or []:
        name, colon, dist = text.partition(":")
        if colon and name and dist:
            pairs[name] = dist
        else:
            log.warning("DFDX_PREFER=%s is ignored: it reads device:distribution, e.g. opencl:acme-opencl", text)
    return pairs


def _refuse(r: Record) -> None:
    """What needs no import to be known."""
    ours = GROUP if r.entry.group.startswith(BACKENDS) else OPS_GROUP
    if r.entry.group != ours:
        major = r.entry.group.rpartition(".v")[2]
        newer = major.isdecimal() and int(major) > API[0]
        way = "update dfdx" if newer else f"install a {r.dist} made for {ours}"
        r.set(State.INCOMPATIBLE, f"built for {r.entry.group}, this dfdx speaks {ours}", way)
    elif not re.fullmatch(r"[A-Za-z0-9_.-]+", r.name):
        r.set(
            State.FAILED,
            f"the device name {r.name!r} cannot be asked for",
            "a device name has letters, digits, '_', '-' and '.' only",
        )


def _shadow(loser: Record, winner: Record) -> None:
    if loser.state is not State.FOUND:
        return
    if loser.dist == winner.dist:
        way = f"{loser.dist} has two entry points of this name; {winner.entry.value} is used"
    else:
        way = f"DFDX_PREFER={loser.name}:{loser.dist} chooses this one"
    loser.set(State.SHADOWED, f"{loser.name!r} is already provided by {winner.package}", way)
    log.warning("device %r of %s is not used: it is already provided by %s", loser.name, loser.package, winner.package)


def _warn_unknown(variable: str, names: list[str], known: list[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            guess = f"; did you mean {near[0]!r}?" if near else ""
            log.warning("%s names %r, which is not installed%s", variable, name, guess)
