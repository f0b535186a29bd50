"""What operations do: their semantics on abstract objects, in plain Python.

`call` has the form that all of them share; the other modules have one kind of object each, and the operations on it.
They say what the C runtime does, which fills in where libVig leaves behaviour undefined, and share nothing with
`symex`: whoever compares call paths with them compares two descriptions.

Numbers are bit patterns: an index or a time that C calls negative is its two's complement of 32 or 64 bits.
"""

from maestro_tool.operations.semantics.call import Call, Outcome, Semantics, UndefinedError
from maestro_tool.operations.semantics.chains import Dchain
from maestro_tool.operations.semantics.maps import Map, fields
from maestro_tool.operations.semantics.pairs import Dmap
from maestro_tool.operations.semantics.routes import Lpm
from maestro_tool.operations.semantics.sketches import Sketch
from maestro_tool.operations.semantics.vectors import Global, Vector, fill_preferences

__all__ = [
    "Call",
    "Dchain",
    "Dmap",
    "Global",
    "Lpm",
    "Map",
    "Outcome",
    "Semantics",
    "Sketch",
    "UndefinedError",
    "Vector",
    "fields",
    "fill_preferences",
]
