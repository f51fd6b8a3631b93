"""Networks of sequences: lines of text, films, speech and words, against their papers and against PyTorch.

Each network is written here a second time, of parts of torch.nn, with the same weights; torchaudio's own are
held to as well where it is there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import convcalc
from tests.zoo import originals
from tests.zoo.counts import counts, graph, millions

# name: (parameters, buffers, output); where each comes from stands at the tests below.
NETWORKS = {
    "crnn": (8_330_789, 2_048, (37, 24)),
    "convlstm": (7_585_296, 0, (1, 10, 64, 64)),
    "conv_tasnet": (4_984_881, 0, (2, 32_000)),
    "waveglow": (87_879_272, 0, (8, 2_000)),
    "wav2vec2_base": (94_370_944, 0, (49, 768)),
    "gpt2": (124_439_808, 0, (1024, 50_257)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_counts(name: str) -> None:
    found = counts(name)
    assert (found.params, found.buffers, found.output) == NETWORKS[name]


def test_crnn() -> None:
    """Table 1 by hand, with a linear layer between the LSTMs; Table 2 says 8.3 M."""
    widths = [
        (1, 64, 9),
        (64, 128, 9),
        (128, 256, 9),
        (256, 256, 9),
        (256, 512, 9),
        (512, 512, 9),
        (512, 512, 4),
    ]
    convolutions = sum(i * o * k + o for i, o, k in widths)
    first, second = (2 * 4 * 256 * (i + 256 + 2) for i in (512, 256))
    by_hand = convolutions + 4 * 512 + first + (512 * 256 + 256) + second + (512 * 37 + 37)
    assert counts("crnn").params == by_hand
    assert millions(by_hand, 1) == "8.3"
    # Every convolution at its places, and the rest at the 24 steps that section 2.2 calls about 25.
    places = [32 * 100, 16 * 50, 8 * 25, 8 * 25, 4 * 25, 4 * 25, 24]
    products = sum(i * o * k * n for (i, o, k), n in zip(widths, places, strict=True))
    recurrent = 2 * 4 * 256 * (512 + 256) + 512 * 256 + 2 * 4 * 256 * (256 + 256) + 512 * 37
    assert counts("crnn").macs == products + 24 * recurrent


def test_crnn_sees_the_whole_line() -> None:
    """A column of the map before the LSTMs sees 46 columns of pixels; both directions see all."""
    fields = convcalc.receptive_field(graph("crnn"))
    (sequence,) = fields.of("sequence")
    assert sequence.size[1] == 46 and sequence.stride[1] == 4
    for column in (0, 23):
        (region,) = fields.at((column,), "scores")
        assert region.axes[1].read == (0, 99)


# Shi et al. 2015, Table 1: kernels, widths, parameters. Of the rows of ConvLSTM none is left out.
MOVING_MNIST = [
    (5, 5, [256], 13_524_496),
    (5, 5, [128, 128], 10_042_896),
    (5, 5, [128, 64, 64], 7_585_296),
    (9, 1, [128, 128], 11_550_224),
    (9, 1, [128, 64, 64], 8_830_480),
]


@pytest.mark.parametrize(("kernel", "state", "widths", "params"), MOVING_MNIST)
def test_convlstm(kernel: int, state: int, widths: list[int], params: int) -> None:
    network = convcalc.load("convlstm", set={"kernel": kernel, "state_kernel": state, "widths": widths})
    totals = convcalc.analyze(network).totals
    assert totals.params == params
    # What is no bias (4 a channel, 16 at the end) and no peephole (3 a channel) is in a convolution; each
    # runs ten times on 16 x 16 places.
    weights = params - 2 * 7 * sum(widths) - 16
    assert totals.macs == 10 * 256 * weights


def test_convlstm_sees_the_past_alone() -> None:
    """After step t a state has seen t frames; each step adds the reach of a kernel, in patches of 4."""
    fields = convcalc.receptive_field(graph("convlstm", widths=(8, 4)))
    for t in (1, 4, 10):
        (low,) = fields.of(f"h0t{t}.cell")
        assert low.size == (t, 4 + 16 * t, 4 + 16 * t)
    for t in (0, 9):  # what is foretold: all ten
        assert fields.of(f"y{t}")[0].size[0] == 10


def test_conv_tasnet() -> None:
    """Figure 1 by hand; Table III says 5.1 M, with the residual of the last block, which nothing reads."""
    n, length, b, h, p, blocks = 512, 16, 128, 512, 3, 24
    block = (b * h + h) + (1 + 2 * h) + (h * p + h) + (1 + 2 * h) + 2 * (h * b + b)
    ends = 2 * n * length + 2 * n + (n * b + b) + 1 + (b * 2 * n + 2 * n)
    assert ends + blocks * block == 5_050_545
    assert millions(ends + blocks * block, 1) == "5.1"
    assert counts("conv_tasnet").params == ends + blocks * block - (h * b + b)


def test_waveglow() -> None:
    """Section 2 and the released config.json by hand; weight normalisation adds a number for each filter."""
    mels, width, layers, group = 80, 256, 8, 8
    plain, lengths = mels * mels * 1024 + mels, 0
    for flow in range(12):
        channels = group - 2 * (flow // 4)
        half = channels // 2
        plain += channels**2 + half * width + width + width * channels + channels
        plain += mels * group * 2 * width * layers + 2 * width * layers
        plain += layers * (3 * width * 2 * width + 2 * width)
        plain += (layers - 1) * (width * 2 * width + 2 * width) + width * width + width
        lengths += width + 2 * width * layers + 2 * width * layers + 2 * width * (layers - 1) + width
    assert counts("waveglow", weight_norm=False).params == plain == 87_731_816
    assert counts("waveglow").params == plain + lengths
    assert millions(plain + lengths, 1) == "87.9"
    assert counts("waveglow").macs == counts("waveglow", weight_norm=False).macs


def test_waveglow_sees_twelve_times_what_a_coupling_sees() -> None:
    """Dilations 1 to 128 of kernels of 3 reach 255 groups of 8 samples to either side."""
    fields = convcalc.receptive_field(graph("waveglow", weight_norm=False))
    (audio, _) = fields.of("z12")
    assert audio.size == (8 * (12 * 2 * 255 + 1),)


def test_wav2vec2() -> None:
    """Section 4.2 by hand, and what it says of a frame: it sees 25 ms, 400 samples, every 20 ms."""
    front = 512 * 10 + 4 * 512 * 512 * 3 + 2 * 512 * 512 * 2 + 2 * 512
    projection = 2 * 512 + 512 * 768 + 768
    position = 768 * (768 // 16) * 128 + 128 + 768
    block = 4 * (768 * 768 + 768) + 2 * 768 * 3072 + 3072 + 768 + 4 * 768
    assert counts("wav2vec2_base").params == front + projection + position + 2 * 768 + 12 * block
    assert counts("wav2vec2_base", weight_norm=False).params == 94_370_944 - 128
    plain = convcalc.load("wav2vec2_base").text.replace("[gn features]", "[identity]")
    (last,) = convcalc.receptive_field(convcalc.load(plain)).of("extractor.gelu7")
    assert (last.size, last.stride) == ((400,), (320,))
    assert graph("wav2vec2_base").shape(graph("wav2vec2_base").outputs[0]) == (49, 768)


def test_gpt2() -> None:
    """Its words are counted once, and multiplied at the end: 291,648,307,200 operations in all products."""
    words = 50_257 * 768
    block = 4 * 768 * 768 + 4 * 768 + 8 * 768 * 768 + 5 * 768 + 4 * 768
    assert counts("gpt2").params == words + 1024 * 768 + 12 * block + 2 * 768
    assert counts("gpt2").macs == 1024 * (12 * 12 * 768**2 + words) + 12 * 2 * 1024**2 * 768
    assert 2 * counts("gpt2").macs == 291_648_307_200
    rows = {row.name: row for row in convcalc.analyze(graph("gpt2")).layers}
    assert rows["scores"].params == 0
    assert rows["scores"].macs == 1024 * words
    short = graph("gpt2", "1x5")
    assert convcalc.analyze(short).totals.params == counts("gpt2").params
    with pytest.raises(convcalc.SpecError, match="1025 lies beyond the axis of 1024"):
        convcalc.load("gpt2", input="1x1025")


@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_a_causal_mask_hides_what_comes_later(tokens: int) -> None:
    network = convcalc.load("causal_mask(7)", input=f"{tokens}")
    (mask,) = convcalc.execute(network, np.zeros((1, tokens)), {})
    np.testing.assert_array_equal(mask, np.triu(np.full((tokens, tokens), -1e9), 1))


def small_gpt2() -> convcalc.Graph:
    return graph("gpt2", "1x7", vocabulary=11, context=9, width=12, depth=2, heads=3)


def test_gpt2_does_not_look_ahead() -> None:
    """A token that changes leaves the scores before it as they were, and changes all from it on."""
    network = small_gpt2()
    weights = convcalc.init_weights(network, 0, "float64")
    x = np.random.default_rng(0).integers(0, 11, (1, 1, 7))
    other = x.copy()
    other[..., 3] = (x[..., 3] + 1) % 11
    found, changed = (convcalc.execute(network, tokens, weights)[0] for tokens in (x, other))
    same = (found == changed).all(-1)
    assert same[:3].all() and not same[3:].any()


def drawn(network: convcalc.Graph) -> dict[str, np.ndarray]:
    """Weights of which none is a 0 or a 1 that hides a mistake."""
    rng = np.random.default_rng(0)
    found = convcalc.init_weights(network, 0, "float64")
    for name, array in found.items():
        if array.ndim == 1 or name.endswith(".value"):
            moved = array + rng.uniform(-0.3, 0.3, array.shape)
            found[name] = np.abs(moved) + 0.1 if name.endswith("running_var") else moved
    return found


def held(network: convcalc.Graph, weights: dict[str, np.ndarray], inputs: Any, module: Any) -> None:
    """Our output for two samples is that of the module, near in relation to the largest value."""
    import torch

    found = convcalc.execute(network, inputs, weights)
    named = inputs if isinstance(inputs, dict) else {"input": inputs}
    with torch.no_grad():
        expected = module(*(torch.from_numpy(array) for array in named.values())).numpy()
    assert found.shape == expected.shape
    assert np.abs(expected).max() > 1e-2 and np.abs(expected[0] - expected[1]).max() > 1e-4
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()


def fill(module: Any, weights: dict[str, np.ndarray], layer: str, **names: str) -> Any:
    """A part of torch.nn with the arrays of our layer of that name; `names` maps its names to ours."""
    import torch

    module = module.double().eval()
    own = {n: names.get(n, n) for n in module.state_dict() if n != "num_batches_tracked"}
    arrays = {n: torch.from_numpy(weights[f"{layer}.{ours}"]) for n, ours in own.items()}
    module.load_state_dict(arrays, strict=False)
    return module


def samples(network: convcalc.Graph) -> Any:
    """Two samples of every input."""
    rng = np.random.default_rng(1)
    found = {
        network.nodes[i].name: rng.standard_normal((2, *network.nodes[i].outputs[0])) for i in network.inputs
    }
    return found if len(found) > 1 else found["input"]


@pytest.mark.torch
def test_crnn_has_the_values_of_pytorch() -> None:
    from torch import nn

    network = graph("crnn")
    w = drawn(network)
    widths = [1, 64, 128, 256, 256, 512, 512, 512]
    parts: list[Any] = []
    for i in range(7):
        size, padding = (2, 0) if i == 6 else (3, 1)
        parts.append(fill(nn.Conv2d(widths[i], widths[i + 1], size, 1, padding), w, f"conv{i + 1}"))
        if i in (4, 5):
            parts.append(fill(nn.BatchNorm2d(512), w, f"bn{i - 3}"))
        parts.append(nn.ReLU())
        if i in (0, 1):
            parts.append(nn.MaxPool2d(2))
        if i in (3, 5):
            parts.append(nn.MaxPool2d((2, 1)))
    first, second = (
        fill(nn.LSTM(n, 256, bidirectional=True, batch_first=True), w, f"lstm{i}")
        for i, n in ((1, 512), (2, 256))
    )
    between, last = fill(nn.Linear(512, 256), w, "linear1"), fill(nn.Linear(512, 37), w, "scores")

    def module(x: Any) -> Any:
        sequence = nn.Sequential(*parts)(x).squeeze(2).transpose(1, 2)
        return last(second(between(first(sequence)[0]))[0]).transpose(1, 2)

    held(network, w, samples(network), module)


@pytest.mark.torch
def test_convlstm_has_the_values_of_pytorch() -> None:
    """Equation 3, with the convolution of input and state in one."""
    import torch
    from torch.nn import functional as F

    widths, seen, foretold = (6, 4), 3, 2
    network = graph("convlstm", "1x3x24x16", widths=widths, seen=seen, foretold=foretold)
    w = drawn(network)

    def step(name: str, x: Any, h: Any, c: Any) -> tuple[Any, Any]:
        t = {
            n.removeprefix(f"{name}."): torch.from_numpy(a) for n, a in w.items() if n.startswith(f"{name}.")
        }
        weight = t["from_state.weight"]
        if x is not None:
            weight, h = torch.cat([t["from_input.weight"], weight], 1), torch.cat([x, h], 1)
        i, f, g, o = F.conv2d(h, weight, t["from_state.bias"], padding=2).chunk(4, 1)
        new = torch.sigmoid(f + t["w1.value"] * c) * c + torch.sigmoid(i + t["w0.value"] * c) * torch.tanh(g)
        return torch.sigmoid(o + t["w2.value"] * new) * torch.tanh(new), new

    def module(film: Any) -> Any:
        states = [(film.new_zeros(len(film), n, 6, 4),) * 2 for n in widths]
        for t in range(seen):
            x = F.pixel_unshuffle(film[:, :, t], 4)
            for layer in (0, 1):
                states[layer] = step(f"h{layer}t1", x, *states[layer])
                x = states[layer][0]
        frames = []
        for _ in range(foretold):
            states[1] = step(f"h1t{seen + 1}", None, *states[1])
            states[0] = step(f"h0t{seen + 1}", states[1][0], *states[0])
            both = torch.cat([states[0][0], states[1][0]], 1)
            last = F.conv2d(both, *(torch.from_numpy(w[f"conv1.{n}"]) for n in ("weight", "bias")))
            frames.append(F.pixel_shuffle(torch.sigmoid(last), 4))
        return torch.stack(frames, 2)

    held(network, w, samples(network), module)


@pytest.mark.torch
@pytest.mark.parametrize("voices", [2, 3])
def test_conv_tasnet_has_the_values_of_pytorch(voices: int) -> None:
    import torch
    from torch import nn

    sizes = {"features": 10, "window": 6, "bottleneck": 5, "hidden": 8, "layers": 3, "repeats": 2}
    network = graph("conv_tasnet", "1x300", voices=voices, **sizes)
    w = drawn(network)

    def norm(width: int, name: str) -> Any:
        return fill(nn.GroupNorm(1, width, eps=1e-8), w, name)

    def conv(name: str, into: int, out: int, k: int = 1, **more: Any) -> Any:
        return fill(nn.Conv1d(into, out, k, **more), w, name)

    encoder = conv("encoder", 1, 10, 6, stride=3, padding=3, bias=False)
    decoder = fill(nn.ConvTranspose1d(10, 1, 6, stride=3, padding=3, bias=False), w, "branch1.convT1")

    def module(x: Any) -> Any:
        speech = encoder(x)
        y = conv("b0.out", 10, 5)(norm(10, "gn1")(speech))
        total = 0
        for i in range(6):
            name, d = f"b{i + 1}", 2 ** (i % 3)
            z = fill(nn.PReLU(), w, f"{name}.prelu1")(conv(f"{name}.conv1", 5, 8)(y))
            z = conv(f"{name}.dwconv1", 8, 8, 3, padding=d, dilation=d, groups=8)(norm(8, f"{name}.gn1")(z))
            z = norm(8, f"{name}.y")(fill(nn.PReLU(), w, f"{name}.prelu2")(z))
            total = total + conv(f"{name}.skip", 8, 5)(z)
            if i < 5:
                y = y + conv(f"{name}.residual", 8, 5)(z)
        masks = torch.sigmoid(conv("conv1", 5, 10 * voices)(fill(nn.PReLU(), w, "prelu1")(total)))
        return torch.cat([decoder(mask * speech) for mask in masks.chunk(voices, 1)], 1)

    held(network, w, samples(network), module)


def weight_normed(conv: Any, weights: dict[str, np.ndarray], name: str, dim: int = 0) -> Any:
    """A convolution of torch.nn with PyTorch's weight normalisation and the arrays of our block."""
    from torch.nn.utils.parametrizations import weight_norm

    return fill(
        weight_norm(conv, dim=dim),
        weights,
        name,
        **{
            "bias": "conv1.bias",
            "parametrizations.weight.original0": "gain.value",
            "parametrizations.weight.original1": "direction.value",
        },
    )


@pytest.mark.torch
@pytest.mark.parametrize(("rank", "per"), [(1, "filter"), (2, "filter"), (3, "filter"), (1, "tap")])
def test_weight_norm_is_that_of_pytorch(rank: int, per: str) -> None:
    from torch import nn

    size = "6" + "x7" * rank
    network = convcalc.load(f"weight_norm_conv(8, k=3, s=2, p=1, g=2, per='{per}', id=b)", input=size)
    w = drawn(network)
    conv = (nn.Conv1d, nn.Conv2d, nn.Conv3d)[rank - 1](6, 8, 3, stride=2, padding=1, groups=2)
    held(network, w, samples(network), weight_normed(conv, w, "b", 0 if per == "filter" else 2))


@pytest.mark.torch
@pytest.mark.parametrize("weight_norm", [True, False])
def test_waveglow_has_the_values_of_pytorch(weight_norm: bool) -> None:
    import torch
    from torch import nn

    flows, every, layers, width, mels = 5, 2, 3, 6, 4
    network = convcalc.load(
        "waveglow",
        input={"audio": "1x96", "spect": "4x2"},
        set={
            **{"flows": flows, "early_every": every, "layers": layers, "width": width, "mels": mels},
            "weight_norm": weight_norm,
        },
    )
    w = drawn(network)

    def conv(name: str, into: int, out: int, k: int = 1, d: int = 1) -> Any:
        part = nn.Conv1d(into, out, k, dilation=d, padding=d * (k - 1) // 2)
        if not weight_norm:
            return fill(part, w, f"{name}.conv1")
        return weight_normed(part, w, f"{name}.weight_norm_conv1")

    def coupling(name: str, x: Any, spect: Any) -> Any:
        half = x.shape[1]
        given = conv(f"{name}.condition", 8 * mels, 2 * width * layers)(spect).chunk(layers, 1)
        h, output, number = conv(f"{name}.h0", half, width)(x), 0, 1
        for i in range(layers):
            act = conv(f"{name}.wn_conv{number}", width, 2 * width, 3, 2**i)(h) + given[i]
            act = torch.tanh(act[:, :width]) * torch.sigmoid(act[:, width:])
            if i < layers - 1:
                both = conv(f"{name}.wn_conv{number + 1}", width, 2 * width)(act)
                h, output = h + both[:, :width], output + both[:, width:]
            else:
                output = output + conv(f"{name}.skip{i}", width, width)(act)
            number += 2
        return fill(nn.Conv1d(width, 2 * half, 1), w, f"{name}.end")(output)

    def module(audio: Any, spect: Any) -> Any:
        spect = fill(nn.ConvTranspose1d(mels, mels, 1024, stride=256), w, "upsample")(spect)[..., :96]
        spect = spect.unfold(2, 8, 8).permute(0, 2, 1, 3).flatten(2).transpose(1, 2)
        audio = audio[:, 0].unfold(1, 8, 8).transpose(1, 2)
        out = []
        for k in range(flows):
            if k % every == 0 and k > 0:
                out.append(audio[:, :2])
                audio = audio[:, 2:]
            n = audio.shape[1]
            audio = fill(nn.Conv1d(n, n, 1, bias=False), w, f"mixed{k}")(audio)
            kept, changed = audio[:, : n // 2], audio[:, n // 2 :]
            terms = coupling(f"wn{k}", kept, spect)
            audio = torch.cat([kept, torch.exp(terms[:, n // 2 :]) * changed + terms[:, : n // 2]], 1)
        return torch.cat([*out, audio], 1)

    held(network, w, samples(network), module)


def transformer(w: dict[str, np.ndarray], block: str, width: int, heads: int, act: Any, first: bool) -> Any:
    """A layer of PyTorch's own transformer with the arrays of our block."""
    from torch import nn

    layer = nn.TransformerEncoderLayer(
        width, heads, 4 * width, dropout=0, activation=act, batch_first=True, norm_first=first
    )
    kinds = ("weight", "bias")
    ours = {
        **{f"self_attn.in_proj_{kind}": f"attention1.qkv.{kind}" for kind in kinds},
        **{f"self_attn.out_proj.{kind}": f"attention1.proj.{kind}" for kind in kinds},
        **{f"linear{i}.{kind}": f"token_mlp1.linear{i}.{kind}" for i in (1, 2) for kind in kinds},
        **{f"norm{i}.{kind}": f"ln{i}.{kind}" for i in (1, 2) for kind in kinds},
    }
    return fill(layer, w, block, **ours)


@pytest.mark.torch
@pytest.mark.parametrize("taps", [8, 7])
def test_wav2vec2_has_the_values_of_pytorch(taps: int) -> None:
    from torch import nn
    from torch.nn import functional as F

    sizes = {"features": 10, "width": 12, "depth": 2, "heads": 3, "taps": taps, "groups": 2}
    network = graph("wav2vec2_base", "1x4000", **sizes)
    w = drawn(network)
    kernels = [(10, 5), *[(3, 2)] * 4, *[(2, 2)] * 2]

    def module(x: Any) -> Any:
        for i, (k, s) in enumerate(kernels, 1):
            x = fill(nn.Conv1d(10 if i > 1 else 1, 10, k, s, bias=False), w, f"extractor.conv{i}")(x)
            x = F.gelu(fill(nn.GroupNorm(10, 10), w, "extractor.gn1")(x) if i == 1 else x)
        x = fill(nn.Linear(10, 12), w, "projection")(fill(nn.LayerNorm(10), w, "ln1")(x.transpose(1, 2)))
        conv = nn.Conv1d(12, 12, taps, padding=taps // 2, groups=2)
        place = weight_normed(conv, w, "position.weight_norm_conv1", dim=2)(x.transpose(1, 2))
        x = x + F.gelu(place[..., : x.shape[1]]).transpose(1, 2)
        x = fill(nn.LayerNorm(12), w, "ln2")(x)
        for i in (1, 2):
            x = transformer(w, f"post_norm_block{i}", 12, 3, "gelu", first=False)(x)
        return x

    held(network, w, samples(network), module)


@pytest.mark.torch
def test_gpt2_has_the_values_of_pytorch() -> None:
    from functools import partial

    from torch import nn
    from torch.nn import functional as F

    network = small_gpt2()
    w = drawn(network)

    def module(x: Any) -> Any:
        words = fill(nn.Embedding(11, 12), w, "words")
        x = (
            words(x[:, 0].long())
            + fill(nn.Embedding(9, 12), w, "places", weight="value").weight[: x.shape[2]]
        )
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]).double()
        for i in (1, 2):
            act = partial(F.gelu, approximate="tanh")
            x = transformer(w, f"encoder_block{i}", 12, 3, act, first=True)(x, src_mask=mask)
        return F.linear(fill(nn.LayerNorm(12), w, "ln1")(x), words.weight)

    held(network, w, np.random.default_rng(1).integers(0, 11, (2, 1, 7)).astype(float), module)


def torchaudio_models() -> Any:
    """The models of torchaudio, where it is there and loads."""
    pytest.importorskip("torch")
    try:
        from torchaudio import models
    except (ImportError, OSError) as error:
        pytest.skip(f"torchaudio: {error}")
    return models


TASNET = [
    (r"^mask_generator\.input_norm\.", "gn1."),
    (r"^mask_generator\.input_conv\.", "b0.out."),
    (r"^mask_generator\.output_prelu\.", "prelu1."),
    (r"^mask_generator\.output_conv\.", "conv1."),
    (r"^mask_generator\.conv_layers\.(\d+)\.", lambda m: f"b{int(m[1]) + 1}."),
    (
        r"\.conv_layers\.(\d)\.",
        lambda m: f".{('conv1', 'prelu1', 'gn1', 'dwconv1', 'prelu2', 'y')[int(m[1])]}.",
    ),
    (r"\.res_out\.", ".residual."),
    (r"\.skip_out\.", ".skip."),
    (r"^decoder\.", "branch1.convT1."),
]


@pytest.mark.torch
def test_conv_tasnet_has_the_values_of_torchaudio() -> None:
    model = originals.drawn(torchaudio_models().conv_tasnet_base())
    network = graph("conv_tasnet", "1x2000", mask="relu")
    assert sum(p.numel() for p in model.parameters()) == 4_984_881
    originals.held(model, network, originals.renamed(model, network, TASNET), (1, 2000))


WAV2VEC2 = [
    (r"^feature_extractor\.conv_layers\.(\d)\.conv\.", lambda m: f"extractor.conv{int(m[1]) + 1}."),
    (r"^feature_extractor\.conv_layers\.0\.layer_norm\.", "extractor.gn1."),
    (r"^encoder\.feature_projection\.layer_norm\.", "ln1."),
    (r"^encoder\.feature_projection\.projection\.", "projection."),
    (r"^encoder\.transformer\.pos_conv_embed\.conv\.", "position.weight_norm_conv1."),
    (r"\.parametrizations\.weight\.original0$", ".gain.value"),
    (r"\.parametrizations\.weight\.original1$", ".direction.value"),
    (r"conv1\.bias$", "conv1.conv1.bias"),
    (r"^encoder\.transformer\.layer_norm\.", "ln2."),
    (r"^encoder\.transformer\.layers\.(\d+)\.", lambda m: f"post_norm_block{int(m[1]) + 1}."),
    (r"\.attention\.qkv\.", ".attention1.qkv."),
    (r"\.attention\.out_proj\.", ".attention1.proj."),
    (r"\.feed_forward\.intermediate_dense\.", ".token_mlp1.linear1."),
    (r"\.feed_forward\.output_dense\.", ".token_mlp1.linear2."),
    (r"(block\d+)\.layer_norm\.", r"\1.ln1."),
    (r"(block\d+)\.final_layer_norm\.", r"\1.ln2."),
]


@pytest.mark.torch
def test_wav2vec2_has_the_values_of_torchaudio() -> None:
    import torch

    model = originals.drawn(torchaudio_models().wav2vec2_base())
    assert sum(p.numel() for p in model.parameters()) == 94_370_944
    network = graph("wav2vec2_base", "1x4000")
    for i in range(12):  # queries, keys and values are three layers there
        attention = model.encoder.transformer.layers[i].attention
        parts = [getattr(attention, f"{n}_proj") for n in "qkv"]
        joined = torch.nn.Linear(768, 3 * 768).double()
        with torch.no_grad():
            joined.weight.copy_(torch.cat([part.weight for part in parts]))
            joined.bias.copy_(torch.cat([part.bias for part in parts]))
        attention.qkv = joined
    weights = originals.renamed(model, network, WAV2VEC2, r"\.[qkv]_proj\.")
    x = np.random.default_rng(1).standard_normal((2, 1, 4000))
    with torch.no_grad():
        expected = model(torch.from_numpy(x[:, 0]))[0].numpy()
    found = convcalc.execute(network, x, weights)
    assert np.abs(found - expected).max() <= 1e-9 * np.abs(expected).max()
    assert np.abs(expected[0] - expected[1]).max() > 0.01
