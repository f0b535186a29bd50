"""Whether an NF's helpers all get what nf_process was given, so that they find the packet's cursor there.

The cursor says where in the frame the next header starts (runtime: ``packet-io.h``).  As a variable of the thread it is
written with each header.  Around the frame's address, in the caller of nf_process, the compiler sees all of its uses,
and it costs nothing.  That needs the proof that every helper is given nf_process's second parameter, and that nothing
else asks where the cursor is.  A function that is not known here asks: headers that define `MAESTRO_LOCAL_CURSOR`
declare nothing that does, so a mistake does not compile.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from maestro_tool.frontend import ir

#: Helpers that find the cursor by a parameter: which.
_GIVEN = {
    "nf_borrow_next_chunk": 0,
    "nf_return_chunk": 0,
    "nf_return_all_chunks": 0,
    "nf_then_get_rte_ether_header": 0,
    "nf_then_get_rte_ipv4_header": 1,
    "nf_then_get_rte_ipv4_header_with_options": 1,
    "nf_then_get_tcpudp_header": 1,
    "nf_then_get_tcp_header": 1,
    "nf_then_get_udp_header": 1,
    "packet_get_unread_length": 0,
    "nf_set_rte_ipv4_udptcp_checksum": 2,
}

#: What needs the thread's cursor.
_THREADS = {
    "nf_get_borrowed_chunk",
    "nf_shrink_chunk",
    "nf_insert_new_chunk",
    "packet_shrink_chunk",
    "packet_insert_new_chunk",
    "packet_state_total_length",
    "packet_borrow_next_chunk",
    "packet_return_chunk",
    "packet_get_chunk_length",
    "nf_log_pkt",
}
_VARIABLES = {"chunks_borrowed", "chunks_borrowed_num", "global_total_length", "global_read_length"}

_ENTRY, _BUFFER = "nf_process", 1


def can_be_local(program: ir.Program) -> bool:
    """Whether the cursor may lie around the frame's address that nf_process is given."""
    entry = program.functions[_ENTRY]
    if len(entry.parameters) <= _BUFFER or entry.parameters[_BUFFER].type_name.count("*") != 2:
        return False  # it is given the frame itself
    calls, addressed = _calls(program), _addressed(program)
    helpers = {call.callee.name for _, call in calls if isinstance(call.callee, ir.FunctionAddress)}
    if helpers & _THREADS or addressed & (_GIVEN.keys() | _THREADS | _VARIABLES | {_ENTRY}):
        return False
    by_callee: dict[str, list[tuple[ir.Function, ir.Call]]] = defaultdict(list)
    for function, call in calls:
        if isinstance(call.callee, ir.FunctionAddress):
            by_callee[call.callee.name].append((function, call))
    todo = [(function, call.args[_GIVEN[name]]) for name in _GIVEN for function, call in by_callee[name]]
    proved: set[tuple[str, int]] = set()  # (function, parameter) that is, if all of the rest is
    while todo:
        function, operand = todo.pop()
        number = _parameter(function, operand)
        if number is None or (function.name == _ENTRY and number != _BUFFER):
            return False
        if (function.name, number) in proved:
            continue
        proved.add((function.name, number))
        if function.name in addressed:
            return False  # others may call it
        todo += [(caller, call.args[number]) for caller, call in by_callee[function.name]]
    return True


def _calls(program: ir.Program) -> list[tuple[ir.Function, ir.Call]]:
    return [(f, i) for f in program.functions.values() for i in _instructions(f) if isinstance(i, ir.Call)]


def _instructions(function: ir.Function) -> Iterator[ir.Instruction]:
    for block in function.blocks:
        yield from block.instructions


def _addressed(program: ir.Program) -> set[str]:
    """Functions and variables whose address is more than the callee of a call."""
    found = {
        i.value.name
        for g in program.globals.values()
        for i in g.initial
        if isinstance(i.value, ir.FunctionAddress | ir.GlobalAddress)
    }
    for function in program.functions.values():
        for instruction in _instructions(function):
            for member in instruction.__slots__:
                if isinstance(instruction, ir.Call) and member == "callee":
                    continue
                value = getattr(instruction, member)
                for operand in value if isinstance(value, tuple) else (value,):
                    if isinstance(operand, ir.FunctionAddress | ir.GlobalAddress):
                        found.add(operand.name)
        for block in function.blocks:
            operand = getattr(block.terminator, "value", None)
            if isinstance(operand, ir.FunctionAddress | ir.GlobalAddress):
                found.add(operand.name)
    return found


def _parameter(function: ir.Function, operand: ir.Operand) -> int | None:
    """The number of the parameter that ``operand`` is: what was loaded from a local variable that holds it for good."""
    if not isinstance(operand, ir.Temp):
        return None
    defined = {
        i.dst: i
        for i in _instructions(function)
        if not isinstance(i, ir.Store | ir.StoreBits | ir.CopyMemory | ir.ZeroMemory)
    }
    load = defined.get(operand.id)
    if not isinstance(load, ir.Load) or not isinstance(load.address, ir.Temp):
        return None
    place = load.address
    if not isinstance(defined.get(place.id), ir.Alloca):
        return None
    stores = []
    for instruction in _instructions(function):
        if isinstance(instruction, ir.Load):
            continue
        if isinstance(instruction, ir.Store) and instruction.address == place and instruction.value != place:
            stores.append(instruction)
        elif any(place in (v if isinstance(v, tuple) else (v,)) for v in _members(instruction)):
            return None  # its address is taken
    if len(stores) != 1 or any(getattr(b.terminator, "value", None) == place for b in function.blocks):
        return None
    value = stores[0].value
    return value.id if isinstance(value, ir.Temp) and value.id < len(function.parameters) else None


def _members(instruction: ir.Instruction) -> Iterator[object]:
    for member in instruction.__slots__:
        yield getattr(instruction, member)
