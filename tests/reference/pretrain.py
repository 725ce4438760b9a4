"""Reference numbers for src/pretrain: three steps of SGD on a ResNet-18 in training mode, by PyTorch in f64.

Run: python tests/reference/pretrain.py > tests/reference/pretrain.json   (PyTorch 2.15)

The network is written down here from He et al. (2016) with torch.nn alone. Weights, pixels and labels come from a hash
that both sides compute, so that only a few numbers have to be kept.
"""

import json

import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)

SIDE, BATCH, CLASSES, STEPS, RATE = 64, 4, 3, 3, 0.05
LABELS = [0, 1, 2, 0]
MASK = 0xFFFFFFFF


def uniform(count, salt):
    """count numbers in -1..1, the same in f32: the finaliser of MurmurHash3 over a counter."""
    x = (torch.arange(count) + salt * 0x9E3779B9) & MASK
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & MASK
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & MASK
    x = x ^ (x >> 16)
    return (x >> 8).double() / (1 << 23) - 1


class Block(nn.Module):
    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x):
        around = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + around)


class ResNet18(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = nn.Sequential(Block(64, 64, 1), Block(64, 64, 1))
        self.layer2 = nn.Sequential(Block(64, 128, 2), Block(128, 128, 1))
        self.layer3 = nn.Sequential(Block(128, 256, 2), Block(256, 256, 1))
        self.layer4 = nn.Sequential(Block(256, 512, 2), Block(512, 512, 1))
        self.fc = nn.Linear(512, CLASSES)

    def embedding(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3))

    def forward(self, x):
        return self.fc(self.embedding(x))


def test_pattern():
    """Square::test_pattern, normalised."""
    y, x = torch.meshgrid(torch.arange(224), torch.arange(224), indexing="ij")
    checker = torch.where((x // 28 + y // 28) % 2 == 0, 96, 0)
    ring = (x * x + y * y) // 97 % 160
    rgb = torch.stack([checker + ring, x * 255 // 224, (y * 5 + x * y // 16) % 256]).double()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    return ((rgb / 255 - mean[:, None, None]) / std[:, None, None])[None]


def sample(tensor):
    """The length, and eight numbers from all over."""
    flat = tensor.detach().flatten()
    places = [place * (len(flat) - 1) // 7 for place in range(8)]
    return {"norm": flat.norm().item(), "values": flat[places].tolist()}


network = ResNet18()
with torch.no_grad():
    for salt, (name, parameter) in enumerate(sorted(network.named_parameters())):
        values = uniform(parameter.numel(), salt).reshape(parameter.shape)
        if parameter.dim() == 4:
            values = values * (6 / parameter[0].numel()) ** 0.5
        elif name.startswith("fc"):
            values = values / 512**0.5
        else:
            values = 0.25 * values + (1 if name.endswith("weight") else 0)
        parameter.copy_(values.float())
pixels = 2 * uniform(BATCH * 3 * SIDE * SIDE, 1000).reshape(BATCH, 3, SIDE, SIDE)
labels = torch.tensor(LABELS)

network.train()
sgd = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, weight_decay=1e-4)
losses, right, first_velocity = [], [], {}
for step in range(STEPS):
    sgd.zero_grad()
    logits = network(pixels)
    loss = F.cross_entropy(logits, labels)
    loss.backward()
    sgd.step()
    losses.append(loss.item())
    right.append((logits.argmax(1) == labels).sum().item())
    if step == 0:
        first_velocity = {n: sample(sgd.state[p]["momentum_buffer"]) for n, p in sorted(network.named_parameters())}

state = network.state_dict()
kept = ["conv1.weight", "layer2.0.downsample.0.weight", "layer4.1.conv2.weight", "layer3.0.bn2.bias", "fc.weight"]
kept += [f"{n}.running_{s}" for n in ["bn1", "layer2.0.downsample.1", "layer4.1.bn2"] for s in ["mean", "var"]]
network.eval()
with torch.no_grad():
    embedding = network.embedding(test_pattern())[0]
print(
    json.dumps(
        {
            "losses": losses,
            "right": right,
            "first_velocity": first_velocity,
            "last_state": {name: sample(state[name]) for name in kept},
            "embedding": [round(value, 6) for value in embedding.tolist()],
        },
        indent=1,
    )
)
