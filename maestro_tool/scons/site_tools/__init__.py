"""A toolpath for other repositories: ``Environment(tools=["default", "maestro"], toolpath=[PyPackageDir(...)])``."""
