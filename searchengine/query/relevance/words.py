"""The captions that relevance is measured against, made from word lists.

``python -m searchengine.query.relevance.words`` writes ``searchengine/bank_captions.txt`` anew:
short names of things, as people type them, and sentences about people, animals, food, traffic,
rooms, streets and landscapes, in English and in Chinese; and captions of drawn scenes, the only
ones that the model which comes with the package can read. Only the file is read when the engine
runs, so that
a background does not change with a version of Python.
"""

from __future__ import annotations

import random
from itertools import islice, product
from typing import TYPE_CHECKING, Final

from searchengine.bank import CAPTIONS_FILE
from searchengine.demo.captions import Language, glimpse, restate, split_of
from searchengine.demo.scenes import sample_scene

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def _list(words: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in words.split(",") if word.strip())


_PEOPLE = _list(
    """a man, a woman, a boy, a girl, two children, an old man, an old woman, a young couple,
    a group of friends, a family, a crowd, a baby, a teenager, three men, two women, a farmer,
    a cook, a nurse, a teacher, a policeman, a soldier, a musician, a worker, a fisherman,
    a cyclist, a dancer, a player, a tourist, a bride, a student"""
)
_DOING = _list(
    """walking, sitting, standing, waiting, laughing, sleeping, reading a newspaper,
    riding a bicycle, riding a horse, talking on the phone, holding an umbrella, eating lunch,
    drinking coffee, playing the guitar, playing football, throwing a ball, swinging a racket,
    swimming, surfing, skiing, skating, climbing, running, dancing, painting a wall,
    fixing a car, taking a photo, carrying a bag, pushing a cart, feeding the birds,
    looking at a screen, typing on a laptop, cutting vegetables, washing dishes,
    watering the plants, fishing, flying a kite, singing, shaking hands, posing for a picture"""
)
_PLACES = _list(
    """in a park, on a beach, in the street, in a kitchen, in a living room, in an office,
    at a market, at a train station, in a classroom, in a garden, on a bridge, by a lake,
    on a mountain path, in the snow, in a restaurant, in a shop, at an airport, in a hospital,
    on a stage, in a bathroom, in a field, on a balcony, in a stadium, on a boat, in a museum,
    in a forest, in the rain, at night, at sunset, in front of a house"""
)
_ANIMALS = _list(
    """a dog, a cat, a horse, a cow, a sheep, a goat, a pig, a chicken, a duck, a goose, an owl,
    an eagle, a parrot, a pigeon, a penguin, a swan, an elephant, a giraffe, a zebra, a lion,
    a tiger, a bear, a monkey, a kangaroo, a camel, a deer, a fox, a wolf, a rabbit, a squirrel,
    a mouse, a hedgehog, a frog, a snake, a lizard, a turtle, a crocodile, a fish, a shark,
    a whale, a dolphin, a crab, a jellyfish, a butterfly, a bee, a spider, a beetle, a snail"""
)
_ANIMAL_DOING = _list(
    """sleeping, eating, running, jumping, looking at the camera, drinking water, playing,
    lying on the ground, hiding, standing, with its young, behind a fence, in a cage"""
)
_WILD = _list(
    """in the grass, on a rock, in the water, in a tree, on a farm, in the zoo, in the desert,
    in the woods, on the road, in the snow, on a sofa, near a river"""
)
_FOOD = _list(
    """a pizza, a hamburger, a sandwich, a salad, noodles, rice, soup, sushi, a steak,
    fried eggs, bread, cheese, pancakes, a cake, ice cream, a doughnut, chocolate, apples,
    bananas, oranges, strawberries, grapes, a pineapple, tomatoes, carrots, mushrooms, corn,
    potatoes, a cup of coffee, a glass of wine, a bottle of beer, orange juice, tea, cookies"""
)
_SERVED = _list(
    """on a plate, in a bowl, on a wooden table, in a basket, on a tray, in a fridge,
    on a kitchen counter, at a street stall, in a glass dish, ready to eat"""
)
_VEHICLES = _list(
    """a car, a taxi, a bus, a truck, a van, a motorcycle, a scooter, a bicycle, a train, a tram,
    an aeroplane, a helicopter, a ship, a sailing boat, a ferry, a canoe, a tractor,
    a fire engine, an ambulance, an excavator, a hot air balloon, a rocket, a submarine"""
)
_ON_THE_WAY = _list(
    """parked in the street, on a country road, in heavy traffic, at a crossing, in a garage,
    in a harbour, on a runway, in front of a factory, under a bridge, in the mud, at night,
    covered in snow, seen from above"""
)
_OBJECTS = _list(
    """a chair, a table, a sofa, a bed, a lamp, a mirror, a clock, a vase, a candle, a pillow,
    a blanket, a carpet, a curtain, a bookshelf, a cupboard, a door, a window, a ladder,
    a hammer, a saw, a screwdriver, a drill, a bucket, a broom, a rope, a nail, a key, a lock,
    a knife, a spoon, a fork, a pan, a kettle, a teapot, a mug, a bottle, a plate, a basket,
    a box, a suitcase, a backpack, a handbag, a wallet, an umbrella, a pair of glasses,
    a watch, a ring, a necklace, a hat, a scarf, a glove, a jacket, a coat, a sweater, a shirt,
    a dress, a skirt, trousers, socks, shoes, boots, sandals, a tie, a belt, a swimsuit,
    a helmet, a mobile phone, a laptop, a keyboard, a computer mouse, a television, a radio,
    a camera, a printer, a microphone, headphones, a loudspeaker, a battery, a cable,
    a guitar, a piano, a violin, a drum, a trumpet, a flute, a ball, a tennis racket, skis,
    a surfboard, a skateboard, a kite, a doll, a teddy bear, toy blocks, a puzzle, dice,
    playing cards, a chess board, a balloon, a book, a newspaper, a letter, a map, a pen,
    a pencil, scissors, a ruler, paper clips, a stamp, banknotes, coins, a syringe, pills,
    a microscope, a telescope, a globe, a flag, a trophy, a medal, a crown, a mask, a statue,
    a gravestone, a fountain, a bench, a mailbox, a traffic light, a street sign, a parking meter,
    a fire hydrant, a dustbin, a fence, a tent, a campfire, a barrel, a wheel, an engine,
    a washing machine, an oven, a refrigerator, a sink, a bathtub, a toilet, a toothbrush,
    soap, a towel, a hair dryer, lipstick, perfume, a comb"""
)
_LOOKS = _list(
    """red, blue, green, yellow, black, white, brown, pink, grey, old, new, broken, wooden,
    metal, plastic, small, big, shiny, dusty, striped"""
)
_RESTING = _list(
    """on a table, on the floor, on a shelf, in a drawer, on a white background, on a bed,
    on a desk, in a shop window, hanging on a wall, on the grass, in a cardboard box, in a hand"""
)
_PLANTS = _list(
    """roses, tulips, sunflowers, an orchid, a cactus, a palm tree, an oak, a pine tree, bamboo,
    ivy on a wall, a fern, autumn leaves, moss, seaweed, wheat, a potted plant, cherry blossoms"""
)
_VIEWS = _list(
    """mountains, a valley, a waterfall, a river, a lake, the sea, a beach, an island, a desert,
    a forest, a glacier, a volcano, a cave, a cliff, a swamp, a meadow, a vineyard, a village,
    a city skyline, a harbour, a castle, a church, a temple, a mosque, a bridge, a lighthouse,
    a windmill, a tower, a palace, ruins, a skyscraper, a factory, a power station, a dam,
    a construction site, a stadium, a swimming pool, a playground, a cemetery, a motorway"""
)
_LIGHT = _list(
    """at sunrise, at sunset, at night, in the fog, in the rain, under a blue sky, in winter,
    in autumn, with dark clouds above, from the air, in black and white, with tourists"""
)
_ROOMS = _list(
    """a kitchen, a living room, a bedroom, a bathroom, an office, a classroom, a library,
    a workshop, a laboratory, a church, a supermarket, a bar, a gym, a cellar, an attic,
    a corridor, a waiting room, a theatre, a hotel lobby, a barn"""
)
_FURNISHED = _list(
    """with white walls, with large windows, with old furniture, with nobody in it,
    full of people, with a wooden floor, with many books, under renovation, lit by candles"""
)
_SHEETS = _list(
    """a screenshot of a web page, a page of a book, a handwritten note, a bar chart,
    a pie chart, a receipt, a business card, a poster for a concert, a weather map,
    a subway plan, a page of sheet music, a crossword, a bar code, an X-ray of a chest,
    a diagram of a machine, a floor plan, a cartoon, an oil painting of a ship,
    a pencil drawing of a face, graffiti on a wall, a mosaic, a stained glass window,
    a pattern of triangles, a company logo, a calendar, a blank sheet of paper,
    the surface of the moon, a galaxy, a cell under a microscope, a close-up of sand,
    lightning, fireworks, a rainbow, smoke, bubbles, drops of water, a blurred picture"""
)

_NOUNS_ZH = _list(
    """猫, 狗, 马, 牛, 鸟, 鱼, 大象, 老虎, 熊猫, 蝴蝶, 汽车, 公共汽车, 自行车, 火车, 飞机, 轮船,
    卡车, 摩托车, 桌子, 椅子, 沙发, 床, 灯, 钟, 花瓶, 书, 手机, 电脑, 键盘, 照相机, 雨伞, 帽子,
    鞋子, 衬衫, 裙子, 大衣, 手表, 眼镜, 背包, 杯子, 盘子, 刀, 锅, 米饭, 面条, 饺子, 蛋糕, 苹果,
    香蕉, 西瓜, 咖啡, 茶, 足球, 篮球, 吉他, 钢琴, 山, 河, 湖, 海, 森林, 沙漠, 桥, 塔, 寺庙,
    房子, 高楼, 街道, 公园, 厨房, 教室, 医院, 花, 树, 太阳, 月亮, 星星, 雪, 烟花, 地图"""
)
_PEOPLE_ZH = _list("一个男人, 一个女人, 一个孩子, 两个朋友, 一位老人, 一家人, 一群学生, 一名工人")
_DOING_ZH = _list(
    "看书, 骑车, 跑步, 吃饭, 喝茶, 打电话, 拍照, 做饭, 踢足球, 弹吉他, 睡觉, 等车, 买菜, 钓鱼"
)
_PLACES_ZH = _list(
    "在公园里, 在海边, 在街上, 在家里, 在办公室, 在火车站, 在商店里, 在雪地里, 在桥上, 在山上"
)

_COUNTS: Final = (
    ("things", 200),
    ("people", 130),
    ("animals", 80),
    ("food", 40),
    ("traffic", 50),
    ("objects", 90),
    ("nature", 70),
    ("rooms", 25),
    ("sheets", 37),
    ("chinese", 78),
    ("drawn", 200),
)
"""How many captions of each kind."""


def _plain(noun: str) -> str:
    return noun.removeprefix("a ").removeprefix("an ")


def _coloured(noun: str, look: str) -> str:
    """ "a chair" and "old" -> "an old chair"; "shoes" and "old" -> "old shoes"."""
    bare = _plain(noun)
    if bare == noun or bare.startswith("pair of"):
        return f"{look} {bare}"
    return f"{'an' if look[0] in 'aeiou' else 'a'} {look} {bare}"


def _things(rng: random.Random) -> Iterator[str]:
    """Short queries: a name alone, with an article, with "a photo of", with a look."""
    nouns = [*_OBJECTS, *_ANIMALS, *_FOOD, *_VEHICLES, *_PLANTS, *_VIEWS]
    for at, noun in enumerate(rng.sample(nouns, len(nouns))):
        forms = (noun, _plain(noun), f"a photo of {noun}", _coloured(noun, rng.choice(_LOOKS)))
        yield forms[at % 4]


def _mixed(rng: random.Random, *parts: tuple[str, ...]) -> Iterator[str]:
    """Every combination once, in random order, with all words of the first list early."""
    rows = [" ".join(row) for row in product(*parts)]
    rng.shuffle(rows)
    firsts: dict[str, list[str]] = {}
    for row in rows:
        firsts.setdefault(next(head for head in parts[0] if row.startswith(head)), []).append(row)
    while firsts:
        for head in list(firsts):
            yield firsts[head].pop()
            if not firsts[head]:
                del firsts[head]


def _chinese(rng: random.Random) -> Iterator[str]:
    yield from rng.sample(_NOUNS_ZH, 48)
    for who, doing, where in zip(
        rng.choices(_PEOPLE_ZH, k=60), rng.choices(_DOING_ZH, k=60), rng.choices(_PLACES_ZH, k=60),
        strict=True,
    ):  # fmt: skip
        yield f"{who}{where}{doing}"


def _drawn(rng: random.Random) -> Iterator[str]:
    """What people say of drawn scenes, in both languages. None is of the held-out split."""
    languages: tuple[Language, ...] = ("en", "zh")
    while True:
        scene = sample_scene(rng)
        if split_of(scene) == "train":
            yield rng.choice((glimpse, restate))(scene, rng.choice(languages), rng)


def make_captions(seed: int = 3) -> list[str]:
    """Return all the captions, each once."""
    rng = random.Random(seed)
    nature = [*islice(_mixed(rng, _VIEWS, _LIGHT), 55), *_PLANTS]
    objects = [f"{_coloured(o, rng.choice(_LOOKS))} {rng.choice(_RESTING)}" for o in _OBJECTS]
    rng.shuffle(objects)
    kinds: dict[str, Iterable[str]] = {
        "things": _things(rng),
        "people": _mixed(rng, _PEOPLE, _DOING, _PLACES),
        "animals": _mixed(rng, _ANIMALS, _ANIMAL_DOING, _WILD),
        "food": _mixed(rng, _FOOD, _SERVED),
        "traffic": _mixed(rng, _VEHICLES, _ON_THE_WAY),
        "objects": objects,
        "nature": nature,
        "rooms": _mixed(rng, _ROOMS, _FURNISHED),
        "sheets": _SHEETS,
        "chinese": _chinese(rng),
        "drawn": _drawn(rng),
    }
    captions = [line for name, count in _COUNTS for line in islice(kinds[name], count)]
    return list(dict.fromkeys(captions))


if __name__ == "__main__":
    CAPTIONS_FILE.write_text("\n".join(make_captions()) + "\n", encoding="utf-8")
