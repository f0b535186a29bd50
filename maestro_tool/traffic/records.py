"""What readers of captures find: frames, and what is unusual about some of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from maestro_tool.diagnostics import InputError

#: Link types as libpcap numbers them (https://www.tcpdump.org/linktypes.html).
ETHERNET: Final = 1
#: No longer frame has a place in a buffer of DPDK, nor in the lengths that NFs calculate with.
MOST_BYTES: Final = 0xFFFF
#: Programs get captures whose seconds have 32 bits.
END_OF_TIME: Final = (1 << 32) * 1_000_000_000


@dataclass(frozen=True, slots=True)
class Frame:
    """``time`` in nanoseconds."""

    time: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Link:
    """Not Ethernet: the ``kind`` of link, and the interface that pcapng names (None: there is only one)."""

    kind: int
    interface: int | None = None


@dataclass(slots=True)
class Records:
    """A file's frames.  By their position: ``lengths`` of those that were longer than what was captured, ``links`` of
    those that are not Ethernet frames, and ``long``: of those that are longer than anything takes."""

    path: Path
    frames: list[Frame] = field(default_factory=list)
    lengths: dict[int, int] = field(default_factory=dict)
    links: dict[int, Link] = field(default_factory=dict)
    long: dict[int, int] = field(default_factory=dict)

    def checked(self) -> Records:
        """Raises `InputError` if there is a frame that is too long."""
        if not self.long:
            return self
        first, length = next(iter(self.long.items()))
        frames = "1 frame is" if len(self.long) == 1 else f"{len(self.long)} frames are"
        raise InputError(
            f"{self.path}: {frames} longer than {MOST_BYTES} bytes: frame {first + 1} has {length}",
            hint=f"leave them out: tcpdump -r IN -w OUT less {MOST_BYTES}; and capture with segmentation offload off",
        )


def broken(path: Path, what: str, number: int, at: int, text: str, hint: str | None = None) -> InputError:
    """``what``: record or block; ``number`` counts from 1, ``at`` is its first byte in the (unpacked) file."""
    return InputError(f"{path}: {what} {number} at byte {at}: {text}", hint=hint)
