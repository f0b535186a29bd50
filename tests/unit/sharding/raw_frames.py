"""NFs that read bytes of the frame by themselves."""

from __future__ import annotations

from small_nfs import PRELUDE

#: The packet's part finds the frame at ``p``.
RAW = (
    PRELUDE.split("  struct rte_ether_hdr *ether")[0]
    + """
  uint8_t *p = *buffer; uint32_t word; (void)word; (void)p;
"""
)
INSIDE = "if (device != 0) return device;"
PLAIN = "packet_length >= 34 && p[12] == 8 && p[13] == 0"


def touch(at: int) -> str:
    """Four bytes of the frame are the key of a table."""
    return f"{{ memcpy(&word, p + {at}, 4); touch_ip(word, now); }}"
