"""What fsspec knows: folders, S3, Google's and Azure's stores, SFTP, ...: ``URL/ac/<name>``.

fsspec comes with the extra ``remote`` of the wheel; stores need a package each (s3fs, gcsfs, ...), of which fsspec says
the name.
"""

from __future__ import annotations

import secrets
from typing import Any

from maestro_tool.remote.deadline import RemoteError

#: Where an object is there as a whole, or not at all; elsewhere it is written under another name first.
_WHOLE = frozenset(("s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "memory"))


class FileSystemStore:
    """What is at a URL of fsspec's."""

    def __init__(self, url: str) -> None:
        self._url = url

    def get(self, name: str, most: int) -> bytes | None:
        files, path = self._files(name)
        try:
            found = files.info(path)
        except FileNotFoundError:
            return None
        # Before it is opened: a FIFO would be waited for.
        if found.get("type") != "file":
            raise RemoteError("an entry is no regular file")
        size = found.get("size")
        if not isinstance(size, int) or size > most:
            raise RemoteError(f"an entry of {size} bytes, where {most} are the most")
        with files.open(path, "rb") as file:
            content = file.read(most + 1)
        if not isinstance(content, bytes) or len(content) > most:
            raise RemoteError(f"an entry of more than {most} bytes")
        return content

    def put(self, name: str, content: bytes) -> None:
        files, path = self._files(name)
        if _protocols(files) & _WHOLE:
            files.pipe_file(path, content)
            return
        files.makedirs(path.rpartition("/")[0], exist_ok=True)
        staged = f"{path}.{secrets.token_hex(8)}"
        files.pipe_file(staged, content)
        files.mv(staged, path)

    def stop(self) -> None:
        """fsspec has nothing for it; the thread is left alone."""

    def _files(self, name: str) -> tuple[Any, str]:
        from fsspec.core import url_to_fs

        files, root = url_to_fs(self._url)
        return files, f"{root.rstrip('/')}/ac/{name}"


def _protocols(files: Any) -> set[str]:
    return {files.protocol} if isinstance(files.protocol, str) else set(files.protocol)
