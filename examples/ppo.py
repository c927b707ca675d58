"""Proximal policy optimisation balances a pole on a cart. Sources: Schulman et al., arXiv 1707.06347; Barto et al. (1983)."""

from typing import Any

import numpy as np

import dfdx
from dfdx import losses, nn, optim

ENVS, STEPS, GAMMA, LAMBDA, CLIP = 16, 64, 0.99, 0.95, 0.2


class Carts:
    """Poles on carts, all at once: state (position, speed, angle, angular speed), force left or right, 500 steps at most."""

    def __init__(self, n: int, rng: Any) -> None:
        self.rng, self.state, self.age = rng, rng.uniform(-0.05, 0.05, (n, 4)), np.zeros(n, int)
        self.lengths: list[int] = []

    def step(self, action: Any) -> Any:
        x, v, a, w = self.state.T
        force, cos, sin = np.where(action == 1, 10.0, -10.0), np.cos(a), np.sin(a)
        push = (force + 0.05 * w**2 * sin) / 1.1
        turn = (9.8 * sin - cos * push) / (0.5 * (4 / 3 - 0.1 * cos**2 / 1.1))
        self.state = np.stack(
            [x + 0.02 * v, v + 0.02 * (push - 0.05 * turn * cos / 1.1), a + 0.02 * w, w + 0.02 * turn], 1
        )
        self.age += 1
        done = (abs(self.state[:, 0]) > 2.4) | (abs(self.state[:, 2]) > 0.2095) | (self.age >= 500)
        self.lengths += self.age[done].tolist()
        self.state[done], self.age[done] = self.rng.uniform(-0.05, 0.05, (int(done.sum()), 4)), 0
        return done


def rollout(carts: Carts, policy: Any, value: Any, dev: dfdx.Device, rng: Any) -> Any:
    """States, actions, log-probabilities, advantages and returns of STEPS steps in every environment."""
    states, actions, logs, values, dones = [], [], [], [], []
    for _ in range(STEPS):
        x = dev.tensor(carts.state.astype(np.float32))
        log = policy(x).log_softmax(-1).array()
        action = (rng.random(ENVS) < np.exp(log[:, 1])).astype(np.int64)
        states.append(x.array())
        actions.append(action)
        logs.append(log[np.arange(ENVS), action])
        values.append(value(x).array()[:, 0])
        dones.append(carts.step(action))
    values.append(value(dev.tensor(carts.state.astype(np.float32))).array()[:, 0])
    gains, running = np.zeros((STEPS, ENVS), np.float32), np.zeros(ENVS, np.float32)
    for t in reversed(range(STEPS)):
        alive = 1.0 - dones[t]
        running = 1.0 + GAMMA * values[t + 1] * alive - values[t] + GAMMA * LAMBDA * alive * running
        gains[t] = running
    return [np.concatenate(part) for part in (states, actions, logs, gains, gains + np.stack(values[:-1]))]


def main() -> None:
    dev, rng = dfdx.device("cpu", seed=0), np.random.default_rng(0)
    policy = dev.build_module((nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 2)))
    value = dev.build_module((nn.Linear(4, 64), nn.Tanh(), nn.Linear(64, 1)))
    heads: list[Any] = [
        (policy, optim.Adam(policy, lr=3e-3), policy.alloc_grads()),
        (value, optim.Adam(value, lr=3e-3), value.alloc_grads()),
    ]
    carts = Carts(ENVS, rng)
    for iteration in range(1, 41):
        states, actions, logs, gains, returns = rollout(carts, policy, value, dev, rng)
        for index in (part for _ in range(4) for part in rng.permutation(STEPS * ENVS).reshape(4, -1)):
            x = dev.tensor(states[index])
            gain = dev.tensor((gains[index] - gains[index].mean()) / (gains[index].std() + 1e-8))
            log = policy(x.traced(heads[0][2])).log_softmax(-1)
            entropy = (log.with_empty_tape().exp() * log.with_empty_tape()).sum(1).mean()
            ratio = (log.select(dev.tensor(actions[index]), 1) - dev.tensor(logs[index])).exp()
            kept = ratio.with_empty_tape().clamp(1.0 - CLIP, 1.0 + CLIP) * gain
            surrogate = -(ratio * gain).minimum(kept).mean() + entropy * 0.01
            error = losses.mse_loss(value(x.traced(heads[1][2])), dev.tensor(returns[index][:, None]))
            for (model, opt, grads), loss in zip(heads, (surrogate, error), strict=True):
                loss.backward()
                grads.clip_norm_(0.5)
                opt.update(model, grads)
                model.zero_grads(grads)
        if iteration % 8 == 0:
            recent = carts.lengths[-20:]
            print(
                f"iteration {iteration:2}  {iteration * STEPS * ENVS:6,} steps  the last 20 poles stood {np.mean(recent):5.1f} steps"
            )


main()
