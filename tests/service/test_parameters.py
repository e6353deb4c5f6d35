"""What stands behind an address's question mark."""

from __future__ import annotations

from typing import Literal

import pytest
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field

from searchengine.service.parameters import parameters_of, read_parameters, read_path
from searchengine.service.schemas.strict import Given


class Wanted(Given):
    word: str
    names: list[str] = Field(default=[])
    kinds: list[Literal["a", "b"]] | None = None
    limit: int = 10


class Place(BaseModel):
    corpus: str = Field(min_length=2, description="Where.")


def request(query: bytes, **path: str) -> Request:
    told = {"query_string": query, "path_params": path, "headers": []}
    return Request({"type": "http", **told})


def test_a_list_is_what_stands_there_several_times() -> None:
    read = read_parameters(request(b"word=x&names=1&kinds=a&names=2&limit=3"), Wanted)
    assert read == Wanted(word="x", names=["1", "2"], kinds=["a"], limit=3)
    assert read_parameters(request(b"word=x"), Wanted).model_fields_set == {"word"}


def test_one_that_is_no_list_counts_as_it_stands_there_last() -> None:
    assert read_parameters(request(b"word=x&word=%C3%A4+y"), Wanted).word == "ä y"


@pytest.mark.parametrize(
    ("query", "where"),
    [
        (b"", ("query", "word")),
        (b"word=x&limit=many", ("query", "limit")),
        (b"word=x&kinds=a&kinds=c", ("query", "kinds", 1)),
        (b"word=x&other=1", ("query", "other")),
    ],
)
def test_what_does_not_fit_is_named(query: bytes, where: tuple[str | int, ...]) -> None:
    with pytest.raises(RequestValidationError) as raised:
        read_parameters(request(query), Wanted)
    assert raised.value.errors()[0]["loc"] == where


def test_what_stands_in_the_path_is_read_and_checked() -> None:
    assert read_path(request(b"", corpus="pets"), Place).corpus == "pets"
    with pytest.raises(RequestValidationError) as raised:
        read_path(request(b"", corpus="p"), Place)
    assert raised.value.errors()[0]["loc"] == ("path", "corpus")


def test_the_document_tells_of_the_path_first() -> None:
    place, *behind = parameters_of(Wanted, path=Place)["parameters"]
    assert (place["name"], place["in"], place["required"]) == ("corpus", "path", True)
    assert place["description"] == "Where."
    assert {one["in"] for one in behind} == {"query"}
    assert parameters_of(path=Place)["parameters"] == [place]


def test_the_document_tells_of_each_parameter() -> None:
    told = {one["name"]: one for one in parameters_of(Wanted)["parameters"]}
    assert list(told) == ["word", "names", "kinds", "limit"]
    assert [name for name, one in told.items() if one["required"]] == ["word"]
    assert told["limit"]["schema"] == {"type": "integer", "default": 10, "title": "Limit"}


def test_a_model_within_a_model_is_no_parameter() -> None:
    class Outer(BaseModel):
        inner: Wanted

    with pytest.raises(ValueError, match="Outer: a parameter is"):
        parameters_of(Outer)
