"""The SCons tool ``maestro``; it lives in the package, so that other repositories can load it from a wheel."""

from maestro_tool.scons import exists as exists
from maestro_tool.scons import generate as generate
