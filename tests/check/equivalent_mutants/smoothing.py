"""Mutants of right answers to section 08 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "there are as many targets as logits, and as many labels as rows": {
        "soft_cross_entropy__logsumexp": (
            "return -(p * log_p).sum() / len(p) ⇒ return -(p * log_p).sum() / len(logits)",
        ),
        "expected_calibration_error__loop": (
            "error = error + inside.sum() / len(y) * gap ⇒ error = error + inside.sum() / len(p) * gap",
        ),
        "expected_calibration_error__bincount": (
            "return gaps.abs().sum() / len(y) ⇒ return gaps.abs().sum() / len(p)",
        ),
    },
    "the sign goes with the absolute value": {
        "expected_calibration_error__loop": (
            "gap = (right[inside].mean() - confidence[inside].mean()).abs()"
            " ⇒ gap = (confidence[inside].mean() - right[inside].mean()).abs()",
        ),
        "expected_calibration_error__bincount": (
            "gaps = torch.bincount(place, weights=right - confidence, minlength=bins)"
            " ⇒ gaps = -torch.bincount(place, weights=right - confidence, minlength=bins)",
            "gaps = torch.bincount(place, weights=right - confidence, minlength=bins)"
            " ⇒ gaps = torch.bincount(place, weights=confidence - right, minlength=bins)",
        ),
    },
    "a sum starts at 0, be it a number or a tensor, minus or not": {
        "expected_calibration_error__loop": (
            "error = torch.tensor(0.0) ⇒ error = 0.0",
            "error = torch.tensor(0.0) ⇒ error = -torch.tensor(0.0)",
        ),
    },
    "bins that are empty at the end add nothing": {
        "expected_calibration_error__bincount": (
            "gaps = torch.bincount(place, weights=right - confidence, minlength=bins)"
            " ⇒ gaps = torch.bincount(place, weights=right - confidence)",
        ),
    },
    "whole numbers become floats in the product": {
        "smooth_labels__one_hot": ("hot = F.one_hot(y, K).float() ⇒ hot = F.one_hot(y, K)",),
    },
    "of two dimensions, log_softmax takes the second unless told": {
        "soft_cross_entropy__formula": (
            "return -(p * F.log_softmax(logits, dim=1)).sum(dim=1).mean()"
            " ⇒ return -(p * F.log_softmax(logits)).sum(dim=1).mean()",
        ),
    },
}
