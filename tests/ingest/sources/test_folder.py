"""Listing folders: what is listed, what is not, and what may be pruned."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.sources import FolderSource
from ingest.sources.contract import Asset, Scope, Skipped
from searchengine.errors import ItemError, LimitError, NotFoundError, ReadError, UsageError
from searchengine.identity import file_uri, path_of
from tests.ingest.hostile import write_hostile_files

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows has no such files")


def put(path: Path, data: str | bytes = b"x") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def listed(source: FolderSource, root: Path) -> list[str]:
    """Return the listed paths (with fragments) relative to the root, skipped ones marked."""
    prefix = file_uri(root.resolve()) + "/"
    return [
        one.uri.removeprefix(prefix)
        + ("" if isinstance(one, Asset) else " !" if one.failed else " -")
        for one in source
    ]


def skipped(source: FolderSource) -> list[Skipped]:
    return [one for one in source if isinstance(one, Skipped)]


def test_an_asset_says_what_a_listing_can_know(tmp_path: Path) -> None:
    file = put(tmp_path / "trip" / "a b.JPG", b"12345")
    os.utime(file, ns=(1, 1_700_000_000_123_456_789))
    source = FolderSource(tmp_path)
    (asset,) = source
    assert asset == Asset(
        uri=file_uri(file.resolve()),
        modality="image",
        revision="5-1700000000123456789",
        size=5,
        mtime_ns=1_700_000_000_123_456_789,
        folder=str(tmp_path.resolve() / "trip"),
    )
    assert source.open(asset) == b"12345"
    assert source.scopes == (Scope(file_uri(tmp_path.resolve()) + "/"),)


def test_order_is_by_name_files_first_then_folders(tmp_path: Path) -> None:
    for name in ("b.jpg", "a/z.jpg", "a/b/c.jpg", "c.jpg", "A/x.png", "a.jpg"):
        put(tmp_path / name)
    expected = ["a.jpg", "b.jpg", "c.jpg", "A/x.png", "a/z.jpg", "a/b/c.jpg"]
    assert listed(FolderSource(tmp_path), tmp_path) == expected


def test_not_recursive(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "below" / "b.jpg")
    source = FolderSource(tmp_path, recursive=False)
    assert listed(source, tmp_path) == ["a.jpg"]
    assert source.scopes == (Scope(file_uri(tmp_path.resolve()) + "/", recursive=False),)


def test_modalities(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "note.txt", "Hello.")
    assert listed(FolderSource(tmp_path), tmp_path) == ["a.jpg", "note.txt#paragraph=1"]
    assert listed(FolderSource(tmp_path, modality="image"), tmp_path) == ["a.jpg"]
    assert listed(FolderSource(tmp_path, modality="text"), tmp_path) == ["note.txt#paragraph=1"]


def test_what_is_passed_over_in_silence(tmp_path: Path) -> None:
    for name in (
        ".hidden.jpg",
        "._a.jpg",
        ".git/a.jpg",
        "__MACOSX/a.jpg",
        "@eaDir/a.jpg/thumb.jpg",
        "$RECYCLE.BIN/a.jpg",
        "Thumbs.db",
        "song.flac",
        "page.html",
        "paper.odt",
        "config.json",
        "no-suffix",
    ):
        put(tmp_path / name)
    assert listed(FolderSource(tmp_path), tmp_path) == []


def test_a_hidden_root_is_meant(tmp_path: Path) -> None:
    put(tmp_path / ".photos" / "a.jpg")
    assert len(list(FolderSource(tmp_path / ".photos"))) == 1


def test_an_empty_folder(tmp_path: Path) -> None:
    source = FolderSource(tmp_path)
    assert list(source) == []
    assert source.scopes == (Scope(file_uri(tmp_path.resolve()) + "/"),)


def test_scopes_are_claimed_only_after_a_whole_walk(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "b.jpg")
    source = FolderSource(tmp_path)
    assert source.scopes == ()
    walk = iter(source)
    next(walk)
    assert source.scopes == ()
    list(source)
    assert len(source.scopes) == 1
    next(iter(source))
    assert source.scopes == (), "a new walk has begun"


def test_the_root_is_made_canonical_and_names_below_stay(tmp_path: Path) -> None:
    file = put(tmp_path / "real" / "a.jpg")
    (tmp_path / "link").symlink_to("real", target_is_directory=True)
    (tmp_path / "real" / "b.jpg").symlink_to("a.jpg")
    by_link, straight = FolderSource(tmp_path / "link"), FolderSource(tmp_path / "real")
    relative = FolderSource(os.path.relpath(tmp_path / "real" / ".." / "real"))
    uris = [one.uri for one in straight]
    assert uris == [file_uri(file.resolve()), file_uri(file.resolve().with_name("b.jpg"))]
    assert [one.uri for one in by_link] == [one.uri for one in relative] == uris


# -- exclusion ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("globs", "left"),
    [
        ((), ["a.jpg", "b.png", "x/a.jpg", "x/y/c.jpg"]),
        (("*.png",), ["a.jpg", "x/a.jpg", "x/y/c.jpg"]),
        (("a.jpg",), ["b.png", "x/y/c.jpg"]),
        (("x/a.jpg",), ["a.jpg", "b.png", "x/y/c.jpg"]),
        (("x",), ["a.jpg", "b.png"]),
        (("x/",), ["a.jpg", "b.png"]),
        (("x/*",), ["a.jpg", "b.png"]),
        (("x/**",), ["a.jpg", "b.png"]),
        (("**/c.jpg",), ["a.jpg", "b.png", "x/a.jpg"]),
        (("**/b.png",), ["a.jpg", "x/a.jpg", "x/y/c.jpg"]),
        (("x/**/c.jpg",), ["a.jpg", "b.png", "x/a.jpg"]),
        (("y", "[ab].*"), []),
        (("*.PNG",), ["a.jpg", "b.png", "x/a.jpg", "x/y/c.jpg"]),
        (("",), ["a.jpg", "b.png", "x/a.jpg", "x/y/c.jpg"]),
    ],
)
@posix_only
def test_exclude(tmp_path: Path, globs: Any, left: Any) -> None:
    for name in ("a.jpg", "b.png", "x/a.jpg", "x/y/c.jpg"):
        put(tmp_path / name)
    assert listed(FolderSource(tmp_path, exclude=globs), tmp_path) == left


def test_exclude_a_whole_path(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "private" / "b.jpg")
    exclude = (str(tmp_path.resolve() / "private"),)
    assert listed(FolderSource(tmp_path, exclude=exclude), tmp_path) == ["a.jpg"]


def test_captions_of_excluded_pictures_are_no_texts(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "a.txt", "A secret.")
    put(tmp_path / "note.txt", "A note.")
    source = FolderSource(tmp_path, exclude=("*.jpg",))
    assert listed(source, tmp_path) == ["note.txt#paragraph=1"]


# -- hostile folders ------------------------------------------------------------------------


def test_everything_that_ever_stopped_a_run(tmp_path: Path) -> None:
    expected = write_hostile_files(tmp_path)
    source = FolderSource(tmp_path)
    found = {}
    for one in source:
        path = path_of(one.uri)
        assert path is not None
        assert one.uri.isascii()
        assert one.uri == file_uri(tmp_path.resolve() / path.name)
        if isinstance(one, Asset):
            assert len(source.open(one)) == one.size
            found[path.name] = "listed"
        else:
            assert one.message.isprintable()
            found[path.name] = one.reason if one.failed else "skipped"
    assert set(found) == set(expected)
    for name, outcome in expected.items():
        assert found[name] == (outcome if outcome in ("skipped", "unreadable") else "listed"), name


@posix_only
def test_pipes_and_sockets_are_named_and_never_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    os.mkfifo(tmp_path / "pipe.txt")
    (tmp_path / "link.jpg").symlink_to("pipe.jpg")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket")
        monkeypatch.setattr(os, "open", lambda *_: pytest.fail("opened"))
        rows = skipped(FolderSource(tmp_path))
    assert [path_of(row.uri).name for row in rows] == ["pipe.jpg", "pipe.txt", "socket", "link.jpg"]
    assert {(row.reason, row.failed) for row in rows} == {("not-a-file", False)}


@posix_only
def test_a_picture_swapped_for_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    file = put(tmp_path / "a.jpg")
    source = FolderSource(tmp_path)
    (asset,) = source
    file.unlink()
    os.mkfifo(file)
    with pytest.raises(ReadError, match="not a regular file"):
        source.open(asset)


def test_a_picture_that_is_gone_or_a_folder_when_it_is_opened(tmp_path: Path) -> None:
    file = put(tmp_path / "a.jpg")
    source = FolderSource(tmp_path)
    (asset,) = source
    file.unlink()
    with pytest.raises(ReadError, match="cannot read: no such file"):
        source.open(asset)
    file.mkdir()
    with pytest.raises(ReadError):
        source.open(asset)


def test_files_over_the_limit_are_refused(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg", b"12345")
    source = FolderSource(tmp_path, max_bytes=4)
    (asset,) = source
    with pytest.raises(LimitError, match=r"ingest\.max_bytes"):
        source.open(asset)
    assert FolderSource(tmp_path, max_bytes=5).open(asset) == b"12345"


def test_a_file_that_vanishes_between_listing_and_stat_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "b.jpg").with_suffix(".txt").write_text("caption")
    true_stat = os.stat

    def stat(path: Any, **options) -> Any:
        if str(path).endswith(("a.jpg", "b.txt")):
            raise FileNotFoundError(2, "No such file or directory")
        return true_stat(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    assert listed(FolderSource(tmp_path), tmp_path) == ["b.jpg"]


def test_a_folder_that_vanishes_during_the_walk_is_no_error(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    put(tmp_path / "below" / "b.jpg")
    source = FolderSource(tmp_path)
    walk = iter(source)
    next(walk)
    shutil.rmtree(tmp_path / "below")
    assert list(walk) == []
    assert source.scopes == (Scope(file_uri(tmp_path.resolve()) + "/"),)


def test_a_root_that_vanishes_is_an_error_not_an_empty_folder(tmp_path: Path) -> None:
    root = put(tmp_path / "root" / "a.jpg").parent
    source = FolderSource(root)
    shutil.rmtree(root)
    with pytest.raises(NotFoundError, match="root"):
        list(source)
    assert source.scopes == ()


def deny(monkeypatch: pytest.MonkeyPatch, name: str, what: str) -> None:
    """Make calls fail for paths that end so, as for a user who may not (root may everything)."""
    true_call = getattr(os, what)

    def call(path: Any, *rest: Any, **options: Any) -> Any:
        if str(path).endswith(name):
            raise PermissionError(13, "Permission denied")
        return true_call(path, *rest, **options)

    monkeypatch.setattr(os, what, call)


def test_a_folder_one_may_not_list_is_reported_and_not_pruned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a.jpg", "closed/b.jpg", "open/c.jpg"):
        put(tmp_path / name)
    deny(monkeypatch, "closed", "scandir")
    source = FolderSource(tmp_path)
    assert listed(source, tmp_path) == ["a.jpg", "closed/ !", "open/c.jpg"]
    (row,) = skipped(source)
    assert (row.reason, row.message) == ("unreadable", "cannot read: permission denied")
    prefix = file_uri(tmp_path.resolve()) + "/"
    assert source.scopes == (Scope(prefix, except_prefixes=(prefix + "closed/",)),)


def test_a_folder_one_may_list_but_not_enter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("closed/a.jpg", "closed/b.jpg", "open/c.jpg"):
        put(tmp_path / name)
    true_stat = os.stat

    def stat(path: Any, **options) -> Any:
        if "closed/" in str(path):
            raise PermissionError(13, "Permission denied")
        return true_stat(path, **options)

    monkeypatch.setattr(os, "stat", stat)
    source = FolderSource(tmp_path)
    assert listed(source, tmp_path) == ["closed/ !", "open/c.jpg"]
    assert source.scopes[0].except_prefixes == (file_uri(tmp_path.resolve()) + "/closed/",)


def test_nothing_is_claimed_of_a_root_one_may_not_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = put(tmp_path / "closed" / "a.jpg").parent
    deny(monkeypatch, "closed", "scandir")
    source = FolderSource(root)
    assert [row.failed for row in skipped(source)] == [True]
    assert source.scopes == ()


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs Unix permissions")
def test_a_real_folder_without_permission(tmp_path: Path) -> None:
    """In a process of its own, which gives up root if it has it."""
    import subprocess

    put(tmp_path / "a.jpg")
    closed = put(tmp_path / "closed" / "b.jpg").parent
    for folder in (tmp_path, *list(tmp_path.parents)[:-1]):
        if folder.stat().st_uid == os.geteuid() and folder != Path(folder.anchor):
            folder.chmod(folder.stat().st_mode | 0o055)
    script = (
        "import os, sys\n"
        "from ingest.sources import FolderSource\n"
        "if os.geteuid() == 0:\n"
        "    os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "source = FolderSource(sys.argv[1])\n"
        "print([(one.uri.rsplit('/', 2)[1:], getattr(one, 'reason', 'ok')) for one in source])\n"
        "print([len(scope.except_prefixes) for scope in source.scopes])\n"
    )
    closed.chmod(0)
    try:
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
        )
    finally:
        closed.chmod(0o755)
    assert done.returncode == 0, done.stderr
    name = tmp_path.name
    assert done.stdout.splitlines() == [
        str([([name, "a.jpg"], "ok"), (["closed", ""], "unreadable")]),
        "[1]",
    ]


# -- links ----------------------------------------------------------------------------------


@posix_only
def test_links(tmp_path: Path) -> None:
    outside = put(tmp_path / "outside" / "far.jpg").parent
    root = tmp_path / "root"
    put(root / "a.jpg")
    put(root / "in" / "b.jpg")
    (root / "c.jpg").symlink_to("a.jpg")
    (root / "d.jpg").symlink_to(outside / "far.jpg")
    (root / "dangling.jpg").symlink_to("nowhere")
    (root / "dangling.log").symlink_to("nowhere")
    (root / "self.jpg").symlink_to("self.jpg")
    (root / "out").symlink_to(outside)
    (root / "up").symlink_to("..")
    (root / "in" / "loop").symlink_to("..")
    source = FolderSource(root)
    assert listed(source, root) == [
        "dangling.jpg !",
        "out -",
        "self.jpg !",
        "up -",
        "a.jpg",
        "c.jpg",
        "d.jpg",
        "in/loop -",
        "in/b.jpg",
    ]
    assert {row.reason for row in skipped(source) if row.failed} == {"unreadable"}


@posix_only
def test_following_links_visits_every_folder_once(tmp_path: Path) -> None:
    root, far = tmp_path / "root", tmp_path / "far"
    put(root / "a.jpg")
    put(root / "in" / "b.jpg")
    put(far / "c.jpg")
    put(far / "deep" / "d.jpg")
    (root / "in" / "loop").symlink_to("..")
    (root / "self").symlink_to(".")
    (root / "far").symlink_to(far)
    (root / "far-too").symlink_to(far)
    (root / "deep").symlink_to(far / "deep")
    (far / "back").symlink_to(root)
    (far / "deep" / "loop").symlink_to("..")
    (far / "above").symlink_to(tmp_path)
    source = FolderSource(root, follow_links=True)
    names = [name for name in listed(source, root) if not name.endswith((" -", " !"))]
    assert sorted(name.rsplit("/")[-1] for name in names) == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    assert "a.jpg" in names
    assert "in/b.jpg" in names
    assert source.scopes == (Scope(file_uri(root.resolve()) + "/"),)


@posix_only
def test_a_followed_link_to_a_drive_that_is_away_is_not_pruned(tmp_path: Path) -> None:
    (tmp_path / "drive").symlink_to("/nowhere/at/all")
    source = FolderSource(tmp_path, follow_links=True)
    assert listed(source, tmp_path) == ["drive !"]
    prefix = file_uri(tmp_path.resolve()) + "/"
    assert source.scopes == (Scope(prefix, except_prefixes=(prefix + "drive/",)),)


# -- one file -------------------------------------------------------------------------------


def test_a_single_picture_with_its_caption(tmp_path: Path) -> None:
    file = put(tmp_path / "a.jpg")
    put(tmp_path / "a.txt", "A dog.")
    put(tmp_path / "a.jpg.jpg")
    put(tmp_path / "ab.jpg")
    source = FolderSource(file)
    (asset,) = source
    assert (asset.uri, asset.caption) == (file_uri(file.resolve()), "A dog.")
    assert source.scopes == (), "it was listed, so nothing of it can be gone"
    assert asset == next(one for one in FolderSource(tmp_path) if one.uri == asset.uri)


def test_a_single_text_is_complete_for_its_fragments(tmp_path: Path) -> None:
    file = put(tmp_path / "notes.md", "One.\n\nTwo.")
    put(tmp_path / "notes.md.txt", "Other.")
    source = FolderSource(file)
    uri = file_uri(file.resolve())
    assert [one.uri for one in source] == [f"{uri}#paragraph=1", f"{uri}#paragraph=2"]
    assert source.scopes == (Scope(f"{uri}#"),)


def test_single_files_may_be_hidden_and_links(tmp_path: Path) -> None:
    put(tmp_path / ".a.jpg")
    (tmp_path / "b.jpg").symlink_to(".a.jpg")
    assert [path_of(one.uri).name for one in FolderSource(tmp_path / ".a.jpg")] == [".a.jpg"]
    assert [path_of(one.uri).name for one in FolderSource(tmp_path / "b.jpg")] == ["b.jpg"]


def test_a_single_file_that_is_gone_does_not_stand_for_its_namesakes(tmp_path: Path) -> None:
    put(tmp_path / "a.png")
    file = put(tmp_path / "a.jpg")
    source = FolderSource(file)
    file.unlink()
    assert list(source) == []
    assert source.scopes == ()


def test_a_single_sidecar_is_no_text(tmp_path: Path) -> None:
    put(tmp_path / "a.jpg")
    source = FolderSource(put(tmp_path / "a.txt", "A dog."))
    (row,) = source
    assert isinstance(row, Skipped)
    assert not row.failed
    assert "caption" in row.message


@pytest.mark.parametrize("root", ["nowhere", "nowhere/below", "file.jpg/below", "\0", ""])
def test_roots_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "file.jpg")
    with pytest.raises(NotFoundError) as caught:
        FolderSource(root)
    assert caught.value.exit_code == 3
    assert repr(root) in str(caught.value)


@pytest.mark.parametrize("name", ["song.flac", "captions.jsonl", "no-suffix", "page.html"])
def test_files_that_cannot_be_indexed(tmp_path: Path, name: Any) -> None:
    with pytest.raises(UsageError, match=name) as caught:
        FolderSource(put(tmp_path / name))
    assert caught.value.exit_code == 2
    assert caught.value.hint


@posix_only
def test_a_pipe_cannot_be_indexed(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    with pytest.raises(UsageError, match=r"pipe\.jpg"):
        FolderSource(tmp_path / "pipe.jpg")


# -- scale and names ------------------------------------------------------------------------


def test_a_large_tree_is_not_held(tmp_path: Path) -> None:
    for folder in range(40):
        (tmp_path / f"{folder:03}").mkdir()
        for file in range(50):
            (tmp_path / f"{folder:03}" / f"{file:03}.jpg").touch()

    def peak(source: Any) -> Any:
        gc.collect()
        tracemalloc.start()
        count = sum(1 for _ in source)
        high = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return count, high

    list(FolderSource(tmp_path))  # what is imported or cached on first use
    small = peak(FolderSource(tmp_path / "000"))
    large = peak(FolderSource(tmp_path))
    assert (small[0], large[0]) == (50, 2000)
    assert large[1] < 2 * small[1]


_names = st.text(
    st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=40
)


@posix_only
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(names=st.sets(st.one_of(_names, st.binary(min_size=1, max_size=40)), max_size=4))
def test_any_name_has_the_uri_of_its_path(tmp_path: Path, names: Any) -> None:
    root = tmp_path / "root"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    made = set()
    for name in names:
        raw = (
            name.encode()
            if isinstance(name, str)
            else name.replace(b"/", b"_").replace(b"\0", b"_")
        )
        raw += b".jpg"
        if raw.startswith(b"."):
            continue
        try:
            (root / os.fsdecode(raw)).touch()
        except OSError:  # the file system has no such names
            continue
        made.add(os.fsdecode(raw))
    source = FolderSource(root)
    assets = [one for one in source if isinstance(one, Asset)]
    assert {one.uri for one in assets} == {file_uri(root.resolve() / name) for name in made}
    assert {path_of(one.uri).name for one in assets} == made
    for one in assets:
        assert source.open(one) == b""


def test_opening_what_is_no_local_file(tmp_path: Path) -> None:
    with pytest.raises(ItemError, match="not a local file"):
        FolderSource(tmp_path).open(Asset("http://x/a.jpg", "image", "1", 1, 0))
