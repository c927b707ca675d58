"""Deep Q-learning on a small maze. Source: Mnih et al., Human-level control through deep reinforcement learning (2015)."""

from typing import Any

import numpy as np

import dfdx
from dfdx import losses, nn, optim

MAZE = ["S..#.", ".#.#.", ".#...", ".####", "....G"]
MOVES = [(-1, 0), (1, 0), (0, -1), (0, 1)]
ARROWS = "^v<>"
SIZE = len(MAZE)


def step(cell: tuple[int, int], action: int) -> tuple[tuple[int, int], float, bool]:
    """The next cell, the reward, and whether the goal is reached; walls and edges hold."""
    r, c = cell[0] + MOVES[action][0], cell[1] + MOVES[action][1]
    if not (0 <= r < SIZE and 0 <= c < SIZE) or MAZE[r][c] == "#":
        r, c = cell
    done = MAZE[r][c] == "G"
    return (r, c), 1.0 if done else -0.02, done


def one_hot(cells: Any) -> Any:
    out = np.zeros((len(cells), SIZE * SIZE), np.float32)
    out[np.arange(len(cells)), [r * SIZE + c for r, c in cells]] = 1.0
    return out


def learn(model: Any, target: Any, opt: Any, grads: Any, dev: dfdx.Device, batch: list[Any], gamma: float) -> Any:
    """One step towards r + gamma max Q'(next), on the actions that were taken."""
    cells, actions, rewards, after, done = zip(*batch, strict=True)
    best = target(dev.tensor(one_hot(after))).max(1)
    wanted = dev.tensor(np.array(rewards, np.float32)) + best * dev.tensor(1.0 - np.array(done, np.float32)) * gamma
    q = model(dev.tensor(one_hot(cells)).traced(grads)).select(dev.tensor(list(actions)), 1)
    grads = losses.huber_loss(q, wanted).backward()
    opt.update(model, grads)
    model.zero_grads(grads)
    return grads


def main() -> None:
    dev, rng, gamma = dfdx.device("cpu", seed=1), np.random.default_rng(1), 0.97
    model = dev.build_module((nn.Linear(SIZE * SIZE, 64), nn.ReLU(), nn.Linear(64, 4)))
    target = model.clone()
    opt, grads, memory = optim.Adam(model, lr=3e-3), model.alloc_grads(), []
    for episode in range(1, 121):
        cell, total, explore = (0, 0), 0.0, max(0.05, 1.0 - episode / 60)
        for _ in range(60):
            greedy = int(model(dev.tensor(one_hot([cell]))).array().argmax())
            action = int(rng.integers(4)) if rng.random() < explore else greedy
            after, reward, done = step(cell, action)
            memory.append((cell, action, reward, after, done))
            cell, total = after, total + reward
            if len(memory) >= 64:
                batch = [memory[i] for i in rng.integers(len(memory), size=32)]
                grads = learn(model, target, opt, grads, dev, batch, gamma)
                target.ema(model, 0.98)
            if done:
                break
        if episode % 20 == 0:
            print(f"episode {episode:3}  exploring {explore:.2f}  return {total:+.2f}")
    every = [(r, c) for r in range(SIZE) for c in range(SIZE)]
    best = model(dev.tensor(one_hot(every))).array().argmax(1).reshape(SIZE, SIZE)
    for r, row in enumerate(MAZE):
        print("  " + " ".join(ch if ch in "#G" else ARROWS[best[r, c]] for c, ch in enumerate(row)))


main()
