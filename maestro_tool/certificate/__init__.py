"""``certificate.json``: written from what a build found and decided, read by who proves it again (docs/certificate.md)."""
