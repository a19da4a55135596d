"""What was used longest ago is forgotten for what comes."""

from services.readside.lately import LatelyUsed


def test_what_was_used_longest_ago_goes() -> None:
    kept = LatelyUsed[str, int](2)
    assert kept.get("a") is None
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert kept.get("a") == 1, "which is a use"
    kept.keep("c", 3)
    assert [kept.get(key) for key in "abc"] == [1, None, 3]
    kept.keep("a", 4)
    kept.keep("d", 5)
    assert [kept.get(key) for key in "acd"] == [4, None, 5], "to be kept anew is a use, too"
