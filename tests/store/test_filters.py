"""The filter grammar, its meaning and its errors."""

from __future__ import annotations

from dataclasses import asdict

import pytest

from searchengine.errors import FilterError
from searchengine.store.filters import (
    And,
    Compare,
    Contains,
    Dialect,
    Filter,
    Has,
    IsNull,
    Not,
    OneOf,
    Or,
    Prefix,
    Suffix,
    Within,
    has_position,
    matches,
    parse_filter,
    push_down,
)
from searchengine.store.filters.pushdown import quote
from tests.store.cases import make_item

LITE = Dialect(infix_like=True, json_null=True, json_numbers=False)
SERVER = Dialect(infix_like=False, json_null=False, json_numbers=True)
ITEM = asdict(
    make_item(
        7,
        width=640,
        caption='Two dogs, "Rex" and Max',
        taken_at="2024-06-01T12:30:00+02:00",
        camera="Canon EOS 5D",
        latitude=48.85,
        folder="/home/a/fotos",
        meta={
            "rating": 4,
            "tags": {"a b": True, "place": "Köln"},
            "half": 0.5,
            "none": None,
            "words": ["sea", 1, [True]],
        },
    )
)


@pytest.mark.parametrize(
    ("text", "filter_"),
    [
        ("width = 640", Compare("width", "==", 640)),
        ("width <> 640", Compare("width", "!=", 640)),
        ("width >= -1.5e2", Compare("width", ">=", -150.0)),
        ("camera ~ 'Can\\'on'", Contains("camera", "Can'on")),
        ('camera startswith "a\\\\b\\n"', Prefix("camera", "a\\b\n")),
        ("lens is null", IsNull("lens")),
        ("lens IS NOT NULL", IsNull("lens", negated=True)),
        ("folder in ('a', \"b\",)", OneOf("folder", ("a", "b"))),
        ("width not in (1, 2)", OneOf("width", (1, 2), negated=True)),
        ("width in ()", OneOf("width", ())),
        ("taken_at >= 2024-06-01", Compare("taken_at", ">=", "2024-06-01")),
        ("taken_at < 2024-06-01T12:30Z", Compare("taken_at", "<", "2024-06-01T12:30Z")),
        ("taken_at == 2024", Compare("taken_at", "==", "2024")),
        ("meta.a.b == true", Compare("meta.a.b", "==", True)),
        ("camera ENDSWITH 'EOS'", Suffix("camera", "EOS")),
        ("camera ~* 'canon'", Contains("camera", "canon", any_case=True)),
        ("meta.tags has 'dog'", Has("meta.tags", "dog")),
        ("meta.in.null == 3", Compare("meta.in.null", "==", 3)),
        ("within(gps, 48.85, -2.35, 20km)", Within(48.85, -2.35, 20_000)),
        ("WITHIN ( gps , 48, 2 , 500 M )", Within(48, 2, 500)),
        ("within(gps, -90, 180, 3mi)", Within(-90, 180, 4828.032)),
        ("gps is null", Or(IsNull("latitude"), IsNull("longitude"))),
        ("gps is not null", has_position(True)),
        ("true and not false", And(And(), Not(Or()))),
        ('not width > 1 && (size < 2 || size > 5)',
         And(Not(Compare("width", ">", 1)), Or(Compare("size", "<", 2), Compare("size", ">", 5)))),
        ("width > 1 or width > 2 and width > 3",
         Or(Compare("width", ">", 1), And(Compare("width", ">", 2), Compare("width", ">", 3)))),
    ],
)  # fmt: skip
def test_parses(text: str, filter_: Filter) -> None:
    assert parse_filter(text) == filter_


def test_keys_inside_meta_may_be_quoted() -> None:
    parsed = parse_filter('meta["a b"]."c.d".e_1 == 1')
    assert isinstance(parsed, Compare)
    assert parsed.ref.path == ("a b", "c.d", "e_1")


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 0, "empty"),
        ("wdth > 3", 0, "no field 'wdth'"),
        ("width >", 7, "expected a value, not the end"),
        ("width > 3 size < 2", 10, "'and', 'or' or the end"),
        ("(width > 3", 10, "')'"),
        ("width ~ 'a'", 8, "whole number"),
        ("width > 'a'", 8, "cannot be compared"),
        ("camera == 3", 10, "cannot be compared"),
        ("camera == Canon", 10, "expected a value"),
        ("camera == 'Canon", 10, "never closed"),
        ("taken_at > 'yesterday'", 11, "no time"),
        ("taken_at > 2024-13-01", 11, "no time"),
        ("width > 12x", 8, "not a number"),
        ("meta == 3", 0, "many values"),
        ("camera.body == 'x'", 0, "single value"),
        ("width in 3", 9, "'('"),
        ("width not 3", 10, "'in'"),
        ("width in (1, 'a')", 13, "cannot be compared"),
        ("width > 3; drop", 9, "unexpected ';'"),
        ("meta.a > true", 9, "no order"),
        ("width is 3", 9, "'null'"),
        ("camera contains 'a'", 7, "expected a comparison"),
        ("width endswith 'a'", 15, "is for text"),
        ("camera ~* 3", 10, "expected a text"),
        ("camera has 'a'", 11, "lists inside meta"),
        ("gps == 3", 0, "is a place"),
        ("width > 20km", 8, "expected a value"),
        ("size > 1 and near(gps, 1, 2, 3km)", 13, "no function 'near'"),
        ("within gps", 0, "no field 'within'"),
        ("within()", 7, "expected gps, not ')'"),
        ("within(folder, 1, 2, 3km)", 7, "about gps, not 'folder'"),
        ("within(gps)", 10, "',' and a latitude"),
        ("within(gps, '1', 2, 3km)", 12, "expected a latitude"),
        ("within(gps, 1)", 13, "',' and a longitude"),
        ("within(gps, 1, 2)", 16, "',' and a radius"),
        ("within(gps, 1, 2, 3)", 18, "'3' has no unit"),
        ("within(gps, 1, 2, 'x')", 18, "expected a radius"),
        ("within(gps, 1, 2, 3ly)", 18, "not a number"),
        ("within(gps, 1, 2, 3km, 4)", 21, "expected ')'"),
        ("within(gps, 1, 2, 3km", 21, "expected ')', not the end"),
        ("within(gps, 91, 2, 3km)", 12, "91 is no latitude"),
        ("within(gps, 1, -180.5, 3km)", 15, "-180.5 is no longitude"),
        ("within(gps, 1, 2, -3km)", 18, "no distance"),
        ("within(gps, 1e999, 2, 3km)", 12, "no latitude"),
        ("within(gps, 1, 2, 1e999km)", 18, "no distance"),
        ("true == false", 5, "'and', 'or' or the end"),
        ("caption = '北京' and wdth > 3", 19, "no field 'wdth'"),
        ("(" * 500 + "width > 3" + ")" * 500, 64, "deep"),
    ],
)
def test_errors_point_at_the_column(text: str, column: int, says: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert says in str(caught.value)
    assert caught.value.column == column
    shown, caret = caught.value.hint.splitlines()[:2]
    assert caret.strip(" \u3000") == "^"
    if len(text) <= 72:
        assert shown.strip() == text.strip()
        assert caret.index("^") - 2 == column


def test_an_unknown_field_lists_the_fields() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("nope == 1")
    assert "taken_at" in caught.value.hint
    assert "meta.KEY" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("wdth > 3", "Did you mean width?"),
        ("Camera == 'x'", "Did you mean camera?"),
        ("takenat > 2024", "Did you mean taken_at?"),
        ("lat > 3", "Did you mean latitude?"),
        ("rating > 3", "Your own columns are inside meta: meta.rating."),
        ("camera contains 'a'", "~ (contains)"),
        ("withn(gps, 1, 2, 3km)", "Did you mean within?"),
        ("within(gps, 100, 2, 3km)", "latitude, then longitude"),
        ("within(gps, 1, 2, 20)", "20km"),
    ],
)
def test_an_error_names_what_may_have_been_meant(text: str, meant: str) -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter(text)
    assert meant in caught.value.hint


def test_an_error_does_not_guess_wildly() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("rating > 3")
    assert "Did you mean" not in caught.value.hint


def test_the_caret_stands_right_behind_wide_characters() -> None:
    with pytest.raises(FilterError) as caught:
        parse_filter("caption = '北京' and wdth > 3")
    assert caught.value.column == 19
    caret = caught.value.hint.splitlines()[1]
    assert caret == "  " + " " * 11 + "\u3000" * 2 + " " * 6 + "^"


def test_a_filter_of_two_megabytes_is_refused() -> None:
    with pytest.raises(FilterError, match="limit"):
        parse_filter("width > 1 or " * 200_000)


def test_a_built_filter_is_checked_too() -> None:
    with pytest.raises(FilterError, match="no field") as caught:
        Compare("nope", "==", 1)
    assert caught.value.column is None
    with pytest.raises(FilterError):
        Compare("width", "~", 1)
    with pytest.raises(FilterError):
        Compare("latitude", "<", float("nan"))
    with pytest.raises(FilterError):
        OneOf("camera", "Canon")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("width == 640", True),
        ("width == 640.0", True),
        ("width > 639.5 and width < 640.5", True),
        ("height == 1", False),
        ("height != 1", False),
        ("height not in (1)", False),
        ("not height == 1", True),
        ("height is null", True),
        ("width is not null", True),
        ("caption ~ '\"Rex\"'", True),
        ("caption ~ 'rex'", False),
        ("camera startswith 'Canon'", True),
        ("camera in ('Nikon', 'Canon EOS 5D')", True),
        ("camera not in ('Nikon')", True),
        ("camera in ()", False),
        ("taken_at == 2024-06-01T10:30:00Z", True),
        ("taken_at == 2024-06-01", True),
        ("taken_at == 2024-06", True),
        ("taken_at != 2024", False),
        ("taken_at > 2024-06-01", False),
        ("taken_at >= 2024-06-01", True),
        ("taken_at <= 2024-06-01", True),
        ("taken_at < 2024-06-01", False),
        ("latitude > 48 and latitude < 49", True),
        ("meta.rating >= 4", True),
        ("meta.rating == '4'", False),
        ("meta.rating != '4'", True),
        ("meta.rating == true", False),
        ("meta.half == 0.5", True),
        ('meta.tags."a b" == true', True),
        ("meta.tags.place ~ 'öl'", True),
        ("meta.tags != 3", True),
        ("meta.gone != 3", False),
        ("meta.none is null", True),
        ("camera endswith '5D'", True),
        ("camera endswith '5d'", False),
        ("lens endswith ''", False),
        ("camera ~* 'CANON eos'", True),
        ("camera ~* 'nikon'", False),
        ("caption ~* '\"REX\"'", True),
        ("meta.tags.place ~* 'KÖLN'", True),
        ("meta.words has 'sea'", True),
        ("meta.words has 'se'", False),
        ("meta.words has 1", True),
        ("meta.words has true", False),
        ("meta.rating has 4", False),
        ("meta.gone has 4", False),
        ("true", True),
        ("false", False),
        ("latitude is not null and gps is null", True),
        ("gps is not null", False),
        ("within(gps, 48.85, 2.35, 20000km)", False),
        ("not within(gps, 48.85, 2.35, 20000km)", True),
        ("meta.rating.deeper is null", True),
    ],
)
def test_means(text: str, expected: bool) -> None:
    assert matches(parse_filter(text), ITEM) is expected


def test_knows_its_fields() -> None:
    parsed = parse_filter("width > 1 and (meta.a.b == 1 or not taken_at is null)")
    assert parsed.fields == {"width", "meta", "taken_at"}


@pytest.mark.parametrize("dialect", [LITE, SERVER])
@pytest.mark.parametrize(
    "text",
    [
        '"',
        "\\",
        '\\"',
        '" or id != "',
        "'] or true",
        "a\nb\r",
        "%",
        "_",
        "💥",
        "\u2028",
        "\\\\",
        "//",
    ],
)
def test_nothing_typed_gets_out_of_its_quotes(text: str, dialect: Dialect) -> None:
    """Whatever a person types, the expression has the shape of that for a harmless word."""
    tame = push_down(OneOf("camera", ("x",)), dialect).expression
    wild = push_down(OneOf("camera", (text,)), dialect).expression
    assert wild == tame.replace('"x"', quote(text))
    inside = quote(text)[1:-1]
    plain = inside.replace("\\\\", "").replace('\\"', "")
    assert '"' not in plain
    assert "\n" not in inside
    assert "\r" not in inside


def test_what_cannot_be_said_exactly_lets_more_through() -> None:
    for text in ("meta.a != 1", "meta.a ~ 'x'", "not meta.a == 1", "camera ~ '100%'"):
        assert not push_down(parse_filter(text), LITE).exact, text
    pushed = push_down(parse_filter("width > 3 and camera ~ 'x'"), SERVER)
    assert not pushed.exact
    assert "width > 3" in pushed.expression


def test_prefixes_are_ranges() -> None:
    assert 'camera < "b"' in push_down(Prefix("camera", "a"), SERVER).expression
    assert '"\ue000"' in push_down(Prefix("camera", "\ud7ff"), SERVER).expression
    assert "<" not in push_down(Prefix("camera", "\U0010ffff"), SERVER).expression
