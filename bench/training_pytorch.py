# SPDX-License-Identifier: MIT
"""The nets of training.cpp in eager PyTorch: one step is forward, backward and an update by Adam over 64 records.

Says a version, or `none`. Then for each line `NET LAYOUT SECONDS` of its input it runs steps for so long, at least two, and says the
seconds of the fastest. The number of threads is that of the environment, OMP_NUM_THREADS and OPENBLAS_NUM_THREADS: a BLAS reads it
once.
"""

import os
import sys
import time

try:
    import torch
    from torch import nn
except ImportError:
    print("none", flush=True)
    sys.exit()

BATCH = 64


class Block(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.first = nn.Conv2d(inputs, channels, 3, stride, 1)
        self.second = nn.Conv2d(channels, channels, 3, 1, 1)
        self.skip = nn.Conv2d(inputs, channels, 1, stride) if stride != 1 else nn.Identity()
        self.relu = nn.ReLU()

    def forward(self, x):
        return self.relu(self.second(self.relu(self.first(x))) + self.skip(x))


def net_of(name):
    """The net and the shape of a record."""
    if name == "tinycnn":
        return nn.Sequential(nn.Conv2d(1, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 64, 3, padding=1), nn.ReLU(),
                             nn.AvgPool2d(7), nn.Flatten(), nn.Linear(1024, 10)), (1, 28, 28)
    if name == "mlp":
        return nn.Sequential(nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 256), nn.ReLU(), nn.Linear(256, 10)), (784,)
    if name == "resnet8":
        return nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), Block(16, 16, 1), Block(16, 32, 2), Block(32, 64, 2),
                             nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10)), (3, 32, 32)
    raise ValueError(f"no net is called {name}")


def step_of(name, layout):
    net, record = net_of(name)
    inputs = torch.rand(BATCH, *record) * 2 - 1
    labels = torch.randint(10, (BATCH,))
    if layout == "channels_last":
        net, inputs = net.to(memory_format=torch.channels_last), inputs.to(memory_format=torch.channels_last)
    # A rate of 0, as in training.cpp: after many steps over the same records gradients would be denormal.
    optimizer = torch.optim.Adam(net.parameters(), lr=0)
    loss = nn.CrossEntropyLoss()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(net(inputs), labels).backward()
        optimizer.step()

    return step


def main():
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    print(torch.__version__, flush=True)
    steps = {}
    for line in sys.stdin:
        name, layout, seconds = line.split()
        if (name, layout) not in steps:
            steps[name, layout] = step_of(name, layout)
        step = steps[name, layout]
        step()  # brings its weights back into the caches
        times = []
        while len(times) < 2 or sum(times) < float(seconds):
            begin = time.perf_counter()
            step()
            times.append(time.perf_counter() - begin)
        time.sleep(0.1)  # threads of its libraries wait awake for a while
        print(min(times), flush=True)


main()
