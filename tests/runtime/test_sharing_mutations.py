"""Each way to get sharing, or what follows a verdict, wrong is noticed by a C test; the right version passes it."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from maestro_tool import runtime
from tests import compiling
from tests.quick import others_long
from tests.runtime.test_runtime import ENVIRONMENT, PROGRAMS
from tests.runtime.toolchain import HERE, STRICT, Toolchain, pkg_config


@dataclass(frozen=True)
class Mutation:
    """``old`` becomes ``new`` in ``file`` (below runtime/); C test ``test`` must fail then."""

    file: str
    old: str
    new: str
    test: str


MUTATIONS = {
    "verdict of the first run": Mutation(
        "src/sharing.c", "packets + at, 1, now, verdicts + at)", "packets + at, 1, now, (uint16_t[1]){0})", "test_sharing"
    ),
    "packet not restored": Mutation(
        "src/sharing.c", "memcpy(rte_pktmbuf_mtod(packet, void *), share->frame, share->saved);", "(void)packet;",
        "test_sharing",
    ),
    "variables not restored": Mutation(
        "src/sharing.c", "if (share->variables != NULL) share->load(share->variables);", "", "test_sharing"
    ),
    "uses not undone": Mutation("src/sharing.c", "*last->place = last->before;", "(void)last;", "test_sharing"),
    "copies not compared": Mutation("include/maestro_burst.h", "maestro_compare_copies();", "(void)0;", "test_sharing"),
    "writers for ever": Mutation("src/sharing.c", "turn->writer_bursts--;", "", "test_sharing"),
    "the rest of the burst forgotten": Mutation("src/sharing.c", "if (next == n) return;", "return;", "test_sharing"),
    "expiry asks one worker": Mutation(
        "src/dchain.c", "worker < chain->n_ages; worker++", "worker < 1; worker++", "test_sharing"
    ),
    "expiry asks no worker": Mutation(
        "src/dchain.c", "if (shared) consult_workers(chain, index);", "(void)consult_workers;", "test_sharing"
    ),
    "expired in the order of numbers": Mutation(
        "src/dchain.c", "return by_time ? ", "return false && by_time ? ", "test_sharing"
    ),
    "workers do not share": Mutation("src/objects.c", "target = first->objects[i];", "target = made;", "test_sharing"),
    "use is a write": Mutation(
        "include/lib/verified/double-chain.h", "if (chain->guards_use)", "if (chain->guarded)", "test_sharing"
    ),
    "sharded objects take the lock": Mutation(
        "include/maestro_sharing.h", "if (MAESTRO_IS_SHARED(object) && (object)->guarded) maestro_before_write();",
        "maestro_before_write();", "test_sharing",
    ),
    "what leads to another's object is not asked": Mutation(
        "src/objects.c", "((type *)(object))->shared = true;", "", "test_sharing"
    ),
    "guarded objects are not asked": Mutation(
        "src/objects.c", "MAESTRO_GUARD(chain, object);", "chain->guarded = maestro_guarded(object);", "test_sharing"
    ),
    "time goes back for readers": Mutation(
        "src/sharing.c", "later(later(turn->time, lock->time), now)", "later(turn->time, now)", "test_sharing"
    ),
    "time goes back for writers": Mutation(
        "src/sharing.c", "time = later(time, lock->turns[i].time);", "", "test_sharing"
    ),
    "sent on the other port": Mutation(
        "src/workers.c", "transmit(worker, verdicts[i], packets[i]);", "transmit(worker, 1 - packets[i]->port, packets[i]);",
        "test_workers",
    ),
    "too few references": Mutation("src/workers.c", "(int16_t)(n_ports - 2)", "(int16_t)(n_ports - 3)", "test_workers"),
    "flooded to the input port": Mutation("src/workers.c", "if (id != input) transmit", "transmit", "test_workers"),
    "sent packets freed": Mutation(
        "src/workers.c", "rte_pktmbuf_free_bulk(output->packets + sent, output->n - sent);",
        "rte_pktmbuf_free_bulk(output->packets, output->n - sent);", "test_workers",
    ),
    "unsent packets kept": Mutation(
        "src/workers.c", "rte_pktmbuf_free_bulk(output->packets + sent, output->n - sent);", "", "test_workers"
    ),
    "transactions ignore the lock": Mutation("src/transactions.c", ") TRANSACTION_ABORT();", ") {}", "test_transactions"),
    "transactions for ever": Mutation(
        "src/transactions.c", "if ((status & (MAY_SUCCEED | EXPLICIT)) == 0) return false;", "", "test_transactions"
    ),
}  # fmt: skip


def mutated(mutation: Mutation, folder: Path) -> Path:
    """A folder with the mutated file at its place: alone, or among copies of the headers, which include each other."""
    if mutation.file.startswith("include/"):
        shutil.copytree(runtime.INCLUDE, folder / "include")
    text = (runtime.RUNTIME / mutation.file).read_text()
    assert mutation.old in text, "the mutation found nothing to change"
    file = folder / mutation.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text.replace(mutation.old, mutation.new))
    return folder


def build(root: Path, test: str, folder: Path, changed: list[Path], libraries: list[Path], *flags: str) -> Path:
    """The C test on the runtime with what is in ``root`` instead; compiled are its sources and what was changed."""
    program = folder / test
    own = [*STRICT, "-O1", "-g", "-w", *flags]
    sources = [*(HERE / f"{part}.c" for part in (test, *PROGRAMS[test])), *changed]
    folders = [root / "include", root / "src", runtime.INCLUDE, runtime.SOURCE, HERE]
    includes = [f"-I{path}" for path in folders if path.exists()]
    objects = compiling.objects(sources, [*own, *includes, *pkg_config("--cflags")], folder)
    linked = ["gcc", *own, *map(str, [*objects, *libraries]), *pkg_config("--libs"), "-lpthread", "-o", str(program)]
    subprocess.run(linked, check=True)
    return program


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program, *arguments], capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=120
    )


#: One of each place and kind.
KEPT = (
    "uses not undone", "copies not compared", "expiry asks one worker", "workers do not share", "use is a write",
    "sent on the other port", "transactions ignore the lock",
)  # fmt: skip


@pytest.mark.parametrize("name", others_long(MUTATIONS, KEPT, "uses not undone"))
def test_mutation_is_noticed(name: str, plain: Toolchain, tmp_path: Path) -> None:
    mutation = MUTATIONS[name]
    root = mutated(mutation, tmp_path / "runtime")
    # The changed file comes before the library, which has the same symbols; a changed header is in the NF of the test.
    changed = [root / mutation.file] if mutation.file.endswith(".c") else []
    if mutation.test == "test_transactions":
        changed = []  # it includes the file
    program = build(root, mutation.test, tmp_path, changed, [plain.folder / "libruntime.a"])
    assert run(program).returncode != 0


#: The DPDK program around the workers; ThreadSanitizer must see all the rest.
_PROGRAM = {"main", "options", "ports", "workers", "placement", "replay", "captures", "statistics", "clock"}


def races(root: Path, folder: Path) -> subprocess.CompletedProcess[str]:
    sources = [s for s in sorted(runtime.SOURCE.glob("*.c")) if s.stem not in _PROGRAM]
    sources = [root / "src" / s.name if (root / "src" / s.name).exists() else s for s in sources]
    return run(build(root, "test_sharing", folder, sources, [], "-fsanitize=thread"), "threads")


def test_no_data_races(tmp_path: Path) -> None:
    done = races(runtime.RUNTIME, tmp_path)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["writers do not wait", "readers do not look", "copies are elements"])
def test_missing_lock_is_noticed(name: str, tmp_path: Path) -> None:
    mutation = {
        "writers do not wait": Mutation(
            "src/sharing.c",
            "while (atomic_load_explicit(&lock->turns[i].reading, memory_order_seq_cst))",
            "while (0)",
            "",
        ),
        "readers do not look": Mutation(
            "src/sharing.c", "if (!atomic_load_explicit(&lock->writer, memory_order_seq_cst)) break;", "break;", ""
        ),
        "copies are elements": Mutation(
            "include/lib/verified/vector.h",
            "if (MAESTRO_IS_SHARED(vector) && vector->guarded && maestro_share.reader)",
            "if (0)",
            "",
        ),
    }[name]
    done = races(mutated(mutation, tmp_path / "runtime"), tmp_path)
    assert done.returncode != 0
    assert "data race" in done.stderr or "is " in done.stderr
