"""Running a plugin's code: whatever it raises becomes its state, and global settings are put back."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..errors import BackendUnavailable
from .states import Record, State, error_text

__all__ = ["contained", "settings_kept"]

log = logging.getLogger("dfdx.plugins")


@contextlib.contextmanager
def settings_kept() -> Iterator[None]:
    """NumPy's error state, the warning filters, the working folder and the streams are afterwards as before.

    What is printed meanwhile goes to stderr, so that a command's own output can still be parsed.
    """
    numpy_state, folder, streams = np.geterr(), _folder(), (sys.stdout, sys.stderr)
    with warnings.catch_warnings():
        sys.stdout = sys.stderr
        try:
            yield
        finally:
            sys.stdout, sys.stderr = streams
            np.seterr(**numpy_state)
            if folder != _folder():
                with contextlib.suppress(OSError):
                    os.chdir(folder)


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return ""


def contained(r: Record, stage: str, run: Callable[[], Any]) -> Any:
    """The result of plugin code, or None with the reason in the record; `DFDX_PLUGINS_STRICT=1` raises instead."""
    try:
        with settings_kept():
            return run()
    except KeyboardInterrupt:
        raise
    except BackendUnavailable as e:
        r.set(State.UNAVAILABLE, str(getattr(e, "reason", "") or error_text(e)), str(getattr(e, "hint", "")), e)
    except BaseException as e:
        if os.environ.get("DFDX_PLUGINS_STRICT") == "1":
            raise
        r.set(State.FAILED, f"{stage}: {error_text(e)}", f"python -m dfdx doctor {r.name} shows the traceback", e)
        log.warning("plugin %r of %s failed in %s: %s", r.name, r.package, stage, error_text(e))
    return None
