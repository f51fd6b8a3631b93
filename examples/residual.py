import torch
import torch.nn as nn
import torch.nn.functional as F


class Block(nn.Module):
    def __init__(self, inp, out, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inp, out, 3, stride, 1, bias=False)
        self.bn = nn.BatchNorm2d(out)
        self.short = nn.Conv2d(inp, out, 1, stride) if stride != 1 or inp != out else nn.Identity()

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)) + self.short(x))


class Net(nn.Module):
    def __init__(self, width=8, num_classes=10):
        super().__init__()
        self.blocks = nn.ModuleList(Block(3 if i == 0 else width, width, 1 + i) for i in range(2))
        self.fc = nn.Linear(width, num_classes)

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        x = F.adaptive_avg_pool2d(x, 1)
        return self.fc(torch.flatten(x, 1))
