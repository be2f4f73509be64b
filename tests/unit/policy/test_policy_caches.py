"""Caches are bounded, and never answer from another generation (S14)."""

from ca_service.policy.cache import BoundedCache, GenerationCache


def test_the_least_recently_used_value_goes_first() -> None:
    cache: BoundedCache[str, int] = BoundedCache(2)
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c"), len(cache)) == (1, None, 3, 2)


def test_a_newer_generation_empties_the_cache() -> None:
    cache: GenerationCache[str, int] = GenerationCache(10)
    cache.put(1, "a", 1)
    cache.put(2, "b", 2)
    assert (cache.get(1, "a"), cache.get(2, "a"), cache.get(2, "b"), len(cache)) == (None, None, 2, 1)


def test_a_value_of_an_older_generation_is_not_kept() -> None:
    cache: GenerationCache[str, int] = GenerationCache(10)
    cache.put(2, "b", 2)
    cache.put(1, "a", 1)
    assert (cache.get(1, "a"), len(cache)) == (None, 1)
