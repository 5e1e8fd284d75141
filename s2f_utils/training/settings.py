"""Every method's settings as frozen dataclasses whose defaults are the papers', and what values they may have."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from s2f_utils.models.directions import DIRECTIONS, FROM_NOISE, RESTORES, TO_FACES
from s2f_utils.runtime import ConfigError

BEST = ("ssim", "psnr")  # scores of a sheet of samples by which a generator may be kept


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What every training method has. Durations are counted in images shown to the networks."""

    direction: str = "sketch-to-photo"  # which domain goes in and which comes out
    size_px: int = 256  # height and width of what the networks see
    load_size_px: int = 286  # images are read at this size, then cropped at random to size_px
    batch_size: int = 1  # images a step
    epochs: float = 200.0  # passes over the training pairs, unless total_images is given
    total_images: int = 0  # length of training in images; 0: epochs * copies * number of training pairs
    max_epochs: float = 0.0  # training is cut to so many passes over the training pairs; 0: no limit
    time_budget_s: float = 0.0  # training is planned shorter where this machine needs longer for it; 0: no limit
    constant_share: float = 0.5  # share of training before the learning rate falls linearly to 0
    copies: int = 1  # how often a pass shows each pair, each time transformed anew (project 1: 130)
    flip: float = 0.5  # probability of mirroring a pair
    rotate_deg: float = 0.0  # random rotation up to this angle, either way
    shift_px: float = 0.0  # random shift up to this many pixels, either way, along both axes
    shear_deg: float = 0.0  # random shear up to this angle, either way
    scale: float = 0.0  # random enlargement up to this share, either way
    elastic: float = 0.0  # random bending: standard deviation of a 6x6 grid's shifts, a share of the width
    ema_half_life_images: float = 0.0  # half-life of the averaged generator's memory; 0: no average
    seed: int = 0  # weights, order of the data, augmentation, dropout
    precision: str = "auto"  # auto, float32, bfloat16, float16
    memory_format: str = "auto"  # auto, channels_last, contiguous
    log_every_images: int = 0  # a row of log.jsonl every so many images; 0: 200 rows a run
    sample_every_images: int = 0  # a sheet of samples every so many images; 0: 20 sheets a run
    num_samples: int = 8  # sketches on that sheet
    save_every_s: float = 300.0  # seconds between two saves of the resume file
    num_snapshots: int = 0  # generators kept along the way, evenly spread, beside the last
    keep_last: int = 1  # resume files that are kept: the newest, and those before it
    keep_best: str = ""  # ssim or psnr: the generator whose sheet of samples scored best is kept, too
    accumulate: int = 1  # parts in which a batch goes through the networks, one after the other, to save memory
    check_memory: bool = True  # what training needs is compared with what is free before it begins
    on_divergence: str = "stop"  # or back: to the last good state with half the learning rates, three times at most
    tracker: str = "none"  # or wandb: the log also goes to Weights & Biases
    track_checkpoints: bool = False  # and so do the saved generators


@dataclass(frozen=True, kw_only=True)
class Pix2PixConfig(TrainConfig):
    """pix2pix, Isola et al. 2017, with the values of its published PyTorch code."""

    base_filters: int = 64  # channels of the U-Net's first level
    num_downs: int = 0  # levels of the U-Net, 5 or more; 0: down to one pixel, as published
    norm: str = "batch"  # batch or instance, in both networks
    dropout: float = 0.5  # in the U-Net's middle; the paper's only source of chance
    discriminator: str = "patchgan"  # patchgan or pixelgan
    disc_filters: int = 64  # channels of the discriminator's first layer
    disc_layers: int = 3  # 3: each logit judges 70x70 pixels
    gan_loss: str = "vanilla"  # vanilla (cross entropy) or lsgan (squares)
    lambda_gan: float = 1.0  # weight of the adversarial loss
    lambda_l1: float = 100.0  # weight of the L1 loss
    lr_g: float = 2e-4  # Adam's learning rate for the generator
    lr_d: float = 2e-4  # and for the discriminator
    beta1: float = 0.5  # Adam's momentum
    beta2: float = 0.999  # Adam's second decay rate


@dataclass(frozen=True, kw_only=True)
class FaithfulConfig(TrainConfig):
    """A residual U-Net that answers with what is to be expected: L1 and SSIM, no discriminator. Ours, no paper's."""

    load_size_px: int = 256
    batch_size: int = 4
    total_images: int = 40_000
    max_epochs: float = 80.0  # on CUHK's 88 pairs more was worse (docs/models.md)
    constant_share: float = 0.3
    rotate_deg: float = 4.0
    shift_px: float = 4.0
    scale: float = 0.04
    elastic: float = 0.003
    ema_half_life_images: float = 5_000.0
    widths: str = "48,96,144,168"  # channels of the levels, from a quarter of the size on; multiples of 8
    blocks: int = 2  # residual blocks a level, on the way down and on the way up
    fine: str = "32,16"  # channels at half and at full size
    dropout: float = 0.1  # share of a block's channels
    hint_share: float = 0.0  # share of the pairs that are shown with their photo's colours at 4x4 pixels
    lambda_l1: float = 1.0  # weight of the L1 loss
    lambda_ssim: float = 1.0  # weight of (1 - SSIM) / 2
    lr_g: float = 7e-4  # AdamW's learning rate
    beta1: float = 0.9  # AdamW's momentum
    beta2: float = 0.99  # and second decay rate
    weight_decay: float = 0.01  # AdamW's decay of the weights
    max_norm: float = 1.0  # longer gradients are scaled down to this


@dataclass(frozen=True, kw_only=True)
class RealisticConfig(FaithfulConfig):
    """A faithful network and a second one that adds detail, against discriminators of patches. Ours, no paper's."""

    total_images: int = 20_000
    detail_widths: str = "32,64,96,128"  # as `widths`, of the network that adds detail
    detail_fine: str = "32,16"  # as `fine`
    detail_blocks: int = 1  # as `blocks`
    detail_init: str = ""  # a name, run or file: begin with the network that adds detail there; "": with none
    lambda_ssim: float = 0.8
    lambda_gan: float = 0.008  # weight of the adversarial loss (hinge)
    lambda_features: float = 0.0  # weight of the distance between true and made pictures' features in net_d
    lr_g: float = 6e-4
    lr_d: float = 1e-3  # Adam's learning rate for the discriminators
    beta1: float = 0.5
    disc_filters: int = 32  # channels of the discriminators' first layers
    disc_crop_px: int = 96  # the discriminators see random parts of this size; 0: whole pictures
    disc_crops: int = 3  # such parts of each picture
    disc_steps: int = 2  # steps of the discriminators for one of the generator
    disc_layers: str = "2,3"  # a judge of brightness each: 2 looks at patches of 34 px, 3 at 70 px
    disc_layers_colour: str = "2"  # the same for judges of the colours that go with a brightness; "" for none


@dataclass(frozen=True, kw_only=True)
class CycleGANConfig(TrainConfig):
    """CycleGAN, Zhu et al. 2017, with the values of its published PyTorch code. It learns both directions at once."""

    apart: bool = True  # of a person the sketch or the photo is shown, never both; False: all pictures of both sides
    base_filters: int = 64  # channels of the generators' first layer
    num_blocks: int = 0  # residual blocks; 0: as published, 9 from 256 px on, else 6
    dropout: float = 0.0  # in the residual blocks
    disc_filters: int = 64  # channels of the discriminators' first layer
    disc_layers: int = 3  # 3: each logit judges 70x70 pixels
    gan_loss: str = "lsgan"  # lsgan (squares) or vanilla (cross entropy)
    pool_size: int = 50  # made pictures kept for each discriminator; 0: it sees the newest only
    lambda_gan: float = 1.0  # weight of both adversarial losses
    lambda_cycle_sketch: float = 10.0  # weight of sketch → photo → sketch
    lambda_cycle_photo: float = 10.0  # weight of photo → sketch → photo
    lambda_identity: float = 0.5  # weight of the identity mapping, as a share of the cycle weights
    lr_g: float = 2e-4  # Adam's learning rate for both generators
    lr_d: float = 2e-4  # and for both discriminators
    beta1: float = 0.5  # Adam's momentum
    beta2: float = 0.999  # Adam's second decay rate


@dataclass(frozen=True, kw_only=True)
class CGANConfig(TrainConfig):
    """Project 5's conditional GAN: a ResNet-like generator against a dense discriminator of whole photos, at 128 px.

    It has no L1 loss, and its discriminator does not see the sketch. What project 5 does not say is DCGAN's.
    """

    size_px: int = 128
    load_size_px: int = 128
    flip: float = 0.0
    batch_size: int = 16
    constant_share: float = 0.0  # the learning rates fall from the first epoch on
    base_filters: int = 32  # channels of the generator's first layer
    num_blocks: int = 6  # of its residual form: what is added is the first convolution's output
    disc_filters: int = 64  # channels of the discriminator's first layer
    gan_loss: str = "vanilla"  # vanilla (cross entropy of the logits) or sigmoid (of their sigmoid, as project 5)
    lambda_gan: float = 1.0  # weight of the adversarial loss
    lambda_l1: float = 0.0  # weight of an L1 loss, which project 5 has not
    lr_g: float = 2e-4  # Adam's learning rate for the generator
    lr_d: float = 2e-4  # and for the discriminator
    beta1: float = 0.5  # Adam's momentum
    beta2: float = 0.999  # Adam's second decay rate


@dataclass(frozen=True, kw_only=True)
class StyleGAN2Config(TrainConfig):
    """StyleGAN2, Karras et al. 2020, with ADA: photos from chance. Values of NVIDIA's "paper256"."""

    direction: str = FROM_NOISE
    load_size_px: int = 256
    batch_size: int = 64
    total_images: int = 25_000_000
    constant_share: float = 1.0
    ema_half_life_images: float = 20_000.0
    style_dim: int = 512  # values of a style
    num_mlp: int = 8  # layers of the network that turns noise into styles
    width: int = 512  # most channels of a layer, in both networks
    channel_multiplier: float = 1.0  # channels from 64 px on: 2 in the paper's large models
    mixing: float = 0.9  # share of made photos whose styles come from two draws
    noise_from_images: int = 0  # before so many images the noise has no say: small generators take it for detail
    augment_disc: str = "ada"  # what the discriminator is shown: ada, diff (DiffAugment), or none
    ada_target: float = 0.6  # how sure of real photos the discriminator should be
    ada_images: float = 500_000.0  # the augmentation's probability moves at most from 0 to 1 within so many images
    lambda_gan: float = 1.0  # weight of the adversarial loss (logistic)
    r1_gamma: float = 1.0  # weight of the discriminator's squared slope at real photos
    r1_every: int = 16  # steps between two looks at it; 0: never
    lambda_path: float = 2.0  # weight of the path length's regularisation
    path_every: int = 4  # steps between two looks at it; 0: never
    lr_g: float = 2.5e-3  # Adam's learning rate for the generator
    lr_d: float = 2.5e-3  # and for the discriminator
    beta1: float = 0.0  # Adam's momentum
    beta2: float = 0.99  # Adam's second decay rate


@dataclass(frozen=True, kw_only=True)
class PSPConfig(TrainConfig):
    """pSp, Richardson et al. 2021, with the published settings for sketches: an encoder for a trained StyleGAN2.

    Directions: sketch-to-photo, map-to-photo (a 19-class map), both-to-photo, photo-to-photo (inversion).
    """

    load_size_px: int = 256
    batch_size: int = 8
    total_images: int = 4_000_000
    constant_share: float = 1.0
    flip: float = 0.0
    encoder: str = "psp"  # psp: IR-SE50 at 256 px, as published; small: the same structure, at most 5 M parameters
    decoder_px: int = 1024  # the generator's size
    style_dim: int = 512  # and its other arguments: values of a style
    num_mlp: int = 8  # layers of the network that turns noise into styles
    width: int = 512  # most channels of a layer
    channel_multiplier: float = 2.0  # channels from 64 px on
    perceptual: str = "lpips"  # or discriminator: the distance of its features, where there are no weights for LPIPS
    lambda_l2: float = 1.0  # weight of the mean squared error
    lambda_lpips: float = 0.8  # weight of LPIPS, or of the distance of the discriminator's features
    lambda_id: float = 0.0  # weight of the identity loss (published: 0.1 for photos)
    lambda_w: float = 0.005  # weight of the styles' distance from the mean style
    mixing: float = 0.0  # share of faces whose later styles are drawn by chance, so that the encoder leaves them open
    mix_from: int = 0  # the first of those styles; 0: 8 of 18, as published, or the seventh in smaller generators
    lr_g: float = 1e-4  # Adam's learning rate for the encoder
    beta1: float = 0.95  # Adam's momentum
    beta2: float = 0.999  # Adam's second decay rate

    @property
    def open_from(self) -> int:
        """The first of the styles that are left open."""
        layers = 2 * self.decoder_px.bit_length() - 4
        return self.mix_from or min(8 if layers >= 14 else 7, layers - 1)

    @property
    def channels(self) -> int:
        """The encoder's channels: grey, 19 classes, both, or red, green and blue."""
        return dict(zip(TO_FACES, (1, 19, 20, 3), strict=True))[self.direction]


@dataclass(frozen=True, kw_only=True)
class RestoreConfig(TrainConfig):
    """GFPGAN, Wang et al. 2021, with the values of its published "simple" training, from nothing."""

    direction: str = RESTORES
    size_px: int = 512
    load_size_px: int = 512
    batch_size: int = 12
    total_images: int = 9_600_000
    constant_share: float = 0.75  # published: halved after 600,000 and 700,000 of 800,000 steps
    ema_half_life_images: float = 10_000.0
    num_style_feat: int = 512  # values of a style
    num_mlp: int = 8  # layers that GFPGAN's decoder keeps from StyleGAN2, and does not use
    narrow: float = 1.0  # share of the published width
    channel_multiplier: float = 2.0  # channels from 64 px on; the published files have 2, the published training 1
    residual: bool = False  # what is painted is added to the damaged face; not published, for a network that can paint
    discriminator: str = "stylegan2"  # or patchgan, which judges patches of 34 px and learns from far fewer photos
    disc_width: int = 512  # most channels of a layer of the discriminator
    disc_multiplier: float = 1.0  # and StyleGAN2's channels from 64 px on
    damage: float = 1.0  # share of the published ranges of degradation
    perceptual: str = "vgg"  # or discriminator: the distance of its features, where VGG-19's weights are not at hand
    lambda_l1: float = 0.1  # weight of the L1 loss
    lambda_pyramid: float = 1.0  # weight of the L1 losses of the U-Net's own pictures, from 8 px on
    pyramid_images: int = 600_000  # images after which that loss is left out
    lambda_perceptual: float = 1.0  # weight of the distance of VGG-19's features, or of the discriminator's
    lambda_style: float = 50.0  # weight of the distance of the Gram matrices of VGG-19's features
    lambda_id: float = 10.0  # weight of the identity loss
    lambda_gan: float = 0.1  # weight of the adversarial loss (logistic)
    r1_gamma: float = 10.0  # weight of the discriminator's squared slope at real photos
    r1_every: int = 16  # steps between two looks at it; 0: never
    lr_g: float = 2e-3  # Adam's learning rate for the restorer
    lr_d: float = 2e-3  # and for the discriminator
    beta1: float = 0.0  # Adam's momentum
    beta2: float = 0.99  # Adam's second decay rate
    max_norm: float = 0.0  # longer gradients of the restorer are scaled down to this; 0: never, as published


CONFIGS: dict[str, type[TrainConfig]] = {
    "pix2pix": Pix2PixConfig,
    "cyclegan": CycleGANConfig,
    "cgan": CGANConfig,
    "stylegan2": StyleGAN2Config,
    "psp": PSPConfig,
    "restore": RestoreConfig,
    "faithful": FaithfulConfig,
    "realistic": RealisticConfig,
}


def validate(config: TrainConfig) -> None:
    """Raise ConfigError with what is wrong and what would be right, or return quietly."""

    def need(holds: bool, message: str) -> None:
        if not holds:
            raise ConfigError(message)

    size = config.size_px
    ways = {StyleGAN2Config: (FROM_NOISE,), PSPConfig: TO_FACES, RestoreConfig: (RESTORES,)}.get(
        type(config), DIRECTIONS
    )
    need(config.direction in ways, f"direction must be one of {', '.join(ways)}, got {config.direction!r}")
    need(size >= 32 and size & (size - 1) == 0, f"size_px must be a power of two from 32 on, got {size}")
    need(
        config.load_size_px >= size,
        f"load_size_px ({config.load_size_px}) must not be smaller than size_px ({size}): the crop is taken from it",
    )
    for name in ("batch_size", "copies", "num_samples", "keep_last", "accumulate"):
        need(getattr(config, name) >= 1, f"{name} must be 1 or more, got {getattr(config, name)}")
    for name in ("constant_share", "flip"):
        need(0 <= getattr(config, name) <= 1, f"{name} must be between 0 and 1, got {getattr(config, name)}")
    need(config.epochs > 0 or config.total_images > 0, "epochs or total_images must be more than 0")
    for name, value in vars(config).items():
        need(not isinstance(value, float) or math.isfinite(value), f"{name} must be a finite number, got {value}")
    for name in ("seed", "rotate_deg", "shear_deg", "num_snapshots"):
        need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    need(0 <= config.scale < 0.5, f"scale must be from 0 to less than 0.5, got {config.scale}")
    need(0 <= config.elastic <= 0.1, f"elastic must be from 0 to 0.1, got {config.elastic}")
    need(0 <= config.shift_px < size, f"shift_px must be from 0 to less than size_px ({size}), got {config.shift_px}")
    need(
        config.precision in ("auto", "float32", "bfloat16", "float16"),
        f"precision must be auto, float32, bfloat16 or float16, got {config.precision!r}",
    )
    need(
        config.memory_format in ("auto", "channels_last", "contiguous"),
        f"memory_format must be auto, channels_last or contiguous, got {config.memory_format!r}",
    )
    for name, known in (("keep_best", ("", *BEST)), ("on_divergence", ("stop", "back"))):
        value = getattr(config, name)
        need(value in known, f"{name} must be {' or '.join(repr(k) for k in known)}, got {value!r}")
    need(config.tracker in ("none", "wandb"), f"tracker must be none or wandb, got {config.tracker!r}")
    for name in (
        "total_images",
        "log_every_images",
        "sample_every_images",
        "save_every_s",
        "max_epochs",
        "time_budget_s",
        "ema_half_life_images",
    ):
        need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    if isinstance(config, Pix2PixConfig):
        need(
            config.discriminator in ("patchgan", "pixelgan"),
            f"discriminator must be patchgan or pixelgan, got {config.discriminator!r}",
        )
        deepest = size.bit_length() - 1
        need(
            config.num_downs == 0 or 5 <= config.num_downs <= deepest,
            f"num_downs must be 0 or from 5 to {deepest} (one pixel) at {size} px, got {config.num_downs}",
        )
        need(config.gan_loss in ("vanilla", "lsgan"), f"gan_loss must be vanilla or lsgan, got {config.gan_loss!r}")
        need(config.norm in ("batch", "instance"), f"norm must be batch or instance, got {config.norm!r}")
        most = size.bit_length() - 3
        need(
            config.discriminator == "pixelgan" or config.disc_layers <= most,
            f"disc_layers must be at most {most} at {size} px, so that some patches are left, got {config.disc_layers}",
        )
        for name in ("lr_g", "lr_d", "base_filters", "disc_filters", "disc_layers"):
            need(getattr(config, name) > 0, f"{name} must be more than 0, got {getattr(config, name)}")
    if isinstance(config, CycleGANConfig):
        _validate_cyclegan(config, need)
    if isinstance(config, CGANConfig):
        known = ("vanilla", "sigmoid", "lsgan")
        need(config.gan_loss in known, f"gan_loss must be one of {', '.join(known)}, got {config.gan_loss!r}")
        for name in ("lr_g", "lr_d", "base_filters", "num_blocks", "disc_filters"):
            need(getattr(config, name) > 0, f"{name} must be more than 0, got {getattr(config, name)}")
        for name in ("lambda_gan", "lambda_l1"):
            need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    if isinstance(config, StyleGAN2Config):
        _validate_stylegan2(config, need)
    if isinstance(config, PSPConfig):
        _validate_psp(config, need)
    if isinstance(config, RestoreConfig):
        _validate_restore(config, need)
    if isinstance(config, FaithfulConfig):
        _validate_resunet(config, need)


def _validate_cyclegan(config: CycleGANConfig, need: Callable[[bool, str], None]) -> None:
    need(
        config.direction == "sketch-to-photo",
        "cyclegan learns both directions: leave direction out here, and say which one you want when you use it"
        " (s2f translate RUN … --direction photo-to-sketch)",
    )
    need(config.gan_loss in ("lsgan", "vanilla"), f"gan_loss must be lsgan or vanilla, got {config.gan_loss!r}")
    for name in ("lr_g", "lr_d", "base_filters", "disc_filters", "disc_layers"):
        need(getattr(config, name) > 0, f"{name} must be more than 0, got {getattr(config, name)}")
    numbers = ("num_blocks", "pool_size", "lambda_gan", "lambda_cycle_sketch", "lambda_cycle_photo", "lambda_identity")
    for name in numbers:
        need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    need(0 <= config.dropout < 1, f"dropout must be from 0 to less than 1, got {config.dropout}")
    most = config.size_px.bit_length() - 3
    need(
        config.disc_layers <= most,
        f"disc_layers must be at most {most} at {config.size_px} px, so that some patches are left, got"
        f" {config.disc_layers}",
    )


def _validate_resunet(config: FaithfulConfig, need: Callable[[bool, str], None]) -> None:
    lists = {"widths": 2, "fine": 2}
    if isinstance(config, RealisticConfig):
        lists |= {"detail_widths": 2, "detail_fine": 2, "disc_layers": 1}
        lists |= {"disc_layers_colour": 1} if config.disc_layers_colour else {}
    for name, least in lists.items():
        text = getattr(config, name)
        numbers = text.split(",")
        fits = all(part.strip().isdecimal() and int(part) > 0 for part in numbers) and len(numbers) >= least
        need(fits, f"{name} must be {least} or more whole numbers with commas, got {text!r}")
        if name.endswith("fine"):
            need(len(numbers) == 2, f"{name} must be two numbers, got {text!r}")
        if name.endswith("widths"):
            least_px = 4 * 2 ** (len(numbers) - 1)
            need(config.size_px >= least_px, f"{len(numbers)} {name} need size_px of {least_px} or more")
    for name in ("lr_g", "lr_d", "blocks", "detail_blocks", "disc_filters", "disc_crops", "disc_steps"):
        need(getattr(config, name, 1) > 0, f"{name} must be more than 0, got {getattr(config, name, 1)}")
    for name in ("dropout", "hint_share"):
        need(0 <= getattr(config, name) <= 1, f"{name} must be between 0 and 1, got {getattr(config, name)}")
    for name in ("weight_decay", "max_norm", "lambda_l1", "lambda_ssim", "lambda_gan", "lambda_features"):
        need(getattr(config, name, 0) >= 0, f"{name} must be 0 or more, got {getattr(config, name, 0)}")
    if isinstance(config, RealisticConfig):
        deepest = max(int(n) for n in f"{config.disc_layers},{config.disc_layers_colour}".split(",") if n)
        least_px = 2 ** (deepest + 1) + 8  # so that two patches or more are left, for the norm
        side = config.disc_crop_px or config.size_px
        need(
            side >= least_px,
            f"disc_crop_px must be 0 (whole pictures, {config.size_px} px) or {least_px} or more with {deepest} layers"
            f" in a discriminator, got {config.disc_crop_px}",
        )


def _validate_stylegan2(config: StyleGAN2Config, need: Callable[[bool, str], None]) -> None:
    kinds = ("ada", "diff", "none")
    need(config.augment_disc in kinds, f"augment_disc must be {', '.join(kinds)}, got {config.augment_disc!r}")
    need(config.size_px <= 1024, f"size_px must be at most 1024, got {config.size_px}")
    need(
        config.batch_size < 4 or config.batch_size % 4 == 0,
        f"batch_size must be at most 4 or a multiple of 4, got {config.batch_size}: the discriminator compares four"
        " photos at a time",
    )
    for name in ("lr_g", "lr_d", "style_dim", "num_mlp", "width", "channel_multiplier", "ada_images"):
        need(getattr(config, name) > 0, f"{name} must be more than 0, got {getattr(config, name)}")
    for name in ("lambda_gan", "r1_gamma", "r1_every", "lambda_path", "path_every", "noise_from_images"):
        need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    need(0 <= config.mixing <= 1, f"mixing must be between 0 and 1, got {config.mixing}")
    need(-1 <= config.ada_target <= 1, f"ada_target must be from -1 to 1, got {config.ada_target}")


def _validate_psp(config: PSPConfig, need: Callable[[bool, str], None]) -> None:
    need(config.encoder in ("psp", "small"), f"encoder must be psp or small, got {config.encoder!r}")
    kinds = ("lpips", "discriminator")
    need(config.perceptual in kinds, f"perceptual must be {' or '.join(kinds)}, got {config.perceptual!r}")
    size = config.decoder_px
    need(32 <= size <= 1024 and size & (size - 1) == 0, f"decoder_px must be a power of two up to 1024, got {size}")
    small = config.encoder == "small" or config.style_dim == 512
    need(small, f"encoder psp answers with styles of 512 values, the generator takes {config.style_dim}: choose small")
    for name in ("lr_g", "style_dim", "num_mlp", "width", "channel_multiplier"):
        need(getattr(config, name) > 0, f"{name} must be more than 0, got {getattr(config, name)}")
    for name in ("lambda_l2", "lambda_lpips", "lambda_id", "lambda_w"):
        need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    need(0 <= config.mixing <= 1, f"mixing must be between 0 and 1, got {config.mixing}")
    layers = 2 * size.bit_length() - 4
    need(
        0 <= config.mix_from < layers,
        f"mix_from must be from 0 to {layers - 1} for a generator of {size} px, got {config.mix_from}",
    )
    need(
        config.size_px <= size,
        f"size_px ({config.size_px}) must not be larger than the generator's faces (decoder_px {size})",
    )
    is_map = config.direction in ("map-to-photo", "both-to-photo")
    moved = config.flip or config.rotate_deg or config.shift_px or config.shear_deg or config.scale or config.elastic
    need(
        not (is_map and moved),
        "flip, rotate_deg, shift_px, shear_deg, scale and elastic must be 0 with maps: mirroring exchanges left and"
        " right, and between two classes lies none",
    )


def _validate_restore(config: RestoreConfig, need: Callable[[bool, str], None]) -> None:
    kinds = ("vgg", "discriminator")
    need(config.perceptual in kinds, f"perceptual must be {' or '.join(kinds)}, got {config.perceptual!r}")
    judges = ("stylegan2", "patchgan")
    need(config.discriminator in judges, f"discriminator must be {' or '.join(judges)}, got {config.discriminator!r}")
    need(
        config.discriminator == "stylegan2" or config.disc_width >= 8,
        f"disc_width must be 8 or more with discriminator=patchgan, got {config.disc_width}",
    )
    need(config.size_px <= 1024, f"size_px must be at most 1024, got {config.size_px}")
    for name in ("lr_g", "lr_d", "num_style_feat", "num_mlp", "narrow", "channel_multiplier", "disc_width"):
        need(getattr(config, name) > 0, f"{name} must be more than 0, got {getattr(config, name)}")
    numbers = ("l1", "pyramid", "perceptual", "style", "id", "gan")
    for name in (*(f"lambda_{name}" for name in numbers), "r1_gamma", "r1_every", "pyramid_images", "max_norm"):
        need(getattr(config, name) >= 0, f"{name} must be 0 or more, got {getattr(config, name)}")
    need(config.disc_multiplier > 0, f"disc_multiplier must be more than 0, got {config.disc_multiplier}")
    need(0 <= config.damage <= 1, f"damage must be between 0 and 1, got {config.damage}")
    need(
        config.perceptual == "vgg" or not config.lambda_style,
        "lambda_style must be 0 with perceptual=discriminator: the style loss is one of VGG-19's features",
    )
    need(
        round(512 * config.narrow) >= 8 and round(512 * config.narrow) % 4 == 0,
        f"narrow must leave a number of channels that 4 divides, of 512: 0.25 and 0.5 do, got {config.narrow:g}",
    )
