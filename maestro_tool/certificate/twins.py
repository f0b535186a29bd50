"""Keys that lie in one element, and are put together: where one is absent, so is the other."""

from __future__ import annotations

from collections.abc import Iterator

from maestro_tool.certificate.read import Certificate, Event, Path, answer
from maestro_tool.smtlib.obligation import Obligation
from maestro_tool.smtlib.terms import Script, disjunction


def twin(path: Path, n: int, put: Event) -> Event | None:
    """What puts the other key of the element, if that was looked up and absent; the packet puts no more such keys."""
    if sum(e["op"] == "map_put" and e["objects"] == put["objects"] for e in path.events) != 1:
        return None
    for k, e in enumerate(path.events[:n]):
        if e in _beside(path, put) and answer(path, {**e, "op": "map_get"}, k) is False:
            return e
    return None


def _beside(path: Path, put: Event) -> list[Event]:
    """What puts other keys of the element."""
    others = (e for e in path.events if e["op"] == "map_put" and e["objects"] != put["objects"])
    return [e for e in others if "key_home" in e and e["key_home"] == put.get("key_home")]


def twins(c: Certificate) -> Iterator[Obligation]:
    """Wherever a key is absent because its twin is: who agrees in the one agrees in the other."""
    puts = [(path, n, e) for path, n, e in c.events("map_put")]
    relied = {
        (e["objects"][0], t["objects"][0])
        for path, n, e in puts
        if c.objects[e["objects"][0]]["treatment"] == "sharded"
        and answer(path, {**e, "op": "map_get"}, n) is not False
        and (t := twin(path, n, e)) is not None
    }
    for m, other in sorted(relied):
        pairs = []
        for path, _, e in (x for x in puts if x[2]["objects"] == [m]):
            mine = [x for x in _beside(path, e) if x["objects"] == [other]]
            if len(mine) != 1 or "key" not in mine[0] or "key" not in e:
                text = "a key is put without its twin"
                yield Obligation("twin", text, (m, other), (e["location"],))
                return
            pairs.append((path, e, mine[0]))
        for i, (p, x, x_twin) in enumerate(pairs):
            for q, y, y_twin in pairs[i:]:
                script = Script(c.pool, {"a": p.port, "b": q.port})
                equal = script.equate(zip(x["key"], y["key"], strict=True))
                if equal is not None:
                    differ = zip(x_twin["key"], y_twin["key"], strict=True)
                    claim = disjunction(f"(distinct {script.term('a', s)} {script.term('b', t)})" for s, t in differ)
                    places = tuple(dict.fromkeys((x["location"], y["location"])))
                    text = "who agrees in one key of a value agrees in the other"
                    yield Obligation("twin", text, (m, other), places, script, (*equal, claim))
