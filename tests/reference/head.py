"""Reference numbers for tests/core/head.rs: loss, gradients and Adam of the cosine-softmax head, by PyTorch in f64.

Run: python tests/reference/head.py > tests/reference/head.json   (PyTorch 2.15, NumPy not needed)

Six shots of three classes in 512 dimensions, of which 8 are not zero. Everything below is computed from the
formulas of the literature with torch.nn.functional, not from Glimpse's code.
"""

import json

import torch
import torch.nn.functional as F

torch.manual_seed(20261123)
torch.set_default_dtype(torch.float64)

WAY, SHOT, DIM, USED = 3, 2, 512, 8
labels = torch.arange(WAY).repeat_interleave(SHOT)
embeddings = torch.zeros(WAY * SHOT, DIM)
embeddings[:, :USED] = torch.rand(WAY * SHOT, USED) + 2 * F.one_hot(labels, USED)
# What the Rust side reads are these f32 numbers, so the reference starts from them too.
embeddings = embeddings.float().double()
queries = F.normalize(embeddings, dim=1)


def prototypes():
    means = torch.stack([queries[labels == c].mean(0) for c in range(WAY)])
    return F.normalize(means, dim=1)


def loss_of(weight, bias, scale, entropy_weight):
    logits = scale * F.linear(queries, F.normalize(weight, dim=1)) + bias
    cross_entropy = F.cross_entropy(logits, labels)
    p = F.softmax(logits, dim=1)
    entropy = -(p * p.log()).sum(1).mean()
    return cross_entropy + entropy_weight * entropy, cross_entropy, entropy


def case(name, scale, entropy_weight, learning_rate, steps, learn_scale):
    weight = prototypes().requires_grad_()
    bias = torch.zeros(WAY, requires_grad=True)
    scale = torch.tensor([scale], requires_grad=learn_scale)
    parameters = [weight, bias] + ([scale] if learn_scale else [])
    adam = torch.optim.Adam(parameters, lr=learning_rate, eps=1e-8)
    losses, first = [], None
    for _ in range(steps):
        adam.zero_grad()
        loss, cross_entropy, entropy = loss_of(weight, bias, scale, entropy_weight)
        loss.backward()
        losses.append([loss.item(), cross_entropy.item(), entropy.item()])
        if first is None:
            first = {
                "weight": weight.grad[:, :USED].tolist(),
                "bias": bias.grad.tolist(),
                "scale": scale.grad.tolist() if learn_scale else None,
            }
        adam.step()
    return {
        "name": name,
        "scale": scale.detach().tolist()[0] if not learn_scale else None,
        "entropy_weight": entropy_weight,
        "learning_rate": learning_rate,
        "learn_scale": learn_scale,
        "losses": losses,
        "first_gradients": first,
        "final_weight": F.normalize(weight.detach(), dim=1)[:, :USED].tolist(),
        "final_bias": bias.detach().tolist(),
        "final_scale": scale.detach().tolist()[0],
    }


print(
    json.dumps(
        {
            "embeddings": embeddings[:, :USED].tolist(),
            "labels": labels.tolist(),
            "prototypes": prototypes()[:, :USED].tolist(),
            "cases": [
                {"start_scale": 10.0, **case("scaled", 10.0, 0.1, 0.01, 25, True)},
                {"start_scale": 1.0, **case("plain", 1.0, 1.0, 5e-4, 200, False)},
            ],
        },
        indent=1,
    )
)
