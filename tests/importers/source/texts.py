"""Source texts of networks as people paste them: what each holds by PyTorch, and the sizes it runs at.

Parameters and output shapes were read off PyTorch 2.13, which ran every text.
"""

# ruff: noqa: E501 - people write such lines
from __future__ import annotations

from typing import Any, NamedTuple

_HEAD = """import math
import copy
import torch
import torch.nn as nn
import torch.nn.functional as F
"""


class Source(NamedTuple):
    """A program, the shapes that go in (one, or by name), what is set, and what PyTorch counted."""

    text: str
    inputs: Any
    parameters: int
    outputs: tuple[tuple[int, ...], ...]
    given: dict[str, Any]
    integers: int = 0


TEXTS: dict[str, Source] = {}


def _add(
    name: str, inputs: Any, parameters: int, outputs: Any, text: str, integers: int = 0, **given: Any
) -> None:
    TEXTS[name] = Source(_HEAD + text, inputs, parameters, tuple(outputs), given, integers)


_add(
    "lenet_pool",
    (1, 28, 28),
    44426,
    [(10,)],
    '''
class LeNet(nn.Module):
    """The first network of the tutorial."""
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, kernel_size=5)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.fc1 = nn.Linear(16 * 4 * 4, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), (2, 2))
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = x.view(-1, self.num_flat_features(x))
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)

    def num_flat_features(self, x):
        size = x.size()[1:]
        num_features = 1
        for s in size:
            num_features *= s
        return num_features
''',
)
_add(
    "mnist_example",
    (1, 28, 28),
    1199882,
    [(10,)],
    """
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.5)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = self.conv1(x)
        x = F.relu(x)
        x = self.conv2(x)
        x = F.relu(x)
        x = F.max_pool2d(x, 2)
        x = self.dropout1(x)
        x = torch.flatten(x, 1)
        x = self.fc1(x)
        x = F.relu(x)
        x = F.dropout(x, training=self.training)
        x = self.fc2(x)
        output = F.log_softmax(x, dim=1)
        return output
""",
)
_add(
    "alexnet",
    (3, 224, 224),
    57044810,
    [(10,)],
    """
class AlexNet(nn.Module):
    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.features(x)
        x = self.avgpool(x)
        x = torch.flatten(x, 1)
        x = self.classifier(x)
        return x
""",
    num_classes=10,
)
_add(
    "vgg_loop",
    (3, 32, 32),
    14728266,
    [(10,)],
    """
cfg = {
    'VGG11': [64, 'M', 128, 'M', 256, 256, 'M', 512, 512, 'M', 512, 512, 'M'],
    'VGG16': [64, 64, 'M', 128, 128, 'M', 256, 256, 256, 'M', 512, 512, 512, 'M', 512, 512, 512, 'M'],
}

class VGG(nn.Module):
    def __init__(self, vgg_name):
        super(VGG, self).__init__()
        self.features = self._make_layers(cfg[vgg_name])
        self.classifier = nn.Linear(512, 10)

    def forward(self, x):
        out = self.features(x)
        out = out.view(out.size(0), -1)
        out = self.classifier(out)
        return out

    def _make_layers(self, cfg):
        layers = []
        in_channels = 3
        for x in cfg:
            if x == 'M':
                layers += [nn.MaxPool2d(kernel_size=2, stride=2)]
            else:
                layers += [nn.Conv2d(in_channels, x, kernel_size=3, padding=1),
                           nn.BatchNorm2d(x),
                           nn.ReLU(inplace=True)]
                in_channels = x
        layers += [nn.AvgPool2d(kernel_size=1, stride=1)]
        return nn.Sequential(*layers)

def test():
    net = VGG('VGG11')
    x = torch.randn(2, 3, 32, 32)
    y = net(x)
    print(y.size())
""",
    vgg_name="VGG16",
)
_RESNET = '''
def conv3x3(in_planes, out_planes, stride=1):
    """3x3 convolution with padding"""
    return nn.Conv2d(in_planes, out_planes, kernel_size=3, stride=stride, padding=1, bias=False)

class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super(BasicBlock, self).__init__()
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x):
        identity = x
        out = self.conv1(x)
        out = self.bn1(out)
        out = self.relu(out)
        out = self.conv2(out)
        out = self.bn2(out)
        if self.downsample is not None:
            identity = self.downsample(x)
        out += identity
        out = self.relu(out)
        return out

class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inplanes, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, kernel_size=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, planes * self.expansion, kernel_size=1, bias=False)
        self.bn3 = nn.BatchNorm2d(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample

    def forward(self, x):
        identity = x
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        if self.downsample is not None:
            identity = self.downsample(x)
        out = out + identity
        return self.relu(out)

class ResNet(nn.Module):
    def __init__(self, block, layers, num_classes=1000, zero_init_residual=False):
        super().__init__()
        self.inplanes = 64
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2)
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2)
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode='fan_out', nonlinearity='relu')
                n = m.kernel_size[0] * m.out_channels if isinstance(m.kernel_size, tuple) else m.out_channels
                m.weight.data.normal_(0, math.sqrt(2. / n))
            elif isinstance(m, nn.BatchNorm2d):
                nn.init.constant_(m.weight, 1)
                m.bias.data.zero_()
        if zero_init_residual:
            for m in self.modules():
                if isinstance(m, Bottleneck):
                    nn.init.constant_(m.bn3.weight, 0)
                elif isinstance(m, BasicBlock):
                    nn.init.constant_(m.bn2.weight, 0)

    def _make_layer(self, block, planes, blocks, stride=1):
        downsample = None
        if stride != 1 or self.inplanes != planes * block.expansion:
            downsample = nn.Sequential(
                nn.Conv2d(self.inplanes, planes * block.expansion, kernel_size=1, stride=stride, bias=False),
                nn.BatchNorm2d(planes * block.expansion),
            )
        layers = []
        layers.append(block(self.inplanes, planes, stride, downsample))
        self.inplanes = planes * block.expansion
        for _ in range(1, blocks):
            layers.append(block(self.inplanes, planes))
        return nn.Sequential(*layers)

    def forward(self, x):
        x = self.conv1(x)
        x = self.bn1(x)
        x = self.relu(x)
        x = self.maxpool(x)
        x = self.layer1(x)
        x = self.layer2(x)
        x = self.layer3(x)
        x = self.layer4(x)
        x = self.avgpool(x)
        x = torch.flatten(x, 1)
        x = self.fc(x)
        return x

'''
_add(
    "resnet18",
    (3, 64, 64),
    11689512,
    [(1000,)],
    _RESNET
    + """
def resnet18(pretrained=False, **kwargs):
    model = ResNet(BasicBlock, [2, 2, 2, 2], **kwargs)
    if pretrained:
        model.load_state_dict(model_zoo.load_url(model_urls['resnet18']))
    return model

model = resnet18()
""",
)
_add(
    "resnet50",
    (3, 64, 64),
    25557032,
    [(1000,)],
    _RESNET
    + """
if __name__ == "__main__":
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    net = ResNet(Bottleneck, [3, 4, 6, 3], zero_init_residual=True).to(device)
""",
)
_add(
    "unet",
    (3, 64, 64),
    7763041,
    [(1, 64, 64)],
    """
class DoubleConv(nn.Module):
    def __init__(self, in_channels, out_channels, mid_channels=None):
        super().__init__()
        if not mid_channels:
            mid_channels = out_channels
        self.double_conv = nn.Sequential(
            nn.Conv2d(in_channels, mid_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(mid_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(mid_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True)
        )
    def forward(self, x):
        return self.double_conv(x)

class Up(nn.Module):
    def __init__(self, in_channels, out_channels, bilinear=True):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode='bilinear', align_corners=True)
            self.conv = DoubleConv(in_channels, out_channels, in_channels // 2)
        else:
            self.up = nn.ConvTranspose2d(in_channels, in_channels // 2, kernel_size=2, stride=2)
            self.conv = DoubleConv(in_channels, out_channels)
    def forward(self, x1, x2):
        x1 = self.up(x1)
        diffY = x2.size()[2] - x1.size()[2]
        diffX = x2.size()[3] - x1.size()[3]
        x1 = F.pad(x1, [diffX // 2, diffX - diffX // 2, diffY // 2, diffY - diffY // 2])
        x = torch.cat([x2, x1], dim=1)
        return self.conv(x)

class UNet(nn.Module):
    def __init__(self, n_channels=3, n_classes=1, features=[32, 64, 128, 256], bilinear=False):
        super(UNet, self).__init__()
        self.downs = nn.ModuleList()
        self.ups = nn.ModuleList()
        self.pool = nn.MaxPool2d(2, 2)
        for feature in features:
            self.downs.append(DoubleConv(n_channels, feature))
            n_channels = feature
        for feature in reversed(features):
            self.ups.append(Up(feature * 2, feature, bilinear))
        self.bottleneck = DoubleConv(features[-1], features[-1] * 2)
        self.final_conv = nn.Conv2d(features[0], n_classes, kernel_size=1)

    def forward(self, x):
        skip_connections = []
        for down in self.downs:
            x = down(x)
            skip_connections.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        skip_connections = skip_connections[::-1]
        for idx in range(len(self.ups)):
            x = self.ups[idx](x, skip_connections[idx])
        return self.final_conv(x)
""",
)
_add(
    "dcgan",
    (100, 1, 1),
    3576704,
    [(3, 64, 64)],
    """
nz = 100
ngf = 64
nc = 3

def weights_init(m):
    classname = m.__class__.__name__
    if classname.find('Conv') != -1:
        nn.init.normal_(m.weight.data, 0.0, 0.02)

class Generator(nn.Module):
    def __init__(self, ngpu):
        super(Generator, self).__init__()
        self.ngpu = ngpu
        self.main = nn.Sequential(
            nn.ConvTranspose2d( nz, ngf * 8, 4, 1, 0, bias=False),
            nn.BatchNorm2d(ngf * 8),
            nn.ReLU(True),
            nn.ConvTranspose2d(ngf * 8, ngf * 4, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 4),
            nn.ReLU(True),
            nn.ConvTranspose2d( ngf * 4, ngf * 2, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf * 2),
            nn.ReLU(True),
            nn.ConvTranspose2d( ngf * 2, ngf, 4, 2, 1, bias=False),
            nn.BatchNorm2d(ngf),
            nn.ReLU(True),
            nn.ConvTranspose2d( ngf, nc, 4, 2, 1, bias=False),
            nn.Tanh()
        )

    def forward(self, input):
        return self.main(input)

netG = Generator(1)
""",
)
_add(
    "autoencoder",
    (1, 28, 28),
    222900,
    [(784,)],
    """
class Autoencoder(nn.Module):
    def __init__(self, sizes=(784, 128, 64, 36)):
        super().__init__()
        encoder, decoder = [], []
        for a, b in zip(sizes[:-1], sizes[1:]):
            encoder.extend([nn.Linear(a, b), nn.ReLU()])
        for i, (a, b) in enumerate(zip(sizes[::-1][:-1], sizes[::-1][1:])):
            decoder.append(nn.Linear(a, b))
            decoder.append(nn.Sigmoid() if i == len(sizes) - 2 else nn.ReLU())
        self.encoder = nn.Sequential(*encoder[:-1])
        self.decoder = nn.Sequential(*decoder)

    def forward(self, x):
        z = self.encoder(x.reshape(x.shape[0], -1))
        return self.decoder(z)
""",
)
_add(
    "lstm_classifier",
    (20,),
    142622,
    [(2,)],
    """
class LSTMClassifier(nn.Module):
    def __init__(self, vocab_size=1000, embedding_dim=64, hidden_dim=64, output_dim=2, n_layers=2, drop_prob=0.5):
        super().__init__()
        self.hidden_dim = hidden_dim
        self.n_layers = n_layers
        self.embedding = nn.Embedding(vocab_size, embedding_dim, padding_idx=0)
        self.lstm = nn.LSTM(embedding_dim, hidden_dim, n_layers, dropout=drop_prob, batch_first=True)
        self.dropout = nn.Dropout(0.3)
        self.fc1 = nn.Linear(hidden_dim, 180)
        self.fc2 = nn.Linear(180, output_dim)

    def forward(self, x):
        batch_size = x.size(0)
        h0 = torch.zeros(self.n_layers, batch_size, self.hidden_dim).to(x.device)
        c0 = torch.zeros(self.n_layers, batch_size, self.hidden_dim).to(x.device)
        x = x.long()
        lstm_out, (hidden, cell) = self.lstm(self.embedding(x), (h0, c0))
        out = self.dropout(F.relu(self.fc1(lstm_out[:, -1, :])))
        return self.fc2(out)
""",
    integers=1000,
)
_add(
    "bilstm_tagger",
    (12,),
    48361,
    [(9,)],
    """
class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(500, 32)
        self.rnn = nn.LSTM(32, 48, bidirectional=True, batch_first=True)
        self.hidden2tag = nn.Linear(48 * 2, 9)
    def forward(self, sentence):
        output, (h_n, c_n) = self.rnn(self.emb(sentence))
        h = torch.cat((h_n[-2], h_n[-1]), dim=1)
        return self.hidden2tag(h)
""",
    integers=500,
)
_add(
    "gru_time_first",
    (15, 8),
    2948,
    [(4,)],
    """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = nn.GRU(8, 16, num_layers=2)
        self.out = nn.Linear(16, 4)
    def forward(self, x):
        x = x.permute(1, 0, 2)
        y, h = self.gru(x)
        return self.out(y[-1])
""",
)
_add(
    "inception",
    (3, 32, 32),
    8594,
    [(10,)],
    """
class Inception(nn.Module):
    def __init__(self, in_planes, n1x1, n3x3red, n3x3, n5x5red, n5x5, pool_planes):
        super(Inception, self).__init__()
        self.b1 = nn.Sequential(nn.Conv2d(in_planes, n1x1, kernel_size=1), nn.BatchNorm2d(n1x1), nn.ReLU(True))
        self.b2 = nn.Sequential(
            nn.Conv2d(in_planes, n3x3red, kernel_size=1), nn.BatchNorm2d(n3x3red), nn.ReLU(True),
            nn.Conv2d(n3x3red, n3x3, kernel_size=3, padding=1), nn.BatchNorm2d(n3x3), nn.ReLU(True))
        self.b3 = nn.Sequential(
            nn.Conv2d(in_planes, n5x5red, kernel_size=1), nn.ReLU(True),
            nn.Conv2d(n5x5red, n5x5, kernel_size=3, padding=1), nn.ReLU(True),
            nn.Conv2d(n5x5, n5x5, kernel_size=3, padding=1), nn.ReLU(True))
        self.b4 = nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), nn.Conv2d(in_planes, pool_planes, kernel_size=1))

    def forward(self, x):
        outputs = [branch(x) for branch in (self.b1, self.b2, self.b3, self.b4)]
        return torch.cat(outputs, 1)

class GoogLeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.pre = nn.Sequential(nn.Conv2d(3, 32, 3, padding=1), nn.ReLU())
        self.a3 = Inception(32, 16, 8, 16, 4, 8, 8)
        self.b3 = Inception(48, 16, 8, 16, 4, 8, 8)
        self.linear = nn.Linear(48, 10)
    def forward(self, x):
        x = self.b3(self.a3(self.pre(x)))
        x = F.adaptive_avg_pool2d(x, 1)
        return self.linear(x.squeeze(-1).squeeze(-1))
""",
)
_add(
    "se_block",
    (3, 16, 16),
    1738,
    [(10,)],
    """
class SELayer(nn.Module):
    def __init__(self, channel, reduction=16):
        super(SELayer, self).__init__()
        self.avg_pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Sequential(
            nn.Linear(channel, channel // reduction, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channel // reduction, channel, bias=False),
            nn.Sigmoid()
        )

    def forward(self, x):
        b, c, _, _ = x.size()
        y = self.avg_pool(x).view(b, c)
        y = self.fc(y).view(b, c, 1, 1)
        return x * y.expand_as(x)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 3, padding='same')
        self.se = SELayer(32, 4)
        self.head = nn.Linear(32, 10)
    def forward(self, x):
        x = self.se(self.stem(x))
        x = x.mean([2, 3])
        return self.head(x)
""",
)
_add(
    "mobilenet_v2",
    (3, 64, 64),
    3504872,
    [(1000,)],
    """
from torch import Tensor
from typing import Callable, List, Optional

def _make_divisible(v, divisor, min_value=None):
    if min_value is None:
        min_value = divisor
    new_v = max(min_value, int(v + divisor / 2) // divisor * divisor)
    if new_v < 0.9 * v:
        new_v += divisor
    return new_v

class ConvBNReLU(nn.Sequential):
    def __init__(self, in_planes, out_planes, kernel_size=3, stride=1, groups=1):
        padding = (kernel_size - 1) // 2
        super(ConvBNReLU, self).__init__(
            nn.Conv2d(in_planes, out_planes, kernel_size, stride, padding, groups=groups, bias=False),
            nn.BatchNorm2d(out_planes),
            nn.ReLU6(inplace=True)
        )

class InvertedResidual(nn.Module):
    def __init__(self, inp: int, oup: int, stride: int, expand_ratio: int) -> None:
        super(InvertedResidual, self).__init__()
        self.stride = stride
        assert stride in [1, 2]
        hidden_dim = int(round(inp * expand_ratio))
        self.use_res_connect = self.stride == 1 and inp == oup
        layers: List[nn.Module] = []
        if expand_ratio != 1:
            layers.append(ConvBNReLU(inp, hidden_dim, kernel_size=1))
        layers.extend([
            ConvBNReLU(hidden_dim, hidden_dim, stride=stride, groups=hidden_dim),
            nn.Conv2d(hidden_dim, oup, 1, 1, 0, bias=False),
            nn.BatchNorm2d(oup),
        ])
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        if self.use_res_connect:
            return x + self.conv(x)
        else:
            return self.conv(x)

class MobileNetV2(nn.Module):
    def __init__(self, num_classes=1000, width_mult=1.0, inverted_residual_setting=None, round_nearest=8):
        super(MobileNetV2, self).__init__()
        block = InvertedResidual
        input_channel = 32
        last_channel = 1280
        if inverted_residual_setting is None:
            inverted_residual_setting = [
                [1, 16, 1, 1],
                [6, 24, 2, 2],
                [6, 32, 3, 2],
                [6, 64, 4, 2],
                [6, 96, 3, 1],
                [6, 160, 3, 2],
                [6, 320, 1, 1],
            ]
        if len(inverted_residual_setting) == 0 or len(inverted_residual_setting[0]) != 4:
            raise ValueError("inverted_residual_setting should be non-empty "
                             "or a 4-element list, got {}".format(inverted_residual_setting))
        input_channel = _make_divisible(input_channel * width_mult, round_nearest)
        self.last_channel = _make_divisible(last_channel * max(1.0, width_mult), round_nearest)
        features: List[nn.Module] = [ConvBNReLU(3, input_channel, stride=2)]
        for t, c, n, s in inverted_residual_setting:
            output_channel = _make_divisible(c * width_mult, round_nearest)
            for i in range(n):
                stride = s if i == 0 else 1
                features.append(block(input_channel, output_channel, stride, expand_ratio=t))
                input_channel = output_channel
        features.append(ConvBNReLU(input_channel, self.last_channel, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(0.2),
            nn.Linear(self.last_channel, num_classes),
        )
        for m in self.modules():
            if isinstance(m, nn.Conv2d):
                nn.init.kaiming_normal_(m.weight, mode='fan_out')
                if m.bias is not None:
                    nn.init.zeros_(m.bias)
            elif isinstance(m, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(m.weight)
                nn.init.zeros_(m.bias)
            elif isinstance(m, nn.Linear):
                nn.init.normal_(m.weight, 0, 0.01)
                nn.init.zeros_(m.bias)

    def _forward_impl(self, x: Tensor) -> Tensor:
        x = self.features(x)
        x = nn.functional.adaptive_avg_pool2d(x, 1).reshape(x.shape[0], -1)
        x = self.classifier(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self._forward_impl(x)
""",
)
_add(
    "transformer_encoder",
    (16,),
    23587,
    [(3,)],
    """
class PositionalEncoding(nn.Module):
    def __init__(self, d_model, dropout=0.1, max_len=500):
        super(PositionalEncoding, self).__init__()
        self.dropout = nn.Dropout(p=dropout)
        pe = torch.zeros(max_len, d_model)
        position = torch.arange(0, max_len, dtype=torch.float).unsqueeze(1)
        div_term = torch.exp(torch.arange(0, d_model, 2).float() * (-math.log(10000.0) / d_model))
        pe[:, 0::2] = torch.sin(position * div_term)
        pe[:, 1::2] = torch.cos(position * div_term)
        pe = pe.unsqueeze(0)
        self.register_buffer('pe', pe)

    def forward(self, x):
        x = x + self.pe[:, :x.size(1), :]
        return self.dropout(x)

class Classifier(nn.Module):
    def __init__(self, ntoken=200, d_model=32, nhead=4, d_hid=64, nlayers=2):
        super().__init__()
        self.d_model = d_model
        self.encoder = nn.Embedding(ntoken, d_model)
        self.pos_encoder = PositionalEncoding(d_model)
        encoder_layers = nn.TransformerEncoderLayer(d_model, nhead, d_hid, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(encoder_layers, nlayers)
        self.decoder = nn.Linear(d_model, 3)
        self.init_weights()

    def init_weights(self) -> None:
        initrange = 0.1
        self.encoder.weight.data.uniform_(-initrange, initrange)
        self.decoder.bias.data.zero_()

    def forward(self, src):
        src = self.encoder(src) * math.sqrt(self.d_model)
        src = self.pos_encoder(src)
        output = self.transformer_encoder(src)
        return self.decoder(output.mean(dim=1))
""",
    integers=200,
)
_add(
    "self_attention",
    (10, 32),
    4288,
    [(10, 32)],
    """
class SelfAttention(nn.Module):
    def __init__(self, embed_size=32, heads=4):
        super().__init__()
        self.heads = heads
        self.head_dim = embed_size // heads
        assert self.head_dim * heads == embed_size, "Embedding size needs to be divisible by heads"
        self.qkv = nn.Linear(embed_size, 3 * embed_size)
        self.proj = nn.Linear(embed_size, embed_size)
        self.scale = self.head_dim ** -0.5
        self.norm = nn.LayerNorm(embed_size)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(self.norm(x)).reshape(B, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = (q @ k.transpose(-2, -1)) * self.scale
        attn = attn.softmax(dim=-1)
        x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return x + self.proj(x)
""",
)
_add(
    "vit",
    (3, 32, 32),
    67258,
    [(10,)],
    """
class PatchEmbed(nn.Module):
    def __init__(self, img_size=32, patch_size=8, in_chans=3, embed_dim=48):
        super().__init__()
        self.n = (img_size // patch_size) ** 2
        self.proj = nn.Conv2d(in_chans, embed_dim, kernel_size=patch_size, stride=patch_size)
    def forward(self, x):
        return self.proj(x).flatten(2).transpose(1, 2)

class Block(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))
    def forward(self, x):
        y = self.norm1(x)
        x = x + self.attn(y, y, y)[0]
        return x + self.mlp(self.norm2(x))

class ViT(nn.Module):
    def __init__(self, depth=2, dim=48, heads=4, num_classes=10):
        super().__init__()
        self.patch_embed = PatchEmbed(embed_dim=dim)
        self.cls_token = nn.Parameter(torch.zeros(1, 1, dim))
        self.pos_embed = nn.Parameter(torch.randn(1, self.patch_embed.n + 1, dim) * .02)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes) if num_classes > 0 else nn.Identity()
    def forward(self, x):
        B = x.shape[0]
        x = self.patch_embed(x)
        cls = self.cls_token.expand(B, -1, -1)
        x = torch.cat((cls, x), dim=1) + self.pos_embed
        for blk in self.blocks:
            x = blk(x)
        return self.head(self.norm(x)[:, 0])
""",
)
_add(
    "siamese",
    {"a": (1, 20, 20), "b": (1, 20, 20)},
    10481,
    [(1,)],
    """
class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 9 * 9, 16))
        self.out = nn.Linear(16, 1)
    def forward_once(self, x):
        return self.cnn(x)
    def forward(self, a, b):
        left = self.forward_once(a)
        right = self.forward_once(b)
        return torch.sigmoid(self.out(torch.abs(left - right)))
""",
)
_add(
    "multi_input",
    {"image": (3, 16, 16), "table": (7,)},
    342,
    [(2,)],
    """
class Fusion(nn.Module):
    def __init__(self, extra=None):
        super().__init__()
        self.cnn = nn.Conv2d(3, 8, 3, stride=2)
        self.mlp = nn.Linear(7, 8)
        self.unused = nn.Linear(3, 5)
        self.head = nn.Linear(16, 2)
    def forward(self, image, table, mask=None):
        x = self.cnn(image).mean(dim=(-2, -1))
        y = F.gelu(self.mlp(table))
        if mask is not None:
            y = y * mask
        return self.head(torch.cat([x, y], dim=-1))
""",
)
_add(
    "dict_output",
    (3, 16, 16),
    966,
    [(4, 16, 16), (10,)],
    """
class Net(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.stages = nn.ModuleDict({"a": nn.Conv2d(3, width, 3, padding=1), "b": nn.Conv2d(width, width, 3, padding=1)})
        for i in range(2):
            setattr(self, f"norm{i}", nn.GroupNorm(2, width))
        self.mask = nn.Conv2d(width, 4, 1)
        self.cls = nn.Linear(width, 10)
        self.register_buffer("scale", torch.ones(1))
    def forward(self, x):
        for i, name in enumerate(self.stages.keys()):
            x = F.silu(getattr(self, "norm%d" % i)(self.stages[name](x)))
        pooled = F.adaptive_avg_pool2d(x, (1, 1)).flatten(1)
        return {"mask": self.mask(x), "logits": self.cls(pooled)}
""",
)
_add(
    "densenet",
    (3, 32, 32),
    20890,
    [(10,)],
    """
class DenseLayer(nn.Module):
    def __init__(self, inp, growth):
        super().__init__()
        self.bn = nn.BatchNorm2d(inp)
        self.conv = nn.Conv2d(inp, growth, 3, padding=1, bias=False)
    def forward(self, x):
        return torch.cat([x, self.conv(F.relu(self.bn(x)))], 1)

class DenseNet(nn.Module):
    def __init__(self, growth=12, blocks=(2, 3)):
        super().__init__()
        n = 2 * growth
        self.features = nn.Sequential()
        self.features.add_module('conv0', nn.Conv2d(3, n, 3, padding=1, bias=False))
        for i, count in enumerate(blocks):
            for j in range(count):
                self.features.add_module('dense%d_%d' % (i, j), DenseLayer(n, growth))
                n += growth
            if i != len(blocks) - 1:
                self.features.add_module('trans%d' % i, nn.Sequential(nn.Conv2d(n, n // 2, 1, bias=False), nn.AvgPool2d(2)))
                n = n // 2
        self.classifier = nn.Linear(n, 10)
    def forward(self, x):
        x = self.features(x)
        x = F.relu(x, inplace=True)
        x = F.avg_pool2d(x, kernel_size=x.size()[2:]).view(x.size(0), -1)
        return self.classifier(x)
""",
)
_add(
    "fcn_interpolate",
    (3, 32, 48),
    893,
    [(5, 32, 48)],
    """
class Seg(nn.Module):
    def __init__(self, n_class=5):
        super().__init__()
        self.down = nn.Sequential(*[nn.Sequential(nn.Conv2d(c, 2 * c, 3, stride=2, padding=1), nn.LeakyReLU(0.2)) for c in (3, 6)])
        self.score = nn.Conv2d(12, n_class, 1)
    def forward(self, x):
        h, w = x.shape[-2:]
        y = self.score(self.down(x))
        return F.interpolate(y, size=(h, w), mode="bilinear", align_corners=False)
""",
)
_add(
    "pixel_shuffle_chunk",
    (8, 12, 12),
    1212,
    [(1, 24, 24)],
    """
class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(8, 16, 3, padding=1)
        self.last = nn.Conv2d(8, 4, 1)
        self.shuffle = nn.PixelShuffle(2)
        self.gamma = nn.Parameter(torch.ones(8, 1, 1))
    def forward(self, x):
        a, b = self.conv(x).chunk(2, dim=1)
        x = a * torch.sigmoid(b) * self.gamma + x
        n, c, h, w = x.shape
        x = x.view(n, 2, c // 2, h, w).transpose(1, 2).contiguous().view(n, c, h, w)
        return self.shuffle(self.last(x)) / 2.0 - 1
""",
)
_add(
    "gpt_dataclass",
    (8,),
    8448,
    [(8, 50)],
    """
from dataclasses import dataclass

@dataclass
class GPTConfig:
    block_size: int = 16
    vocab_size: int = 50
    n_layer: int = 2
    n_head: int = 2
    n_embd: int = 16
    bias: bool = True

class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        assert config.n_embd % config.n_head == 0
        self.c_attn = nn.Linear(config.n_embd, 3 * config.n_embd, bias=config.bias)
        self.c_proj = nn.Linear(config.n_embd, config.n_embd, bias=config.bias)
        self.n_head, self.n_embd = config.n_head, config.n_embd
        self.register_buffer("bias", torch.tril(torch.ones(config.block_size, config.block_size))
                             .view(1, 1, config.block_size, config.block_size))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(self.n_embd, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        y = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=True)
        y = y.transpose(1, 2).contiguous().view(B, T, C)
        return self.c_proj(y)

class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd)
        self.mlp = nn.Sequential(nn.Linear(config.n_embd, 4 * config.n_embd), nn.GELU(), nn.Linear(4 * config.n_embd, config.n_embd))
    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        x = x + self.mlp(self.ln_2(x))
        return x

class GPT(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.transformer = nn.ModuleDict(dict(
            wte=nn.Embedding(config.vocab_size, config.n_embd),
            wpe=nn.Embedding(config.block_size, config.n_embd),
            h=nn.ModuleList([Block(config) for _ in range(config.n_layer)]),
            ln_f=nn.LayerNorm(config.n_embd),
        ))
        self.lm_head = nn.Linear(config.n_embd, config.vocab_size, bias=False)

    def forward(self, idx, targets=None):
        device = idx.device
        b, t = idx.size()
        assert t <= self.config.block_size
        pos = torch.arange(0, t, dtype=torch.long, device=device)
        x = self.transformer.wte(idx) + self.transformer.wpe(pos)
        for block in self.transformer.h:
            x = block(x)
        x = self.transformer.ln_f(x)
        return self.lm_head(x)

model = GPT(GPTConfig())
""",
    integers=50,
)
_add(
    "gpt_mask",
    (8,),
    8288,
    [(8, 50)],
    """
class CausalSelfAttention(nn.Module):
    def __init__(self, n_embd, n_head, block_size):
        super().__init__()
        self.c_attn = nn.Linear(n_embd, 3 * n_embd)
        self.c_proj = nn.Linear(n_embd, n_embd)
        self.n_head = n_head
        self.register_buffer('bias', torch.tril(torch.ones(block_size, block_size)).view(1, 1, block_size, block_size))

    def forward(self, x):
        B, T, C = x.size()
        q, k, v = self.c_attn(x).split(C, dim=2)
        k = k.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        q = q.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        v = v.view(B, T, self.n_head, C // self.n_head).transpose(1, 2)
        att = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        att = att.masked_fill(self.bias[:, :, :T, :T] == 0, float('-inf'))
        y = F.softmax(att, dim=-1) @ v
        return self.c_proj(y.transpose(1, 2).contiguous().view(B, T, C))

class Block(nn.Module):
    def __init__(self, n_embd, n_head, block_size):
        super().__init__()
        self.ln_1 = nn.LayerNorm(n_embd)
        self.attn = CausalSelfAttention(n_embd, n_head, block_size)
        self.mlp = nn.ModuleDict(dict(c_fc=nn.Linear(n_embd, 4 * n_embd), c_proj=nn.Linear(4 * n_embd, n_embd), act=nn.GELU()))
        m = self.mlp
        self.mlpf = lambda x: m.c_proj(m.act(m.c_fc(x)))

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        return x + self.mlpf(x)

class GPT(nn.Module):
    def __init__(self, vocab=50, n_layer=2, n_head=2, n_embd=16, block_size=12):
        super().__init__()
        self.wte = nn.Embedding(vocab, n_embd)
        self.wpe = nn.Embedding(block_size, n_embd)
        self.h = nn.ModuleList([Block(n_embd, n_head, block_size) for _ in range(n_layer)])
        self.head = nn.Linear(n_embd, vocab, bias=False)

    def forward(self, idx):
        b, t = idx.size()
        pos = torch.arange(0, t, dtype=torch.long, device=idx.device).unsqueeze(0)
        x = self.wte(idx) + self.wpe(pos)
        for block in self.h:
            x = block(x)
        return self.head(x)
""",
    integers=50,
)
_add(
    "vae",
    (1, 28, 28),
    652824,
    [(784,), (20,), (20,)],
    """
class VAE(nn.Module):
    def __init__(self, latent=20):
        super().__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, latent)
        self.fc22 = nn.Linear(400, latent)
        self.fc3 = nn.Linear(latent, 400)
        self.fc4 = nn.Linear(400, 784)
    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)
    def reparameterize(self, mu, logvar):
        if self.training:
            std = torch.exp(0.5 * logvar)
            return mu + torch.randn_like(std) * std
        return mu
    def decode(self, z):
        return torch.sigmoid(self.fc4(F.relu(self.fc3(z))))
    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar
""",
)
_add(
    "functional_weights",
    (3, 16, 16),
    608,
    [(8, 16, 16)],
    """
class Mine(nn.Conv2d):
    def __init__(self, a, b):
        super().__init__(a, b, 3, padding=1)

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(6, 3, 3, 3))
        self.bias = nn.Parameter(torch.zeros(6))
        self.next = Mine(6, 8)
    def forward(self, x):
        x = F.conv2d(x, self.weight, self.bias, padding=1)
        x = torch.where(torch.tensor(True), x, x) if False else x
        return F.leaky_relu_(self.next(x), 0.1)
""",
)
_add(
    "lstmcell",
    (7, 5),
    507,
    [(3,)],
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.cell = nn.LSTMCell(5, 8)
        self.fc = nn.Linear(8, 3)
    def forward(self, x):
        h = torch.zeros(x.size(0), 8); c = torch.zeros(x.size(0), 8)
        for t in range(x.size(1)):
            h, c = self.cell(x[:, t], (h, c))
        return self.fc(h)
""",
)
_add(
    "own_rnn",
    (7, 5),
    154,
    [(3,)],
    """
class RNN(nn.Module):
    def __init__(self, n=8):
        super().__init__()
        self.n=n
        self.i2h = nn.Linear(5 + n, n)
        self.i2o = nn.Linear(5 + n, 3)
        self.softmax = nn.LogSoftmax(dim=1)
    def initHidden(self, b):
        return torch.zeros(b, self.n)
    def forward(self, x):
        h = self.initHidden(x.size(0))
        for t in range(x.shape[1]):
            c = torch.cat((x[:, t, :], h), 1)
            h = torch.tanh(self.i2h(c))
            o = self.softmax(self.i2o(c))
        return o
""",
)
_add(
    "convnext_block",
    (8, 12, 12),
    992,
    [(8, 12, 12)],
    """
class LayerNorm(nn.Module):
    def __init__(self, n, eps=1e-6, data_format="channels_last"):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(n)); self.bias = nn.Parameter(torch.zeros(n))
        self.eps = eps; self.data_format = data_format
        if self.data_format not in ["channels_last", "channels_first"]:
            raise NotImplementedError
        self.normalized_shape = (n, )
    def forward(self, x):
        if self.data_format == "channels_last":
            return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        elif self.data_format == "channels_first":
            u = x.mean(1, keepdim=True)
            s = (x - u).pow(2).mean(1, keepdim=True)
            x = (x - u) / torch.sqrt(s + self.eps)
            x = self.weight[:, None, None] * x + self.bias[:, None, None]
            return x
class Block(nn.Module):
    def __init__(self, dim=8, layer_scale_init_value=1e-6):
        super().__init__()
        self.n0 = LayerNorm(dim, data_format="channels_first")
        self.dwconv = nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim)
        self.norm = LayerNorm(dim)
        self.pwconv1 = nn.Linear(dim, 4 * dim)
        self.act = nn.GELU()
        self.pwconv2 = nn.Linear(4 * dim, dim)
        self.gamma = nn.Parameter(layer_scale_init_value * torch.ones((dim)), requires_grad=True) if layer_scale_init_value > 0 else None
    def forward(self, x):
        input = x
        x = self.dwconv(self.n0(x))
        x = x.permute(0, 2, 3, 1)
        x = self.pwconv2(self.act(self.pwconv1(self.norm(x))))
        if self.gamma is not None:
            x = self.gamma * x
        x = x.permute(0, 3, 1, 2)
        return input + x
""",
)
_add(
    "einsum_attn",
    (6, 16),
    320,
    [(6, 16)],
    """
class SelfAttention(nn.Module):
    def __init__(self, embed_size=16, heads=4):
        super().__init__()
        self.heads=heads; self.head_dim=embed_size//heads; self.embed_size=embed_size
        self.values = nn.Linear(self.head_dim, self.head_dim, bias=False)
        self.keys = nn.Linear(self.head_dim, self.head_dim, bias=False)
        self.queries = nn.Linear(self.head_dim, self.head_dim, bias=False)
        self.fc_out = nn.Linear(heads*self.head_dim, embed_size)
    def forward(self, x, mask=None):
        N = x.shape[0]; L = x.shape[1]
        values = self.values(x.reshape(N, L, self.heads, self.head_dim))
        keys = self.keys(x.reshape(N, L, self.heads, self.head_dim))
        queries = self.queries(x.reshape(N, L, self.heads, self.head_dim))
        energy = torch.einsum("nqhd,nkhd->nhqk", [queries, keys])
        if mask is not None:
            energy = energy.masked_fill(mask == 0, float("-1e20"))
        attention = torch.softmax(energy / (self.embed_size ** (1/2)), dim=3)
        out = torch.einsum("nhql,nlhd->nqhd", [attention, values]).reshape(N, L, self.heads*self.head_dim)
        return self.fc_out(out)
""",
)
_add(
    "swin_window",
    (8, 8, 12),
    624,
    [(8, 8, 12)],
    """
def window_partition(x, window_size):
    B, H, W, C = x.shape
    x = x.view(B, H // window_size, window_size, W // window_size, window_size, C)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, window_size, window_size, C)
def window_reverse(windows, window_size, H, W):
    B = int(windows.shape[0] / (H * W / window_size / window_size))
    x = windows.view(B, H // window_size, W // window_size, window_size, window_size, -1)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(B, H, W, -1)
class W(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(12, 36)
        self.proj = nn.Linear(12, 12)
    def forward(self, x):
        B, H, W, C = x.shape
        x = torch.roll(x, shifts=(-2, -2), dims=(1, 2))
        w = window_partition(x, 4).view(-1, 16, C)
        B_, N, C = w.shape
        q, k, v = self.qkv(w).reshape(B_, N, 3, 3, C // 3).permute(2, 0, 3, 1, 4).unbind(0)
        a = (q * 0.5) @ k.transpose(-2, -1)
        a = a.softmax(-1)
        w = (a @ v).transpose(1, 2).reshape(B_, N, C)
        return window_reverse(self.proj(w).view(-1, 4, 4, C), 4, H, W)
""",
)
_add(
    "mixer",
    (3, 16, 16),
    5353,
    [(5,)],
    """
from functools import partial
class PreNormResidual(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.fn = fn
        self.norm = nn.LayerNorm(dim)
    def forward(self, x):
        return self.fn(self.norm(x)) + x
def FeedForward(dim, expansion_factor=4, dropout=0., dense=nn.Linear):
    inner_dim = int(dim * expansion_factor)
    return nn.Sequential(dense(dim, inner_dim), nn.GELU(), nn.Dropout(dropout), dense(inner_dim, dim), nn.Dropout(dropout))
class MLPMixer(nn.Module):
    def __init__(self, dim=12, depth=2, patches=16):
        super().__init__()
        chan_first, chan_last = partial(nn.Conv1d, kernel_size=1), nn.Linear
        self.proj = nn.Conv2d(3, dim, 4, 4)
        self.layers = nn.Sequential(*[nn.Sequential(PreNormResidual(dim, FeedForward(patches, 4, 0., chan_first)), PreNormResidual(dim, FeedForward(dim, 0.5, 0., chan_last))) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, 5)
    def forward(self, x):
        x = self.proj(x).flatten(2).transpose(1, 2)
        return self.head(self.norm(self.layers(x)).mean(dim=1))
""",
)
_add(
    "video",
    (4, 3, 8, 8),
    842,
    [(5,)],
    """
class TimeCNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.cnn = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.AdaptiveAvgPool2d(1))
        self.lstm = nn.LSTM(6, 9, batch_first=True)
        self.fc = nn.Linear(9, 5)
    def forward(self, x):
        b, t, c, h, w = x.shape
        f = self.cnn(x.view(b * t, c, h, w)).view(b, t, -1)
        out, (hn, _) = self.lstm(f)
        return self.fc(hn[-1])
""",
)
_add(
    "maxargs",
    (6, 10),
    761,
    [(5,)],
    """
class TextCNN(nn.Module):
    def __init__(self, kernel_sizes=(2, 3, 4), n=10):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(10, 7, k) for k in kernel_sizes])
        self.fc = nn.Linear(len(kernel_sizes) * 7, 5)
    def forward(self, x):
        x = x.transpose(1, 2)
        x = [F.relu(conv(x)) for conv in self.convs]
        x = [F.max_pool1d(i, i.size(2)).squeeze(2) for i in x]
        y = torch.max(x[0].unsqueeze(-1), dim=-1)[0]
        return self.fc(torch.cat(x, 1)) + y.max(dim=1, keepdim=True).values * 0
""",
)
_add(
    "decoder",
    {"tgt": (5, 16), "memory": (7, 16)},
    6688,
    [(5, 16)],
    """
class D(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerDecoder(nn.TransformerDecoderLayer(16, 4, 32, batch_first=True), 2)
    def forward(self, tgt, memory):
        mask = torch.triu(torch.full((5, 5), float('-inf')), diagonal=1)
        return self.layer(tgt, memory, tgt_mask=mask)
""",
)
_add(
    "shuffle",
    (16, 8, 8),
    441,
    [(16, 8, 8)],
    """
def channel_shuffle(x, groups: int):
    batchsize, num_channels, height, width = x.size()
    channels_per_group = num_channels // groups
    x = x.view(batchsize, groups, channels_per_group, height, width)
    x = torch.transpose(x, 1, 2).contiguous()
    return x.view(batchsize, num_channels, height, width)
class S(nn.Module):
    def __init__(self):
        super().__init__()
        self.b = nn.Sequential(nn.Conv2d(8, 8, 1), nn.Hardswish(), nn.Conv2d(8, 8, 3, padding=1, groups=8))
        self.w = nn.Parameter(torch.rand(16, 16))
        self.bn = nn.BatchNorm2d(16)
        self.p = nn.PReLU()
    def forward(self, x):
        x1, x2 = x.chunk(2, dim=1)
        out = torch.cat((x1, self.b(x2)), dim=1)
        out = channel_shuffle(out, 2)
        y = torch.matmul(out.flatten(2).transpose(1, 2), self.w).transpose(1, 2).reshape_as(out)
        return self.p(self.bn(out)) + F.normalize(y, dim=1) * torch.clamp(out, min=0, max=6)
""",
)
_add(
    "cond",
    (3, 16, 16),
    466,
    [(2,)],
    """
class Config:
    width = 8
    depth = 2
    def __init__(self, **kw):
        for k, v in kw.items():
            setattr(self, k, v)
class Base(nn.Module):
    def __init__(self, cfg):
        super().__init__()
        self.cfg = cfg
        self.build()
    def build(self):
        raise NotImplementedError
    @property
    def out_dim(self):
        return self.cfg.width * 2
    @staticmethod
    def act():
        return nn.ReLU()
class Net(Base):
    def build(self):
        w = self.cfg.width
        blocks = []
        i = 0
        while i < self.cfg.depth:
            blocks += [nn.Conv2d(3 if i == 0 else w, w, 3, padding=1), self.act()]
            i += 1
        self.body = nn.Sequential(*blocks)
        self.head = nn.Linear(w, self.out_dim)
        self.last = nn.Linear(self.out_dim, 2)
    @torch.no_grad()
    def forward(self, x, *, scale=1.0):
        feats = {}
        for name, m in self.body.named_children():
            x = m(x)
            feats[name] = x
        x = sum([feats[k].mean((2, 3)) for k in feats if int(k) % 2])
        return self.last(self.head(x) * scale)
model = Net(Config(width=4, depth=3))
""",
)
_add(
    "cells",
    (5, 6),
    192,
    [(4,)],
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.GRUCell(6, 4)
        self.r = nn.RNNCell(6, 4, nonlinearity="relu")
    def forward(self, x):
        h = None
        out = []
        for step in range(x.size(1)):
            h = self.g(x[:, step], h)
            out.append(h)
        return torch.stack(out, dim=1).sum(1) + self.r(x[:, 0])
""",
)
_add(
    "transformer",
    {"src": (6, 16), "tgt": (5, 16)},
    5104,
    [(5, 16)],
    """
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.t = nn.Transformer(16, 2, 1, 1, 24, batch_first=True, norm_first=True, activation="gelu")
    def forward(self, src, tgt):
        return self.t(src, tgt, tgt_mask=self.t.generate_square_subsequent_mask(5))
""",
)
