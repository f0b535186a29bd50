"""Are the messages of commits as we want them: a subject of at most 72 characters, an empty line, and a body?

    python tools/commit_messages.py [REPOSITORY]

Looked at is what came after `BASE` into the history of HEAD, but for merges.  A shallow clone does not tell which
commits those are: there only HEAD itself is looked at.  Exit status 1: some message is not as it should be.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: The last commit that was made before there was this check.
BASE = "f5089ae15ded55e81d538391a5f38ba87ee3d800"
LONGEST_SUBJECT = 72


def mistakes(message: str) -> Iterator[str]:
    """What is wrong with a message."""
    subject, _, rest = message.partition("\n")
    if len(subject) > LONGEST_SUBJECT:
        yield f"the subject has {len(subject)} characters, {LONGEST_SUBJECT} are allowed"
    if not rest.strip():
        yield "there is no body: say why, with figures where there are some"
    elif not rest.startswith("\n"):
        yield "no empty line divides subject and body"


def messages(repository: Path, base: str = BASE) -> Iterator[tuple[str, str]]:
    """Hash and message of each commit to look at, the newest first."""
    shallow = _git(repository, "rev-parse", "--is-shallow-repository").stdout.strip() != "false"
    known = _git(repository, "cat-file", "-e", f"{base}^{{commit}}").returncode == 0
    chosen = [f"^{base}"] if known and not shallow else ["--no-walk"]
    done = _git(repository, "log", "-z", "--no-merges", "--format=%H%n%B", *chosen, "HEAD")
    done.check_returncode()
    for entry in filter(None, done.stdout.split("\0")):
        commit, _, message = entry.partition("\n")
        yield commit, message


def _git(repository: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["git", *words], cwd=repository, stdout=subprocess.PIPE, text=True, check=False)


def main(repository: Path, base: str = BASE) -> int:
    wrong = [
        f"{commit[:10]} {message.splitlines()[0] if message else ''}\n  {mistake}"
        for commit, message in messages(repository, base)
        for mistake in mistakes(message)
    ]
    print("\n".join(wrong), end="\n" if wrong else "", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
