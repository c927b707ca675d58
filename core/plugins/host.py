"""The host: brings backends up when their device is first asked for, opens devices, and remembers what went wrong."""

from __future__ import annotations

import atexit
import difflib
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pluggy

from ..errors import BackendUnavailable, DeviceError, PluginError
from . import hookspecs
from .contain import contained, settings_kept
from .discovery import discover
from .hookspecs import API
from .info import BackendInfo, Capabilities, Check, DeviceInfo
from .kernels import KernelTable
from .ops import OpPlugins, watch_names
from .states import Record, State, error_text

__all__ = ["Host", "Opened", "Record", "State", "host"]


@dataclass(eq=False)
class Opened:
    """An opened device."""

    record: Record
    runtime: Any
    kernels: KernelTable
    capabilities: Capabilities
    info: DeviceInfo
    call: Callable[..., Any]


class Host:
    """Plugins by device name."""

    def __init__(self) -> None:
        self.manager = pluggy.PluginManager("dfdx")
        self.manager.add_hookspecs(hookspecs)
        self.records: dict[str, Record] = {}
        self.losers: list[Record] = []
        self.op_records: list[Record] = []
        self.ops = OpPlugins(self)
        self._opened: dict[tuple[str, str], Opened] = {}
        self._locks: dict[str, Any] = {}
        self._loading: dict[str, int] = {}  # and by which thread
        self.refresh()
        atexit.register(self.close)

    def refresh(self) -> None:
        """Look at the installed distributions again; plugins that are in use stay, also when they were removed meanwhile."""
        used = {n: r for n, r in self.records.items() if r.state.usable}
        winners, self.losers, self.op_records = discover()
        watch_names(bool(self.op_records))
        for name, r in used.items():
            found = winners.get(name)
            gone = found is None or found.origin != r.origin
            r.reason = f"{r.package} was removed while in use" if gone else "" if r.state is State.READY else r.reason
            r.hint = "it works until this process ends" if gone else "" if r.state is State.READY else r.hint
        self.records = winners | used

    def rows(self, probe: bool = True) -> list[Record]:
        """A record per entry point; `probe` loads each, contained, so that the state is the real one."""
        if probe:
            for r in list(self.records.values()):
                self.bring_up(r)
        return sorted([*self.records.values(), *self.losers], key=lambda r: (r.name, r.state is State.SHADOWED))

    def opened(self) -> list[Opened]:
        """The devices in use, in the order of opening."""
        return list(self._opened.values())

    # ----- from found to ready

    def bring_up(self, r: Record) -> None:
        """found -> incompatible, failed, unavailable, partial or ready; what is not found any more is left as it is."""
        if r.state is not State.FOUND or self._loading.get(r.name) == threading.get_ident():
            return  # in the second case the plugin asks for itself while it is brought up
        with self._lock(r.name):
            if r.state is not State.FOUND:  # another thread was faster
                return
            self._loading[r.name] = threading.get_ident()
            try:
                for stage in (self._import, self._register, self._info, self._probe, self._open_first):
                    stage(r)
                    if r.state is not State.FOUND:
                        break
            finally:
                del self._loading[r.name]
            if not r.state.usable and self.manager.has_plugin(r.name):
                self.manager.unregister(name=r.name)

    def _lock(self, name: str) -> Any:
        return self._locks.setdefault(name, threading.RLock())

    def _import(self, r: Record) -> None:
        r.plugin = contained(r, "import", r.entry.load)

    def _register(self, r: Record) -> None:
        contained(r, "hooks", lambda: self._register_hooks(r))

    def _register_hooks(self, r: Record) -> None:
        try:
            self.manager.register(r.plugin, r.name)
            self.manager.check_pending()
        except pluggy.PluginValidationError as e:
            function = getattr(r.plugin, "backend_info", None)  # a newer API has hooks of which this host knows nothing
            if callable(function) and _refused(r, function()):
                return
            near = _near_hook(r.plugin, str(e))
            if not near:
                raise
            raise PluginError(f"{e}; did you mean {near!r}?") from None
        if not self.manager.get_hookcallers(r.plugin):
            raise PluginError("the module has no hook implementations; mark them with dfdx.hookimpl")

    def _info(self, r: Record) -> None:
        info = contained(r, "backend_info", lambda: self._call(r, "backend_info"))
        if r.state is State.FOUND and not _refused(r, info) and not isinstance(info, BackendInfo):
            text = f"backend_info: must return a BackendInfo with the API it was written for, not {type(info).__name__}"
            r.set(State.FAILED, text, "see docs/write-a-backend.md")

    def _probe(self, r: Record) -> None:
        r.devices = contained(r, "backend_probe", lambda: _device_infos(self._call(r, "backend_probe"))) or []

    def _open_first(self, r: Record) -> None:
        opened = contained(r, "register_kernels", lambda: self._open(r, 0, {}))
        if r.state is not State.FOUND:
            return
        missing = opened.kernels.missing()
        if missing:
            text = f"missing {', '.join(missing)} ({len(missing)} primitives)"
            r.set(State.PARTIAL, text, "ops that need them raise MissingKernelError")
        else:
            r.set(State.READY)
        self._opened[(r.name, "0")] = opened

    def _call(self, r: Record, hook: str, **arguments: Any) -> Any:
        others = [p for p in self.manager.get_plugins() if p is not r.plugin]
        return self.manager.subset_hook_caller(hook, others)(**arguments)

    # ----- opening

    def open(self, name: str) -> Opened:
        """The opened device of that name, e.g. "cpu", "cuda:1", "opencl:pocl"; raises `DeviceError` with the stored reason."""
        base, _, suffix = name.partition(":")
        r = self.records.get(base)
        if r is None:
            raise DeviceError(self.unknown(base))
        self.bring_up(r)
        if r.state.usable:
            return self._opened.get((base, suffix or "0")) or self._open_another(r, suffix)
        if r.state is State.FOUND:
            raise DeviceError(f"device {base!r} is being loaded: its plugin, {r.package}, asks for it meanwhile")
        if r.state is State.UNAVAILABLE:
            raise BackendUnavailable(f"device {base!r} is unavailable: {r.reason}", r.hint)
        hint = f"\n  hint: {r.hint}" if r.hint else ""
        raise DeviceError(f"device {base!r} cannot be used: {r.state} ({r.reason}) [from {r.package}]{hint}")

    def unknown(self, name: str) -> str:
        """What to say of a name that no plugin has."""
        near = difflib.get_close_matches(name, self.records, 1)
        known = ", ".join(self.records) or "none; install dfdx with pip, so that its entry points exist"
        return f"no backend named {name!r}; installed: {known}" + (f". Did you mean {near[0]!r}?" if near else "")

    def _open_another(self, r: Record, suffix: str) -> Opened:
        """A further device of a plugin that works; its failure is that device's alone."""
        index, options = (int(suffix), {}) if suffix.isdecimal() else (0, {"select": suffix})
        with self._lock(r.name):
            found = self._opened.get((r.name, suffix))
            if found is not None:
                return found
            try:
                with settings_kept():
                    opened = self._open(r, index, options)
            except (KeyboardInterrupt, BackendUnavailable):
                raise
            except BaseException as e:
                raise DeviceError(
                    f"device '{r.name}:{suffix}' cannot be opened: {error_text(e)} [from {r.package}]"
                ) from e
            return self._opened.setdefault((r.name, suffix), opened)

    def _open(self, r: Record, index: int, options: dict[str, Any]) -> Opened:
        """Open and register, all or nothing."""
        table = KernelTable(self.ops.names)
        runtime = self._call(r, "backend_open", index=index, options=options)
        if runtime is None:
            raise PluginError("backend_open returned nothing; it must return the runtime")
        capabilities = self._call(r, "backend_capabilities", runtime=runtime)
        if capabilities is not None and not isinstance(capabilities, Capabilities):
            raise PluginError(f"backend_capabilities must return Capabilities, not {type(capabilities).__name__}")
        self._call(r, "register_kernels", registry=table, runtime=runtime)
        table.seal()
        self.ops.add_kernels(r.name, table)
        said = getattr(runtime, "index", None)  # a device that was chosen by name says its number
        index = said if isinstance(said, int) else index
        info = next((d for d in r.devices if d.index == index), DeviceInfo(index))
        return Opened(r, runtime, table, capabilities or Capabilities(), info, partial(self._call, r))

    def diagnose(self, r: Record) -> list[Check]:
        """What `backend_diagnose` finds, whatever the plugin's state, if its module could be imported."""
        function = getattr(r.plugin, "backend_diagnose", None)
        if not callable(function):
            return []
        trial = replace(r)
        found = contained(trial, "backend_diagnose", lambda: list(function()))
        return [Check("backend_diagnose", False, trial.reason)] if found is None else found

    def load_ops(self) -> list[Record]:
        """Register third-party ops (group `dfdx.ops.v1`), each contained; returns their records."""
        return self.ops.load()

    def close(self) -> None:
        """Close what was opened, last first."""
        for opened in reversed(self.opened()):
            contained(opened.record, "backend_close", partial(opened.call, "backend_close", runtime=opened.runtime))
        self._opened.clear()


def _refused(r: Record, info: Any) -> bool:
    """Whether the plugin was written for an API that this host does not have; the record then says so."""
    if not isinstance(info, BackendInfo):
        return False
    api = info.api
    if not (isinstance(api, tuple) and len(api) == 2 and all(isinstance(n, int) for n in api)):
        r.set(State.FAILED, f"backend_info: api is a pair of ints such as {API}, not {api!r}")
    elif api[0] != API[0] or api[1] > API[1]:
        way = "update dfdx" if api > API else f"update {r.dist}"
        r.set(State.INCOMPATIBLE, f"needs backend API {api}, this dfdx has {API}", way)
    return r.state is not State.FOUND


def _near_hook(plugin: Any, complaint: str) -> str:
    """The hook that was probably meant, where the complaint is about an unknown one."""
    hooks = [n for n, f in vars(hookspecs).items() if hasattr(f, "dfdx_spec")]
    unknown = [n for n in dir(plugin) if f"unknown hook {n!r}" in complaint]
    near = difflib.get_close_matches(unknown[0], hooks, 1) if unknown else []
    return f"; did you mean {near[0]!r}?" if near else ""


def _device_infos(found: Any) -> list[DeviceInfo]:
    if not isinstance(found, Iterable):
        raise PluginError(f"backend_probe must return a list of DeviceInfo, not {type(found).__name__}")
    infos = list(found)
    if any(not isinstance(d, DeviceInfo) for d in infos):
        raise PluginError("backend_probe must return a list of DeviceInfo")
    if not infos:
        raise BackendUnavailable("the backend found no device", "")
    return infos


_host: list[Host] = []
_making = threading.Lock()


def host() -> Host:
    """The one host of this process, made when it is first needed."""
    if not _host:
        with _making:
            if not _host:
                _host.append(Host())
    return _host[0]
