"""ResNet-18 (arXiv 1512.03385), under the names that torchvision gives its parts: its weights load as they are.

python examples/resnet18.py
"""

from typing import Any

import dfdx
from dfdx import losses, nn, optim


class Block(nn.Module):
    """Two convolutions beside a shortcut, which has one of its own where the size or the channels change."""

    def __init__(self, inp: int, out: int, stride: int) -> None:
        self.conv1, self.bn1 = nn.Conv2D(inp, out, 3, stride, 1), nn.BatchNorm2D(out)
        self.conv2, self.bn2 = nn.Conv2D(out, out, 3, 1, 1), nn.BatchNorm2D(out)
        changes = stride > 1 or inp != out
        self.downsample: Any = (nn.Conv2D(inp, out, 1, stride), nn.BatchNorm2D(out)) if changes else nn.Sequential()

    def forward(self, x: dfdx.Tensor) -> dfdx.Tensor:
        shortcut = self.downsample(x.with_empty_tape())  # a second use of x; their tapes meet in the sum
        return (self.bn2(self.conv2(self.bn1(self.conv1(x)).relu())) + shortcut).relu()


class ResNet18(nn.Module):
    """Images (N, 3, H, W) to `classes` logits; `width` is 64 in the paper."""

    def __init__(self, classes: int = 1000, width: int = 64) -> None:
        w = width
        self.conv1, self.bn1 = nn.Conv2D(3, w, 7, 2, 3), nn.BatchNorm2D(w)
        self.maxpool = nn.MaxPool2D(3, 2, 1)
        self.layer1 = nn.Sequential(Block(w, w, 1), Block(w, w, 1))
        self.layer2 = nn.Sequential(Block(w, 2 * w, 2), Block(2 * w, 2 * w, 1))
        self.layer3 = nn.Sequential(Block(2 * w, 4 * w, 2), Block(4 * w, 4 * w, 1))
        self.layer4 = nn.Sequential(Block(4 * w, 8 * w, 2), Block(8 * w, 8 * w, 1))
        self.avgpool = nn.AvgPoolGlobal()
        self.fc = nn.Linear(8 * w, classes)

    def forward(self, x: dfdx.Tensor) -> dfdx.Tensor:
        x = self.maxpool(self.bn1(self.conv1(x)).relu())
        for layer in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = layer(x)
        return self.fc(self.avgpool(x))


def main() -> None:
    dev = dfdx.auto_device()
    model = dev.build_module(ResNet18(), input=(None, 3, 224, 224))
    print(f"ResNet-18 has {model.num_trainable_params():,} parameters")

    # A slimmer one learns four noisy pictures by heart.
    model = dev.build_module(ResNet18(classes=4, width=8))
    opt, grads = optim.Sgd(model, lr=0.02, momentum=optim.Nesterov(0.9)), model.alloc_grads()
    labels = dev.tensor([0, 1, 2, 3] * 2)
    pictures = dev.sample_normal((4, 3, 48, 48))
    for step in range(1, 21):
        noisy = dfdx.concat([pictures, pictures]) + 0.1 * dev.sample_normal((8, 3, 48, 48))
        loss = losses.cross_entropy_with_indices_loss(model(noisy.traced(grads)), labels)
        if step % 5 == 0:
            print(f"step {step:2d}  loss {loss.item():.3f}")
        opt.update(model, grads := loss.backward())
        model.zero_grads(grads)
    print("the pictures are", model(pictures).argmax(1).tolist())


if __name__ == "__main__":
    main()
