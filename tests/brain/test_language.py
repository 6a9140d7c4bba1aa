"""Which language an ask is in."""

import pytest

from gateway.brain.language import language


@pytest.mark.parametrize(
    "text, code",
    [
        ("How long do bananas keep in the fridge?", "en"),
        ("Wie lange halten sich Bananen im Kühlschrank?", "de"),
        ("Combien de temps se gardent les bananes au frigo ?", "fr"),
        ("¿Cuánto tiempo se conservan los plátanos en la nevera?", "es"),
        ("Per quanto tempo si conservano le banane in frigorifero?", "it"),
        ("Quanto tempo as bananas duram na geladeira?", "pt"),
        ("Сколько времени бананы хранятся в холодильнике?", "ru"),
        ("Jak długo banany mogą leżeć w lodówce?", "pl"),
        ("Muzlar buzdolabında ne kadar dayanır?", "tr"),
        ("香蕉在冰箱里能放多久？", "zh"),
        ("バナナは冷蔵庫でどのくらい持ちますか？", "ja"),
        ("바나나는 냉장고에서 얼마나 오래 보관할 수 있나요?", "ko"),
        ("كم يبقى الموز في الثلاجة؟", "ar"),
        ("Pisang tahan berapa lama di kulkas?", "id"),
        ("Chuối để tủ lạnh được bao lâu?", "vi"),
    ],
)
def test_plain_asks(text: str, code: str) -> None:
    assert language(text.encode()) == code


@pytest.mark.parametrize("text", [b"", b"?", b"42", b"\xff\xfe\x00", b"\x1e" * 600])
def test_what_says_nothing_is_unsure(text: bytes) -> None:
    assert language(text) == ""
