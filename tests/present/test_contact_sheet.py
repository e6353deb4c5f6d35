"""The contact sheet: its size, what stands where, and that no file can break it."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from searchengine.errors import NotFoundError, UsageError
from searchengine.present import font_files, lettering
from searchengine.present.contact_sheet import (
    MAX_TILES,
    SheetRow,
    contact_sheet,
    contact_sheets,
    write_contact_sheet,
)
from searchengine.present.sheet_painter import Grid
from searchengine.records import Results

MakeResults = Callable[..., Results]
Pixel = tuple[int, int, int]

RED, BLUE, GREEN = (200, 30, 30), (30, 30, 200), (30, 160, 60)
GREY = (240, 241, 243)


@pytest.fixture
def photo(tmp_path: Path) -> Callable[..., str]:
    """Return a maker of picture files; it gives their uris."""

    def make(name: str, colour: Pixel, size: tuple[int, int] = (120, 120), **save: object) -> str:
        path = tmp_path / name
        Image.new("RGB", size, colour).save(path, **save)  # type: ignore[arg-type]
        return path.as_uri()

    return make


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "chinese_font", lambda: None)


def tile_centre(sheet: Image.Image, grid: Grid, place: int, top: int | None = None) -> Pixel:
    left, above = grid.tile_place(place, grid.margin if top is None else top)
    return colour_at(sheet, left + grid.thumb // 2, above + grid.thumb // 2)


def colour_at(sheet: Image.Image, left: int, top: int) -> Pixel:
    pixel = sheet.convert("RGB").getpixel((left, top))
    assert isinstance(pixel, tuple)
    return pixel[0], pixel[1], pixel[2]


def close(pixel: Pixel, colour: Pixel) -> bool:
    return all(abs(a - b) < 12 for a, b in zip(pixel, colour, strict=True))


def has_ink(sheet: Image.Image, box: tuple[int, int, int, int]) -> bool:
    """Return whether anything is written on an area: it has dark and light pixels."""
    low, high = sheet.crop(box).convert("L").getextrema()
    assert isinstance(low, (int, float))
    assert isinstance(high, (int, float))
    return high - low > 100


def test_size_and_places(make_results: MakeResults, photo: Callable[..., str]) -> None:
    results = make_results(
        (photo("a.jpg", RED), 0.3, {"caption": "red"}),
        (photo("b.png", BLUE), 0.2, {}),
        (photo("c.webp", GREEN), 0.1, {}),
    )
    grid = Grid(200, 2)
    sheet = contact_sheet(results, query_text="a colour", columns=2, thumb=200)
    assert sheet.mode == "RGB"
    assert sheet.size == (grid.width, 2 * grid.margin + grid.row_height(3))
    assert [close(tile_centre(sheet, grid, i), c) for i, c in enumerate((RED, BLUE, GREEN))] == [
        True
    ] * 3
    left, top = grid.tile_place(0, grid.margin)
    assert has_ink(sheet, (left, top + 200, left + 200, top + grid.tile_height))
    assert has_ink(sheet, (grid.margin, grid.margin, grid.margin + grid.panel, grid.margin + 150))


def test_few_hits_are_spread_evenly(make_results: MakeResults) -> None:
    results = make_results(*[(f"s3://b/{i}", 0.5, {}) for i in range(6)])
    assert contact_sheet(results, query_text="q", columns=5, thumb=100).width == Grid(100, 3).width


def test_pictures_are_upright(make_results: MakeResults, tmp_path: Path) -> None:
    image = Image.new("RGB", (200, 100), RED)
    image.paste(BLUE, (0, 0, 100, 100))  # left half; turned by 90 degrees it is on top
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "a.png"):
        image.save(tmp_path / name, exif=exif)
        results = make_results(((tmp_path / name).as_uri(), 0.3, {}))
        sheet = contact_sheet(results, query_text="q", thumb=200)
        left, top = Grid(200, 1).tile_place(0, Grid(200, 1).margin)
        for offset, colour in ((50, BLUE), (150, RED)):
            assert close(colour_at(sheet, left + 100, top + offset), colour)


def test_an_example_stands_on_the_left(make_results: MakeResults) -> None:
    example = Image.new("RGBA", (300, 300), (*GREEN, 255))
    sheet = contact_sheet(make_results(("s3://b/x", 0.5, {})), query_image=example, thumb=240)
    grid = Grid(240, 1)
    assert close(colour_at(sheet, grid.margin + grid.panel // 2, grid.margin + 150), GREEN)


@pytest.mark.parametrize(
    "content",
    [None, b"", b"no picture", b"\xff\xd8\xff\xe0broken", b"\x89PNG\r\n\x1a\nbroken"],
    ids=["missing", "empty", "text", "jpeg", "png"],
)
def test_bad_files_are_grey_tiles(
    make_results: MakeResults, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    grid = Grid(240, 1)
    sheet = contact_sheet(make_results((path.as_uri(), 0.3, {})), query_text="q", thumb=240)
    left, top = grid.tile_place(0, grid.margin)
    assert sheet.getpixel((left + 120, top + 60)) == GREY
    assert has_ink(sheet, (left, top + 100, left + 240, top + 140))  # why


def test_a_folder_and_a_bomb_are_grey_tiles(make_results: MakeResults, tmp_path: Path) -> None:
    from searchengine.present.thumbnails import thumbnail

    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    assert thumbnail(tmp_path, (10, 10)) == "not a file"
    assert thumbnail(tmp_path / "bomb.png", (10, 10)) == "too large"


def test_texts_are_cards(make_results: MakeResults) -> None:
    results = make_results(
        ("file:///a/n.csv#row=1", 0.5, {"caption": "word " * 5000}), modality="text"
    )
    grid = Grid(240, 1)
    sheet = contact_sheet(results, query_text="q", thumb=240)
    left, top = grid.tile_place(0, grid.margin)
    assert has_ink(sheet, (left + 18, top + 44, left + 222, top + 230))


def test_no_hits_say_so(make_results: MakeResults) -> None:
    sheet = contact_sheet(make_results(), query_text="q", thumb=240)
    left, top = Grid(240, 1).tile_place(0, Grid(240, 1).margin)
    assert has_ink(sheet, (left, top + 100, left + 240, top + 140))


def test_queries_are_stacked(make_results: MakeResults, photo: Callable[..., str]) -> None:
    one = make_results((photo("a.jpg", RED), 0.3, {}))
    two = make_results((photo("b.jpg", BLUE), 0.3, {}))
    sheet = contact_sheets([SheetRow(one, "red"), SheetRow(two, "blue")], thumb=200)
    grid = Grid(200, 1)
    second = grid.margin + grid.row_height(1) + grid.between
    assert close(tile_centre(sheet, grid, 0), RED)
    assert close(tile_centre(sheet, grid, 0, second), BLUE)
    assert sheet.height == second + grid.row_height(1) + grid.margin
    with pytest.raises(ValueError, match="at least one query"):
        contact_sheets([])


def test_too_many_hits_are_said(make_results: MakeResults) -> None:
    results = make_results(*[(f"s3://b/{i}", 0.5, {}) for i in range(MAX_TILES + 1)])
    warnings: list[str] = []
    contact_sheet(results, query_text="q", thumb=40, columns=10, warnings=warnings)
    assert warnings == [f"the picture shows the first {MAX_TILES} hits of each query"]


@pytest.mark.usefixtures("no_chinese")
def test_chinese_without_a_font_is_said_and_not_boxed(make_results: MakeResults) -> None:
    warnings: list[str] = []
    results = make_results(("file:///a/%E7%8B%97.jpg", 0.5, {"caption": "一只狗\na dog"}))
    with_note = contact_sheet(results, query_text="沙滩上的狗", thumb=240, warnings=warnings)
    assert len(warnings) == 1
    assert warnings[0].startswith("no font for Chinese was found")
    english = contact_sheet(
        make_results(("file:///a/(Chinese).jpg", 0.5, {"caption": "a dog"})),
        query_text="Chinese query (no font for it on this machine)",
        thumb=240,
        warnings=warnings,
    )
    assert len(warnings) == 1
    assert with_note.tobytes() == english.tobytes()


def test_written_files(make_results: MakeResults, tmp_path: Path) -> None:
    results = make_results(("s3://b/x", 0.5, {}))
    exif = Image.Exif()
    exif[0x0112] = 6
    example = io.BytesIO()
    picture = Image.new("RGB", (400, 200), RED)
    ImageDraw.Draw(picture).rectangle((0, 0, 200, 200), fill=BLUE)
    picture.save(example, "JPEG", exif=exif)
    target = tmp_path / "new" / "sheet.png"
    assert write_contact_sheet(target, [(results, "name", example.getvalue())]) == []
    with Image.open(target) as sheet:
        left, top = Grid(240, 1).margin + 60, Grid(240, 1).margin
        assert close(colour_at(sheet, left, top + 70), BLUE)
        assert close(colour_at(sheet, left, top + 200), RED)
    assert write_contact_sheet(tmp_path / "a.JPG", [(results, "words", None)]) == []
    assert (tmp_path / "a.JPG").read_bytes().startswith(b"\xff\xd8")


def test_what_cannot_be_written(make_results: MakeResults, tmp_path: Path) -> None:
    rows = [(make_results(), "words", None)]
    with pytest.raises(UsageError, match=r"\.pdf"):
        write_contact_sheet(tmp_path / "a.pdf", rows)
    (tmp_path / "file").write_text("")
    with pytest.raises(NotFoundError, match="cannot write"):
        write_contact_sheet(tmp_path / "file" / "a.png", rows)
    notes = write_contact_sheet(tmp_path / "a.png", [(make_results(), "words", b"no picture")])
    assert notes[0].startswith("the example is not on the picture")


def test_a_font_is_checked_before_it_is_believed(tmp_path: Path) -> None:
    fake = tmp_path / "simhei.ttf"
    fake.write_bytes(b"no font")
    assert not font_files.draws(fake, "中")


def test_fonts_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "deep").mkdir()
    for name in ("simhei.ttf", "other.ttf", "MSYH.TTC"):
        (tmp_path / "deep" / name).write_bytes(b"")
    monkeypatch.setattr(font_files, "_font_folders", lambda: [tmp_path, tmp_path / "none"])
    found = font_files._installed(("msyh.ttc", "simhei.ttf"))
    assert [path.name for path in found] == ["MSYH.TTC", "simhei.ttf"]
