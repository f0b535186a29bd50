"""``profile`` and ``cache``: what is there."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_tool import cache_size, cache_trust, canonical, profiles, remote, steps
from maestro_tool.diagnostics import InputError

if TYPE_CHECKING:
    from maestro_tool.nic.profile import NicProfile


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("profile", help="list NIC profiles, or check and print one")
    p.add_argument("nic", nargs="?", help="name of a profile, or a YAML file; default: list all")
    p.add_argument("--json", action="store_true", help="as JSON, complete")
    p.add_argument("--schema", action="store_true", help="the JSON Schema of profiles, for editors and other programs")
    p.add_argument("-o", "--output", type=Path, metavar="FILE", help="for build systems: where to write it, as JSON")
    p.set_defaults(run=_profile)

    p = subparsers.add_parser("cache", help="say what the cache holds, or make it smaller")
    p.add_argument("--json", action="store_true", help="as JSON")
    p.add_argument("--prune", action="store_true", help="remove what was of no use for longest, down to the limit")
    p.add_argument(
        "--limit", metavar="SIZE", help=f"bytes, or 500M, 5G (default: ${cache_size.LIMIT}, else {cache_size.DEFAULT})"
    )
    p.set_defaults(run=_cache)


def _profile(args: argparse.Namespace) -> int:
    from maestro_tool.diagnostics import MaestroError
    from maestro_tool.nic import load_profile
    from maestro_tool.nic.load import json_schema

    if args.schema:
        print(canonical.dumps(json_schema()), end="")
        return 0
    if args.nic is not None:
        profile = load_profile(profiles.resolve(args.nic), profiles.folders())
        if args.output is not None:
            canonical.write_files({args.output: canonical.dumps(profile.model_dump(mode="json"))})
            steps.say("PROFILE", args.output, args.nic)
            return 0
        print(canonical.dumps(profile.model_dump(mode="json")) if args.json else _text(profile), end="")
        return 0
    status = 0
    found = []
    for path in profiles.known().values():
        try:
            found.append(load_profile(path, profiles.folders()))
        except MaestroError as error:
            print(error.render(), file=sys.stderr)
            status = error.exit_status
    if args.json:
        print(canonical.dumps({p.name: p.description for p in found}), end="")
    else:
        print("".join(f"{p.name:<14}{p.description}\n" for p in found), end="")
    return status


def _text(profile: NicProfile) -> str:
    rss = profile.rss
    lines = [
        f"{profile.name}: {profile.description}",
        f"  driver       {profile.pmd} (starts on: {', '.join(profile.planned_drivers) or 'any'})",
        f"  RSS          {rss.kind}, key of {rss.key_length} bytes per {rss.key_scope}"
        f" (settable: {rss.settable.key}), length given to ethdev: {rss.passed}",
        *([f"  its key      {rss.fixed_key}"] if rss.fixed_key else []),
        f"  table        {rss.tables.default} entries (possible: {', '.join(map(str, rss.tables.choices))};"
        f" {'the program may choose' if rss.tables.selectable else 'the device says which'})"
        f" (settable: {rss.settable.table})",
        f"  queues       {f'at most {rss.max_queues}' if rss.max_queues else 'as many as the device has'}",
        f"  fewer fields {rss.field_selection}; symmetric: port {rss.symmetric.port}, rte_flow {rss.symmetric.flow}",
    ]
    for flag in rss.flags_advertised:
        lines.append(f"  flag         {flag}{'' if flag in rss.flags_programmed else ' (advertised only)'}")
    unread = [name for name, can in (("key", rss.read_back.key), ("table", rss.read_back.table)) if not can]
    lines += [f"  not read back by the driver: {', '.join(unread)}"] if unread else []
    doubt = "  (not all of it, or not on every card: software steers it where it matters)"
    lines += [f"  {n:<20} {', '.join(c.fields)}{'' if c.reliable else doubt}" for n, c in rss.classes.items()]
    lines += [f"  starts on no card that looks into: {', '.join(rss.blind_to)}"] if rss.blind_to else []
    for selection in rss.selections:
        lines.append(f"  instead, set-up {selection.name}: {' | '.join(selection.flags)}")
        lines += [f"    {name:<18} {', '.join(fields)}" for name, fields in selection.classes.items()]
        lines += [f"    rte_flow {name:<18} {' | '.join(types)}" for name, types in selection.rules.items()]
    lines += [f"  needs: {text}" for text in profile.needs] + [f"  note: {text}" for text in profile.quirks]
    lines += [f"  source of {path}: {text}" for path, text in profile.sources.items()]
    return "\n".join(lines) + "\n"


def _cache(args: argparse.Namespace) -> int:
    found = cache_trust.setting(os.environ)
    folder = found.folder
    try:
        most = cache_size.limit(os.environ if args.limit is None else {cache_size.LIMIT: args.limit})
        behind = remote.setting(os.environ)
    except ValueError as error:
        raise InputError(str(error)) from None
    removed = cache_size.prune(folder, most) if args.prune else []
    kinds: dict[str, dict[str, int]] = {}
    for entry in cache_size.entries(folder):
        kind = kinds.setdefault(entry.kind, {"entries": 0, "bytes": 0})
        kind["entries"] += 1
        kind["bytes"] += entry.size
    if args.json:
        said = {"folder": str(folder), "kinds": kinds, "refused": found.refusal, "signed": found.key is not None,
                "limit": most, "remote": behind.named if behind else None,
                "removed": {"entries": len(removed), "bytes": sum(e.size for e in removed)}}  # fmt: skip
        print(canonical.dumps(said), end="")
        return 0
    if found.refusal is not None:
        print(f"warning: {found.named}: not used: {found.refusal}", file=sys.stderr)
    print(f"cache: {folder}" + ("" if kinds else " (empty)") + f", at most {_size(most)}")
    if behind is not None:
        print(f"remote: {behind.named} ({remote.MODES[not behind.writes]})")
    if removed:
        print(f"removed: {len(removed)} entries, {_size(sum(e.size for e in removed))}")
    for name, k in sorted(kinds.items()):
        print(f"  {name:<12}{k['entries']:>6} entries {_size(k['bytes']):>12}")
    return 0


def _size(n: int) -> str:
    return f"{n / 1024:.1f} KiB" if n < 1024 * 1024 else f"{n / 1024 / 1024:.1f} MiB"
