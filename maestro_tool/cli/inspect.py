"""``profile`` and ``cache``: what is there."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from maestro_tool import cache_trust, canonical, profiles, steps

if TYPE_CHECKING:
    from maestro_tool.nic.profile import NicProfile


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    p = subparsers.add_parser("profile", help="list NIC profiles, or check and print one")
    p.add_argument("nic", nargs="?", help="name of a profile, or a YAML file; default: list all")
    p.add_argument("--json", action="store_true", help="as JSON, complete")
    p.add_argument("--schema", action="store_true", help="the JSON Schema of profiles, for editors and other programs")
    p.add_argument("-o", "--output", type=Path, metavar="FILE", help="for build systems: where to write it, as JSON")
    p.set_defaults(run=_profile)

    p = subparsers.add_parser("cache", help="say what the cache holds")
    p.add_argument("--json", action="store_true", help="as JSON")
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
    doubt = "  (not on every card: software steers it where it matters)"
    lines += [f"  {n:<20} {', '.join(c.fields)}{'' if c.reliable else doubt}" for n, c in rss.classes.items()]
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
    kinds = {}
    for kind in sorted(p for p in folder.glob("*") if p.is_dir()):
        sizes = [f.stat().st_size for f in kind.rglob("*.json")]
        kinds[kind.name] = {"entries": len(sizes), "bytes": sum(sizes)}
    if args.json:
        said = {"folder": str(folder), "kinds": kinds, "refused": found.refusal, "signed": found.key is not None}
        print(canonical.dumps(said), end="")
        return 0
    if found.refusal is not None:
        print(f"warning: {found.named}: not used: {found.refusal}", file=sys.stderr)
    print(f"cache: {folder}" + ("" if kinds else " (empty)"))
    for name, k in kinds.items():
        print(f"  {name:<12}{k['entries']:>6} entries {_size(k['bytes']):>12}")
    return 0


def _size(n: int) -> str:
    return f"{n / 1024:.1f} KiB" if n < 1024 * 1024 else f"{n / 1024 / 1024:.1f} MiB"
