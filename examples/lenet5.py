"""LeNet-5 in PyTorch, written by convcalc."""

import torch
from torch import nn


class LeNet5(nn.Module):
    """LeCun et al. 1998, "Gradient-based learning applied to document recognition"; the
    form used today, every map connected
    """

    def __init__(self):
        super().__init__()
        self.c1 = nn.Conv2d(1, 6, 5)
        self.avgpool1 = nn.AvgPool2d(2)
        self.c3 = nn.Conv2d(6, 16, 5)
        self.avgpool2 = nn.AvgPool2d(2)
        self.c5 = nn.Conv2d(16, 120, 5)
        self.f6 = nn.Linear(120, 84)
        self.linear1 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.avgpool1(torch.tanh(self.c1(x)))
        x = self.avgpool2(torch.tanh(self.c3(x)))
        x = self.f6(torch.tanh(self.c5(x)).flatten(1))
        return self.linear1(torch.tanh(x))


if __name__ == "__main__":
    model = LeNet5().eval()
    x = torch.zeros(1, 1, 32, 32)
    with torch.no_grad():
        y = model(x)
    print(tuple(y.shape))
