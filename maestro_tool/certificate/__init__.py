"""``certificate.json``: what a build found and decided, for who proves it again (docs/certificate.md)."""
