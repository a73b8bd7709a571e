"""Baseline: PyTorch with autograd through the unroll. Arrays are (batch, units, channels), as in a
stack of `nn.Linear`. Three variants: a loop over tasks, `torch.func.vmap` over tasks, and a loop
over tasks with the inner step and the meta-objective under `torch.compile`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch  # pyright: ignore[reportMissingImports]

PENALTY = 0.1
SHARPNESS = (2.0, 6.0)
VARIANTS = ("loop", "vmap", "compile")


def unit_norm(w):
    return w * torch.rsqrt((w * w).sum(0) + 1e-12)


def forward(weights, biases, x):
    xs, zs = [x], [x]
    for w, b in zip(weights, biases, strict=True):
        a = xs[-1] @ w
        z = (a - a.mean(0)) * torch.rsqrt(a.var(0, correction=0) + 1e-5) + b
        zs.append(z)
        xs.append(torch.relu(z))
    return xs, zs


def lateral(x, z):
    """(batch, units, 6) of competition and decorrelation, and the layer's correlations, both among
    groups of 128 units if there are more."""
    groups = max(1, z.shape[1] // 128)
    centred = x - x.mean(0)
    x_hat = centred * torch.rsqrt((centred * centred).mean(0) + 1e-4)
    of = torch.arange(x.shape[1], device=x.device) * groups // x.shape[1]
    same = (of[:, None] == of[None]).to(x.dtype) - torch.eye(x.shape[1], device=x.device)
    corr = x_hat.T @ x_hat / x.shape[0] * same
    predicted = x_hat @ (corr * torch.rsqrt(0.1 + (corr * corr).sum(0)))
    grouped = z.reshape(len(z), groups, -1)
    top, mean = grouped.amax(2, keepdim=True), grouped.mean(2, keepdim=True)
    shares = [torch.softmax(s * grouped, dim=2) for s in SHARPNESS]
    channels = [grouped - top, grouped - mean, mean.expand_as(grouped), *shares]
    return torch.stack([predicted, *(c.reshape(z.shape) for c in channels)], -1), corr


def context(weights, biases, layer, age):
    """(units, 8): statistics of weights in and out, bias, position and age."""
    last = len(weights)
    units = weights[layer].shape[0] if layer < last else weights[-1].shape[1]
    zeros = torch.zeros(units, device=weights[0].device)
    columns = [zeros] * 5
    if layer > 0:
        w = weights[layer - 1] * weights[layer - 1].shape[0] ** 0.5
        columns[0], columns[1], columns[4] = w.abs().mean(0), w.mean(0), biases[layer - 1]
    if layer < last:
        w, scale = weights[layer], weights[layer].shape[0] ** 0.5
        columns[2] = w.abs().mean(1) * scale
        columns[3] = torch.sqrt((w * w).mean(1) + 1e-6) * scale
    flags = [zeros + float(layer == 0), zeros + float(layer == last), zeros + age]
    return torch.stack([*columns, *flags], 1)


def update_network(theta, f, ctx):
    """(batch, units, readouts) of every neuron on every example."""
    n, n_features = f.shape[-1], theta["w_features"].shape[0]
    mean = f.mean(0)
    spread = torch.sqrt(((f * f).mean(0) - mean * mean).clamp(min=0) + 1e-4)
    bias = (
        mean @ theta["w_statistics"][:n]
        + spread @ theta["w_statistics"][n_features : n_features + n]
    )
    bias = bias + ctx @ theta["w_statistics"][2 * n_features :] + theta["b_features"]
    h = torch.relu(f @ theta["w_features"][:n] + bias)
    pooled = h.mean(0)
    shared = pooled.mean(0) @ theta["w_layer"] + theta["b_hidden"]
    h = torch.relu(h @ theta["w_hidden"] + (pooled @ theta["w_pooled"] + shared))
    return h @ theta["w_readout"] + f @ theta["w_skip"][:n] + theta["b_readout"]


def bounded(change):
    return change * torch.rsqrt(1 + (change * change).mean(0))


def subspace(w, x):
    x = x - x.mean(0)
    y = x @ w
    of = torch.arange(w.shape[1], device=w.device) * max(1, w.shape[1] // 128) // w.shape[1]
    towards = (x.T @ y - w @ ((y.T @ y) * (of[:, None] == of[None]))) / x.shape[0]
    return towards * w.shape[0] ** 0.5 / ((y * y).mean() + 1e-6)


def weight_change(mixture, w, pre, post, corr, x):
    pre = pre - pre.mean(0)
    scaled = w * w.shape[0] ** 0.5
    low_rank = torch.einsum("bmc,bnc->mn", pre, post) / (pre.shape[0] * pre.shape[-1] ** 0.5)
    terms = (low_rank * w.shape[0] ** 0.25, -(scaled @ corr), -scaled * scaled.abs())
    parts = [mixture[i] * bounded(term) for i, term in enumerate(terms)]
    mixed = parts[0] + parts[1] + parts[2]
    if len(mixture) > 3:
        mixed = mixed + mixture[3] * subspace(w, x)
    return bounded(mixed)


def turn(w, change, rate):
    change = change / w.shape[0] ** 0.5
    return unit_norm(w + rate * (change - w * (w * change).sum(0)))


def inner_step(theta, settings, weights, biases, age, x):
    """One application of the rule: the next weights and biases. `age` is a tensor, so that
    compilation does not specialise on its value."""
    k, c = settings["error_channels"], settings["readout_channels"]
    power = settings["decay_power"]
    stretch = 2 ** (1 / power) - 1 if power > 0 else 0.0
    fall = (1 + stretch * age / settings["half_life"]) ** -power
    rates = settings["inner_step"] * fall * torch.exp(torch.tanh(theta["log_rate"]))
    age_feature = torch.log1p(age / 10) / 4

    xs, zs = forward(weights, biases, x)
    new_weights, new_biases = list(weights), list(biases)
    error: Any = None
    post = corr = None
    for layer in range(len(weights), -1, -1):
        x_l, z_l = xs[layer][..., None], zs[layer][..., None]
        if layer > 0:
            side, own_corr = lateral(xs[layer], zs[layer])
            own_features = torch.cat([x_l, z_l, side], -1)
            error = own_features @ theta["w_top"] if error is None else error
            features = torch.cat([x_l, error, own_features[..., 1:]], -1)
        else:
            own_corr = None
            features = torch.cat([x_l, error], -1)
        readout = update_network(theta, features, context(weights, biases, layer, age_feature))
        if layer < len(weights):
            mixture = theta["term_weights"]
            if mixture.ndim == 2:
                mixture = mixture[2 if layer == len(weights) - 1 else min(layer, 1)]
            pre = readout[..., k : k + c]
            change = weight_change(mixture, weights[layer], pre, post, corr, xs[layer])
            new_weights[layer] = turn(weights[layer], change, rates[0])
        if layer > 0:
            delta = readout[..., :k] + error * theta["error_gate"] * torch.sigmoid(z_l)
            w = weights[layer - 1]
            error = torch.einsum("bnk,mn->bmk", delta, w) * (w.shape[0] / w.shape[1]) ** 0.5
            error = error * torch.rsqrt((error * error).mean((0, 1)) + 0.01)
            post, corr = readout[..., k + c : k + 2 * c], own_corr
            drive = torch.tanh(readout[..., -1].mean(0))
            old = biases[layer - 1]
            new_biases[layer - 1] = old + rates[1] * (drive - 0.5 * old)
    return new_weights, new_biases


def ridge_loss(u, y, test_u, test_y):
    """Ridge regression on one labelled batch, cosine distance on the other."""
    mean_u, mean_y = u.mean(0), y.mean(0)
    u, y = u - mean_u, y - mean_y
    gram = u.T @ u + PENALTY * torch.eye(u.shape[1], device=u.device)
    v = torch.cholesky_solve(u.T @ y, torch.linalg.cholesky(gram))
    prediction = (test_u - mean_u) @ v + mean_y
    dot = (test_y * prediction).sum(-1)
    squares = (test_y * test_y).sum(-1) * (prediction * prediction).sum(-1)
    return (1 - dot * torch.rsqrt(squares + 1e-8)).mean()


def step_and_loss(theta, settings, weights, biases, age, batch):
    """An inner step, and the meta-objective after it."""
    x, fit_x, fit_y, test_x, test_y = batch
    weights, biases = inner_step(theta, settings, weights, biases, age, x)
    fit = forward(weights, biases, fit_x)[0][-1]
    test = forward(weights, biases, test_x)[0][-1]
    return weights, biases, ridge_loss(fit, fit_y, test, test_y)


def task_loss(
    theta, settings, weights, biases, batches, late_weight, step=step_and_loss
) -> torch.Tensor:
    """The weighted meta-objective of one task's unroll from age 0."""
    steps = len(batches[0])
    total, weight = torch.zeros((), device=batches[0].device), 0.0
    for t in range(steps):
        age = torch.tensor(float(t), device=batches[0].device)
        batch = [a[t] for a in batches]
        weights, biases, loss = step(theta, settings, weights, biases, age, batch)
        step_weight = ((t + 1) / steps) ** late_weight
        total, weight = total + step_weight * loss, weight + step_weight
    return total / weight


def meta_gradient(
    variant: str,
    theta: dict[str, Any],
    settings: dict[str, Any],
    weights: tuple[Any, ...],
    biases: tuple[Any, ...],
    batches: tuple[Any, ...],
    late_weight: float,
) -> Callable[[], dict[str, Any]]:
    """Return a function that computes the mean gradient over the tasks, the leading axis of every
    array but θ's.

    `variant` is one of `VARIANTS`. Compilation, if any, happens in the first call.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"

    def tensor(a: Any) -> torch.Tensor:
        return torch.tensor(a, device=device)

    theta = {name: tensor(a).requires_grad_() for name, a in theta.items()}
    weights, biases = tuple(map(tensor, weights)), tuple(map(tensor, biases))
    data = tuple(map(tensor, batches))
    n_tasks = len(weights[0])

    def vmapped() -> dict[str, Any]:
        def mean_loss(theta):
            def one(w, b, d):
                return task_loss(theta, settings, w, b, d, late_weight)

            return torch.func.vmap(one)(weights, biases, data).mean()

        return dict(torch.func.grad(mean_loss)({n: t.detach() for n, t in theta.items()}))

    compiled = (
        torch.compile(step_and_loss, dynamic=False) if variant == "compile" else step_and_loss
    )

    def looped() -> dict[str, Any]:
        total: dict[str, Any] = {}
        for t in range(n_tasks):
            w, b, d = ([a[t] for a in part] for part in (weights, biases, data))
            loss = task_loss(theta, settings, w, b, d, late_weight, compiled)
            gradients = torch.autograd.grad(loss / n_tasks, list(theta.values()))
            for name, g in zip(theta, gradients, strict=True):
                total[name] = total[name] + g if name in total else g
        return total

    run = vmapped if variant == "vmap" else looped

    def synchronised() -> dict[str, Any]:
        gradient = run()
        if device == "cuda":
            torch.cuda.synchronize()
        return gradient

    return synchronised
