def plural_of(one: str) -> str:
    """job: jobs; retry: retries."""
    return f"{one[:-1]}ies" if one.endswith("y") and one[-2:-1] not in "aeiou" else f"{one}s"


def singular_of(many: str) -> str:
    """retries: retry; workers: worker."""
    return f"{many[:-3]}y" if many.endswith("ies") else many.removesuffix("s")


def counted(number: float, one: str) -> str:
    """A number that is rounded to a whole one, with its noun: 1 job, 1,234 jobs."""
    whole = round(number)
    return f"{whole:,} {one if whole == 1 else plural_of(one)}"
