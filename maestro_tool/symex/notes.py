"""Where precision was lost, and why: codes with the names that they are about; in words for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

from maestro_tool.forms import Location
from maestro_tool.meaning import Means


class NoteCode(StrEnum):
    """What is taken for granted, left out, or not known."""

    KEYS_NO_FIELDS = "keys no fields"
    HASH_READS_MORE = "hash reads more"
    HASH_MIXES = "hash mixes"
    ANY_OF_TABLE = "any of table"
    STORED_INDEX_FITS = "stored index fits"
    UNKNOWN_RESULT = "unknown result"
    PATHS_LEFT_OUT = "paths left out"
    INSERTED_UNKNOWN = "inserted unknown"
    NOT_IN_ENVIRONMENT = "not in environment"
    NOT_DECIDED = "not decided"
    GENERATED = "generated"
    OPTION_FITS = "option fits"


@dataclass(frozen=True, slots=True, order=True)
class Note:
    """``loc``: where; ``about``: names of functions, members or variables, as the words of the code need them."""

    loc: Location
    code: NoteCode
    about: tuple[Annotated[str, Means("words")], ...] = ()

    @property
    def words(self) -> str:
        """For people."""
        return _WORDS[self.code].format(*self.about)


_WORDS: Final[Mapping[NoteCode, str]] = {
    NoteCode.KEYS_NO_FIELDS: "'{0}' is not a conjunction of field equalities; keys of this map are unknown",
    NoteCode.HASH_READS_MORE: "'{0}' reads {1}, which '{2}' does not compare; keys of this map are unknown",
    NoteCode.HASH_MIXES: "could not decide which keys '{0}' gives one hash; keys of this sketch are unknown",
    NoteCode.ANY_OF_TABLE: "what is read of '{0}' is taken as any of its numbers: its index is not known",
    NoteCode.STORED_INDEX_FITS: "an index that comes out of the state is taken to be inside of '{0}'",
    NoteCode.UNKNOWN_RESULT: "the result of '{0}' is taken as unknown: it has no definition here",
    NoteCode.PATHS_LEFT_OUT: "paths on which the NF ends here are left out: {0}",
    NoteCode.INSERTED_UNKNOWN: "inserted bytes of the frame are taken as unknown until they are written",
    NoteCode.NOT_IN_ENVIRONMENT: "the environment variable {0} is taken as not set",
    NoteCode.NOT_DECIDED: "the solver could not decide this within its budget; both ways are assumed possible",
    NoteCode.OPTION_FITS: "a divisor or shift that options give is taken to fit: else the NF itself fails",
    NoteCode.GENERATED: "'{0}' is not defined by the NF: it is generated from its struct",
}
