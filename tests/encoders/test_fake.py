from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from searchengine.encoders import Encoder, describe_model, load_encoder
from searchengine.encoders.fake import COLOURS, FakeEncoder
from searchengine.errors import EncoderError

GOLDEN = Path(__file__).parent.parent / "golden" / "fake-encoder.json"


def plain(colour: str) -> Image.Image:
    return Image.new("RGB", (40, 30), COLOURS[colour])


def test_it_is_an_encoder_and_describes_itself() -> None:
    fake = load_encoder("fake")
    assert isinstance(fake, Encoder)
    card = describe_model("fake")
    assert card is not None
    assert (card.name, card.fingerprint, card.dim) == (fake.name, fake.fingerprint, fake.dim)
    assert len(fake.fingerprint) == 32


@pytest.mark.parametrize("dim", [13, 32, 512])
def test_words_for_colours_lie_near_pictures_of_them(dim: int) -> None:
    fake = FakeEncoder(dim)
    images = fake.encode_images(np.stack([fake.preprocess(plain(each)) for each in COLOURS]))
    texts = fake.encode_texts([f"A photo of a {each} THING." for each in COLOURS])
    assert images.shape == texts.shape == (len(COLOURS), dim)
    cosines = texts @ images.T
    assert (cosines.argmax(axis=1) == np.arange(len(COLOURS))).all()
    assert (np.diag(cosines) > 0.9).all()
    assert np.abs(cosines - np.diag(np.diag(cosines))).max() < 0.2


def test_more_of_a_colour_is_nearer_to_its_name() -> None:
    fake = FakeEncoder()
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[:] = COLOURS["blue"]
    pixels[1, :, :16] = COLOURS["red"]
    pixels[2] = COLOURS["red"]
    cosines = fake.encode_images(pixels) @ fake.encode_texts(["red"])[0]
    assert cosines[0] < cosines[1] < cosines[2]


def test_equal_inputs_agree_and_different_ones_differ() -> None:
    fake = FakeEncoder()
    texts = ["", "a dog", "a cat", "a dog", "红色的球", "x" * 2_000_000]
    vectors = fake.encode_texts(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors[1] == vectors[3]).all()
    assert len({row.tobytes() for row in vectors}) == 5
    assert (fake.encode_texts(texts[1:2])[0] == vectors[1]).all()
    assert fake.encode_texts([]).shape == (0, 32)
    assert fake.encode_images(np.empty((0, 32, 32, 3), np.uint8)).shape == (0, 32)


def test_another_salt_or_length_is_another_space() -> None:
    encoders = [FakeEncoder(), FakeEncoder(33), FakeEncoder(salt="b")]
    assert len({each.fingerprint for each in encoders}) == 3
    one, other = (each.encode_texts(["red"])[0] for each in (encoders[0], encoders[2]))
    assert one @ other < 0.5
    with pytest.raises(ValueError, match="13"):
        FakeEncoder(12)


def test_it_fails_on_demand_at_the_rows_concerned() -> None:
    fake = FakeEncoder(fail_on="boom")
    with pytest.raises(EncoderError, match="NaN for 2 of 4 texts") as caught:
        fake.encode_texts(["a", "boom", "b", "big boom"])
    assert caught.value.bad_rows == (1, 3)
    fake = FakeEncoder(fail_on=(1, 2, 3))
    pixels = np.zeros((3, 32, 32, 3), np.uint8)
    pixels[2] = (1, 2, 3)
    with pytest.raises(EncoderError, match="NaN for 1 of 3 images") as caught:
        fake.encode_images(pixels)
    assert caught.value.bad_rows == (2,)


def test_golden_vectors() -> None:
    golden = json.loads(GOLDEN.read_text())
    fake = FakeEncoder()
    assert fake.fingerprint == golden["fingerprint"]
    pixels = (np.arange(32 * 32 * 3) * 7919 % 256).astype(np.uint8).reshape(1, 32, 32, 3)
    assert fake.encode_images(pixels)[0].tolist() == golden["image"]
    for text, vector in golden["texts"].items():
        assert fake.encode_texts([text])[0].tolist() == vector
