"""Entries that op plugins bring: `registry.op(spec, function, infos="module:attribute")` names an `OpInfo` or a list of them."""

from __future__ import annotations

import importlib
import logging
from collections.abc import Iterable

from ...core.plugins.host import host
from ...core.plugins.states import error_text
from ...core.registry import OPS, OpSpec
from ..info import OpInfo, add

log = logging.getLogger("dfdx.plugins")
REASONS: dict[str, str] = {}  # why the kit has no entry for an op that names one


def _add(spec: OpSpec) -> None:
    module, _, attribute = spec.infos.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    for info in [found] if isinstance(found, OpInfo) else found:
        add(info)


def fill(specs: Iterable[OpSpec]) -> None:
    """Add the entries of these ops; what cannot be had is remembered, and the kit says so."""
    for spec in specs:
        if spec.infos:
            try:
                _add(spec)
            except Exception as e:
                REASONS[spec.name] = error_text(e)
                log.warning("the samples of op %r of %s cannot be had: %s", spec.name, spec.package, error_text(e))


host().load_ops()
fill(list(OPS.values()))
