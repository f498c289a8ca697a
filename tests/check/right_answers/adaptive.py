"""Right answers to section 05 as students would write them: `<exercise>__<style>`."""

import torch


def adagrad_step__formula(w, grad, v, lr, eps):
    v = v + grad**2
    return w - lr * grad / (v.sqrt() + eps), v


def adagrad_step__in_place(w, grad, v, lr, eps):
    v += grad * grad
    w -= lr / (torch.sqrt(v) + eps) * grad
    return w, v


def adam_step__formula(w, grad, m, v, t, lr, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adam_step__torch(w, grad, m, v, t, lr, beta1, beta2, eps):
    m = torch.lerp(grad, m, beta1)
    v = torch.lerp(grad.square(), v, beta2)
    denominator = (v / (1 - beta2**t)).sqrt() + eps
    step = lr / (1 - beta1**t)
    return torch.addcdiv(w, m, denominator, value=-step), m, v


def adamw_step__formula(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    m = beta1 * m + (1 - beta1) * grad
    v = beta2 * v + (1 - beta2) * grad**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return (1 - lr * weight_decay) * w - lr * m_hat / (v_hat.sqrt() + eps), m, v


def adamw_step__in_place(w, grad, m, v, t, lr, weight_decay, beta1, beta2, eps):
    w.mul_(1 - lr * weight_decay)
    m.mul_(beta1).add_(grad, alpha=1 - beta1)
    v.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    w.sub_(lr * m_hat / (v_hat.sqrt() + eps))
    return w, m, v
