"""Plan + NIC profile -> hashed fields, keys, tables and steering per port (`solve`).

``problem`` is what a solution depends on, ``steering`` what each port hashes, ``equations`` and ``related`` turn
constraints into linear equations over key bits, ``gf2`` solves them, ``quality`` chooses among the solutions,
``keysearch`` finds keys, ``tables`` (with ``ranges``, ``groups``, ``connected``) tables that merge indices, ``verify``
re-checks cached solutions, ``prove`` asks z3, ``model`` says where a frame goes.
"""

from maestro_tool.rss.problem import Problem as Problem
from maestro_tool.rss.problem import problem as problem
from maestro_tool.rss.solution import RssSolution as RssSolution
from maestro_tool.rss.solve import solve as solve
from maestro_tool.rss.solve import solve_problem as solve_problem
