"""Entries that op plugins bring: `registry.op(spec, function, infos="module:attribute")` names an `OpInfo` or a list of them."""

from __future__ import annotations

import importlib
import logging

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


host().load_ops()
for _spec in list(OPS.values()):
    if _spec.infos:
        try:
            _add(_spec)
        except Exception as e:
            REASONS[_spec.name] = error_text(e)
            log.warning("the samples of op %r of %s cannot be had: %s", _spec.name, _spec.package, error_text(e))
