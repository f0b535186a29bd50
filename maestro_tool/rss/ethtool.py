"""``maestro rss --ethtool``: a plan as commands for the kernel's drivers, for programs that the kernel runs.

Nobody passes packets on there: what the card does not send to its owner's queue is on the wrong CPU.  So the kernel is
told a plan only if the card steers all that the plan steers, by fields and a table that ``ethtool`` can ask for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from maestro_tool.diagnostics import InputError, UnsupportedError
from maestro_tool.nic.profile import LETTERS, Kernel, NicProfile
from maestro_tool.rss.model import PortModel, port_models
from maestro_tool.rss.table import table

#: What names of devices may be (the kernel's own are shorter than 16 bytes): no word of a shell, and no option.
_DEVICE: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}")
#: Columns of the table that `ethtool -x` shows.
COLUMNS: Final = 8


@dataclass(frozen=True, slots=True)
class Port:
    """A port of the plan as a device of the kernel.

    ``flows``: ethtool's flow types and letters; ``table``: the queue of each index, which is the plan's worker.
    ``spread``: the words of ``ethtool -X`` that make it.
    """

    port: int
    device: str
    kernel: Kernel
    key: bytes
    queues: int
    flows: tuple[tuple[str, str], ...]
    table: tuple[int, ...]
    spread: tuple[str, ...]

    @property
    def hkey(self) -> str:
        """The key as ethtool writes it."""
        return self.key.hex(":")

    def commands(self) -> Iterator[tuple[str, ...]]:
        """In this order: queues, then fields, then key and table."""
        device, kernel = self.device, self.kernel
        yield "ethtool", "-L", device, "combined", str(self.queues)
        yield "ethtool", "-K", device, "rxhash", "on", *(word for name in kernel.features_off for word in (name, "off"))
        if kernel.flags_off:
            yield "ethtool", "--set-priv-flags", device, *(w for name in kernel.flags_off for w in (name, "off"))
        for flow, letters in self.flows:
            yield "ethtool", "-N", device, "rx-flow-hash", flow, letters
        yield "ethtool", "-X", device, "hfunc", "toeplitz", "hkey", self.hkey, *self.spread


def ports(plan: Mapping[str, Any], profiles: Sequence[NicProfile], devices: Sequence[str], workers: int) -> list[Port]:
    """The ports of a plan for ``workers`` queues; ``profiles`` and ``devices``: one per port.

    `UnsupportedError` says what the kernel cannot be told; `InputError` is about the words of the command.
    """
    models = port_models(plan)
    if len(devices) != len(models):
        raise InputError(
            f"the plan has {len(models)} ports, but {len(devices)} devices are given", hint="--ethtool DEV0 DEV1 ..."
        )
    for device in devices:
        if not _DEVICE.fullmatch(device):
            raise InputError(
                f"--ethtool: {device!r:.40} is no name of a network device", hint="as `ip link` lists them"
            )
    if twice := [d for n, d in enumerate(devices) if d in devices[:n]]:
        raise InputError(
            f"--ethtool: {twice[0]} is given for two ports", hint="ports have keys of their own: give a device for each"
        )
    _check(plan)
    given = zip(models, plan["ports"], profiles, devices, strict=True)
    return [_port(model, entry, profile, device, workers) for model, entry, profile, device in given]


def notes(plan: Mapping[str, Any]) -> list[str]:
    """What one must know of a plan that the kernel is told."""
    counted = [o["name"] for o in plan["objects"] if o["treatment"] == "per-core"]
    found = []
    if counted:
        found.append(
            f"{', '.join(counted)}: each CPU counts; sums are right in maps with a part for each CPU, and of atomic "
            "additions (two CPUs that add by += to one value may lose one)"
        )
    if any(o["split"] for o in plan["objects"]):
        found.append("maps are whole: entries of all CPUs count until one is full")
    return found


def _check(plan: Mapping[str, Any]) -> None:
    """What is true of all ports."""
    if plan["strategy"] != "shared-nothing":
        why = (plan.get("why") or ["?"])[0]
        raise UnsupportedError(
            f"strategy {plan['strategy']} is nothing that a card does: {why}",
            hint="only shared-nothing plans can be told to the kernel; `maestro explain` says what stands against one",
        )
    divided = [o["name"] for o in plan["objects"] if o["split"]]
    if plan["dialect"] != "xdp" and divided:
        raise UnsupportedError(
            f"the capacity of {divided[0]} is divided over the cores, which only the program of the build does",
            hint="run that program; programs for XDP have the kernel's maps",
        )


def _port(model: PortModel, entry: Mapping[str, Any], profile: NicProfile, device: str, workers: int) -> Port:
    def refused(what: str, hint: str) -> UnsupportedError:
        return UnsupportedError(f"port {model.port} ({entry['nic']}): {what}", hint=hint)

    kernel = profile.kernel
    if kernel is None:
        raise refused(
            "its profile does not say what the kernel's driver does (member kernel)",
            "build for e810, x710 or virtio, or write a profile (docs/nic-profiles.md)",
        )
    if model.function != "toeplitz" or entry["key_fixed"]:
        raise refused("the plan wants the card's own key or hash function", "build for a card that takes a key")
    software = [name for name, how in model.steering.items() if how == "software"]
    if software:
        raise refused(
            f"software would have to pass on packets of {', '.join(software)}, and the kernel does not",
            "keep such packets from state, as tests/dialects/xdp/lanes does; docs/architecture.md says what they are",
        )
    if len(model.key) != kernel.key_length:
        raise refused(
            f"{kernel.driver} takes keys of {kernel.key_length} bytes, not of {len(model.key)}", "correct the profile"
        )
    if model.table_size not in kernel.tables:
        sizes = " or ".join(map(str, kernel.tables))
        raise refused(
            f"the plan's table has {model.table_size} entries, that of {kernel.driver} {sizes}: ethtool sets no size",
            "build without groups of indices, for a card whose table has that size",
        )
    try:
        made = tuple(table(model.table_size, workers, model.weights, model.groups))
    except ValueError as error:
        raise InputError(str(error)) from None
    spread = _spread(made, workers)
    if spread is None:
        raise refused(
            "ethtool cannot set this table: it sets queues in order, so many entries each, or in turn",
            "build without traffic=, or for another number of workers",
        )
    flows = []
    for name in (name for name, how in model.steering.items() if how == "nic"):
        fields = model.hashed[name]
        letters = "".join(LETTERS.get(f, "?") for f in fields)
        if name in kernel.flows and letters in kernel.flows[name]:
            flows.append((name, letters))
        elif kernel.fixed.get(name) != letters:
            raise refused(
                f"{kernel.driver} cannot be told to hash {', '.join(fields)} of {name}",
                "build for another card, or keep such packets from state, as tests/dialects/xdp/lanes does",
            )
    return Port(model.port, device, kernel, model.key, workers, tuple(flows), made, spread)


def _spread(made: Sequence[int], workers: int) -> tuple[str, ...] | None:
    """The words of ``ethtool -X`` that make a table; None: there are none.  Weights that sum up to its size are numbers
    of entries."""
    if list(made) == sorted(made):
        return "weight", *(str(made.count(worker)) for worker in range(workers))
    if list(made) == [n % workers for n in range(len(made))]:
        return "equal", str(workers)
    return None
