"""Captures: generate them, replay them through a built program, compare what came out.

numbers, spec, frames, odd, ipv6, generate   `TrafficSpec` -> pcap bytes, the same for the same spec
answers                                replies to what an NF sent
capture                                pcap files <-> frames
replay                                 captures -> built program -> captures
compare, renaming                      outputs of two runs -> differences
commands                               ``maestro traffic``, ``maestro run``, ``maestro compare``
"""
