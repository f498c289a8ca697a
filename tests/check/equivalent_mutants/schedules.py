"""Mutants of right answers to section 04 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "of two numbers, the order does not matter to min": {
        "cosine_decay__clamped": ("share = min(t / total, 1.0) ⇒ share = min(1.0, t / total)",),
        "linear_warmup__clamped": (
            "return lr * min(1.0, t / warmup) if warmup > 0 else lr"
            " ⇒ return lr * min(t / warmup, 1.0) if warmup > 0 else lr",
        ),
    },
    "the cosine does not care for the sign of its angle": {
        "cosine_decay__clamped": ("share = min(t / total, 1.0) ⇒ share = -min(t / total, 1.0)",),
    },
    "at t = T both branches give the lowest rate": {
        "cosine_decay__branch": ("if t > total: ⇒ if t >= total:",),
    },
}
