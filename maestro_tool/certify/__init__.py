"""Proves a build from its certificate: obligations are derived here and refuted by a solver; docs/certificate.md.

Imported are the reader of certificates and solvers (``smtlib``), nothing of symex, sharding, rss."""
