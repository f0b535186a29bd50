"""Symbolic execution: a typed program in, call paths out.

``machine`` runs instructions over symbolic values; ``setup`` runs nf_config_init and nf_init concretely, ``packet``
nf_process symbolically, ``keys`` the key equality functions; ``models`` are the library's functions.
"""

from maestro_tool.symex.analysis import Conjecture as Conjecture
from maestro_tool.symex.analysis import analyse as analyse
from maestro_tool.symex.analysis import conjecture as conjecture
from maestro_tool.symex.callpath import Analysis as Analysis
from maestro_tool.symex.limits import Limits as Limits
from maestro_tool.symex.packet import ASSUMPTIONS as ASSUMPTIONS
from maestro_tool.symex.show import show_analysis as show_analysis
