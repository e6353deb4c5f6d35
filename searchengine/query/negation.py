"""What a text says is *not* wanted: "a beach without people" is a beach, minus people.

A contrastive model hears "a beach without people" as a beach and people: it has hardly learnt
negation (Yuksekgonul et al. 2023, "When and why vision-language models behave like bags-of-words",
ICLR; Alhamoud et al. 2025, "Vision-Language Models Do Not Understand Negation", CVPR). Taken apart
here, the second part can be subtracted instead.
"""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_QUOTED: Final = re.compile(
    r"""["“„«][^"”“»]{0,400}["”“»] | [「『《][^」』》]{0,400}[」』》]
    | \b(?:says?|saying|reads|that\s+read|reading|titled|entitled|called|named|labell?ed|spelling
        |the\s+(?:words?|text|letters|caption))\b .*
    | (?:写着|寫著|写有|名为|叫做|标题是|文字是) .*""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
"""Names and lettering: their words are looked for as they stand."""

_IDIOMS: Final = re.compile(
    r"""\b(?:
      (?:not\s+|doing?\s+|does\s+|did\s+|do\s+|go(?:es|ing)?\s+|went\s+|or\s+|and\s+)without
        (?=\s*(?:$|[,.;]))
    | not\s+without | borders | without\s+borders
    | without\s+(?:a\s+|any\s+)?(?:doubts?|question|fail|end|warning|delay|saying|words?|limits?
        |further\s+ado|compare|precedent|parole|notice|cause|trace)\b
    | no[\s-]+(?:entry|parking|smoking|stopping|standing|swimming|fishing|diving|camping|littering
        |trespassing|admittance|access|exit|vacancy|vacancies|passing|loitering|skateboarding
        |photography|way|one|body|doubt|idea|matter|problem|wonder|thanks|comment|brainer|fly|go
        |show|hitter|name|through\s+road|man['’]?s?[\s-]+(?:land|sky)|[ulr]-?turns?
        |(?:left|right)\s+turns?|signal|longer|more|less|time\s+to\s+die|country\s+for)\b
    | no\.?\s*\d+ | no\s+\S+(?:\s+\S+){0,2}\s+(?:signs?|symbols?|logos?|icons?|stickers?|zones?
        |allowed|beyond|please|ball) \b
    | (?:yes|say(?:s|ing)?|said)(?:\s+(?:and|or))?\s*,?\s+no\b | no\s*(?:!|,\s*no) | no-
    | not\s+(?:only|just|merely|yet|found|quite|very|too|so|far|long|much|many|bad|available|allowed
        |applicable|responding|safe\s+for|for\s+sale|to\s+(?:be|scale|mention)|in\s+(?:use|service
        |focus|stock|color|colour)|at\s+all|on\s+sale|from\s+around)\b
    | (?:or|why|if|may|might|must|can|could|would|will|shall|should|do|does|did|is|are|was|were|has
        |have|had|am|me)[\s-]+not\b
    )
    | 有没有|有沒有|没有(?:关系|问题|什么|办法|意思|了)|没(?:关系|问题|什么|事|劲|戏|收|落|入|完|用)
    | (?:淹|沉|出|埋|吞|隐|湮|覆)[没沒](?!有) | 不要(?:紧|脸|命) | 是不是
    | [无無](?:人(?:机|機|驾驶|车|艇|船|区|店|岛|超市|售货)|线|線|花果|轨|軌|名|限|论|論|边|尽|比
        |聊|辜|声|色|影|穷|敌|烟煤|锡|缝|障碍|所谓|意|常|数|疑|非|纺|菌|糖|籽|氧|袖|领|框|刷|极|痕|印良品)
    """,
    re.IGNORECASE | re.VERBOSE,
)
"""Where "no", "not", "without" and their like negate nothing that a picture could hold."""

_DENIAL_EN: Final = r"""(?<![\w'’-])(?:
      (?:but\s+|and\s+)?(?:without|with\s+no|excluding|except(?:ing|\s+for)?)
    | (?:but\s+|and\s+|yet\s+)?(?:there\s+(?:is|are)\s+)?no
    | (?:but|and)\s+not | ^\s*not | (?<=[,;])\s*not
    | not(?=\s+(?:in|on|at|by|near|under|inside|outside|indoors|outdoors|wearing|holding|showing)\b)
    )\s+(?:(?:any|a\s+single|even\s+an?|the|an?y\s+kind\s+of)\s+)?(?=\w)"""
_END_EN: Final = re.compile(
    r"""\s?(?:[;.!?()] | ,\s?(?=(?:but|and|with|without|no|not|except|excluding)\b)
    | \s(?:but|yet|while|with|without|except|excluding|at|during|against|(?:and\s+)?(?:no|not))\b
    | \sand\s+(?=(?:with|an?|the|one|two|three|some|many)\b)
    | \s(?:in|on)\s+(?=(?:the\s+|an?\s+)?(?:spring|summer|autumn|fall|winter|rain|snow|fog|mist
        |sun|sunshine|evening|morning|afternoon|daytime|dark|background|foreground|black\s+and)\b))
    """,
    re.IGNORECASE | re.VERBOSE,
)
_ITEM_EN: Final = r"[^\s,]+(?:\s+(?!(?:or|nor|and)\b)[^\s,]+){0,3}"
_LIST_EN: Final = re.compile(
    rf"{_ITEM_EN}(?:\s*,\s*{_ITEM_EN})+\s*,?\s+(?:or|nor|and)\s+[^,]+", re.IGNORECASE
)
"""Commas go on with what is not wanted only where an "or" or "and" ends the list."""
_BETWEEN_EN: Final = re.compile(r"\s*,?\s+(?:or|nor|and)\s+(?:(?:an?y|no)\s+)?|\s*,\s*", re.I)

_LACKS_ZH: Final = r"(?:没有|沒有|不带|不帶|不含|不包括|不是|不在|[没沒](?!有)|[无無])"
_THING_ZH: Final = r"[^的，。；、,;.\s没沒不]{1,40}"
_DENIAL_ZH: Final = rf"""
    {_LACKS_ZH}(?:任何)?(?P<lacked>{_THING_ZH}(?:、{_THING_ZH}){{0,9}})的(?=[^\s，。；、,;.])
    | [，,、；;。\s]{{0,4}}(?:但是|但|而且|而|并且|且|也|可是|又)?
        (?:没有|沒有|不要有|不要|不想要|别要|不带|不帶|不含|不包括|不是|[没沒](?!有))(?:任何)?
        (?P<unwanted>{_THING_ZH}(?:、{_THING_ZH}){{0,9}})(?=$|[，。；,;.\s])"""
_DENIAL: Final = re.compile(f"{_DENIAL_EN} | {_DENIAL_ZH}", re.IGNORECASE | re.VERBOSE)
_BETWEEN_ZH: Final = re.compile(r"、|和|或者|或|与|以及|及|跟")
_JOINTS: Final = ("and", "but", "with", "yet")
_LOOSE_START: Final = re.compile(r"\s*(?:\)\s*)?(?:(?:and|but|yet)\b\s*)*", re.IGNORECASE)

DENIED_WEIGHT: Final = -0.5
"""What a thing that is not wanted should weigh beside what is: at -1 more of what is wanted goes
with it than the first hits gain (``bench/composed.py``)."""


def split_negation(text: str) -> tuple[str, tuple[str, ...]]:
    """Return what is wanted, and each thing that is not, in the text's order.

    ``"a beach without people or dogs"`` gives ``("a beach", ("people", "dogs"))``, and
    ``"没有人的海滩"`` gives ``("海滩", ("人",))``. ``"no cars"`` gives ``("", ("cars",))``: whether
    a query may only take away is for others to say. What negates nothing comes back as it is.

    It goes by words, in English (``without``, ``with no``, ``no``, ``but not``, ``except``,
    ``excluding``, and ``not`` at the start, after a comma or before "in", "on", "wearing" and
    their like) and in Chinese (没有, 没, 无, 不带, 不含, 不是, 不要), and rather leaves a negation
    standing than makes one of what is none. Left alone are quotations and lettering ("a sign
    saying no dogs"), notices and names ("no entry", "no dogs allowed", "Doctors Without Borders",
    无人机), idioms ("without a doubt", "whether or not", 没关系), and verbs that are denied ("a man
    who is not smiling").

    What is not wanted ends at a full stop, at "but", "with", "at" and "while", at a comma unless
    an "or" or "and" ends a list, and before seasons, weather and times of day: in "a street
    without cars at night", night is wanted. It does not resolve one negation in another ("not
    without a hat" stays), nor see who lacks what in "a dog and a cat without a tail", where tails
    are taken from the whole picture, nor read other languages.
    """
    if not _DENIAL.search(text):
        return text, ()
    whole, text = text, " ".join(text.split())
    kept = bytearray(len(text))
    for match in chain(_QUOTED.finditer(text), _IDIOMS.finditer(text)):
        kept[match.start() : match.end()] = b"\1" * (match.end() - match.start())
    wanted, unwanted, at = [], [], 0
    for start, end, things in _denials(text, kept):
        wanted.append(text[at:start])
        unwanted += things
        at = end
    if not unwanted:
        return whole, ()
    return _joined([*wanted, text[at:]]), tuple(unwanted)


def _denials(text: str, kept: bytearray) -> Iterator[tuple[int, int, list[str]]]:
    """Stretches (start, end) of the text that are not wanted, and the things named there."""
    at = 0
    while found := _DENIAL.search(text, at):
        at = found.end()
        if kept.find(1, found.start(), at) >= 0:
            at = found.start() + 1
        elif named := found["lacked"] or found["unwanted"]:
            yield found.start(), at, _things(named, _BETWEEN_ZH)
        else:
            at = _end(text, found.end(), kept)
            if things := _things(text[found.end() : at], _BETWEEN_EN):
                yield found.start(), at, things


def _end(text: str, start: int, kept: bytearray) -> int:
    """Where what is not wanted ends, in English."""
    stop = _END_EN.search(text, start)
    end = stop.start() if stop else len(text)
    comma = text.find(",", start, end)
    if comma >= 0 and not _LIST_EN.fullmatch(text, start, end):
        end = comma
    left_alone = kept.find(1, start, end)
    return left_alone if left_alone >= 0 else end


def _things(named: str, between: re.Pattern[str]) -> list[str]:
    return [thing for part in between.split(named) if (thing := part.strip(" ,"))]


def _joined(parts: list[str]) -> str:
    """What is left, without the joints of what was taken out."""
    whole = ""
    for part in parts:
        whole = _without_loose_end(whole)
        bare = part[_end_of_joints(part, 0) :]
        if not whole and bare and bare[0] in ".;,，；。、":
            bare = bare[_end_of_joints(bare, 1) :]
        glue = " " if whole and bare and bare[0].isascii() and bare[0] not in ",;.!?)" else ""
        whole += glue + bare
    return _without_loose_end(whole)


def _end_of_joints(part: str, start: int) -> int:
    loose = _LOOSE_START.match(part, start)
    return loose.end() if loose else start


def _without_loose_end(text: str) -> str:
    while True:
        text = text.rstrip(" ,，;；、(")
        head, _, last = text.rpartition(" ")
        if last.lower() not in _JOINTS:
            return text
        text = head
