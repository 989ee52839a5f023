"""Transformers in plain NumPy, layer by layer and expert by expert: what ours must equal."""

import numpy as np


def rms_norm(x, scale, epsilon=1e-6):
    return x / np.sqrt(np.mean(x**2, -1, keepdims=True) + epsilon) * scale


def softmax(x):
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def silu(x):
    return x / (1 + np.exp(-x))


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def rotated(vector, position, base):
    """One head's vector at one position, as complex numbers of a first and a second half."""
    half = len(vector) // 2
    pairs = vector[:half] + 1j * vector[half:]
    turned = pairs * np.exp(1j * position / base ** (np.arange(half) / half))
    return np.concatenate([turned.real, turned.imag])


def attention(p, x, *, positions=None, segments=None, causal, base=10_000.0):
    """One example [sequence, width]; every query and head by itself."""
    q, k, v = (
        np.einsum("se,ehd->shd", x, p[f"attention/{n}/kernel"]) for n in ("query", "key", "value")
    )
    if positions is not None:
        q, k = (
            np.array(
                [
                    [rotated(head, at, base) for head in row]
                    for row, at in zip(t, positions, strict=True)
                ]
            )
            for t in (q, k)
        )
    length, heads, head_dim = q.shape
    out = np.zeros_like(x)
    for i in range(length):
        seen = [
            j for j in range(length)
            if (j <= i or not causal) and (segments is None or segments[i] == segments[j])
        ]  # fmt: skip
        for h in range(heads):
            g = h // (heads // k.shape[1])
            weights = softmax(np.array([q[i, h] @ k[j, g] for j in seen]) / np.sqrt(head_dim))
            mixed = sum(w * v[j, g] for w, j in zip(weights, seen, strict=True))
            out[i] += mixed @ p["attention/output/kernel"][h]
    return out


def expert(p, x, number=...):
    """The feed-forward layer of tokens [sequence, width], or one expert of it."""
    up = x @ p["feed_forward/up/kernel"][number]
    if "feed_forward/gate/kernel" in p:
        hidden = silu(x @ p["feed_forward/gate/kernel"][number]) * up
    else:
        hidden = gelu(up)
    return hidden @ p["feed_forward/down/kernel"][number]


def mixture(p, x, segments, *, chosen, capacity):
    """One example through its experts, token by token: the result and its two losses."""
    logits = x @ p["feed_forward/router/kernel"]
    scores = softmax(logits)
    count = scores.shape[-1]
    used, routed, out = [0] * count, np.zeros(count), np.zeros_like(x)
    real = [t for t in range(len(x)) if segments[t] > 0]
    for t in real:
        best = np.argsort(-scores[t], kind="stable")[:chosen]
        total = scores[t][best].sum() if chosen > 1 else 1.0
        for e in best:
            routed[e] += 1
            if used[e] < capacity:
                used[e] += 1
                out[t] += scores[t][e] / total * expert(p, x[t], e)
    if not real:
        return out, 0.0, 0.0
    share = routed / (len(real) * chosen)
    balance = count * (share * scores[real].mean(0)).sum()
    z = np.mean(np.log(np.exp(logits[real]).sum(-1)) ** 2)
    return out, balance, z


def layers(params):
    """The parameters of each block of a stack, without their prefix."""
    stack = {
        k.removeprefix("blocks/"): np.asarray(v)
        for k, v in params.items()
        if k.startswith("blocks/")
    }
    count = len(stack["attention_norm/scale"])
    return [{k: v[i] for k, v in stack.items()} for i in range(count)]


def block(p, x, feed_forward=expert, **where):
    x = x + attention(p, rms_norm(x, p["attention_norm/scale"]), **where)
    return x + feed_forward(p, rms_norm(x, p["feed_forward_norm/scale"]))


def transformer(
    params, tokens, positions, segments, *, base=10_000.0, cap=None, feed_forward=expert
):
    """Logits [sequence, vocabulary] of one example."""
    x = params["embedding/table"][tokens]
    for p in layers(params):
        x = block(
            p, x, feed_forward, positions=positions, segments=segments, causal=True, base=base
        )
    x = rms_norm(x, params["norm/scale"])
    logits = x @ params.get("head/kernel", params["embedding/table"].T)
    return logits if cap is None else cap * np.tanh(logits / cap)
