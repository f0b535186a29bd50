"""Graphviz graphs of an explanation: the decision tree, and which packets touch which state."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path

import graphviz

from maestro_tool import canonical
from maestro_tool.diagnostics import InputError, ToolError
from maestro_tool.explain.report import Explanation
from maestro_tool.explain.story import Passage, Way, occurrences

_FONT = {"fontname": "Helvetica", "fontsize": "10"}
_COLOURS = {"read-only": "#d5e8d4", "sharded": "#d5e8d4", "per-core": "#d5e8d4", "shared": "#ffe6cc"}
_WIDTH = 36

#: Formats of files, by suffix.
FORMATS = ("dot", "svg", "pdf", "png")


def decision_tree(e: Explanation) -> graphviz.Digraph:
    """A box per group of operations, an edge per condition, an ellipse per verdict; a tree per port.

    What is the same in several places of a port's tree is drawn once, below a diamond that all of them lead to.
    """
    graph = _graph(f"{e.nf}_decisions")
    for flow in e.flows:
        start = f"port{flow.port}"
        graph.node(start, f"port {flow.port}", shape="cds", style="filled", fillcolor="#dae8fc")
        _grow(graph, start, "", flow.tree, occurrences(flow.tree), {})
    return graph


def _grow(
    graph: graphviz.Digraph,
    parent: str,
    condition: str,
    passage: Passage,
    counts: Mapping[tuple[Way, ...], int],
    drawn: dict[tuple[Way, ...], str],
) -> None:
    """``passage``, to which ``condition`` leads from the node ``parent``; ``drawn``: nodes of what occurs again."""
    last = parent
    lines = [*passage.actions, *([f"decided by {passage.decided_by}:"] if passage.decided_by else [])]
    if lines:
        last = _node(graph, last, condition, "\n".join(lines), shape="box", style="rounded")
        condition = ""
    if passage.verdict is not None:
        colour = "#f8cecc" if passage.verdict == "drop" else "#d5e8d4"
        _node(graph, last, condition, passage.verdict, style="filled", fillcolor=colour)
    elif passage.ways in drawn:
        graph.edge(last, drawn[passage.ways], _wrap(condition))
        return
    elif condition or counts[passage.ways] > 1:
        last = _node(graph, last, condition, "", shape="diamond", width="0.2", height="0.2")
    if counts.get(passage.ways, 0) > 1:
        drawn[passage.ways] = last
    for way in passage.ways:
        _grow(graph, last, way.when, way.then, counts, drawn)


def _node(graph: graphviz.Digraph, parent: str, condition: str, label: str, **attributes: str) -> str:
    """A new node below ``parent``; returns its name."""
    name = f"n{len(graph.body)}"
    graph.node(name, _wrap(label), **attributes)
    graph.edge(parent, name, _wrap(condition))
    return name


def state_accesses(e: Explanation) -> graphviz.Digraph:
    """Ports on the left, objects on the right, coloured by treatment; an edge says what packets do."""
    graph = _graph(f"{e.nf}_state")
    graph.attr(rankdir="LR")
    for flow in e.flows:
        graph.node(f"port{flow.port}", f"port {flow.port}", shape="cds", style="filled", fillcolor="#dae8fc")
    for n, obj in enumerate(e.objects):
        rule = f" ({obj.rule})" if obj.rule else ""
        label = f"{obj.name}\n{obj.kind}, {obj.treatment}{rule}"
        graph.node(
            f"object{n}", _wrap(label), shape="box", style="filled", fillcolor=_COLOURS.get(obj.treatment, "white")
        )
        for port in dict.fromkeys(a.port for a in obj.accesses):
            what = "\n".join(dict.fromkeys(a.what for a in obj.accesses if a.port == port))
            graph.edge(f"port{port}", f"object{n}", _wrap(what))
    return graph


def write(graph: graphviz.Digraph, path: Path) -> None:
    """The graph as its text (``.dot``, ``.gv``), or drawn by Graphviz; raises where that is missing."""
    suffix = path.suffix.removeprefix(".")
    if suffix in ("dot", "gv"):
        canonical.write_files({path: str(graph.source)})
        return
    if suffix not in FORMATS:
        raise InputError(f"{path}: no format of graphs", hint=f"name a file .{', .'.join(FORMATS)}")
    try:
        drawn: bytes = graph.pipe(format=suffix)
    except graphviz.ExecutableNotFound:
        raise ToolError(
            f"cannot draw {path}: Graphviz is not installed",
            hint="install it (Debian, Ubuntu: apt-get install graphviz), or name a file .dot, which needs nothing",
        ) from None
    except graphviz.CalledProcessError as error:
        raise ToolError(f"cannot draw {path}: Graphviz failed: {str(error.stderr)[:300]}") from None
    canonical.write_files({path: drawn})


def _graph(name: str) -> graphviz.Digraph:
    return graphviz.Digraph(
        name, graph_attr={"rankdir": "TB", **_FONT}, node_attr=_FONT, edge_attr={**_FONT, "fontsize": "9"}
    )


def _wrap(text: str) -> str:
    """Text as a label: short lines, no escapes of DOT."""
    lines = (part for line in text.splitlines() for part in textwrap.wrap(line, _WIDTH) or [""])
    return str(graphviz.escape("\n".join(lines))).replace("\n", "\\n")
