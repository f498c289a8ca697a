"""Mutants of right answers to section 09 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "without survivors the branch is called on an empty batch, which adds nothing": {
        "residual__where": (
            "if keep.any():; out[keep] = out[keep] + branch(x[keep]) ⇒ out[keep] = out[keep] + branch(x[keep])",
        ),
    },
    "truth values multiply as 0 and 1": {
        "stochastic_depth__formula": (
            "b = (torch.rand(len(x), generator=generator) < p).float()"
            " ⇒ b = torch.rand(len(x), generator=generator) < p",
        ),
    },
    "a random number equals p with a probability of less than one in a million": {
        "stochastic_depth__formula": (
            "b = (torch.rand(len(x), generator=generator) < p).float()"
            " ⇒ b = (torch.rand(len(x), generator=generator) <= p).float()",
        ),
    },
    "every entry is overwritten": {
        "survival_probabilities__loop": (
            "p = torch.zeros(L) ⇒ p = -torch.zeros(L)",
            "p = torch.zeros(L) ⇒ p = torch.ones(L)",
        ),
    },
}
