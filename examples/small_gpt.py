"""A small GPT: learns a paragraph by heart, character by character, and recites it.

python examples/small_gpt.py
"""

from typing import Any

import numpy as np

import dfdx
from dfdx import losses, nn, optim

TEXT = (
    "It was the best of times, it was the worst of times, it was the age of wisdom, it was the age of foolishness, "
    "it was the epoch of belief, it was the epoch of incredulity, it was the season of Light, it was the season of Darkness."
)


class Gpt(nn.Module):
    """Ids (B, S) to logits (B, S, vocab): each from what stands before it. Blocks normalise first, as GPT-2's do."""

    def __init__(self, vocab: int, length: int, model: int = 32, heads: int = 4, blocks: int = 2) -> None:
        self.embed = nn.Embedding(vocab, model)
        self.position = nn.LearnedPositionalEncoding(length, model)
        self.blocks = nn.TransformerEncoder(
            model, heads, 4 * model, blocks, causal=True, pre_norm=True, activation=nn.GeLU(), final_norm=True
        )
        self.head = nn.UnbiasedLinear(model, vocab)

    def forward(self, ids: dfdx.Tensor) -> dfdx.Tensor:
        return self.head(self.blocks(self.position(self.embed(ids))))


def windows(ids: Any, length: int, count: int, rng: Any) -> tuple[Any, Any]:
    """`count` pieces of the text, and the same one character later."""
    starts = rng.integers(0, len(ids) - length, count)
    at = starts[:, None] + np.arange(length)
    return ids[at], ids[at + 1]


def train(model: Any, ids: Any, length: int, steps: int, report: Any = print) -> float:
    """The loss of the last step."""
    dev, rng, last = model.head.weight.device, np.random.default_rng(0), float("nan")
    opt = optim.AdamW(model, lr=optim.WarmUp(10, optim.Cosine(1e-2, steps - 10)))
    grads = model.alloc_grads()
    for step in range(1, steps + 1):
        x, y = windows(ids, length, 16, rng)
        loss = losses.cross_entropy_with_indices_loss(model(dev.tensor(x).traced(grads)), dev.tensor(y))
        last = loss.item()
        if step % 50 == 0:
            report(f"step {step:3d}  loss {last:.3f}")
        grads = loss.backward()
        grads.clip_norm_(1.0)
        opt.update(model, grads)
        model.zero_grads(grads)
    return last


def recite(model: Any, ids: Any, length: int, count: int) -> list[int]:
    """`count` more ids, each the likeliest."""
    dev, said = model.head.weight.device, [int(i) for i in ids]
    for _ in range(count):
        logits = model(dev.tensor([said[-length:]]))
        said.append(int(logits[0, -1].argmax().item()))
    return said


def main() -> None:
    dev, length = dfdx.auto_device(), 32
    letters = sorted(set(TEXT))
    ids = np.array([letters.index(c) for c in TEXT])
    model = dev.build_module(Gpt(len(letters), length))
    print(
        f"{len(TEXT)} characters, {len(letters)} different ones, {model.num_trainable_params():,} parameters on {dev.name}"
    )
    train(model, ids, length, steps=300)
    said = "".join(letters[i] for i in recite(model, ids[:length], length, 80))
    print(said)
    print("right:", TEXT.startswith(said))


if __name__ == "__main__":
    main()
