"""Plan and solution -> the files of one generated program.

``gen/`` gets a mirror of the NF's folder (``mirror.py``), each file with what must be appended where its static
variables are visible, ``<nf>_parallel.c`` with the tables of the plan, and ``main_<nf>.c`` for the executable.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from maestro_tool import canonical, made_of, own_files
from maestro_tool.choices import OPTIMISE
from maestro_tool.codegen import cursor
from maestro_tool.codegen.joined import Configured, configured, joined
from maestro_tool.codegen.known import Known, KnownKeys, known_keys
from maestro_tool.codegen.mirror import PER_WORKER, mirror_files, per_worker_globals, symbol
from maestro_tool.codegen.stages import OptionRead, Stages, stages
from maestro_tool.diagnostics import UnsupportedError
from maestro_tool.dialects import DIALECTS
from maestro_tool.frontend import entry
from maestro_tool.frontend.entry import Given
from maestro_tool.frontend.ir import Assumed, Global, Program
from maestro_tool.frontend.preprocess import is_own
from maestro_tool.made_of import MadeOf
from maestro_tool.nic.profile import NicProfile, label
from maestro_tool.packet.classes import CLASSES, FIELDS_OF_VIEW
from maestro_tool.packet.fields import field_of
from maestro_tool.packet.kinds import kind_of
from maestro_tool.rss.model import Place, left_to_card
from maestro_tool.rss.solution import PortSolution, RssSolution
from maestro_tool.sharding.outcome.sharing import Sharing, shares, sharing
from maestro_tool.sharding.plan import ShardingPlan
from maestro_tool.symex.callpath import Analysis, MemoryPointer, ObjectPointer, Pinned, StateObject

#: Strategies under which the NF's variables exist once, for all workers.
ONE_COPY = ("locks", "tm")


def generate(
    program: Program,
    analysis: Analysis,
    plan: ShardingPlan,
    solution: RssSolution,
    profiles: Sequence[NicProfile],
    name: str,
    strategy: str,
    weights: tuple[int, ...] = (),
    origin: Origin | None = None,
    optimise: str = OPTIMISE[0],
) -> dict[str, str]:
    """File name (relative to the build folder of this NF and NIC) -> text; ``weights``: packets measured per index.

    Every ``gen/**.c`` but ``gen/main_<nf>.c`` belongs in the library.  ``optimise``: one of `choices.OPTIMISE`.
    """
    # Where packets write nothing there is nothing to share: workers have variables of their own, as shared-nothing, if
    # they can.
    per_worker = strategy not in ONE_COPY or (not shares(plan) and _can_own_variables(program))
    shared = sharing(analysis, plan) if shares(plan) or not per_worker else None
    together = [d.object for d in plan.decisions if d.treatment == "shared"]
    faster = _faster(program, analysis, optimise, together)
    files, added = _nf_files(program, name, analysis, per_worker=per_worker, shared=shared, faster=faster)
    decisions = {d.object: d for d in plan.decisions}
    files[f"gen/{name}_parallel.c"] = _render(
        "parallel.c.j2",
        name=name,
        nic=label(profiles),
        strategy=strategy,
        optimise=optimise,
        objects=[
            {
                "name": o.name,
                "kind": f"MAESTRO_{o.kind.upper()}",
                "treatment": f"MAESTRO_{decisions[o.id].treatment.upper().replace('-', '_')}",
                "split": _c_bool(decisions[o.id].split),
                "ranged": _c_bool(decisions[o.id].ranged),
                "guarded": _c_bool(shared is not None and o.id in shared.guarded),
                "ages_per_worker": _c_bool(shared is not None and o.id in shared.ages_per_worker),
                "element_size": o.element_size or 0,
                "min_capacity": decisions[o.id].min_capacity,
                "max_capacity": decisions[o.id].max_capacity,
                "led_by": decisions[o.id].led_by or (0, 0),
                "filled": o.filled,
            }
            for o in analysis.objects
            if o.kind != "global"
        ],
        ports=[_port(p, profile) for p, profile in zip(solution.ports, profiles, strict=True)],
        weights=weights,
        groups=solution.groups,
        saved=_saved(program) if per_worker else [],
        per_worker=per_worker and bool(per_worker_globals(program)),
        sharing="SOME" if per_worker else "ALL",
        shared=shared,
        transactions=strategy == "tm",
        entry_points=_entry_points(program),
        files=analysis.files,
        checks=_check_functions(program, analysis),
        knows=_know_functions(program, faster.keys),
        all_known=faster.keys.all,
        staged=faster.stages.objects,
        joined=faster.joined,
        configured=faster.configured,
        software_rss=_c_bool(all(p.rss.kind != "hardware" for p in profiles)),
    )
    return files if origin is None else _with_origin(files, added, program, origin, name, label(profiles), strategy)


def check_own_variables(program: Program) -> None:
    """Raise UnsupportedError where workers cannot have variables of their own, which only `ONE_COPY` does without."""
    mirror_files(program, source_root(program), {}, per_worker=True, named=True)
    _saved(program)


def _can_own_variables(program: Program) -> bool:
    try:
        check_own_variables(program)
    except UnsupportedError:
        return False
    return True


def generate_sequential(
    program: Program,
    name: str,
    ports: int,
    origin: Origin | None = None,
    optimise: str = OPTIMISE[0],
    analysis: Analysis | None = None,
) -> dict[str, str]:
    """The NF as it is, for one core: no per-worker variables, no plan, no checks.

    ``analysis``: what packets look up, if that is known; they do nothing else for it.
    """
    faster = _faster(program, analysis, optimise, planned=False)
    files, added = _nf_files(program, name, None, per_worker=False, shared=None, faster=faster)
    files[f"gen/{name}_parallel.c"] = _render(
        "parallel.c.j2",
        name=name,
        nic="none",
        strategy="sequential",
        optimise=optimise,
        objects=[],
        ports=[
            {
                "key": b"",
                "table_size": 1,
                "max_queues": 0,
                "power_of_two_queues": "false",
                "drivers": (),
                "blind_to": (),
                "card_classes": [],
                "rss_hf": 0,
                "software_classes": 0,
                "inputs": dict.fromkeys(FIELDS_OF_VIEW, "{0}"),
                "byte_inputs": [],
                "rules": [],
                "given_rows": [],
            }
        ]
        * ports,
        saved=[],
        entry_points=_entry_points(program),
        files=(),
        per_worker=False,
        shared=None,
        checks=[],
        knows=_know_functions(program, faster.keys),
        all_known=faster.keys.all,
        staged=faster.stages.objects,
        joined=faster.joined,
        configured=faster.configured,
        weights=(),
        groups=(),
        software_rss="false",
    )
    return files if origin is None else _with_origin(files, added, program, origin, name, "none", "sequential")


@dataclass(frozen=True, slots=True)
class _Faster:
    """What makes packets cost less (docs/performance.md)."""

    local_cursor: bool
    keys: KnownKeys
    stages: Stages
    joined: tuple[tuple[int, int], ...]
    configured: tuple[Configured, ...]


def _faster(
    program: Program, analysis: Analysis | None, optimise: str, together: Collection[int] = (), *, planned: bool = True
) -> _Faster:
    """``together``: objects that workers share.  ``planned``: the program compares what the analysis took for given."""
    if optimise == "none":
        return _Faster(local_cursor=False, keys=KnownKeys((), ""), stages=Stages(), joined=(), configured=())
    keys = known_keys(program)
    ahead = stages(program, analysis, keys) if analysis is not None else Stages()
    asks = () if analysis is None or planned else configured(program, analysis)
    side_by_side = joined(analysis, together) if analysis is not None and asks is not None else ()
    return _Faster(cursor.can_be_local(program), keys, ahead, side_by_side, (asks or ()) if side_by_side else ())


@dataclass(frozen=True, slots=True)
class Origin:
    """What a program is made of: the NF, and the text of its plan.json, if it has one."""

    made_of: MadeOf
    plan: str | None


def _with_origin(
    files: dict[str, str], added: str, program: Program, origin: Origin, name: str, nic: str, strategy: str
) -> dict[str, str]:
    """With a symbol that objects of other builds do not have, and the note that says what this one is made of."""
    tables = f"gen/{name}_parallel.c"
    symbol = made_of.symbol(origin.made_of, added)
    content = made_of.note(origin.made_of, name, nic, strategy, origin.plan).encode("ascii")
    rows = [", ".join(map(str, content[i : i + 24])) for i in range(0, len(content), 24)]
    values = {"symbol": symbol, "rows": rows, "size": len(content)}
    root = source_root(program)
    units = {tables, f"gen/main_{name}.c", *(f"gen/{os.path.relpath(unit, root)}" for unit in program.units)}
    return {
        file: text + _render("origin.c.j2", own=file == tables, **values, section=made_of.SECTION, owner=made_of.OWNER)
        if file in units
        else text
        for file, text in files.items()
    }


def _entry_points(program: Program) -> list[tuple[str, str]]:
    """(member of struct maestro_nf, function) of the entry points that the NF may leave out."""
    return [(name.removeprefix("nf_"), name) for name in _OPTIONAL if name in program.functions]


_OPTIONAL = ("nf_config_init", "nf_config_print")


# --------------------------------------------------------------------------- the NF's own files


def _nf_files(
    program: Program, name: str, analysis: Analysis | None, *, per_worker: bool, shared: Sharing | None, faster: _Faster
) -> tuple[dict[str, str], str]:
    """The files, and a digest of what in them is not the NF's own; whatever its name is."""
    root = source_root(program)
    defines = {"MAESTRO_THREAD_LOCAL": PER_WORKER} if per_worker else {}
    defines |= program.defines
    if faster.local_cursor:
        defines["MAESTRO_LOCAL_CURSOR"] = "1"
    if faster.keys.functions:
        defines["MAESTRO_KNOWN_KEYS"] = faster.keys.text.replace("\n", " \\\n")
    if faster.stages.text:
        defines["MAESTRO_LOOKS_AHEAD"] = "1"
    if shared is not None:
        defines |= {"MAESTRO_SHARING": "1", "MAESTRO_RESTORE_BYTES": str(shared.restore_bytes)}
    mirrored = mirror_files(program, root, defines, per_worker=per_worker, named=analysis is not None)
    appended: dict[str, str] = {}
    saved = {s.file: s for s in _saved(program)} if per_worker else {}
    assumptions = _assumptions(program, analysis) if analysis else {}
    addresses = _addresses(program, analysis) if analysis else {}
    burst_file = program.locations[program.functions["nf_process"].loc].file
    assumed: dict[str, list[Assumed]] = defaultdict(list)
    for item in program.assumed:
        assumed[item.file].append(item)
    known: dict[str, list[Known]] = defaultdict(list)
    for function in faster.keys.functions:
        known[function.file].append(function)
    options: dict[str, list[OptionRead]] = defaultdict(list)
    for option in faster.stages.options:
        options[option.file].append(option)
    asked: dict[str, list[Configured]] = defaultdict(list)
    for number in faster.configured:
        asked[number.file].append(number)
    for file in sorted({*saved, *assumptions, *addresses, *assumed, *known, *options, *asked, burst_file}):
        relative = os.path.relpath(file, root)
        appended[relative] = _render(
            "appendix.c.j2",
            generated=f"{relative} (appended by Maestro)",
            burst=f"{name}_process_burst" if file == burst_file else None,
            call=_call(program, local_cursor=faster.local_cursor),
            stages=faster.stages if file == burst_file else Stages(),
            options=options[file],
            configured=asked[file],
            function=saved[file].function if file in saved else None,
            variables=saved[file].variables if file in saved else [],
            size=saved[file].size if file in saved else 0,
            check=_check_name(relative) if file in assumptions else None,
            locals=_inside_functions(program, file) if analysis is not None else [],
            storage=f"{PER_WORKER} " if per_worker else "",
            assumptions=assumptions.get(file, []),
            assumed=assumed[file],
            know=_know_name(relative) if file in known else None,
            known=known[file],
            addresses=addresses.get(file, []),
        )
    files = {f"gen/{f}": text + appended.get(f, "") for f, text in mirrored.items()}
    for taken in (f"gen/main_{name}.c", f"gen/{name}_parallel.c"):
        if taken in files:
            mine = taken.removeprefix("gen/")
            raise UnsupportedError(
                f"the NF has a file '{mine}', which is generated for it, too", hint="rename the file"
            )
    files[f"gen/main_{name}.c"] = _render("main.c.j2", name=name)
    files[f"{name}.h"] = _render("header.h.j2", name=name)
    added = {f: text.replace(f"{name}_process_burst", "process_burst") for f, text in appended.items()}
    return files, canonical.digest([defines, per_worker, analysis is not None, added])


def _call(program: Program, *, local_cursor: bool) -> str:
    """The call of nf_process, by what it is given (`frontend.entry`)."""
    process = program.functions["nf_process"]
    given = entry.given(process, DIALECTS[program.dialect])
    if given is Given.MBUF:
        return "(MAESTRO_MBUF_BEGINS(mbuf) ? nf_process(mbuf, now) : NF_DROP)"
    if given is Given.BURST:
        return "(MAESTRO_MBUF_BEGINS(mbuf) ? (nf_process(&mbuf, 1, now, &verdicts[i]), verdicts[i]) : NF_DROP)"
    frame = "&frame" if given is Given.BUFFER else "frame"
    if local_cursor:
        frame = "&cursor->given"
    return f"nf_process(device, {frame}, length, now{', mbuf' if len(process.parameters) == 5 else ''})"


def _inside_functions(program: Program, file: str) -> list[tuple[str, int]]:
    """Names and sizes of the ``static`` variables of a file's functions."""
    found = per_worker_globals(program)
    return [(symbol(program, g), g.size) for g in found if g.file == file and g.scope == "static_local"]


def source_root(program: Program) -> Path:
    """The folder that holds all ``.c`` files of the NF, and its headers."""
    return own_files.common_folder([Path(f) for f in program.files if f.endswith(".c")])


@dataclass(frozen=True, slots=True)
class _Saved:
    """Variables of one file that move with a worker from thread to thread; ``size`` in bytes."""

    file: str
    function: str
    variables: tuple[str, ...]
    size: int


def _saved(program: Program) -> list[_Saved]:
    root = source_root(program)
    by_file: dict[str, list[Global]] = defaultdict(list)
    for g in per_worker_globals(program):
        if not g.file.endswith(".c"):
            raise UnsupportedError(
                f"variable '{g.c_name}' is defined in a header",
                program.locations[g.loc],
                hint="define it in a .c file and declare it extern in the header",
            )
        by_file[g.file].append(g)
    return [
        _Saved(file, f"maestro_globals_{_identifier(os.path.relpath(file, root))}",
               tuple(symbol(program, g) for g in found), sum(g.size for g in found))
        for file, found in sorted(by_file.items())
    ]  # fmt: skip


# --------------------------------------------------------------------------- what the analysis assumed


def _assumptions(program: Program, analysis: Analysis) -> dict[str, list[dict[str, Any]]]:
    """Per file: the checks whose root variable, or function, is visible there.

    ``given``: the function that map ``object`` must have as its equality or hash; ``value``: the number there;
    ``object``: the allocation whose result is there; ``same``: the function that returns the address that is there.
    """
    by_file: dict[str, list[dict[str, Any]]] = defaultdict(list)
    items: list[Pinned | ObjectPointer | MemoryPointer] = [
        *analysis.pinned,
        *analysis.object_pointers,
        *analysis.memory_pointers,
    ]
    for item in items:
        variable = _root(program, item.access)
        by_file[variable.file].append(
            {
                "place": item.place,
                **_path(program, variable, item.access),
                "size": item.size if isinstance(item, Pinned) else 8,
                "value": item.value if isinstance(item, Pinned) else None,
                "object": item.object if isinstance(item, ObjectPointer) else None,
                "same": _address_name(analysis, item) if isinstance(item, MemoryPointer) else None,
                "given": None,
            }
        )
    for o in analysis.objects:
        for role, function in zip(_ROLES[o.kind] if o.functions else (), o.functions, strict=True):
            by_file[_function_file(program, o, function)].append(
                {
                    "place": f"the {_ROLE_NAMES[role]} of {o.name}",
                    "given": function.rpartition(":")[2],
                    "library": _is_library(program, function),
                    "role": role,
                    "object": o.id,
                    "same": None,
                }
            )
    return by_file


#: What `StateObject.functions` are, as the runtime's checks (maestro_map_equal_is ...) and people call them.
_ROLES = {"map": ("equal", "hash"), "sketch": ("hash",), "dmap": ("equal", "hash", "second_equal", "second_hash")}
_ROLE_NAMES = {
    "equal": "equality function",
    "hash": "hash function",
    "second_equal": "equality function of the second keys",
    "second_hash": "hash function of the second keys",
}


def _is_library(program: Program, function: str) -> bool:
    """Whether the function exists once in the process (src/keys.c): what the runtime's headers define under names of
    its own.  What they offer to NFs, such as rte_ether_addr_eq, is static: each file has a copy."""
    defined = program.functions.get(function)
    return defined is not None and function.startswith("maestro_") and not is_own(program.locations[defined.loc].file)


def _function_file(program: Program, o: StateObject, function: str) -> str:
    """Where a function is to be named: its own file, which alone knows it if it is static; if it comes from a header,
    each file has a copy, and the map has that of the file which allocates it.  Anywhere, if it is the library's."""
    if _is_library(program, function):
        return program.locations[program.functions["nf_process"].loc].file
    defined = program.functions.get(function)
    loc = program.locations[o.loc if defined is None else defined.loc]
    if not loc.file.endswith(".c"):
        loc = program.locations[o.loc]
    if not loc.file.endswith(".c"):
        raise UnsupportedError(
            f"a map with '{function}' is allocated in a header, which the program cannot check at its start",
            loc,
            hint="call map_allocate in a .c file, or define the function there",
        )
    return loc.file


def _addresses(program: Program, analysis: Analysis) -> dict[str, list[dict[str, Any]]]:
    """Per file: the functions that return an address which some pointer must hold; the root may be static there."""
    by_file: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for item in analysis.memory_pointers:
        returned = {"function": _address_name(analysis, item)}
        if len(item.target) == 1:  # a function
            loc = program.locations[program.functions[str(item.target[0])].loc]
            if not loc.file.endswith(".c"):
                raise UnsupportedError(
                    "packets call this through a pointer, which the program cannot check at its start",
                    loc,
                    hint="define the function in a .c file",
                )
            name = str(item.target[0]).rpartition(":")[2]
            by_file[loc.file].append({**returned, "root": name, "offset": 0, "derefs": ()})
            continue
        variable = _root(program, item.target)
        by_file[variable.file].append({**returned, **_path(program, variable, item.target)})
    return by_file


def _address_name(analysis: Analysis, item: MemoryPointer) -> str:
    return f"maestro_address_{analysis.memory_pointers.index(item)}"


def _path(program: Program, variable: Global, access: tuple[str | int, ...]) -> dict[str, Any]:
    return {"root": symbol(program, variable), "offset": access[1], "derefs": access[2:]}


def _root(program: Program, access: tuple[str | int, ...]) -> Global:
    """The variable that an access starts from; it must be one that a ``.c`` file of the NF can name."""
    variable = program.globals[str(access[0])]
    named = variable.scope in ("file", "static_file") or (variable.scope == "static_local" and not variable.const)
    if not named or not variable.file.endswith(".c"):
        raise UnsupportedError(
            "packets read memory through a pointer to this, which the program cannot check at its start",
            program.locations[variable.loc],
            hint="let the pointer lead to a variable at file scope of a .c file, or to allocated memory",
        )
    return variable


def _know_functions(program: Program, keys: KnownKeys) -> list[str]:
    """The functions in units that say which functions of keys have numbers."""
    root = source_root(program)
    return [_know_name(os.path.relpath(f, root)) for f in sorted({k.file for k in keys.functions})]


def _know_name(relative: str) -> str:
    return f"maestro_know_{_identifier(relative)}"


def _check_functions(program: Program, analysis: Analysis) -> list[str]:
    root = source_root(program)
    return [_check_name(os.path.relpath(f, root)) for f in sorted(_assumptions(program, analysis))]


def _check_name(relative: str) -> str:
    return f"maestro_check_{_identifier(relative)}"


# --------------------------------------------------------------------------- tables


def _port(p: PortSolution, profile: NicProfile) -> dict[str, Any]:
    steering = dict(p.steering)
    software = sum(1 << i for i, c in enumerate(CLASSES) if steering[c] == "software")
    return {
        "number": p.port,
        "key": p.key,
        "key_rows": _rows(p.key),
        "given_rows": _rows(p.key[::-1]) if profile.rss.key_reversed and p.rss_hf else [],
        "initial_hash": f"0x{profile.rss.initial_hash if p.rss_hf else 0:x}",
        "key_length_passed": p.key_length_passed,
        "key_fixed": _c_bool(p.key_fixed),
        "function": "MAESTRO_" + "_".join(dict.fromkeys(("TOEPLITZ", p.function.upper()))),
        "rss_hf": " | ".join(p.rss_hf) or "0",
        "rules": [(CLASSES[c].c_name, " | ".join(types)) for c, types in p.rules],
        "table_size": p.table_size,
        "table_selectable": _c_bool(profile.rss.tables.selectable),
        "max_queues": (profile.rss.max_queues or 0) if p.rss_hf else 0,
        "power_of_two_queues": _c_bool(bool(p.rss_hf) and profile.rss.power_of_two_queues),
        "drivers": profile.planned_drivers,
        "blind_to": profile.rss.blind_to if p.rss_hf else (),
        "key_unread": _c_bool(not profile.rss.read_back.key),
        "table_unread": _c_bool(not profile.rss.read_back.table),
        "card_classes": [
            {
                "name": CLASSES[c].c_name,
                "fields": ", ".join(fields),
                "inputs": [[_card_field(place) for place in places] for places in inputs],
            }
            for c, fields, inputs in left_to_card(p)
        ],
        "software_classes": f"0x{software:x}",
        "inputs": {view: _hash_input(fields) for view, fields in p.software},
        "byte_inputs": [(*_shape(name), _hash_input(fields)) for name, fields in p.of_bytes],
    }


def _rows(key: bytes) -> list[str]:
    return [", ".join(f"0x{b:02x}" for b in key[i : i + 8]) for i in range(0, len(key), 8)]


def _card_field(place: Place) -> str:
    base = "ZEROS" if place.base is None else f"FROM_{place.base.upper()}"
    return f"{{MAESTRO_{base}, {place.offset}, {place.size}, {_c_bool(place.mixed)}}}"


def _shape(name: str) -> tuple[str, str]:
    """The class of a kind of frames, and its shape; those before it have been asked for then."""
    kind = kind_of(name)
    tests = [f"{{{at}, 0x{value:02x}, 0x{mask:02x}}}" for at, value, mask in kind.shape.tests] if kind.shape else []
    asked = f"{{{len(tests)}, {{{', '.join(tests)}}}}}" if tests else "{0}"
    return CLASSES[kind.base].c_name, f"{kind.shape.length if kind.shape else 0}, {asked}"


def _hash_input(fields: tuple[str, ...]) -> str:
    items = ", ".join(f"{{{f.offset}, {f.size}}}" for f in map(field_of, fields))
    return f"{{{len(fields)}, {{{items}}}}}" if fields else "{0}"


# --------------------------------------------------------------------------- text


def prepare() -> None:
    """Read the templates; otherwise the first use of each does."""
    for template in _ENVIRONMENT.list_templates():
        _ENVIRONMENT.get_template(template)


def _render(template: str, **values: Any) -> str:
    return _ENVIRONMENT.get_template(template).render(**values)


def _c_bool(value: bool) -> str:
    return "true" if value else "false"


def _c_string(text: str) -> str:
    safe = "".join(
        chr(c) if 32 <= c < 127 and chr(c) not in '"\\%?' else f"\\{c:03o}"
        for c in text.encode("utf-8", "surrogateescape")
    )
    return f'"{safe}"'


def _comment(text: str) -> str:
    return text.replace("*/", "* /").replace("\n", " ")


def _identifier(path: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else f"_{ord(c):x}_" if c != "." else "_" for c in path)


_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent / "templates"),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,  # C, not HTML; strings go through c_string
)
_ENVIRONMENT.filters["c_string"] = _c_string
_ENVIRONMENT.filters["comment"] = _comment
