"""`s3://bucket/key`: an object store through pyarrow, or a folder that stands for all buckets (`--s3-root`)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import regex

from foretell.errors import ForetellError

_BUCKET: Final = regex.compile(r"[a-z0-9][a-z0-9.\-]{1,62}")
_IGNORED: Final = ("_", ".")  # names of folders and files that other tools leave there: _SUCCESS, .part.crc
MOST_FILES: Final = 100_000  # below one path


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file below a path."""

    path: str
    size: int  # bytes

    @property
    def name(self) -> str:
        """Without its folder."""
        return self.path.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Storage:
    """Where `s3://` leads: `root` for a folder, None for the store of AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL."""

    root: Path | None = None
    buckets: tuple[str, ...] = ()  # that may be used; none listed: all

    def list_files(self, url: str) -> list[StoredFile]:
        """The file that `url` names, or all below the folder that it names, by name.

        Raises ForetellError where there is none, and for what is outside of the allowed buckets.
        """
        from pyarrow import fs

        system, path = self._open(url)
        info = system.get_file_info(path)
        if info.type == fs.FileType.File:
            return [StoredFile(path, info.size)]
        if info.type == fs.FileType.NotFound:
            raise ForetellError(f"there is nothing at {url}")
        below = system.get_file_info(fs.FileSelector(path, recursive=True))
        data = (each for each in below if each.type == fs.FileType.File and _is_data(each, path))
        files = sorted((StoredFile(each.path, each.size) for each in data), key=lambda file: file.path)
        if not files:
            raise ForetellError(f"there is no file below {url}")
        if len(files) > MOST_FILES:
            raise ForetellError(
                f"there are {len(files):,} files below {url}: at most {MOST_FILES:,} are read"
            )
        for each in files:
            self._check_inside(each.path)
        return files

    @contextmanager
    def reading(self, url: str, file: StoredFile) -> Iterator[Any]:
        """A file that `list_files` found below `url`, open to read."""
        system, _ = self._open(url)
        with system.open_input_stream(file.path, compression=None) as stream:
            yield stream

    @contextmanager
    def writing(self, url: str, name: str) -> Iterator[Any]:
        """A new file `name` below the folder `url`; whole when the block ends."""
        system, path = self._open(url)
        target = f"{path.rstrip('/')}/{name}"
        self._check_inside(target)
        if (
            self.root is not None
        ):  # an object store has no folders, and a marker of one would be read as a file
            system.create_dir(target.rpartition("/")[0], recursive=True)
        with system.open_output_stream(target) as stream:
            yield stream

    def check(self, url: str) -> None:
        """Raises ForetellError for a path that is none, or may not be used; it need not be there."""
        self._place(url)

    def _place(self, url: str) -> tuple[str, str]:
        scheme, _, rest = url.partition("://")
        bucket, _, key = rest.partition("/")
        if scheme != "s3" or not _BUCKET.fullmatch(bucket):
            raise ForetellError(f"{url[:200]!r} is no path of S3: it looks like s3://bucket/key")
        if self.buckets and bucket not in self.buckets:
            raise ForetellError(f"the bucket {bucket!r} is not among those of the configuration")
        if "\0" in key or ".." in key.split("/"):
            raise ForetellError(f"{url[:200]!r} leads out of its bucket")
        return bucket, key

    def _open(self, url: str) -> tuple[Any, str]:
        from pyarrow import fs

        bucket, key = self._place(url)
        if self.root is None:
            return _object_store(), f"{bucket}/{key}".rstrip("/")
        path = (self.root / bucket / key.strip("/")).resolve()
        self._check_inside(str(path))
        return fs.LocalFileSystem(), str(path)

    def _check_inside(self, path: str) -> None:
        """Raises ForetellError for a file that a symbolic link leads out of the root."""
        if self.root is not None and not Path(path).resolve().is_relative_to(self.root.resolve()):
            raise ForetellError("a symbolic link leads out of the folder that stands for S3")


def _is_data(info: Any, folder: str) -> bool:
    below = info.path[len(folder) :].strip("/").split("/")
    return info.size > 0 and not any(part.startswith(_IGNORED) for part in below)


def _object_store() -> Any:
    from pyarrow import fs

    endpoint = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options: dict[str, Any] = {"region": os.environ.get("AWS_DEFAULT_REGION") or os.environ.get("AWS_REGION")}
    if endpoint:
        parts = urlsplit(endpoint)
        options |= {"endpoint_override": parts.netloc, "scheme": parts.scheme, "allow_bucket_creation": False}
    return fs.S3FileSystem(**{name: value for name, value in options.items() if value is not None})
