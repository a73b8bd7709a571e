"""Baseline: plain JAX. A Python loop over inner steps under `jit`, and another over tasks outside
it; no scan, no vmap, no rematerialisation. Arrays are (batch, units, channels), the obvious layout.

Its compilation time grows with the number of inner steps, to minutes at those of the workloads. It
therefore runs fewer (`STEPS`), which keeps its residuals in the caches and can only favour it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

STEPS = 2
PENALTY = 0.1
SHARPNESS = (2.0, 6.0)


def unit_norm(w):
    return w / jnp.sqrt(jnp.sum(w * w, axis=0) + 1e-12)


def forward(weights, biases, x):
    xs, zs = [x], [x]
    for w, b in zip(weights, biases, strict=True):
        a = xs[-1] @ w
        z = (a - a.mean(0)) / jnp.sqrt(a.var(0) + 1e-5) + b
        zs.append(z)
        xs.append(jax.nn.relu(z))
    return xs, zs


def lateral(x, z):
    """(batch, units, 6) of competition and decorrelation, and the layer's correlations, both among
    groups of 128 units if there are more."""
    groups = max(1, z.shape[1] // 128)
    centred = x - x.mean(0)
    x_hat = centred / jnp.sqrt((centred**2).mean(0) + 1e-4)
    of = jnp.arange(x.shape[1]) * groups // x.shape[1]
    same = (of[:, None] == of[None]) - jnp.eye(x.shape[1])
    corr = x_hat.T @ x_hat / x.shape[0] * same
    predicted = x_hat @ (corr / jnp.sqrt(0.1 + jnp.sum(corr**2, axis=0)))
    grouped = z.reshape(len(z), groups, -1)
    top, mean = grouped.max(2, keepdims=True), grouped.mean(2, keepdims=True)
    shares = [jax.nn.softmax(s * grouped, axis=2) for s in SHARPNESS]
    mean_of_all = jnp.broadcast_to(mean, grouped.shape)
    channels = [grouped - top, grouped - mean, mean_of_all, *shares]
    return jnp.stack([predicted, *(c.reshape(z.shape) for c in channels)], axis=-1), corr


def context(weights, biases, layer, age):
    """(units, 8): statistics of weights in and out, bias, position and age."""
    last = len(weights)
    units = weights[layer].shape[0] if layer < last else weights[-1].shape[1]
    columns = [jnp.zeros(units)] * 5
    if layer > 0:
        w = weights[layer - 1] * weights[layer - 1].shape[0] ** 0.5
        columns[0], columns[1], columns[4] = jnp.abs(w).mean(0), w.mean(0), biases[layer - 1]
    if layer < last:
        w, scale = weights[layer], weights[layer].shape[0] ** 0.5
        columns[2] = jnp.abs(w).mean(1) * scale
        columns[3] = jnp.sqrt((w**2).mean(1) + 1e-6) * scale
    flags = [jnp.full(units, float(layer == 0)), jnp.full(units, float(layer == last))]
    return jnp.stack([*columns, *flags, jnp.full(units, age)], axis=1)


def update_network(theta, f, ctx):
    """(batch, units, readouts) of every neuron on every example."""
    n, n_features = f.shape[-1], theta["w_features"].shape[0]
    mean = f.mean(0)
    spread = jnp.sqrt(jnp.maximum((f**2).mean(0) - mean**2, 0) + 1e-4)
    bias = (
        mean @ theta["w_statistics"][:n]
        + spread @ theta["w_statistics"][n_features : n_features + n]
    )
    bias = bias + ctx @ theta["w_statistics"][2 * n_features :] + theta["b_features"]
    h = jax.nn.relu(f @ theta["w_features"][:n] + bias)
    pooled = h.mean(0)
    shared = pooled.mean(0) @ theta["w_layer"] + theta["b_hidden"]
    h = jax.nn.relu(h @ theta["w_hidden"] + pooled @ theta["w_pooled"] + shared)
    return h @ theta["w_readout"] + f @ theta["w_skip"][:n] + theta["b_readout"]


def bounded(change):
    return change / jnp.sqrt(1 + (change**2).mean(0))


def subspace(w, x):
    x = x - x.mean(0)
    y = x @ w
    of = jnp.arange(w.shape[1]) * max(1, w.shape[1] // 128) // w.shape[1]
    towards = (x.T @ y - w @ ((y.T @ y) * (of[:, None] == of[None]))) / x.shape[0]
    return towards * w.shape[0] ** 0.5 / ((y**2).mean() + 1e-6)


def weight_change(mixture, w, pre, post, corr, x):
    pre = pre - pre.mean(0)
    scaled = w * w.shape[0] ** 0.5
    low_rank = jnp.einsum("bmc,bnc->mn", pre, post) / (pre.shape[0] * pre.shape[-1] ** 0.5)
    terms = (low_rank * w.shape[0] ** 0.25, -(scaled @ corr), -scaled * jnp.abs(scaled))
    mixed = sum(t * bounded(term) for t, term in zip(mixture[:3], terms, strict=True))
    if len(mixture) > 3:
        mixed = mixed + mixture[3] * subspace(w, x)
    return bounded(mixed)


def turn(w, change, rate):
    change = change / w.shape[0] ** 0.5
    return unit_norm(w + rate * (change - w * jnp.sum(w * change, axis=0)))


def inner_step(theta, settings, weights, biases, age, x):
    """One application of the rule: the next weights and biases."""
    k, c = settings["error_channels"], settings["readout_channels"]
    power = settings["decay_power"]
    stretch = 2 ** (1 / power) - 1 if power > 0 else 0.0
    fall = (1 + stretch * age / settings["half_life"]) ** -power
    rate_w, rate_b = settings["inner_step"] * fall * jnp.exp(jnp.tanh(theta["log_rate"]))
    age_feature = jnp.log1p(age / 10) / 4

    xs, zs = forward(weights, biases, x)
    new_weights, new_biases = list(weights), list(biases)
    error: Any = None
    post = corr = None
    for layer in range(len(weights), -1, -1):
        x_l, z_l = xs[layer][..., None], zs[layer][..., None]
        if layer > 0:
            side, own_corr = lateral(xs[layer], zs[layer])
            own_features = jnp.concatenate([x_l, z_l, side], -1)
            error = own_features @ theta["w_top"] if error is None else error
            features = jnp.concatenate([x_l, error, own_features[..., 1:]], -1)
        else:
            own_corr = None
            features = jnp.concatenate([x_l, error], -1)
        readout = update_network(theta, features, context(weights, biases, layer, age_feature))
        if layer < len(weights):
            mixture = theta["term_weights"]
            if mixture.ndim == 2:
                mixture = mixture[2 if layer == len(weights) - 1 else min(layer, 1)]
            pre = readout[..., k : k + c]
            change = weight_change(mixture, weights[layer], pre, post, corr, xs[layer])
            new_weights[layer] = turn(weights[layer], change, rate_w)
        if layer > 0:
            delta = readout[..., :k] + error * theta["error_gate"] * jax.nn.sigmoid(z_l)
            w = weights[layer - 1]
            error = jnp.einsum("bnk,mn->bmk", delta, w) * (w.shape[0] / w.shape[1]) ** 0.5
            error = error / jnp.sqrt((error**2).mean((0, 1)) + 0.01)
            post, corr = readout[..., k + c : k + 2 * c], own_corr
            drive = jnp.tanh(readout[..., -1].mean(0))
            old = biases[layer - 1]
            new_biases[layer - 1] = old + rate_b * (drive - 0.5 * old)
    return new_weights, new_biases


def ridge_loss(u, y, test_u, test_y):
    """Ridge regression on one labelled batch, cosine distance on the other."""
    with jax.default_matmul_precision("highest"):
        mean_u, mean_y = u.mean(0), y.mean(0)
        u, y = u - mean_u, y - mean_y
        gram = u.T @ u + PENALTY * jnp.eye(u.shape[1])
        v = jax.scipy.linalg.cho_solve(jax.scipy.linalg.cho_factor(gram), u.T @ y)
        prediction = (test_u - mean_u) @ v + mean_y
    dot = jnp.sum(test_y * prediction, -1)
    squares = jnp.sum(test_y**2, -1) * jnp.sum(prediction**2, -1)
    return jnp.mean(1 - dot / jnp.sqrt(squares + 1e-8))


def task_loss(theta, settings, weights, biases, batches, late_weight):
    """The weighted meta-objective of one task's unroll from age 0."""
    steps = len(batches.x)
    total = weight = 0.0
    for t in range(steps):
        weights, biases = inner_step(theta, settings, weights, biases, float(t), batches.x[t])
        fit = forward(weights, biases, batches.fit_inputs[t])[0][-1]
        test = forward(weights, biases, batches.test_inputs[t])[0][-1]
        loss = ridge_loss(fit, batches.fit_targets[t], test, batches.test_targets[t])
        step_weight = ((t + 1) / steps) ** late_weight
        total, weight = total + step_weight * loss, weight + step_weight
    return total / weight


def shortened(batches: Any) -> Any:
    """The first `STEPS` steps of every task's batches."""
    return jax.tree.map(lambda a: a[:, :STEPS], batches)


def meta_gradient(
    theta: dict[str, Any],
    settings: dict[str, Any],
    weights: tuple[Any, ...],
    biases: tuple[Any, ...],
    batches: Any,
    late_weight: float,
) -> tuple[Callable[[], dict[str, Any]], float]:
    """A function that computes the mean gradient over the tasks (the leading axis of weights,
    biases and batches), compiled; and the seconds that compilation took."""

    def loss(theta, weights, biases, batches):
        return task_loss(theta, settings, weights, biases, batches, late_weight)

    tasks = [
        jax.tree.map(lambda a, t=t: a[t], (weights, biases, batches))
        for t in range(len(weights[0]))
    ]
    began = time.perf_counter()
    program = jax.jit(jax.grad(loss)).lower(theta, *tasks[0]).compile()
    seconds = time.perf_counter() - began

    def run() -> dict[str, Any]:
        gradients = [program(theta, *task) for task in tasks]
        return jax.block_until_ready(jax.tree.map(lambda *g: sum(g) / len(g), *gradients))

    return run, seconds
