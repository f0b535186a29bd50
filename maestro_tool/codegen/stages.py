"""Looking ahead: which entries the packets of a burst will look up, found for all of them before the first is handled.

From the call paths, per port: look-ups whose keys are made of the packet, its length and options (the first stage),
with what all paths that do it know before; what the number that is found leads to; and look-ups and indices whose
expressions read such elements (the second).  Generated code fetches these into the cache and does nothing else: it
writes no state, and what packets do does not depend on it.  So nothing here has to be right, but every address that is
read: only the object's own arrays, at clamped indices, and bytes that frames have.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from maestro_tool.codegen.c_values import UnwritableError, Writer
from maestro_tool.codegen.known import KnownKeys, body_name
from maestro_tool.expr import Expr
from maestro_tool.expr.nodes import concat, extract, substitute, symbols
from maestro_tool.expr.symbols import MemoryByte, Option, PacketByte, Produced, memory_byte
from maestro_tool.frontend.ir import Program
from maestro_tool.operations import parts
from maestro_tool.operations.row import Effect
from maestro_tool.symex.callpath import Analysis, CallPath, Event, StateObject

#: Look-ups, of all ports together where these share a column; further ones are not looked ahead for.
_MOST = 8


@dataclass(frozen=True, slots=True)
class Staged:
    """Object number ``object``, in which is looked ahead: it must be of ``kind``.

    ``known``: the numbers of a map's hash function, or of those of a double map's keys; 0: any will do.  ``bytes``:
    what a vector's elements must have.
    """

    object: int
    kind: str
    known: tuple[int, int] = (0, 0)
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class OptionRead:
    """An option that is read ahead of packets: C text over a variable of unit ``file``."""

    number: int
    place: str
    file: str


@dataclass(frozen=True, slots=True)
class Stages:
    """``text``: the C function maestro_look_ahead; "" if there is nothing to look ahead for."""

    text: str = ""
    objects: tuple[Staged, ...] = ()
    options: tuple[OptionRead, ...] = ()


def unit_of(program: Program, place: str) -> str | None:
    """The unit that can name ``place``, a variable or a member of one; None if there is not one such variable."""
    root = re.fullmatch(r"([A-Za-z_]\w*)(\.\w+)*", place)
    found = [
        g
        for g in program.globals.values()
        if root is not None and g.c_name == root[1] and g.scope in ("file", "static_file") and g.defined
    ]
    return found[0].file if len(found) == 1 and found[0].file in program.units else None


def stages(program: Program, analysis: Analysis, keys: KnownKeys) -> Stages:
    """What to look ahead for in packets of the NF."""
    return _Maker(program, analysis, keys).made()


@dataclass(frozen=True, slots=True)
class _Map:
    """A map, or the one of a double map's first or second keys (``second``)."""

    object: int
    second: bool = False


@dataclass(frozen=True, slots=True)
class _Key:
    """A look-up in a map; ``parts`` as in `Event.key`, of a double map as in `Event.raw`."""

    map: _Map
    parts: tuple[Expr, ...]


@dataclass(slots=True)
class _Column:
    """Look-ups in a map, one per packet at most: their hashes, then the numbers found.  ``leads``: chains, vectors and
    double maps with entries of these numbers."""

    map: _Map
    leads: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Port:
    """What is done for packets of a port, as C: before anything is loaded, and, by column, once elements are there."""

    number: int
    first: list[str] = field(default_factory=list)
    second: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))


_Places = Sequence[tuple[CallPath, int]]


class _Maker:
    def __init__(self, program: Program, analysis: Analysis, keys: KnownKeys) -> None:
        self._program, self._analysis, self._keys = program, analysis, keys
        self._objects = {o.id: o for o in analysis.objects}
        self._columns: list[_Column] = []
        self._options: dict[str, OptionRead] = {}
        self._staged: dict[int, Staged] = {}
        self._elements: set[tuple[int, int]] = set()  # (column, vector) that the expression at hand reads
        self._later: set[int] = set()  # columns of second look-ups

    def made(self) -> Stages:
        ports = [self._port(number) for number in range(self._analysis.ports)]
        if not any(p.first for p in ports):
            return Stages()
        return Stages(self._text(ports), tuple(self._staged.values()), tuple(self._options.values()))

    # ----------------------------------------------------------------- what is looked up

    def _port(self, number: int) -> _Port:
        made = _Port(number)
        keys: dict[_Key, list[tuple[CallPath, int]]] = defaultdict(list)
        indices: dict[Expr, list[tuple[CallPath, int]]] = defaultdict(list)
        for path in (p for p in self._analysis.paths if p.port == number):
            for at, event in enumerate(path.events):
                if (key := self._looked_up(event)) is not None:
                    keys[key].append((path, at))
                elif event.index is not None and self._has_entries(event):
                    indices[event.index].append((path, at))
        used: dict[_Map, int] = defaultdict(int)
        second: dict[tuple[int, _Key | Expr], set[int]] = {}
        for key, places in keys.items():
            with suppress(UnwritableError):
                column = self._first(made, key, places, used)
                self._leads(column, places, second)
        for index, places in indices.items():
            with suppress(UnwritableError):
                made.first.append(self._direct(made, index, places))
        for (column, what), objects in second.items():
            with suppress(UnwritableError):
                if isinstance(what, _Key):
                    self._second_key(made, column, what, used)
                else:
                    self._second_index(made, column, what, objects)
        return made

    def _looked_up(self, event: Event) -> _Key | None:
        """What the event looks up; None if it does not, or the key is not known."""
        if event.op.effect is not Effect.GET or not event.objects:
            return None
        o = self._objects[event.objects[0]]
        if o.kind == "dmap" and event.raw:
            return _Key(_Map(o.id, event.op is parts.GETS[1]), event.raw)
        if o.kind == "map" and o.key is not None and all(f.computed is None for f in o.key):
            return _Key(_Map(o.id), event.key or ())
        return None

    def _has_entries(self, event: Event) -> bool:
        """Whether the event's index names an entry."""
        return bool(event.objects) and self._objects[event.objects[0]].kind in _FETCHES

    def _column(self, map_: _Map, used: dict[_Map, int]) -> int:
        """The column of one more look-up of a packet in the map; ``used``: how many it has by map."""
        same = [n for n, c in enumerate(self._columns) if c.map == map_]
        used[map_] += 1
        if used[map_] <= len(same):
            return same[used[map_] - 1]
        if len(self._columns) == _MOST:
            raise UnwritableError
        self._columns.append(_Column(map_))
        return len(self._columns) - 1

    def _leads(self, column: int, places: _Places, second: dict[tuple[int, _Key | Expr], set[int]]) -> None:
        """What is done with the number found, and what is named by elements that it leads to."""
        for path, at in places:
            made = dict(_produced(path))
            value = next((s for s, event in made.items() if event == at), None)
            if value is None:
                continue
            elements: dict[Expr, Expr] = {}
            for number, event in enumerate(path.events[at + 1 :], at + 1):
                if event.index is value and self._has_entries(event):
                    object_ = event.objects[0]
                    self._columns[column].leads.add(object_)
                    if self._objects[object_].kind == "vector":
                        elements |= {
                            s: memory_byte(f"{column} {object_}", part)
                            for s, n in made.items()
                            if n == number and isinstance(s.value, Produced) and isinstance(part := s.value.part, int)
                        }
                elif (key := self._looked_up(event)) is not None:
                    parts = tuple(substitute(e, elements) for e in key.parts)
                    if any(_is_element(s) for e in parts for s in symbols(e)):
                        second.setdefault((column, _Key(key.map, parts)), set())
                elif event.index is not None and self._has_entries(event):
                    index = substitute(event.index, elements)
                    if any(_is_element(s) for s in symbols(index)):
                        second.setdefault((column, index), set()).add(event.objects[0])

    # ----------------------------------------------------------------- as C

    def _first(self, port: _Port, key: _Key, places: _Places, used: dict[_Map, int]) -> int:
        """The column of a look-up whose key the packet has."""
        writer = self._writer(port)
        text = self._hash(key, writer)
        if self._elements:
            raise UnwritableError
        before = [path.condition[: path.events[at].condition_length] for path, at in places]
        tests = []
        for c in (c for c in before[0] if all(c in others for others in before[1:])):
            with suppress(UnwritableError):
                tests.append(writer.write(c))
        column = self._column(key.map, used)
        port.first.append(_if([f"length >= {writer.needed}", *tests], f"{text} {self._slot(key.map, column)}"))
        return column

    def _direct(self, port: _Port, index: Expr, places: _Places) -> str:
        """Entries whose index the packet has."""
        if not any(isinstance(s.value, PacketByte) for s in symbols(index)):
            raise UnwritableError
        writer = self._writer(port)
        text = writer.write(index)
        objects = sorted({path.events[at].objects[0] for path, at in places})
        return _if([f"length >= {writer.needed}"], f"const uint64_t at = {text}; {self._fetch(objects)}")

    def _second_key(self, port: _Port, column: int, key: _Key, used: dict[_Map, int]) -> None:
        writer = self._writer(port)
        text = self._hash(key, writer)
        later = self._column(key.map, used)
        self._later.add(later)
        text = f"{text} {self._slot(key.map, later)}"
        port.second[column].append(self._with_elements(column, writer, text))

    def _second_index(self, port: _Port, column: int, index: Expr, objects: set[int]) -> None:
        writer = self._writer(port)
        text = writer.write(index)
        text = f"const uint64_t at = {text}; {self._fetch(sorted(objects))}"
        port.second[column].append(self._with_elements(column, writer, text))

    def _writer(self, port: _Port) -> Writer:
        self._elements.clear()
        return Writer(port.number, self._symbol)

    def _with_elements(self, column: int, writer: Writer, text: str) -> str:
        """``text`` after declarations of the elements that it reads."""
        elements = sorted(self._elements)
        if any(c != column for c, _ in elements):
            raise UnwritableError
        declared = " ".join(
            f"const unsigned char *const e_{c}_{v} = maestro_stage_element(o{v}, found_{c}[i]);" for c, v in elements
        )
        return _if([f"length >= {writer.needed}"], f"{declared} {text}")

    def _symbol(self, e: Expr) -> str:
        """An option, or a byte of an element."""
        if isinstance(e.value, MemoryByte):
            column, vector = map(int, e.value.block.split())
            self._elements.add((column, vector))
            self._stage(vector, bytes_=e.value.offset + 1)
            return f"(uint64_t)e_{column}_{vector}[{e.value.offset}]"
        if not isinstance(e.value, Option):
            raise UnwritableError
        place = e.value.place
        if place not in self._options:
            file = unit_of(self._program, place)
            if file is None:
                raise UnwritableError
            self._options[place] = OptionRead(len(self._options), place, file)
        number = f"option_{self._options[place].number}"
        return number if e.width == 64 else f"({number} & UINT64_C({(1 << e.width) - 1}))"

    def _hash(self, key: _Key, writer: Writer) -> str:
        """Declares ``hash``, that of the key."""
        o = self._objects[key.map.object]
        function = o.functions[3 if key.map.second and len(o.functions) > 3 else 1]
        known = next((k for k in self._keys.functions if k.hashes and k.function == function), None)
        if known is None:
            raise UnwritableError
        lines = self._raw_key(o, key, writer) if o.kind == "dmap" else self._plain_key(o, key, writer)
        numbers = (0, known.number) if key.map.second else (known.number, 0)
        self._stage(o.id, known=numbers)
        return f"{' '.join(lines)} const uint32_t hash = MAESTRO_STAGE_HASH({body_name(known.function)}(key));"

    def _plain_key(self, o: StateObject, key: _Key, writer: Writer) -> list[str]:
        assert o.key is not None
        lines = [_room(max(f.offset + f.size for f in o.key))]
        for part, value in zip(o.key, key.parts, strict=True):
            if part.bits is not None:
                first, width = part.bits
                if part.size > 8:
                    raise UnwritableError
                lines.append(f"{{ uint64_t part = 0; __builtin_memcpy(&part, key + {part.offset}, {part.size});")
                lines.append(f"part |= ((uint64_t){writer.write(value)} & (UINT64_MAX >> {64 - width})) << {first};")
                lines.append(f"__builtin_memcpy(key + {part.offset}, &part, {part.size}); }}")
                continue
            bytes_ = [extract(value, value.width - 8 * n - 1, value.width - 8 * n - 8) for n in range(part.size)]
            if part.size in (1, 2, 4, 8):
                number = writer.write(concat(*reversed(bytes_)))
                lines.append(f"{{ const uint{8 * part.size}_t part = (uint{8 * part.size}_t){number};")
                lines.append(f"__builtin_memcpy(key + {part.offset}, &part, {part.size}); }}")
            else:
                lines += [f"key[{part.offset + n}] = (unsigned char){writer.write(b)};" for n, b in enumerate(bytes_)]
        return lines

    def _raw_key(self, o: StateObject, key: _Key, writer: Writer) -> list[str]:
        """Of a double map: the bytes that its functions read."""
        shape = o.shapes[key.map.second] if len(o.shapes) > key.map.second else None
        if (
            shape is None
            or shape.offsets is None
            or len(shape.offsets) != len(key.parts)
            or max(shape.offsets) >= _ROOM
        ):
            raise UnwritableError
        placed = zip(shape.offsets, key.parts, strict=True)
        lines = [f"key[{offset}] = (unsigned char){writer.write(byte)};" for offset, byte in placed]
        return [_room(max(shape.offsets) + 1), *lines]

    def _slot(self, map_: _Map, column: int) -> str:
        return f"maestro_stage_slot({self._map(map_)}, hash); found_{column}[i] = hash; w_{column} |= UINT32_C(1) << i;"

    def _map(self, map_: _Map) -> str:
        """The map as C."""
        if self._objects[map_.object].kind == "map":
            return f"o{map_.object}"
        return f"o{map_.object}->by_{'b' if map_.second else 'a'}"

    def _fetch(self, objects: Iterable[int]) -> str:
        return " ".join(
            f"(void)maestro_stage_{_FETCHES[self._objects[o].kind]}(o{o}, at);" for o in objects if self._stage(o)
        )

    def _stage(self, object_: int, known: tuple[int, int] = (0, 0), bytes_: int = 0) -> bool:
        before = self._staged.get(object_, Staged(object_, self._objects[object_].kind))
        both = (known[0] or before.known[0], known[1] or before.known[1])
        self._staged[object_] = Staged(object_, before.kind, both, max(bytes_, before.bytes))
        return True

    def _found(self, column: int, keep: bool) -> str:
        """What the slots of a column lead to; ``keep``: the numbers are used again, of packets that found one."""
        c = self._columns[column]
        then = f"{f'found_{column}[i] = at; ' if keep else ''}{self._fetch(sorted(c.leads))}"
        otherwise = f" else w_{column} &= ~(UINT32_C(1) << i);" if keep else ""
        found = f"if (maestro_stage_found({self._map(c.map)}, found_{column}[i], &at)) {{ {then} }}{otherwise}"
        return _each(column, f"uint32_t at;\n{found}")

    def _text(self, ports: Sequence[_Port]) -> str:
        frame = "const struct rte_mbuf *const mbuf = packets[i]; const uint32_t length = mbuf->data_len;"
        frame += " const uint8_t *const f = rte_pktmbuf_mtod(mbuf, const uint8_t *); (void)f;"
        leading = sorted({c for p in ports for c in p.second})
        first = _by_port([(p.number, p.first) for p in ports])
        loops = [f"for (uint32_t i = 0; i < n; i++) {{\n{frame}\nmaestro_stage_frame(packets, i, n);\n{first}\n}}"]
        loops += [self._found(c, c in leading) for c in range(len(self._columns)) if c not in self._later]
        for c in leading:
            loops.append(_each(c, f"{frame}\n{_by_port([(p.number, p.second.get(c, [])) for p in ports])}"))
        loops += [self._found(c, False) for c in sorted(self._later)]
        lines = [
            "static inline __attribute__((always_inline))"
            " void maestro_look_ahead(struct rte_mbuf **packets, uint32_t n) {",
            "void *const *const objects = maestro_staged_objects;",
            "if (objects == NULL || n < MAESTRO_STAGE_LEAST) { maestro_stage_frames(packets, n); return; }",
        ]
        for number, o in enumerate(self._staged.values()):
            kind = f"struct {_TYPES[o.kind]}"
            lines.append(f"const {kind} *const o{o.object} = MAESTRO_TARGET(({kind} *)objects[{number}]);")
        maps = sorted({self._map(c.map) for c in self._columns})
        if maps:
            entries = " + ".join(f"(uint64_t){m}->size" for m in maps)
            few = f"{entries} < MAESTRO_STAGE_ENTRIES({maps[0]})"
            lines.append(f"if ({few}) {{ maestro_stage_frames(packets, n); return; }}")
        lines += [f"const uint64_t option_{o.number} = maestro_option_{o.number}();" for o in self._options.values()]
        # Per column: hashes, then numbers, by packet; and of which packets there are any, a bit for each.
        lines += [
            f"uint32_t found_{c}[MAESTRO_STAGE_MOST], w_{c} = 0; (void)found_{c};" for c in range(len(self._columns))
        ]
        return "\n".join([*lines, "maestro_stage_count(n);", *loops, "}"])


_TYPES = {"map": "Map", "dchain": "DoubleChain", "vector": "Vector", "dmap": "DoubleMap"}
#: Kinds of objects with entries of an index -> what fetches one.
_FETCHES = {"dchain": "cell", "vector": "element", "dmap": "value"}
#: Bytes of a key: as large as the analysis lets keys be.
_ROOM = 4096


def _room(size: int) -> str:
    """Declares the key; what the hash depends on is set."""
    return f"unsigned char key[{_ROOM}]; __builtin_memset(key, 0, {size});"


def _each(column: int, text: str) -> str:
    """``text`` for each packet of the column."""
    return (
        f"for (uint32_t left = w_{column}; left != 0; left &= left - 1) {{\n"
        f"const uint32_t i = (uint32_t)__builtin_ctz(left);\n{text}\n}}"
    )


def _by_port(texts: Sequence[tuple[int, list[str]]]) -> str:
    lines = ["switch (mbuf->port) {"]
    for port, mine in texts:
        if mine:
            lines += [f"case {port}:", *mine, "break;"]
    return "\n".join([*lines, "default: break; }"])


def _if(tests: Sequence[str], text: str) -> str:
    return f"if ({' && '.join(tests)}) {{ {text} }}"


def _produced(path: CallPath) -> Iterator[tuple[Expr, int]]:
    """The symbols that events of the path gave, with the event's number."""
    expressions = [*path.condition, *(value for _, value in path.packet_writes)]
    for event in path.events:
        for slot in event.op.operands:
            expressions += event.expressions(slot)
    for s in set().union(*map(symbols, expressions)):
        if isinstance(s.value, Produced):
            yield s, s.value.event


def _is_element(s: Expr) -> bool:
    return isinstance(s.value, MemoryByte)
