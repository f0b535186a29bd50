"""What C and the documentation repeat of the tool's tables: `python tests/vocabulary/tables.py` writes it.

The runtime's header is committed, not made while an NF is built: it belongs to the public interface (docs/embedding.md),
and is compiled by programs that have no Python.  test_tables.py compares what is there with what this would write.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from maestro_tool.frontend.flags import ROWS
from maestro_tool.nic.profile import HASHED_CLASSES, INPUT_FIELDS
from maestro_tool.packet.classes import CLASSES, FIELDS_OF_VIEW, PacketClass

ROOT = Path(__file__).resolve().parents[2]
HEADER = Path("maestro_tool/runtime/include/maestro_classes.h")

_HEADER = """\
/* Packet classes, written by tests/vocabulary/tables.py from maestro_tool/packet/classes.py: do not edit. */
#ifndef MAESTRO_CLASSES_H
#define MAESTRO_CLASSES_H

/* Numbered for bit masks; see docs/architecture.md. */
enum maestro_class {{
{names}
  MAESTRO_N_CLASSES
}};

/* Initialisers of an array by class: {{version of IP, number of the protocol above it}}; 0: not told by the class. */
#define MAESTRO_CLASS_HEADERS \\
{headers}

/* The same of their names in plan.json. */
#define MAESTRO_CLASS_NAMES \\
{texts}

#endif
"""


def header() -> str:
    """``maestro_classes.h``."""
    width = max(len(c.c_name) for c in CLASSES.values()) + 1
    names = [f"  {c.c_name + ',':<{width}} /* {c.meaning} */" for c in CLASSES.values()]
    rows = [
        f"  [{c.c_name}] = {{{c.family or 0}, {c.transport.number if c.transport else 0}}}" for c in CLASSES.values()
    ]
    texts = [f'  [{c.c_name}] = "{c.name}"' for c in CLASSES.values()]
    return _HEADER.format(names="\n".join(names), headers=", \\\n".join(rows), texts=", \\\n".join(texts))


def classes_in_words() -> str:
    """The table of docs/architecture.md."""
    rows = [(f"`{c.name}`", c.meaning, _views(c)) for c in CLASSES.values()]
    return _table(("class", "frames", "views"), rows)


def views_in_words() -> str:
    """The table of docs/architecture.md."""
    rows = []
    for name, v in FIELDS_OF_VIEW.items():
        asked = f"IPv{v.family}"
        if v.transports:
            asked += f", protocol {' or '.join(str(t.number) for t in v.transports)}"
        rows.append((f"`{name}`", " ".join(v.fields), f"{asked}, at least {v.length} bytes"))
    return _table(("view", "fields", "of frames"), rows)


def names_in_profiles() -> str:
    """What docs/nic-profiles.md lists."""
    others = [f"`{name}`" for name in CLASSES if name not in HASHED_CLASSES]
    return (
        f"Fields of a hash input: {_words(INPUT_FIELDS)}; ports also for IPv6, `sctp_tag` is the verification tag.\n"
        f"Classes that can be listed: {_words(HASHED_CLASSES)}; not {', '.join(others)}.\n"
    )


def flags_in_words() -> str:
    """The table of docs/flags.md."""
    rows = [
        (f"`{r.example}`".replace("|", "\\|"), "no" if r.treatment == "refused" else "yes", r.why) for r in ROWS
    ]  # fmt: skip
    return _table(("such as", "may be there", "why"), rows)


def _views(kind: PacketClass) -> str:
    if set(FIELDS_OF_VIEW) <= set(kind.views):
        return "any"
    return " or ".join("none" if view is None else f"`{view}`" for view in kind.views)


def _words(names: Iterable[str]) -> str:
    return f"`{' '.join(names)}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


#: Page and section -> its text, between ``<!-- section -->`` and ``<!-- end -->``.
SECTIONS = {
    (Path("docs/architecture.md"), "packet classes"): classes_in_words,
    (Path("docs/architecture.md"), "views"): views_in_words,
    (Path("docs/nic-profiles.md"), "names"): names_in_profiles,
    (Path("docs/flags.md"), "flags"): flags_in_words,
}


def with_section(page: str, section: str, text: str) -> str:
    """The page with another text of a section; ValueError if it has no such section."""
    note = f"<!-- {section}: written by tests/vocabulary/tables.py -->\n"
    changed, n = re.subn(f"(?<={re.escape(note)}).*?(?=<!-- end -->\n)", lambda _: text, page, count=1, flags=re.DOTALL)
    if n != 1:
        raise ValueError(f"no section {note.strip()} ... <!-- end -->")
    return changed


def written() -> dict[Path, str]:
    """Files below the root as they should be."""
    files = {HEADER: header()}
    for (page, section), text in SECTIONS.items():
        current = files.get(page) or (ROOT / page).read_text(encoding="utf-8")
        files[page] = with_section(current, section, text())
    return files


if __name__ == "__main__":
    for path, text in written().items():
        (ROOT / path).write_text(text, encoding="utf-8")
