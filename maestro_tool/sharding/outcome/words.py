"""Obstacles, decisions and relaxations in words: made last, for people; no code decides by them.

A row per code: what is in the way, and what would lift it.  Fields of the templates: ``{0}``, ``{1}`` (names of the
objects that the obstacle speaks of), ``{others}`` (all but the first), ``{all}``, ``{number}``, ``{decides}`` (by
``Obstacle.operand``), ``{fields}``, ``{blamed}`` (those of the fields that no NIC hashes).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from maestro_tool.packet.fields import ALL_FIELDS, HASHABLE_OF, PORTS_OF
from maestro_tool.sharding.facts.bits import show_field
from maestro_tool.sharding.outcome.constraint_words import field_text, sentence
from maestro_tool.sharding.plan import (
    Because,
    Code,
    Constraint,
    Dependency,
    ObjectDecision,
    Obstacle,
    RangedBecause,
    Relaxation,
    ShardingPlan,
)
from maestro_tool.symex.callpath import Analysis

_LOOK_UP_ERASE_FREE = "look the key up with map_get, erase it, and free the index that it gave"
_EXPIRE_MAP = "let expire_items_single_map take out what is old"
_OWN_RANGE = "erase entries index * n .. index * n + m with 0 <= m <= n, for the index of this packet's key"
_ONE_WAY = "reach its entries in one way: by indices of one dchain, stored in one map"
_WHOLE_ENTRY = "write the whole entry when its index is allocated"
_ASK_FIRST = (
    "ask first whether the index is in use; then compare what the entry holds with the packet's addresses and "
    "ports, and do the same on a mismatch as if the index were not in use"
)
_BY_INDEX = "packets name entries of {0} by an index of their own, and "

_WORDS: Final[Mapping[Code, tuple[str, str]]] = {
    Code.ONE_ENTRY_FOR_ALL: (
        "{0} is one entry for all packets",
        "keep it per flow, in a vector; or only add to it, and let no packet read it",
    ),
    Code.COUNTS_ALL_ENTRIES: (
        "how many entries {0} has depends on all of them: a core would count its own only",
        "none by hashing: keep no limit on all keys together, or let the cores share the map",
    ),
    Code.CHOICE_AMONG_ALL: (
        "any entry of {0} may be the one that is chosen",
        "none: the choice is among all backends; what stores the chosen one can still be sharded",
    ),
    Code.DOUBLE_MAP: (
        "{0} is a double map: could not decide which packets share its entries",
        "use two maps, one for each key, whose keys lie in vectors at the indices of one dchain",
    ),
    Code.CHANGED_ROUTES: (
        "{0} is a routing table that packets change: any packet may ask for the prefix that another put",
        "let set-up alone fill it; or keep in a map what packets put",
    ),
    Code.MAP_KEYS_UNKNOWN: (
        "could not decide which keys of {0} are equal: {doubt}",
        "compare members of the two keys by ==, all joined with &&, and let the hash read no others",
    ),
    Code.SKETCH_KEYS_UNKNOWN: (
        "could not decide which keys {0} counts together: its hash is not crc32 of one member after the other",
        "hash = __builtin_ia32_crc32si(hash, member), from 0 on, for each whole member of the key",
    ),
    Code.ENTRY_CHOSEN: ("an entry of {0} is chosen by {fields}", "{remedy}"),
    Code.OLDEST_ENTRY_CHOSEN: ("an entry of {0} is chosen by {fields}", _EXPIRE_MAP),
    Code.OUTSIDE_BLOCK: (
        "{0}: could not show that entry index * n + m is one of the n that the index has",
        "compare m first: 0 <= m and m < n must hold whatever is stored (an int may be less than 0)",
    ),
    Code.RANGE_NOT_OWN: (
        "could not show that the entries of {0} that are erased here belong to this packet's index",
        _OWN_RANGE,
    ),
    Code.INDEX_OUT_OF_RANGE: (
        "packets choose an entry of {0} that may be none of its {number}",
        "compare the index with the capacity first",
    ),
    Code.RANGE_TOO_LARGE: (
        "indices of {1}, of which each core has a range of its own, may lie outside of {0}, which has {number} entries",
        "allocate the vector with as many entries as the allocator has indices, for each entry of an index's block",
    ),
    Code.VALUES_NO_INDICES: (
        "entries of {0} are found through {1}, whose values are not indices freshly allocated from one dchain",
        _ONE_WAY,
    ),
    Code.WAYS_NOT_RELATED: ("entries of {0} are named in ways that could not be related", _ONE_WAY),
    Code.KEY_NOT_IN_VECTOR: (
        "{0}: the key that is put does not lie in an entry of a vector, so it may change or vanish",
        "copy the key to what vector_borrow gives for a fresh index, and put that address",
    ),
    Code.KEY_NOT_AT_FRESH_INDEX: (
        "{0}: the key that is put does not lie at a freshly allocated index",
        "copy the key to the entry of the index that dchain_allocate_new_index gave",
    ),
    Code.KEY_NOT_WRITTEN: (
        "{0}: {1} does not hold the key that is put when the packet is done",
        "write the whole key where it lies before it is put, and nothing else there later",
    ),
    Code.KEY_NOT_LOOKED_UP: (
        "{0}: a key is put that was not looked up and found absent before: it may be there twice",
        "call map_get with that very key first, and put it only if it is not found",
    ),
    Code.SEVERAL_KEYS_PUT: (
        "{0}: a packet puts another key between looking this one up and putting it: it may be the same",
        "look each key up after the one before it is put",
    ),
    Code.BLOCK_KEY_VALUE: (
        "{0}: a key of a block is put with another value than the number of its entry (made of {fields})",
        "put each key with the index of the vector's entry that it lies in",
    ),
    Code.KEYS_IN_DIFFERENT_VECTORS: (
        "keys of {0} lie in different vectors",
        "keep its keys in one vector, at fresh indices",
    ),
    Code.KEY_CHANGED: (
        "a key in {0} is changed while a map may hold it",
        "write a key only where its index is allocated",
    ),
    Code.KEY_OF_SET_UP_CHANGED: (
        "packets change {0}, where keys lie that set-up put into {1}",
        "let packets write to another vector: the map has only pointers to its keys",
    ),
    Code.GROUP_NOT_CLOSED: (
        "{all} belong to an object that is shared: could not decide what would become of them",
        "none: this is a mistake of this tool; please report it",
    ),
    Code.FILLED_IN_SET_UP: (
        "{0} is filled in set-up and changed by packets: each core would have a copy of its own",
        "fill one object in set-up, and let packets change another",
    ),
    Code.INDEX_DECIDES: (
        "an index of {0} decides {decides}: two cores would choose the same one",
        "use the index to reach entries, or put it into packets, and for nothing else",
    ),
    Code.EXPIRED_COUNT_DECIDES: (
        "how many entries expired decides {decides}: on its own core a packet sees only a part",
        "do not use the number that expiry returns",
    ),
    Code.OTHER_ALLOCATOR_ASKED: (
        "{0} is asked about an index of {1}: the answer depends on which one was chosen",
        "ask an allocator about its own indices only",
    ),
    Code.READ_BEFORE_WRITTEN: (
        "an entry of {0} is read before the packet that allocated it has written it",
        _WHOLE_ENTRY,
    ),
    Code.BYTE_LEFT_OVER: (
        "byte {number} of entries of {0} is read, but not written when their index is allocated: what an earlier owner "
        "left there would be seen",
        _WHOLE_ENTRY,
    ),
    Code.BLOCK_ENTRY_READ: (
        "an entry of {0} in an index's block is read: could not show that it was written since the index was allocated",
        "look for it in the map that its key is put into",
    ),
    Code.INDEX_WITHOUT_KEY: (
        "an index of {0} is allocated here without a key in {1}: its expiry would erase the key of an earlier owner",
        "put a key with each index that is allocated, or free the index",
    ),
    Code.INDEX_NOT_FREED: (
        "a key of {0} is erased, but its index is not freed",
        "free the index with the key",
    ),
    Code.INDEX_MAY_STAY: (
        "could not show that the index of the key of {0} that is erased here is freed",
        _LOOK_UP_ERASE_FREE,
    ),
    Code.KEY_STAYS: (
        "an index of {0} is freed here but its key stays in {others}",
        "erase the key where its index is freed",
    ),
    Code.KEY_MAY_STAY: (
        "could not show that the key of the index of {0} that is freed here leaves {others}",
        _LOOK_UP_ERASE_FREE,
    ),
    Code.KEY_OF_OLDEST_MAY_STAY: (
        "could not show that the key of the index of {0} that is freed here leaves {others}",
        _EXPIRE_MAP,
    ),
    Code.RANGE_ERASED_UNKNOWN: (
        "could not decide which entries of {0} and {1} are erased here",
        _OWN_RANGE,
    ),
    Code.EXPIRED_ELSEWHERE: (
        "expiry takes keys from {1} at indices of {0}, but that is not where keys of {2} are put",
        "expire the objects that belong together",
    ),
    Code.SEVERAL_TIME_LIMITS: ("{0} is expired with different time limits", "expire with one time limit"),
    Code.TIME_LIMIT_NO_AGE: (
        "the time limit for {0} is not the packet's time less an option",
        "expire what is older than now less an option",
    ),
    Code.AGE_NOT_NOW: (
        "an entry of {0} is given another age than the packet's time",
        "pass the now that nf_process was given",
    ),
    Code.EXPIRED_LATE: (
        "{0} is accessed before old entries of {1} are expired: other cores would see entries for longer",
        "expire first thing for every packet",
    ),
    Code.KEY_NOT_HASHED: ("{0} is keyed by {fields}: no NIC hashes {blamed}", "{remedy}"),
    Code.KEY_CONSTANT: (
        "{0} is keyed by a constant, whatever the packet's addresses and ports are",
        "{remedy}",
    ),
    Code.FEW_CONSTANT_KEYS: (
        "{0} is keyed by constants, of which {fields} selects one: for its sake all packets would go to a few cores, "
        "those of {others}, too",
        "beside the constant, put what names entries of {1} into its key",
    ),
    Code.KEY_COMPUTED_OF_IPV6: (
        "{0} is keyed by what packets compute of {fields}; could not decide how to steer IPv6 by that",
        "name its entries by the addresses and ports themselves",
    ),
    Code.OUTSIDE_VIEW: (
        "{0}: {fields} would also be read from frames that are not {frames}; could not decide how to steer such frames",
        "leave alone what is not {frames} before this",
    ),
    Code.NOTHING_IN_COMMON: (
        "the {constraints}: all packets would meet on one core",
        "let the keys of {all} have a field in common",
    ),
    Code.KEYS_DISJOINT: (
        "{0} is keyed by {sides}: even if they were hashed, packets would all meet",
        "none by hashing: a packet looks for what others have put under another field",
    ),
    Code.PLACES_NOT_TOLD: (
        "{0} is keyed by {sides}: could not decide by which bytes software tells these frames apart",
        "let bytes or bits of the frames' first 256 bytes say where the key is, for at most 17 places",
    ),
    Code.KEYS_NOT_FOUND: (
        "{all}: packets meet of which {met}; no key and table were found with which not all packets do",
        "name its entries by addresses and ports as they are, or by bits of them",
    ),
    Code.NOT_ASKED_FIRST: (_BY_INDEX + "it is not checked first whether the index is in use", _ASK_FIRST),
    Code.DIFFERENT_INDICES: (_BY_INDEX + "one packet names entries by different indices", _ASK_FIRST),
    Code.NOT_IN_USE_DOES_MORE: (_BY_INDEX + "more happens where the index is not in use", _ASK_FIRST),
    Code.NO_PATH_NOT_IN_USE: (_BY_INDEX + "no path handles an index that is not in use", _ASK_FIRST),
    Code.MISMATCH_CHANGES_STATE: (
        _BY_INDEX + "a packet that does not match what the entry holds changes state",
        _ASK_FIRST,
    ),
    Code.NOT_COMPARED: (
        _BY_INDEX + "the entry is used without comparing what it holds with the packet",
        _ASK_FIRST,
    ),
    Code.SEVERAL_ALLOCATED: (_BY_INDEX + "a packet allocates more than one index", _ASK_FIRST),
    Code.COMPARED_NOT_STORED: (
        _BY_INDEX + "what is compared is not stored whenever an index is allocated",
        _ASK_FIRST,
    ),
}

#: What a value decides, by `Obstacle.operand`.
_DECIDES: Final[Mapping[str, str]] = {
    "condition": "what the packet does", "frame": "what leaves in packets", "verdict": "where the packet goes",
    "key": "a key", "raw": "a key", "key_home": "where a key lies", "index": "which entry is used",
    "stored": "what an entry holds", "value": "a value", "operands": "what is chosen", "age": "an entry's age",
}  # fmt: skip

_PORTS: Final = frozenset[str]().union(*PORTS_OF.values())

_BECAUSE: Final[Mapping[Because, str]] = {
    Because.UNTOUCHED: "no packet touches it",
    Because.ONLY_READ: "packets only read it",
    Because.ONLY_COUNTED: "packets only add to it and none reads it: each core counts for itself",
    Because.KEYS_MEET: "packets with equal keys meet on one core",
    Because.COMPARED_CONTENTS_MEET: (
        "packets meet where what they compare with the entry is stored; elsewhere they match nothing"
    ),
    Because.INDICES_OF_OTHERS: "its indices come from {all}, whose entries stay on the core that put them",
    Because.OWN_INDICES: "each core allocates and frees its own indices",
    Because.GROUP_SHARED: "it belongs to {0}, which is shared",
    Because.VARIABLE_SHARED: "{0} is shared, and can only be shared with everything else",
    Because.ALL_SHARED: "all that packets write is shared",
}

_RANGED: Final[Mapping[RangedBecause, str]] = {
    RangedBecause.LEAVES_IN_PACKETS: "an index leaves in packets",
    RangedBecause.NAMED_BY_PACKETS: "packets name entries by their index",
    RangedBecause.HAS_BLOCKS: "each index has entries of its own in {0}",
}

_HASHED = frozenset(name for names in HASHABLE_OF.values() for name in names)


@dataclass(frozen=True, slots=True)
class Said:
    """An obstacle in words: what is in the way, what the entries are named by there, and what would lift it."""

    text: str
    fields: tuple[str, ...]
    remedy: str


def obstacle(analysis: Analysis, o: Obstacle) -> Said:
    text, remedy = _WORDS[o.code]
    about = o.about or o.objects
    names = _names(analysis, about)
    fields = _fields(analysis, o)
    given = {
        "all": " and ".join(names) if o.code in (Code.NOTHING_IN_COMMON, Code.KEYS_NOT_FOUND) else ", ".join(names),
        "others": " and ".join(names[1:]) if o.code is Code.FEW_CONSTANT_KEYS else ", ".join(names[1:]),
        "number": o.number,
        "decides": _DECIDES.get(o.operand, ""),
        "fields": ", ".join(fields) or "a constant",
        "blamed": _blamed(o.fields, fields),
        "frames": f"TCP or UDP over IPv{o.number}" if any(d.name in _PORTS for d in o.fields) else f"IPv{o.number}",
        "doubt": _doubt(analysis, about[0]),
        "sides": " here, by ".join(fields) + " there",
        "constraints": _together(o.constraints),
        "met": "; ".join(map(sentence, o.constraints)),
        "remedy": _remedy_for(o.fields, analysis),
    }
    if o.code is Code.NOTHING_IN_COMMON and len(names) == 1:
        remedy = "put and look up in {0} under the same field of each port's packets"
    return Said(text.format(*names, **given), fields, remedy.format(*names, **given))


def decision(analysis: Analysis, plan: ShardingPlan, d: ObjectDecision) -> Said:
    """Why an object is treated as it is, what packets that meet in it agree in (or it is named by), and a remedy."""
    why = None if d.obstacle is None else obstacle(analysis, plan.obstacles[d.obstacle])
    lift = "" if d.remedied is None else obstacle(analysis, plan.obstacles[d.remedied]).remedy
    if d.because is Because.OBSTACLE and why is not None:
        text = why.text
    else:
        names = _names(analysis, d.about)
        text = _BECAUSE[d.because].format(*names, all=", ".join(sorted(names)))
    agreed = tuple(dict.fromkeys(_agreement(a.ports, *map(show_field, a.bits)) for a in d.agree))
    return Said(text, agreed if why is None else why.fields, lift)


def relaxation(analysis: Analysis, r: Relaxation) -> str:
    [name] = _names(analysis, (r.object,))
    if r.kind == "capacity-split":
        return f"the capacity of {name} is divided over the cores"
    if r.kind == "sketch-collisions":
        return f"each core has a sketch {name} of its own: keys collide with those of the same core only"
    assert r.ranged is not None
    about = () if r.ranged.about is None else (r.ranged.about,)
    why = _RANGED[r.ranged.because].format(*_names(analysis, about))
    return f"each core chooses among its own range of the indices of {name}: {why}"


def _names(analysis: Analysis, objects: Iterable[int]) -> list[str]:
    return [analysis.objects[o].name for o in objects]


def _agreement(ports: tuple[int, int], left: str, right: str) -> str:
    """``port 0 src_ip = port 1 dst_ip``; on one port just the field where both sides have the same."""
    same = ports[0] == ports[1] and left == right
    return f"port {ports[0]} {left}" + ("" if same else f" = port {ports[1]} {right}")


# --------------------------------------------------------------------------- what an entry is named by


def _fields(analysis: Analysis, o: Obstacle) -> tuple[str, ...]:
    """Constraints' fields in their order, what expressions depend on by its words."""
    said = [dependency(analysis, d) for d in o.fields]
    return tuple(said if any(d.bits is not None for d in o.fields) else sorted(said))


def dependency(analysis: Analysis, d: Dependency) -> str:
    """In a network engineer's words."""
    match d.kind:
        case "field":
            return d.name if d.bits is None else show_field(d.bits)
        case "byte":
            return f"frame byte {d.number}"
        case "length":
            return "the frame length"
        case "time":
            return "the time"
        case "port":
            return "the input port"
        case "option":
            return f"the option {d.name}"
        case "index":
            return f"an index of {analysis.objects[d.number].name}"
        case "stored":
            return f"what is stored in {analysis.objects[d.number].name}"
        case "function":
            return f"what a function makes of {' and '.join(sorted(dependency(analysis, x) for x in d.of))}"
        case "unknown":
            return "a value that is not known"


def _is_hashed(d: Dependency) -> bool:
    return d.kind == "field" and d.name in _HASHED


def _blamed(depends: tuple[Dependency, ...], said: tuple[str, ...]) -> str:
    """Which of these no NIC hashes."""
    blamed = [text for text in said if text not in _HASHED]
    return "any of that" if len(blamed) == len(depends) else " or ".join(blamed) or "what is made of that"


def _remedy_for(depends: tuple[Dependency, ...], analysis: Analysis) -> str:
    """What would help where an entry is named by something that no NIC hashes."""
    kinds = {d.kind for d in depends}
    if kinds & {"stored", "index"}:
        return "keep it per flow; entries that other state names may be wanted by any packet"
    if not depends:
        return "let an IP address or a port name the entry, too"
    if "option" in kinds:
        return "name its entries without options, or write a constant for them"
    by_address = "name its entries by IP addresses or ports"
    if kinds & {"function", "unknown"} or any(map(_is_hashed, depends)):
        return f"{by_address} as they are, or by what C's operators make of them alone"
    of_frame = (d for d in depends if d.kind == "byte" or d.name in ALL_FIELDS)
    hashed = ", ".join(sorted(dependency(analysis, d) for d in of_frame))
    return f"{by_address}; or a NIC that hashes {hashed} (no profile has one)" if hashed else by_address


def _doubt(analysis: Analysis, m: int) -> str:
    """Why the keys of a map are not known."""
    doubt = next((shape.doubt for shape in analysis.objects[m].shapes if shape.doubt is not None), None)
    if doubt is None:
        return "its equality is not one of fields, or its hash reads others"
    if doubt.field:
        return f"'{doubt.hash}' reads {doubt.field}, which '{doubt.equality}' does not compare"
    return f"'{doubt.equality}' is not a conjunction of field equalities"


def _together(constraints: tuple[Constraint, ...]) -> str:
    """``constraints A and B have no field in common``."""
    names = " and ".join(
        f"port {c.ports[0]} ({', '.join(field_text(x) for x, _ in c.equal)}) = "
        f"port {c.ports[1]} ({', '.join(field_text(y) for _, y in c.equal)})"
        for c in constraints
    )
    if len(constraints) == 1:
        return f"constraint {names} has no field in common on both sides"
    return f"constraints {names} have no field in common"
