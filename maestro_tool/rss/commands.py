"""What ``maestro table`` and ``maestro queue`` show, as JSON values; the command line prints them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from maestro_tool.diagnostics import InputError
from maestro_tool.rss.model import place, port_models
from maestro_tool.rss.table import check_workers, table


def table_command(plan: Mapping[str, Any], workers: int) -> list[dict[str, Any]]:
    """Per port: ``port``, ``table_size``, ``workers``, ``table`` (worker of each index).  `InputError` on bad input."""
    result = []
    for model in port_models(plan):
        try:
            entries = table(model.table_size, workers, model.weights, model.groups)
        except ValueError as error:
            raise InputError(str(error)) from None
        result.append({"port": model.port, "table_size": model.table_size, "workers": workers, "table": entries})
    return result


def queue_command(plan: Mapping[str, Any], port: int, frames: Iterable[bytes], workers: int) -> list[dict[str, Any]]:
    """Per frame that arrives on ``port``: class, steering, hashed fields, hash (hex or None), index, worker."""
    ports = {model.port: model for model in port_models(plan)}
    if port not in ports:
        raise InputError(f"the plan has no port {port}", hint=f"ports: {', '.join(map(str, sorted(ports)))}")
    model = ports[port]
    try:
        check_workers(model.table_size, workers, model.groups)
    except ValueError as error:
        raise InputError(str(error)) from None
    result = []
    for number, frame in enumerate(frames):
        p = place(model, frame, workers)
        result.append(
            {
                "packet": number,
                "port": port,
                "class": p.packet_class,
                "steering": p.steering,
                "fields": list(p.fields),
                "hash": None if p.hash is None else f"{p.hash:08x}",
                "index": p.index,
                "worker": p.worker,
            }
        )
    return result
