"""Proves a build from its certificate, without the analyses that made it; docs/certificate.md.

Obligations are derived here from paths, keys and tables, and refuted by a solver.  Imported: JSON readers
(``certificate.read``) and solvers (``smtlib``); nothing of symex, sharding, rss.
"""
