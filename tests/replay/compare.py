"""One NF, compiled and as call paths, on the same packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

from nf_runs import Packet

from maestro_tool import forms
from maestro_tool.sharding import confirmed
from maestro_tool.symex import analyse, conjecture
from maestro_tool.symex.callpath import Analysis
from maestro_tool.symex.initial import Contents
from tests.replay import start
from tests.replay.program import Run, Sequential
from tests.replay.replay import Counts, Replay, ReplayError

#: Bytes; shorter frames never reach the NF.
SHORTEST = 14


class Comparison:
    """``analysis``: that of the NF under these arguments, as a build makes it, changed if another is to be tried.

    ``trusting``: as `conjecture` says; where the call paths do not bear it out, they are those of `analyse`.
    """

    def __init__(
        self,
        nf: Sequential,
        arguments: tuple[str, ...] = (),
        *,
        trusting: bool = True,
        merge_after: int | None = None,
        change: Callable[[Analysis], Analysis] = lambda analysis: analysis,
    ) -> None:
        limits = nf.limits if merge_after is None else replace(nf.limits, merge_after=merge_after)
        self._left: tuple[Contents, ...] = ()
        asked = (nf.program, arguments, nf.ports, limits, nf.pure)
        analysis = confirmed(conjecture(*asked, left=self._keep)) if trusting else None
        self.trusting = analysis is not None
        if analysis is None:
            analysis = analyse(*asked, left=self._keep)
        # As a cache gives it: all that the replay needs is in the artifact.
        self.analysis = change(forms.read(Analysis, forms.write(analysis)))
        self._compiled = Run(nf, arguments)
        self._replay = Replay(self.analysis, start.objects(self.analysis, self._left, self._compiled.library))
        self.handled = 0

    def _keep(self, left: tuple[Contents, ...]) -> None:
        self._left = left

    @property
    def counts(self) -> Counts:
        return self._replay.counts

    def send(self, packet: Packet) -> tuple[int, bytes] | None:
        """Where the packet leaves, the lowest port if on several, and as which frame.

        AssertionError, or `ReplayError`, unless the call paths say the same.
        """
        verdict, frame = sent = self._compiled.process(packet.port, packet.frame, packet.time)
        self.handled += 1
        if len(packet.frame) >= SHORTEST:
            replayed = self._replay.packet(packet.port, packet.frame, packet.time, sent)
            assert replayed == sent, f"packet {self.handled}: {packet}"
        if verdict == "drop":
            return None
        return (int(packet.port == 0) if verdict == "flood" else verdict), frame

    def converse(self, packets: Iterable[Packet], seed: int = 0) -> None:
        """These packets, and among them replies to frames that the NF sent, at the time of the packet before."""
        rng = Random(seed)
        sent: list[tuple[int, bytes]] = []
        for packet in packets:
            answers = [packet]
            if sent and rng.random() < 0.3:
                port, frame = rng.choice(sent[-30:])
                answers.append(Packet(packet.time, port, reply(frame)))
            for p in answers:
                left = self.send(p)
                if left is not None and left[0] != p.port:
                    sent.append(left)


def reply(frame: bytes) -> bytes:
    """The frame with its MAC addresses, addresses and ports swapped, where it is long enough to have them."""
    if len(frame) < 38:
        return frame[6:12] + frame[:6] + frame[12:]
    return (
        frame[6:12] + frame[:6] + frame[12:26] + frame[30:34] + frame[26:30] + frame[36:38] + frame[34:36] + frame[38:]
    )


__all__ = ["Comparison", "Packet", "ReplayError", "reply"]
