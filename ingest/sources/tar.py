"""A tar of pictures (webdataset's shards among them) as a source.

Members whose names agree up to the first dot are a sample: pictures (films and
PDFs, taken apart, among them), and what is written about them in ``.txt``,
``.caption``, ``.json`` and ``.cls`` beside them
(https://github.com/webdataset/webdataset). A picture is the item
``file:///x.tar#member=000017.jpg``, a frame ``file:///x.tar#member=a.mp4&frame=3``.
Only the headers and the captions are read to list a tar; nothing is ever
unpacked to a name that a tar gives.
"""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from ingest.sources.captions import caption_from_json
from ingest.sources.contract import Asset, Bundle, Place, Scope, Skipped, bundled_revision
from ingest.sources.names import is_junk, stem_of, suffix_of
from ingest.sources.once import Seen
from ingest.sources.opened import OpenFile
from ingest.sources.reading import describe, open_regular
from ingest.sources.tables import clean_text
from ingest.sources.unpacked import COMPRESSED, unpack
from searchengine.containers.contract import CONTAINER_SUFFIXES, part_kind
from searchengine.decode import IMAGE_SUFFIXES
from searchengine.errors import DecodeError, ItemError, ReadError
from searchengine.identity import file_uri, fragment_uri

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

TAR_SUFFIXES = (".tar", *COMPRESSED)
_SHOWN = IMAGE_SUFFIXES | CONTAINER_SUFFIXES
_WRITTEN = (".txt", ".caption", ".json", ".cls")
"""What is written about a picture; the first has the last word."""
_WRITTEN_BYTES = 1 << 20
_HEADER_BYTES = 1 << 20
_BROKEN = (tarfile.TarError, OSError, ValueError, EOFError, OverflowError)
"""What ``tarfile`` raises for what is no tar (any further)."""
_SAMPLE_MEMBERS = 1000
"""More members under one name are no sample."""


@dataclass(frozen=True, slots=True)
class _Member(Place):
    tar: OpenFile
    offset: int
    size: int


def is_tar(path: str) -> bool:
    """Whether a name promises a tar, compressed or not."""
    return path.lower().endswith(TAR_SUFFIXES)


class TarSource:
    """Lists the pictures of one tar on this machine.

    A plain tar is read where it lies, in any order. A compressed one is
    decompressed into a temporary file first, once a listing: there is no other
    way into it.
    """

    def __init__(self, path: str, *, max_bytes: int) -> None:
        folder, name = os.path.split(os.path.abspath(path))
        self.path = os.path.join(os.path.realpath(folder), name)
        self.uri = file_uri(self.path)
        self._max_bytes = max_bytes
        self._scopes: tuple[Scope, ...] = ()

    def __iter__(self) -> Iterator[Asset | Skipped | Bundle]:
        """Yield the pictures in the order of the tar; a bundle where that means to decompress."""
        self._scopes = ()
        try:
            with open_regular(self.path) as file:
                status = os.fstat(file.fileno())
        except ItemError as error:
            yield Skipped(self.uri, error.reason, str(error))
            return
        token = f"{status.st_size}-{status.st_mtime_ns}"
        if self.costly:
            yield Bundle(self.uri + "#", "image", token, partial(self._listed, token))
        else:
            yield from self._listed(token)

    def _listed(self, token: str) -> Iterator[Asset | Skipped]:
        listing = TarListing(self.uri, self.path, token, self._max_bytes, counted=self.costly)
        try:
            yield from listing.read(self._opened())
        except ItemError as error:
            yield Skipped(self.uri, error.reason, str(error))
            return
        if listing.complete:
            self._scopes = (Scope(self.uri + "#"),)

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """See ``Source``."""
        return self._scopes

    @property
    def costly(self) -> bool:
        """Whether listing it is too much work to do only for a total."""
        return self.path.lower().endswith(tuple(COMPRESSED))

    def open(self, asset: Asset) -> bytes:
        """Return the bytes of a member. Raises ``ReadError`` or ``LimitError``."""
        return read_member(asset, self._max_bytes)

    def open_file(self, asset: Asset) -> BinaryIO:
        """See ``OpensFiles``."""
        return open_member(asset)

    def _opened(self) -> BinaryIO:
        return plain_tar(open_regular(self.path), self.path)


def plain_tar(file: BinaryIO, name: str) -> BinaryIO:
    """Take over a tar and return it decompressed, if its name says that it is compressed."""
    suffix = next((one for one in COMPRESSED if name.lower().endswith(one)), None)
    if suffix is None:
        return file
    with file:
        return unpack(file, suffix)


def open_member(asset: Asset) -> BinaryIO:
    """Return a listed member as a file of its own. Raises ``ReadError``."""
    place = asset.place
    if not isinstance(place, _Member):
        raise ReadError(f"not a member of a tar: {asset.uri}")
    return place.tar.view(place.offset, place.size)


def read_member(asset: Asset, max_bytes: int) -> bytes:
    """Return the bytes of a listed member. Raises ``ReadError`` or ``LimitError``."""
    place = asset.place
    if not isinstance(place, _Member):
        raise ReadError(f"not a member of a tar: {asset.uri}")
    return place.tar.read_at(place.offset, place.size, max_bytes)


class TarListing:
    """One pass over the headers of a tar."""

    def __init__(
        self,
        uri: str,
        name: str,
        token: str,
        max_bytes: int,
        *,
        origin: str = "",
        counted: bool = False,
    ) -> None:
        """``token`` changes when the tar does; ``name`` is what people call it.

        ``counted``: the revisions say how many pictures there are (see ``Bundle``).
        """
        self._counted = counted
        self._uri = uri
        self._origin = origin or uri
        self._name = name
        self._token = token
        self._max_bytes = max_bytes
        self._read_to = 0
        self.complete = False
        """Whether the tar has been listed to its end."""

    def read(self, file: BinaryIO) -> Iterator[Asset | Skipped]:
        """Yield the pictures; take the file over. Raises ``DecodeError`` for what is no tar."""
        opened = OpenFile(file)
        end = os.fstat(file.fileno()).st_size
        if self._counted and (count := self._count(file, end)):
            self._token = bundled_revision(self._token, count)
        sample: list[tarfile.TarInfo] = []
        members = self._members(file)
        whole = True
        for member in members:
            if isinstance(member, Skipped):
                whole = whole and not member.failed
                yield member
                continue
            if member.offset_data + member.size > end:
                whole = False
                message = "the tar breaks off within this member"
                yield Skipped(self._member_uri(member), ReadError.reason, message)
                break
            if sample and (_key(sample[0]) != _key(member) or len(sample) >= _SAMPLE_MEMBERS):
                yield from self._sample(sample, opened)
                sample = []
            sample.append(member)
        yield from self._sample(sample, opened)
        # Cut off between two members, a tar lacks nothing but the block of zeros at its end.
        self.complete = whole and self._read_to < end

    def _count(self, file: BinaryIO, end: int) -> int:
        """Return how many pictures, films and PDFs there are, by their names; 0 for a tar that
        breaks off."""
        seen = Seen()
        count, whole = 0, True
        for member in self._members(file):
            if isinstance(member, Skipped):
                whole = whole and not member.failed
            elif suffix_of(_base(member)) in _SHOWN:
                whole = whole and member.offset_data + member.size <= end
                count += seen.add(self._member_uri(member))
        file.seek(0)
        return count if whole else 0

    def _members(self, file: BinaryIO) -> Iterator[tarfile.TarInfo | Skipped]:
        """Yield the regular files of the tar, in bounded memory."""
        headers = cast("BinaryIO", _Headers(file))
        try:
            tar = tarfile.open(fileobj=headers, mode="r:", errorlevel=1)  # noqa: SIM115
        except _BROKEN as error:
            raise DecodeError(f"no tar: {_one_line(error)}") from error
        before = -1
        while True:
            try:
                member = tar.next()
                if member is not None and member.offset <= before:
                    raise tarfile.ReadError("a header leads back")
            except _BROKEN as error:
                yield Skipped(self._uri, ReadError.reason, f"breaks off: {_one_line(error)}")
                return
            if member is None:
                self._read_to = int(tar.offset)
                return
            before = member.offset
            tar.members = []  # type: ignore[attr-defined]  # it would keep them all
            if any(is_junk(part) for part in member.name.split("/") if part not in ("", ".", "..")):
                continue
            if member.issym() or member.islnk() or not (member.isfile() or member.isdir()):
                yield Skipped(self._member_uri(member), "not-a-file", "not a file", failed=False)
            elif member.isfile():
                if member.issparse():
                    message = "a sparse file in a tar cannot be read"
                    yield Skipped(self._member_uri(member), ReadError.reason, message)
                else:
                    yield member

    def _sample(self, sample: list[tarfile.TarInfo], opened: OpenFile) -> Iterator[Asset | Skipped]:
        pictures = [member for member in sample if suffix_of(_base(member)) in _SHOWN]
        if not pictures:
            return
        written: dict[tuple[str, str], tarfile.TarInfo] = {
            (stem_of(member.name), suffix_of(_base(member))): member
            for member in sample
            if suffix_of(_base(member)) in _WRITTEN
        }
        for picture in pictures:
            caption: str | None = None
            meta: dict[str, Any] = {}
            for suffix in reversed(_WRITTEN):
                about = written.get((stem_of(picture.name), suffix))
                about = about or written.get((_key(picture), suffix))
                if about is None:
                    continue
                try:
                    text, columns = _read_written(opened, about, suffix)
                except ItemError as error:
                    yield Skipped(self._member_uri(about), error.reason, str(error))
                    continue
                caption, meta = text or caption, {**meta, **columns}
            yield self._asset(picture, opened, caption, meta)

    def _asset(
        self, member: tarfile.TarInfo, opened: OpenFile, caption: str | None, meta: dict[str, Any]
    ) -> Asset:
        return Asset(
            uri=self._member_uri(member),
            modality="image",
            revision=self._token,
            size=member.size,
            mtime_ns=max(0, min(int(member.mtime), 1 << 33)) * 1_000_000_000,
            caption=caption,
            folder=self._name,
            meta=meta,
            place=_Member(self._origin, opened, member.offset_data, member.size),
            parts=part_kind(suffix_of(_base(member))),
        )

    def _member_uri(self, member: tarfile.TarInfo) -> str:
        name = member.name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
        return fragment_uri(self._uri, "member", name)


class _Headers:
    """What ``tarfile`` reads headers from: none of them is taken to be larger than it can be."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        """Return so many bytes. Raises ``tarfile.ReadError`` for more than any header has."""
        if not 0 <= size <= _HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {size:,} bytes")
        return self._file.read(size)


def _base(member: tarfile.TarInfo) -> str:
    return member.name.rpartition("/")[2]


def _key(member: tarfile.TarInfo) -> str:
    """Return what the members of a sample have in common: the path up to the first dot."""
    folder, slash, base = member.name.rpartition("/")
    dot = base.find(".", 1)
    return folder + slash + (base[:dot] if dot > 0 else base)


def _read_written(
    opened: OpenFile, member: tarfile.TarInfo, suffix: str
) -> tuple[str | None, dict[str, Any]]:
    data = opened.read_at(member.offset_data, member.size, _WRITTEN_BYTES)
    text = clean_text(data.decode("utf-8-sig", "replace"))
    if suffix == ".json":
        return caption_from_json(text)
    if suffix == ".cls":
        return None, {"cls": int(text) if text.strip().isdecimal() else text.strip()}
    return text.strip() or None, {}


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or describe(error)
