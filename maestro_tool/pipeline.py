"""The phases in order: read `analyse` and `generate` and you know the tool.

Both are what ``maestro analyse`` and ``maestro generate`` run, as two nodes of a build: an analysis serves every NIC.
Results name places in the source by number; numbers become file:line:col by the table of the program at hand
(``plan_json``), so that a comment edit moves lines but finds its analysis in the cache.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from maestro_tool import canonical, fingerprint, forms, loaded, own_files, xdp
from maestro_tool.cache import Cache
from maestro_tool.choices import OPTIMISE
from maestro_tool.diagnostics import InputError, MaestroError, SourceLocation, ToolError, UnsupportedError
from maestro_tool.forms import Natural
from maestro_tool.made_of import MadeOf
from maestro_tool.meaning import Means

if TYPE_CHECKING:
    from maestro_tool.explain import Explanation
    from maestro_tool.frontend.ir import Program
    from maestro_tool.nic.profile import NicProfile
    from maestro_tool.rss import Problem, RssSolution
    from maestro_tool.rss.measured import Measured
    from maestro_tool.sharding.plan import Obstacle, ShardingPlan
    from maestro_tool.strategies import Choice
    from maestro_tool.symex.callpath import Analysis

ANALYSIS_SCHEMA = "maestro-analysis/3"

#: What a solution that belongs to something else makes its checks raise.
_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError, RecursionError, MaestroError)


@dataclass(frozen=True, slots=True)
class Request:
    """What to analyse.  ``arguments`` are the NF's own (what follows ``--``); ``ports`` the number of devices.

    ``limits``: members of `symex.Limits` that differ from the default.  ``pure``: functions without a definition that
    are known to only calculate from their arguments.  ``xdp``: how a program for XDP is attached (`xdp.read`).

    ``compiler``: words of the command that compiles the NF, from a build system: ``flags`` are then all that it gets
    besides ``defines`` and ``include_dirs``, else the default ones come before them.  ``headers``: folders of DPDK's
    headers, if the lines that are compiled with them are to be compared with those analysed.
    """

    sources: tuple[Path, ...]
    arguments: tuple[Annotated[str, Means("argument")], ...] = ()
    ports: Natural = 2
    include_dirs: tuple[Path, ...] = ()
    defines: tuple[Annotated[str, Means("define")], ...] = ()
    limits: tuple[tuple[Annotated[str, Means("limit")], Natural], ...] = ()
    pure: tuple[Annotated[str, Means("function")], ...] = ()
    xdp: tuple[Annotated[str, Means("word of a command")], ...] = ()
    compiler: tuple[Annotated[str, Means("word of a command")], ...] = ()
    flags: tuple[Annotated[str, Means("word of a command")], ...] = ()
    headers: tuple[Annotated[str, Means("word of a command")], ...] = ()


@dataclass(frozen=True, slots=True)
class PhaseTime:
    """How long a phase took, in seconds; ``reused``: where in the cache its result was, or ""."""

    phase: str
    seconds: float
    reused: str


@dataclass(slots=True)
class Stopwatch:
    """Collects the phases' times."""

    times: list[PhaseTime] = field(default_factory=list)

    @contextmanager
    def phase(self, name: str) -> Iterator[_Mark]:
        mark = _Mark()
        start = time.perf_counter()
        yield mark
        self.times.append(PhaseTime(name, time.perf_counter() - start, mark.reused))

    def text(self) -> str:
        return ", ".join(f"{t.phase} {1e3 * t.seconds:.0f} ms{' (cached)' if t.reused else ''}" for t in self.times)


@dataclass(slots=True)
class _Mark:
    """Where in the cache a phase found its result, or ""."""

    reused: str = ""


@dataclass(frozen=True, slots=True)
class Analysed:
    """An analysis with what it is of: the content of ``analysis.json``, which holds no line numbers.

    ``loaded``: the program itself, where it was analysed just now.
    """

    request: Request
    made_of: MadeOf
    analysis: Analysis
    loaded: Program | None = field(default=None, repr=False, compare=False)

    @property
    def program(self) -> str:
        """`frontend.fingerprint` of the program."""
        return self.made_of.program

    def text(self) -> str:
        """The content of ``analysis.json``."""

        content = (self.request, self.made_of, self.analysis)
        return forms.write(content, ANALYSIS_SCHEMA)

    @staticmethod
    def read(path: Path) -> Analysed:
        """Read ``analysis.json``; raises `InputError` if it is not one."""
        from maestro_tool.symex.callpath import Analysis

        text = canonical.read_text(path)
        try:
            return Analysed(*forms.read(tuple[Request, MadeOf, Analysis], text, ANALYSIS_SCHEMA))
        except ValueError as error:
            canonical.read_json(path, ANALYSIS_SCHEMA)  # says so if it is something else
            raise InputError(
                "this analysis is damaged", SourceLocation(str(path), 1), hint="make it again: maestro analyse"
            ) from error


def prepare() -> None:
    """Make the forms of what the phases read, and say what they are; otherwise the first use of each does."""
    from maestro_tool.rss.solution import RssSolution
    from maestro_tool.symex.callpath import Analysis

    forms.prepare(tuple[Request, MadeOf, Analysis])
    forms.prepare(RssSolution)
    for entries in (fingerprint.ANALYSIS, fingerprint.SOLUTION):
        fingerprint.tool(entries)


def analyse(
    request: Request,
    cache: Cache,
    watch: Stopwatch,
    progress: Callable[[int, int], None] | None = None,
    find: Callable[..., Analysis] | None = None,
) -> Analysed:
    """C sources -> call paths.  ``progress`` is called with a port and the number of paths so far, now and then.

    ``find``: what makes the analysis; default: `call_paths.find`, here.
    """
    _check_text(request)
    # C sources -> typed control-flow graphs.
    program, made_of = _load(request, watch)
    # Control-flow graphs -> call paths, or the ones of the same program with the same arguments.
    request = dataclasses.replace(request, headers=())  # compared once, for all that reads the analysis
    paths = _call_paths(program, made_of.program, request, cache, watch, progress, find)
    return Analysed(request, made_of, paths, program)


def generate(
    analysed: Analysed,
    nic: Sequence[NicProfile],
    name: str,
    strategy: str,
    cache: Cache,
    watch: Stopwatch,
    traffic: Path | None = None,
    *,
    full_hash: bool = False,
    optimise: str = OPTIMISE[0],
) -> dict[str, str]:
    """Call paths and a NIC -> the files of one NF by relative name: ``plan.json``,
    ``certificate.json``, ``<nf>.h``, ``gen/...``.

    ``nic``: the profile of all ports, or one for each.  ``traffic``: captures that the tables are balanced for.
    ``full_hash``: related packets agree in the whole hash, not only in the index.  ``optimise``: one of
    `choices.OPTIMISE`.
    """
    from maestro_tool import codegen, plan_json
    from maestro_tool.certificate import write as certificate

    # The sources once more: for line numbers, and because generated C mirrors them.
    program = load_again(analysed, watch)
    # Call paths -> which packets must meet, and how each object is treated; what NICs hash -> keys, tables, steering.
    profiles = per_port(nic, analysed.analysis.ports)
    if full_hash and len({p.rss.initial_hash for p in profiles}) > 1:
        raise UnsupportedError(
            "the cards' hashes start with different values (rss.initial_hash), so whole hashes never agree",
            hint="leave full_hash out: the tables make up for it",
        )
    choice = decide(analysed, program, profiles, strategy, cache, watch, full_hash=full_hash)
    plan, solution = choice.plan, choice.solution
    # Captures under these keys -> weights for the tables.
    measured = measure(solution, traffic, watch) if traffic is not None else None
    # The plan as other programs read it; all of it -> C.
    document = plan_json.document(program, analysed.analysis, plan, solution, profiles, name, choice.strategy, measured)
    document["made_of"] = _origin(analysed)
    plan_text = canonical.dumps(document)
    with watch.phase("codegen"):
        files = codegen.generate(
            program,
            analysed.analysis,
            plan,
            solution,
            profiles,
            name,
            choice.strategy.name,
            measured.weights if measured else (),
            codegen.Origin(analysed.made_of, plan_text),
            optimise,
        )
    files["plan.json"] = plan_text
    # What was found and decided, for whoever wants to prove it again.
    with watch.phase("certificate"):
        bound = {f: text for f, text in files.items() if f == "plan.json" or (f[:4] == "gen/" and f[-2:] == ".c")}
        meaning, strategy = analysed.program, choice.strategy.name
        proof = certificate.text(name, program, meaning, analysed.analysis, plan, solution, strategy, bound, profiles)
    return {**files, "certificate.json": proof}


def explain(
    analysed: Analysed, nic: Sequence[NicProfile], name: str, strategy: str, cache: Cache, watch: Stopwatch
) -> Explanation:
    """Call paths and a NIC -> what is decided and why, in words; also where nothing can be built."""
    from maestro_tool import explain as words

    program = load_again(analysed, watch)
    plan = derive(analysed, watch)
    profiles = per_port(nic, analysed.analysis.ports)
    try:
        choice = decide(analysed, program, profiles, strategy, cache, watch, plan)
    except UnsupportedError as error:
        why = [error.message, *([error.hint] if error.hint else [])]
        return words.explain(program, analysed.analysis, plan, name, profiles, None, why)
    decided = words.Decided(choice.plan, choice.solution, choice.strategy)
    return words.explain(program, analysed.analysis, plan, name, profiles, decided, choice.strategy.why)


def generate_sequential(
    request: Request, name: str, watch: Stopwatch, optimise: str = OPTIMISE[0], analysis: Analysis | None = None
) -> tuple[Program, dict[str, str]]:
    """C sources -> the files of the same NF as a program for one core, for comparison, and what they were made of.

    ``analysis``: what packets look up, if that is known.
    """
    from maestro_tool import codegen

    _check_text(request)
    program, made_of = _load(request, watch)
    with watch.phase("codegen"):
        origin = codegen.Origin(made_of, None)
        return program, codegen.generate_sequential(program, name, request.ports, origin, optimise, analysis)


def made_of(request: Request) -> MadeOf:
    """What a build of these sources would be made of today."""
    return _load(request, Stopwatch())[1]


def _origin(analysed: Analysed) -> dict[str, Any]:
    """What the program is made of, for plan.json; ``build``: members of `Request`, to find that out again."""
    request, found = analysed.request, analysed.made_of
    build = {
        "sources": [str(s) for s in request.sources],
        "compiler": list(request.compiler),
        "flags": list(request.flags),
        "defines": list(request.defines),
        "include_dirs": [str(d) for d in request.include_dirs],
    }
    return {"digest": found.digest, **found.to_json(), "build": build}


def mirrored_name(request: Request, file: Path) -> str:
    """The name that code generation gives to the NF's own ``file``: its place below the sources' common folder."""
    return f"gen/{os.path.relpath(file, own_files.common_folder(request.sources))}"


def derive(analysed: Analysed, watch: Stopwatch) -> ShardingPlan:
    """Call paths -> sharding plan: too quick to be worth a cache."""
    from maestro_tool import sharding

    with watch.phase("sharding"):
        return sharding.derive_plan(analysed.analysis)


def per_port(nic: Sequence[NicProfile], ports: int) -> tuple[NicProfile, ...]:
    """One profile for each port; `InputError` if there are neither one nor as many as ports."""
    if len(nic) not in (1, ports):
        raise InputError(f"nic= names {len(nic)} cards, but the NF has {ports} ports", hint="name one, or one for each")
    return tuple(nic) if len(nic) == ports else tuple(nic) * ports


def solve(
    plan: ShardingPlan,
    profiles: Sequence[NicProfile],
    cache: Cache,
    watch: Stopwatch,
    *,
    software: bool = False,
    full_hash: bool = False,
) -> RssSolution:
    """Constraints + a profile per port -> RSS solution, proved again before it is used, whether cached or new.

    ``software``: do without the NICs' hashing.  ``full_hash``: see `generate`.
    """
    from maestro_tool.rss import problem as make_problem
    from maestro_tool.rss import solve_problem
    from maestro_tool.rss.verify import check

    with watch.phase("rss") as mark:
        problem = make_problem(plan.constraints, profiles, len(profiles), software=software, full_hash=full_hash)
        key = fingerprint.solution_key(problem.digest)
        with cache.alone(key):
            if (solution := _stored_solution(key, problem, cache, mark)) is not None:
                return solution
            solution = solve_problem(problem)
            if wrong := check(problem, solution):
                raise AssertionError(f"the solver's own solution is wrong: {wrong[0]}")
            if solution.satisfiable:  # what an unsatisfiable one says is about these constraints in this order
                cache.put(key, forms.write(solution).encode())
            return solution


def _stored_solution(key: str, problem: Problem, cache: Cache, mark: _Mark) -> RssSolution | None:
    """What the cache has, if it is a solution of the problem; ``mark`` says where it was."""
    from maestro_tool.rss.solution import RssSolution
    from maestro_tool.rss.verify import check

    stored = cache.get(key)
    if stored is None:
        return None
    try:
        solution = forms.read(RssSolution, stored.content.decode())
        # Others than satisfiable ones are not stored: nothing could be checked of them.
        wrong = check(problem, solution) if solution.satisfiable else ["it says that there is no solution"]
        if not wrong:
            mark.reused = stored.place
            return solution
        cache.reject(key, wrong[0])
    except _MALFORMED:
        cache.reject(key, "damaged")
    return None


def decide(
    analysed: Analysed,
    program: Program,
    profiles: Sequence[NicProfile],
    wanted: str,
    cache: Cache,
    watch: Stopwatch,
    plan: ShardingPlan | None = None,
    *,
    full_hash: bool = False,
) -> Choice:
    """Call paths and a profile per port -> the strategy, with its plan and solution.

    ``plan``: what `derive` found, if that is known.  Raises `UnsupportedError` with the reason if ``wanted`` is not
    sound.
    """
    from maestro_tool import sharding, strategies

    def solved(plan: ShardingPlan, software: bool) -> RssSolution:
        return solve(plan, profiles, cache, watch, software=software, full_hash=full_hash)

    def replanned(obstacles: tuple[Obstacle, ...]) -> ShardingPlan:
        return sharding.derive_plan(analysed.analysis, obstacles)

    plan = plan or derive(analysed, watch)
    question = strategies.Question(program, analysed.analysis, plan, profiles, solved, replanned)
    return strategies.choose(question, wanted)


def measure(solution: RssSolution, traffic: Path, watch: Stopwatch) -> Measured:
    """A folder of captures, or one capture -> what indices their packets meet."""
    from maestro_tool.rss import measured

    with watch.phase("traffic"):
        return measured.measure(solution, measured.read(traffic, len(solution.ports)), traffic.name)


def load_again(analysed: Analysed, watch: Stopwatch) -> Program:
    """The program that was analysed: for line numbers; `InputError` if its sources are not what they were."""
    from maestro_tool.symex import belongs
    from maestro_tool.symex.files import changed

    program, made_of = (analysed.loaded, analysed.made_of) if analysed.loaded else _load(analysed.request, watch)
    if made_of.program == analysed.program and made_of != analysed.made_of:
        raise InputError("the compiler changed after the NF was analysed", hint="analyse it again: maestro analyse")
    if made_of != analysed.made_of:
        raise InputError("the sources changed after they were analysed", hint="analyse them again: maestro analyse")
    if analysed.loaded is None:  # it was read: build/ may have been edited
        try:
            belongs.check(analysed.analysis, program, analysed.request.arguments, analysed.request.ports)
        except belongs.NotOfThisProgramError as error:
            raise InputError(
                f"this analysis is not of this program: {error}", hint="make it again: maestro analyse"
            ) from error
    if (file := changed(analysed.analysis.files)) is not None:
        message = f"the file '{file.name}' changed after the NF was analysed"
        raise InputError(message, program.locations[file.loc], hint="analyse it again: maestro analyse")
    return program


def _check_text(request: Request) -> None:
    """`InputError` where a word is not UTF-8, as JSON is, or the name of a file is something else to a compiler."""
    for name in map(str, (*request.sources, *request.include_dirs)):
        if name.startswith("-") or any(ord(c) < 32 for c in name):
            raise InputError(f"{name!r} cannot name a file or folder of an NF", hint="rename it, or begin with ./")
    named = (*request.sources, *request.arguments, *request.include_dirs, *request.defines, *request.pure)
    named += (*request.compiler, *request.flags, *request.headers, *request.xdp)
    for word in map(str, named):
        if not word.isascii() and word.encode(errors="replace").decode() != word:
            raise InputError(f"{word!r} is not UTF-8", hint="files and arguments need names in UTF-8")


def _load(request: Request, watch: Stopwatch) -> tuple[Program, MadeOf]:
    from maestro_tool import frontend

    # Lines are compared with the real headers' when a program is read; that is no part of it.
    question = dataclasses.replace(request, headers=())
    with watch.phase("frontend"):
        if (kept := loaded.find(question)) is not None:
            return kept.program, kept.made_of
        compilation = frontend.compilation(request.compiler, request.flags, request.headers)
        compilation = compilation.with_more(request.include_dirs, request.defines)
        read = frontend.read_program(request.sources, compilation, xdp.read(request.xdp))
        program, made_of = read.program, frontend.made_of(read.program, compilation)
    loaded.keep(question, program, made_of, read.contents)
    return program, made_of


def _call_paths(
    program: Program,
    meaning: str,
    request: Request,
    cache: Cache,
    watch: Stopwatch,
    progress: Callable[[int, int], None] | None,
    find: Callable[..., Analysis] | None,
) -> Analysis:
    from maestro_tool import call_paths, symex
    from maestro_tool.symex import belongs

    with watch.phase("symex") as mark:
        limits = symex.Limits(**dict(request.limits))
        options = canonical.compact([dataclasses.asdict(limits), sorted(request.pure)])
        key = fingerprint.analysis_key(meaning, request.arguments, request.ports, options)
        with cache.alone(key):
            if (stored := _stored_analysis(key, program, request, cache, mark)) is not None:
                return stored
            make = find or call_paths.find
            analysis = make(program, request.arguments, request.ports, limits, request.pure, progress)
            if find is not None:  # whoever made it: no string gets into C that is not of this program
                try:
                    belongs.check(analysis, program, request.arguments, request.ports)
                except belongs.NotOfThisProgramError as error:
                    raise ToolError(f"what was made elsewhere is not of this program: {error}") from None
            cache.put(key, forms.write((key, analysis)).encode())
            return analysis


def _stored_analysis(key: str, program: Program, request: Request, cache: Cache, mark: _Mark) -> Analysis | None:
    """What the cache has, if it is of this program, and the files that set-up reads are what they were; ``mark`` says
    where it was."""
    from maestro_tool import symex
    from maestro_tool.symex import belongs
    from maestro_tool.symex.files import changed

    stored = cache.get(key)
    if stored is None:
        return None
    try:
        question, analysis = forms.read(tuple[str, symex.Analysis], stored.content.decode())
        if question != key:
            raise belongs.NotOfThisProgramError("it answers another question")
        belongs.check(analysis, program, request.arguments, request.ports)
        if changed(analysis.files) is None:
            mark.reused = stored.place
            return analysis
    except belongs.NotOfThisProgramError as error:
        cache.reject(key, str(error))
    except (ValueError, RecursionError):
        cache.reject(key, "damaged")
    except MaestroError:
        pass  # a file of set-up cannot be read any more: the analysis says so
    return None
