"""Which accesses rule R5 explains, and which other lemmas are asked about."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_nfs import question_of
from test_interchange import nat

from maestro_tool.sharding.facts.access import Access
from maestro_tool.sharding.lemmas.question import Question

REFRESH = "dchain_rejuvenate_index(ip_port_table.chain, i, now);\nvector_borrow(ip_port_table.keys"


def named(q: Question) -> set[Access]:
    """Accesses to entries that packets name by an index of their own."""
    found = {a for a in q.scope.touched if a.how == "key" and q.scope.analysis.objects[a.object].kind != "map"}
    assert found
    return found


def test_what_r5_explains(tmp_path: Path) -> None:
    q = question_of(tmp_path, nat())
    assert q.explained == named(q)
    assert set(q.rest.touched) == set(q.scope.touched) - named(q)


@pytest.mark.parametrize("change", [{"compared": ""}, {"asked": ""}])
def test_where_r5_is_refused_that_is_the_reason(change: dict[str, str], tmp_path: Path) -> None:
    q = question_of(tmp_path, nat(**change))
    assert q.explained == frozenset()
    assert set(q.rest.touched) == set(q.scope.touched) - named(q)


def test_where_no_allocator_is_asked_others_are(tmp_path: Path) -> None:
    q = question_of(tmp_path, nat(asked="").replace(REFRESH, REFRESH.splitlines()[1]))
    assert q.explained == frozenset() and q.rest == q.scope
    assert named(q) <= set(q.rest.touched)
