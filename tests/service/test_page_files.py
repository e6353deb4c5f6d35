"""The page's files: served by name alone, checked by content, and whole."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from fastapi.testclient import TestClient

from searchengine.service.page_files import FOLDER, read_page_files

MODULES = sorted((FOLDER / "modules").glob("*.js"))


def test_the_page_is_served_and_kept(client: TestClient) -> None:
    answer = client.get("/")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert 'data-corpus="scenes"' in answer.text
    again = client.get("/", headers={"If-None-Match": f'"other", {answer.headers["etag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == answer.headers["etag"]
    other = client.get("/", headers={"If-None-Match": '"other"'})
    assert other.content == answer.content
    script = client.get("/static/modules/main.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["x-content-type-options"] == "nosniff"


def test_the_corpus_s_name_cannot_become_markup() -> None:
    page = read_page_files('"><script>')["index.html"].body
    assert b'data-corpus="&quot;&gt;&lt;script&gt;"' in page


@pytest.mark.parametrize(
    "path",
    [
        "../page_files.py",
        "%2e%2e/page_files.py",
        "..%2fpage_files.py",
        "modules/../../page_files.py",
        "/etc/passwd",
        "//etc/passwd",
        "modules",
        "index.html",
        "modules/main.js%00.css",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    assert client.get(f"/static/{path}").status_code == 404


def test_the_policy_allows_this_host_alone(client: TestClient) -> None:
    page = client.get("/")
    policy = page.headers["content-security-policy"]
    # A browser takes the headers of a 304 over into what it has kept.
    kept = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert kept.headers["content-security-policy"] == policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:|\*", policy)


class _Inline(HTMLParser):
    """Finds what the policy would refuse: scripts and styles written in the page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.linked: list[str] = []
        self._within = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._within = tag
        self.found += [f"{tag} {name}" for name, _ in attrs if name == "style" or name[:2] == "on"]
        named = dict(attrs)
        link = named.get("src") or (named.get("href") if tag == "link" else None)
        if link:
            self.linked.append(link)

    def handle_endtag(self, tag: str) -> None:
        self._within = ""

    def handle_data(self, data: str) -> None:
        if self._within in ("script", "style") and data.strip():
            self.found.append(f"text in {self._within}")


def test_nothing_is_written_in_line_and_all_links_lead_somewhere(client: TestClient) -> None:
    parser = _Inline()
    parser.feed(client.get("/").text)
    assert parser.found == []
    assert len(parser.linked) > 5
    for link in parser.linked:
        assert client.get(link).status_code == 200, link


def test_modules_import_what_is_there() -> None:
    for path in MODULES:
        source = path.read_text(encoding="utf-8")
        for names, other in re.findall(r'import \{([^}]*)\} from "\./([\w.]+)"', source):
            exported = (path.parent / other).read_text(encoding="utf-8")
            for name in filter(None, (one.strip() for one in names.split(","))):
                defined = rf"export (async )?(function|const|let|class) {name}\b"
                assert re.search(defined, exported), f"{path.name}: {name} of {other}"
        assert not re.search(r"\b(eval|innerHTML|outerHTML|document\.write)\b", source), path.name
        # The namespace of SVG is a name, not an address.
        assert "http" not in source.replace("http://www.w3.org/2000/svg", "").replace(
            "https?:", ""
        ).replace("https and", ""), path.name


def _strings() -> dict[str, dict[str, str]]:
    source = (FOLDER / "modules" / "strings.js").read_text(encoding="utf-8")
    tables: dict[str, dict[str, str]] = {}
    for line in source.splitlines():
        if head := re.fullmatch(r"  (\w+): \{", line):
            tables[head[1]] = table = {}
        elif entry := re.fullmatch(r'    (?:"([^"]+)"|(\w+)): "((?:[^"\\]|\\.)*)",', line):
            name = entry[1] or entry[2]
            assert name not in table, f"{name} is there twice"
            table[name] = entry[3]
    return tables


def test_both_languages_say_everything() -> None:
    tables = _strings()
    english, chinese = tables["en"], tables["zh"]
    assert len(english) > 150
    # Chinese has one form for any number.
    assert {name for name in english if not name.endswith(".one")} == set(chinese)
    for name, text in chinese.items():
        values = re.findall(r"\{\w+\}", english[name])
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(values), name
        if not values and not name.startswith(("help", "language", "filter.own.about")):
            assert re.search(r"[\u4e00-\u9fff]", text), f"{name} is not in Chinese"


def test_every_word_asked_for_is_there_and_none_is_left_over() -> None:
    names = set(_strings()["en"])
    page = (FOLDER / "index.html").read_text(encoding="utf-8")
    asked = set(re.findall(r'data-t(?:-label|-title|-hint)?="([^"]+)"', page))
    open_ended = set()
    for path in MODULES:
        if path.name == "strings.js":
            continue
        source = path.read_text(encoding="utf-8")
        asked |= {name for name in re.findall(r'"([\w.-]+)"', source) if name in names}
        asked |= set(re.findall(r'\bt\("([\w.-]+)"', source))
        open_ended |= {f"{stem}." for stem in re.findall(r"`(\w+)\.\$\{", source)}
    assert asked <= names
    left = {
        name
        for name in names - asked
        if not any(name.startswith(stem) for stem in open_ended) and not name.endswith(".one")
    }
    assert left == set()
