"""The model of `configs/model/transformer_124m.yaml` and its training step in PyTorch.

As one writes it there: `torch.compile`, flash attention, bfloat16 autocast, fused AdamW. PyTorch
is no dependency of this project: only `benchmarks/gpt2.py` imports this file, where it is there.
"""

import contextlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel


class Block(nn.Module):
    def __init__(self, width: int, heads: int, mlp: int, layers: int, epsilon: float):
        super().__init__()
        self.heads = heads
        self.attention_norm = nn.RMSNorm(width, epsilon)
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)
        self.mlp_norm = nn.RMSNorm(width, epsilon)
        self.up = nn.Linear(width, mlp, bias=False)
        self.down = nn.Linear(mlp, width, bias=False)
        for layer, scale in (
            (self.qkv, 1), (self.output, (2 * layers) ** -0.5), (self.up, 1),
            (self.down, (2 * layers) ** -0.5),
        ):  # fmt: skip
            nn.init.normal_(layer.weight, std=scale * layer.in_features**-0.5)

    def forward(self, x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        qkv = self.qkv(self.attention_norm(x)).view(batch, length, 3, self.heads, -1)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        q, k = turned(q, cos, sin), turned(k, cos, sin)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.output(y.transpose(1, 2).reshape(batch, length, width))
        hidden = functional.gelu(self.up(self.mlp_norm(x)), approximate="tanh")
        return x + self.down(hidden)


class Transformer(nn.Module):
    """Logits of the next token, from tokens whose positions are their places."""

    def __init__(self, vocabulary: int, length: int, model: Mapping[str, Any]):
        super().__init__()
        width, heads, layers = model["width"], model["heads"], model["layers"]
        mlp, epsilon = model["mlp_width"] or 4 * width, model["norm_epsilon"]
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=0.02)
        self.blocks = nn.ModuleList(
            Block(width, heads, mlp, layers, epsilon) for _ in range(layers)
        )
        self.norm = nn.RMSNorm(width, epsilon)
        head = width // heads
        frequencies = model["rope_base"] ** -(torch.arange(0, head, 2) / head)
        angles = torch.arange(length)[:, None] * frequencies
        self.register_buffer("cos", angles.cos())
        self.register_buffer("sin", angles.sin())

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, self.cos, self.sin)
        return functional.linear(self.norm(x), self.embedding.weight)


def turned(x: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary positions of [batch, heads, length, head]."""
    a, b = x.float().chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


class Training:
    """The optimizer and the compiled step, on the GPU where there is one."""

    def __init__(
        self, vocabulary: int, length: int, model: Mapping[str, Any], optimizer: Mapping[str, Any]
    ):
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        torch.set_float32_matmul_precision("high")
        torch.manual_seed(0)
        self.model = Transformer(vocabulary, length, model).to(self.device)
        self.loss = torch.compile(self._loss) if self.device == "cuda" else self._loss
        matrices = [p for p in self.model.parameters() if p.dim() > 1]
        scales = [p for p in self.model.parameters() if p.dim() == 1]
        decay = optimizer["weight_decay"]
        self.optimizer = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": decay}, {"params": scales, "weight_decay": 0.0}],
            lr=optimizer["learning_rate"],
            betas=(optimizer["rule"]["b1"], optimizer["rule"]["b2"]),
            fused=True,
        )
        self.clip = optimizer["clip_norm"]

    def put(self, array: Any) -> torch.Tensor:
        return torch.from_numpy(array).long().to(self.device)

    def step(self, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        with self._flash(), torch.autocast(self.device, torch.bfloat16):
            loss = self.loss(tokens, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.clip)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        return loss.detach()

    def wait(self) -> None:
        if self.device == "cuda":
            torch.cuda.synchronize()

    def _loss(self, tokens: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        logits = self.model(tokens)
        return functional.cross_entropy(logits.flatten(0, 1).float(), labels.flatten())

    def _flash(self) -> Any:
        on_gpu = self.device == "cuda"
        return sdpa_kernel(SDPBackend.FLASH_ATTENTION) if on_gpu else contextlib.nullcontext()
