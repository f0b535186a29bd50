"""What nf_process is given of a packet: its parameters say it."""

from __future__ import annotations

from enum import Enum

from maestro_tool.dialects import Dialect
from maestro_tool.frontend.ir import Function


class Given(Enum):
    """The parameters, as an error says them."""

    BUFFER = (
        "int nf_process(uint16_t device, uint8_t **buffer, uint16_t packet_length, vigor_time_t now, "
        "struct rte_mbuf *mbuf)"
    )
    FRAME = "int nf_process(uint16_t device, uint8_t *frame, uint16_t packet_length, vigor_time_t now)"
    MBUF = "int nf_process(struct rte_mbuf *mbuf, int64_t now)"
    BURST = "void nf_process(struct rte_mbuf **mbufs, uint16_t n, int64_t now, uint16_t *outputs)"


def given(process: Function, dialect: Dialect) -> Given | None:
    """None: no function of the dialect has such parameters."""
    kinds = tuple(p.kind for p in process.parameters)
    if dialect.mbufs:
        if kinds == ("pointer", "int") and process.parameters[0].type_name == "struct rte_mbuf *":
            return Given.MBUF
        if kinds == ("pointer", "int", "int", "pointer") and process.result_bits == 0:
            first, *_, last = (p.type_name for p in process.parameters)
            return Given.BURST if (first, last) == ("struct rte_mbuf **", "unsigned short *") else None
        return None
    if kinds[:4] != ("int", "pointer", "int", "int") or len(kinds) > 5 or kinds[4:] not in ((), ("pointer",)):
        return None
    return Given.BUFFER if process.parameters[1].type_name.count("*") == 2 else Given.FRAME


def expected(dialect: Dialect) -> str:
    """The parameters that nf_process may have."""
    return f"{Given.MBUF.value}, or {Given.BURST.value}" if dialect.mbufs else Given.BUFFER.value
