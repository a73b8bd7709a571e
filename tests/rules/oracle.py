"""The rule `local` and what it stands on, again, in plain NumPy loops over neurons and examples.

Written from the equations in the docstrings of the rule and from the method (Metz et al. 2018,
appendix A), for one neuron and one example at a time, and sharing no code with the package.
"""

from __future__ import annotations

import math

import numpy as np


def dense_forward(weights, biases, x):
    """Lists of x^l and z^l, each [example][unit]."""
    xs, zs = [x.tolist()], [x.tolist()]
    for w, b in zip(weights, biases, strict=True):
        below, batch = xs[-1], len(xs[-1])
        z = [[0.0] * w.shape[1] for _ in range(batch)]
        for j in range(w.shape[1]):
            a = [sum(below[e][i] * w[i, j] for i in range(w.shape[0])) for e in range(batch)]
            mean = sum(a) / batch
            variance = sum((v - mean) ** 2 for v in a) / batch
            for e in range(batch):
                z[e][j] = (a[e] - mean) / math.sqrt(variance + 1e-5) + b[j]
        zs.append(z)
        xs.append([[max(v, 0.0) for v in row] for row in z])
    return xs, zs


def _standardised(x):
    batch, units = len(x), len(x[0])
    out = [[0.0] * units for _ in range(batch)]
    for j in range(units):
        mean = sum(x[e][j] for e in range(batch)) / batch
        variance = sum((x[e][j] - mean) ** 2 for e in range(batch)) / batch
        for e in range(batch):
            out[e][j] = (x[e][j] - mean) / math.sqrt(variance + 1e-4)
    return out


def _correlations(x_hat):
    batch, units = len(x_hat), len(x_hat[0])
    return [
        [
            0.0 if i == j else sum(x_hat[e][i] * x_hat[e][j] for e in range(batch)) / batch
            for j in range(units)
        ]
        for i in range(units)
    ]


def _lateral(z, x_hat, corr, e, j):
    """The six lateral channels of unit j on example e."""
    units = len(z[e])
    strength = math.sqrt(0.1 + sum(corr[k][j] ** 2 for k in range(units)))
    predicted = sum(x_hat[e][k] * corr[k][j] for k in range(units)) / strength
    top, mean = max(z[e]), sum(z[e]) / units
    shares = []
    for sharpness in (2.0, 6.0):
        total = sum(math.exp(sharpness * (v - top)) for v in z[e])
        shares.append(math.exp(sharpness * (z[e][j] - top)) / total)
    return [predicted, z[e][j] - top, z[e][j] - mean, mean, *shares]


def _bounded_column(column):
    size = math.sqrt(1.0 + sum(v * v for v in column) / len(column))
    return [v / size for v in column]


def _unit_column(column):
    norm = math.sqrt(sum(v * v for v in column) + 1e-12)
    return [v / norm for v in column]


def _relu(values):
    return np.maximum(values, 0.0)


def local_update(theta, config, weights, biases, backward, age, x):
    """One inner step: new (weights, biases, backward) as lists of NumPy arrays.

    `theta` maps field names to float64 arrays; `config` holds the settings.
    """
    n_error, n_read = config["error_channels"], config["readout_channels"]
    batch, top_layer = len(x), len(weights)
    xs, zs = dense_forward(weights, biases, x)
    sizes = [len(rows[0]) for rows in xs]

    power = config["decay_power"]
    stretch = 2.0 ** (1.0 / power) - 1.0 if power > 0 else 0.0
    fall = (1.0 + stretch * age / config["half_life"]) ** -power
    rate_w, rate_b = (
        config["inner_step"] * fall * math.exp(math.tanh(float(v))) for v in theta["log_rate"]
    )
    n_all = theta["w_features"].shape[0]

    new_w = [None] * top_layer
    new_b = [None] * top_layer
    new_v = [None] * top_layer
    error = post_above = corr_above = None
    for layer in range(top_layer, -1, -1):
        units = sizes[layer]
        if layer > 0:
            x_hat = _standardised(xs[layer])
            corr = _correlations(x_hat)
            own = [
                [
                    [xs[layer][e][j], zs[layer][e][j], *_lateral(zs[layer], x_hat, corr, e, j)]
                    for j in range(units)
                ]
                for e in range(batch)
            ]
            if error is None:
                error = [
                    [np.array(own[e][j]) @ theta["w_top"] for j in range(units)]
                    for e in range(batch)
                ]
            features = [
                [np.array([own[e][j][0], *error[e][j], *own[e][j][1:]]) for j in range(units)]
                for e in range(batch)
            ]
        else:
            features = [
                [np.array([xs[0][e][j], *error[e][j]]) for j in range(units)] for e in range(batch)
            ]
        rows = len(features[0][0])

        # the first layer of each neuron's network
        hidden = [[None] * units for _ in range(batch)]
        pooled = [None] * units
        for j in range(units):
            context = []
            if layer > 0:
                column = weights[layer - 1][:, j]
                n = len(column)
                context += [np.abs(column).mean() * n**0.5, column.mean() * n**0.5]
            else:
                context += [0.0, 0.0]
            if layer < top_layer:
                row = weights[layer][j]
                n = weights[layer].shape[0]
                context += [
                    np.abs(row).mean() * n**0.5,
                    math.sqrt((row**2).mean() + 1e-6) * n**0.5,
                ]
            else:
                context += [0.0, 0.0]
            context += [
                biases[layer - 1][j] if layer > 0 else 0.0,
                float(layer == 0),
                float(layer == top_layer),
                math.log1p(age / 10.0) / 4.0,
            ]
            if "resting_bias" in theta:
                context.append(1.0 if layer == 1 else 0.0)
            seen = np.array([features[e][j] for e in range(batch)])
            mean = seen.mean(axis=0)
            spread = np.sqrt(np.maximum((seen**2).mean(axis=0) - mean**2, 0.0) + 1e-4)
            static = (
                mean @ theta["w_statistics"][:rows]
                + spread @ theta["w_statistics"][n_all : n_all + rows]
                + np.array(context) @ theta["w_statistics"][2 * n_all :]
                + theta["b_features"]
            )
            for e in range(batch):
                hidden[e][j] = _relu(features[e][j] @ theta["w_features"][:rows] + static)
            pooled[j] = sum(hidden[e][j] for e in range(batch)) / batch
        of_layer = sum(pooled) / units

        # the second layer, and the readouts
        readout = [[None] * units for _ in range(batch)]
        for j in range(units):
            static = pooled[j] @ theta["w_pooled"] + of_layer @ theta["w_layer"] + theta["b_hidden"]
            for e in range(batch):
                h = _relu(hidden[e][j] @ theta["w_hidden"] + static)
                readout[e][j] = (
                    h @ theta["w_readout"]
                    + features[e][j] @ theta["w_skip"][:rows]
                    + theta["b_readout"]
                )

        if layer < top_layer:
            new_w[layer], new_v[layer] = _turned(
                weights[layer],
                backward[layer] if backward else None,
                readout,
                post_above,
                corr_above,
                _mixture(theta["term_weights"], layer, top_layer),
                xs[layer],
                (n_error, n_read, rate_w),
            )
        if layer > 0:
            new_b[layer - 1] = np.zeros(units)
            for j in range(units):
                drive = math.tanh(sum(readout[e][j][-1] for e in range(batch)) / batch)
                if "resting_bias" in theta:
                    active = [xs[layer][e][j] for e in range(batch)]
                    drive = _pulled(drive, _resting(theta, layer, top_layer), active)
                b = biases[layer - 1][j]
                new_b[layer - 1][j] = b + rate_b * (drive - 0.5 * b)
            error = _sent_back(
                (backward or weights)[layer - 1], readout, error, zs[layer], theta, n_error
            )
            post_above = [
                [readout[e][j][n_error + n_read : n_error + 2 * n_read] for j in range(units)]
                for e in range(batch)
            ]
            corr_above = corr
    return new_w, new_b, new_v if backward else []


def _pulled(drive, resting, active):
    """Towards the resting bias; upwards by as much of the variance of z, one, as is left in x."""
    pull, mean = drive + resting / 2, sum(active) / len(active)
    spread = sum((v - mean) ** 2 for v in active) / len(active)
    return pull * min(spread, 1.0) if pull > 0 else pull


def _resting(theta, layer, top_layer):
    first, middle, top = theta["resting_bias"]
    if layer == top_layer:
        return top
    return first if layer == 1 else middle


def _mixture(term_weights, layer, layers):
    if term_weights.ndim == 1:
        return term_weights
    if layer + 1 == layers:
        return term_weights[2]
    return term_weights[1] if layer else term_weights[0]


def _oja(w, x):
    """Column by column: E[x y_j] - sum_k w_k E[y_k y_j], over the mean of E[y_k²], in rms."""
    batch, (below, above) = len(x), w.shape
    x = np.array(x) - np.mean(x, axis=0)
    y = [[sum(x[e][i] * w[i, j] for i in range(below)) for j in range(above)] for e in range(batch)]
    power = sum(y[e][j] ** 2 for e in range(batch) for j in range(above)) / (batch * above)
    found = np.zeros_like(w)
    for j in range(above):
        shared = [sum(y[e][k] * y[e][j] for e in range(batch)) / batch for k in range(above)]
        for i in range(below):
            towards = sum(x[e][i] * y[e][j] for e in range(batch)) / batch
            back = sum(w[i, k] * shared[k] for k in range(above))
            found[i, j] = (towards - back) * below**0.5 / (power + 1e-6)
    return found


def _turned(w, v, readout, post, corr, term_weights, x, numbers):
    n_error, n_read, rate = numbers
    below, above = w.shape
    batch = len(readout)
    pre = np.array(
        [[readout[e][i][n_error : n_error + n_read] for i in range(below)] for e in range(batch)]
    )
    pre = pre - pre.mean(axis=0)
    oja = _oja(w, x)
    new_w, new_v = np.zeros_like(w), np.zeros_like(w)
    for j in range(above):
        rms_w = [w[i, j] * below**0.5 for i in range(below)]
        low_rank = [
            sum(pre[e][i] @ post[e][j] for e in range(batch)) / (batch * n_read**0.5) * below**0.25
            for i in range(below)
        ]
        decorrelation = [
            -sum(w[i, k] * below**0.5 * corr[k][j] for k in range(above)) for i in range(below)
        ]
        decay = [-value * abs(value) for value in rms_w]
        mixed = [0.0] * below
        for weight, term in zip(term_weights[:3], (low_rank, decorrelation, decay), strict=True):
            for i, value in enumerate(_bounded_column(term)):
                mixed[i] += weight * value
        for weight in term_weights[3:]:
            for i in range(below):
                mixed[i] += weight * oja[i, j]
        change = [value / below**0.5 for value in _bounded_column(mixed)]
        for old, new in ((w, new_w), (v, new_v)):
            if old is None:
                continue
            along = sum(old[i, j] * change[i] for i in range(below))
            moved = [old[i, j] + rate * (change[i] - old[i, j] * along) for i in range(below)]
            new[:, j] = _unit_column(moved)
    return new_w, new_v


def _sent_back(w, readout, error, z, theta, n_error):
    batch, (below, above) = len(readout), w.shape
    sent = np.zeros((batch, below, n_error))
    for e in range(batch):
        for j in range(above):
            gate = theta["error_gate"] / (1.0 + math.exp(-z[e][j]))
            delta = readout[e][j][:n_error] + error[e][j] * gate
            for i in range(below):
                sent[e, i] += w[i, j] * delta * math.sqrt(below / above)
    for k in range(n_error):
        sent[:, :, k] /= math.sqrt((sent[:, :, k] ** 2).mean() + 0.01)
    return [[sent[e, i] for i in range(below)] for e in range(batch)]
