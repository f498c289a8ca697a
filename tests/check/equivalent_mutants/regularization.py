"""Mutants of right answers to section 06 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "the first epoch is the best so far, which sets the count": {
        "EarlyStopping__formula": (
            "self.waited = 0 ⇒ pass",
            "self.waited = 0 ⇒ self.waited = 1",
            "self.waited = 0 ⇒ self.waited = -1",
        ),
    },
    "the tensor is changed in place; what the expression returns is not used": {
        "ema_update__in_place": (
            "average[i].lerp_(weights[i], 1 - beta ** every) ⇒ -average[i].lerp_(weights[i], 1 - beta ** every)",
        ),
    },
    "both lists are equally long": {
        "ema_update__in_place": ("for i in range(len(weights)): ⇒ for i in range(len(average)):",),
    },
    "a draw equals p with probability 2⁻²⁴": {
        "dropout__where": (
            "drop = torch.rand(x.shape, generator=generator) < p"
            " ⇒ drop = torch.rand(x.shape, generator=generator) <= p",
        ),
    },
}
