"""NIC profiles: what each card's driver can hash, as data (``configs/*.yaml``); see docs/nic-profiles.md."""

from maestro_tool.nic.load import find_profiles as find_profiles
from maestro_tool.nic.load import load_profile as load_profile
from maestro_tool.nic.profile import NicProfile as NicProfile
