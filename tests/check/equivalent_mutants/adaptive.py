"""Mutants of right answers to section 05 that are right answers too, by the reason why."""

EQUIVALENT: dict[str, dict[str, tuple[str, ...]]] = {
    "the tensor is changed in place; what the expression returns is not used": {
        "adamw_step__in_place": (
            "w.mul_(1 - lr * weight_decay) ⇒ -w.mul_(1 - lr * weight_decay)",
            "m.mul_(beta1).add_(grad, alpha=1 - beta1) ⇒ -m.mul_(beta1).add_(grad, alpha=1 - beta1)",
            "v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)"
            " ⇒ -v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)",
            "w.sub_(lr * m_hat / (v_hat.sqrt() + eps)) ⇒ -w.sub_(lr * m_hat / (v_hat.sqrt() + eps))",
        ),
    },
}
