"""Settings: the papers' defaults, profiles on top, and errors that list what there is."""

from __future__ import annotations

import dataclasses
import json

import pytest

from s2f_utils import runtime
from s2f_utils.training import config
from s2f_utils.training.methods import METHODS
from s2f_utils.training.methods.faithful import FaithfulConfig
from s2f_utils.training.methods.pix2pix import Pix2PixConfig


def test_defaults_are_the_papers():
    c = Pix2PixConfig()
    assert (c.size_px, c.load_size_px, c.batch_size, c.epochs, c.constant_share) == (256, 286, 1, 200, 0.5)
    assert (c.lr_g, c.lr_d, c.beta1, c.beta2, c.lambda_l1, c.lambda_gan) == (2e-4, 2e-4, 0.5, 0.999, 100, 1)
    assert (c.base_filters, c.disc_filters, c.disc_layers, c.norm, c.dropout, c.flip) == (64, 64, 3, "batch", 0.5, 0.5)
    assert (c.gan_loss, c.ema_half_life_images, c.copies, c.rotate_deg) == ("vanilla", 0, 1, 0)


def test_every_profile_is_valid_and_says_where_its_values_come_from():
    for profile in runtime.PROFILE_NAMES:
        for has_gpu in (False, True):
            resolved = config.resolve("pix2pix", profile, {"seed": 7}, has_gpu=has_gpu)
            paper = Pix2PixConfig()
            for name, origin in resolved.origin.items():
                value = getattr(resolved.config, name)
                if origin == "paper":
                    assert value == getattr(paper, name)
            assert resolved.changed()["seed"] == (7, "yours")
    assert config.resolve("pix2pix", "full").changed() == {}


def test_a_small_set_has_a_profile_for_training_alone(monkeypatch):
    assert runtime.profile_name(asked="small") == "small"
    with pytest.raises(runtime.ConfigError, match="there is no profile 'small'"):
        runtime.profile_name("small")
    monkeypatch.setenv("S2F_PROFILE", "small")
    with pytest.raises(runtime.ConfigError, match="'small' .small is asked for by --profile small"):
        runtime.profile_name("demo")
    found = config.resolve("faithful", "small", {"seed": 7})
    assert found.config.dropout > FaithfulConfig().dropout and found.origin["dropout"] == "profile small"
    assert config.resolve("realistic", "small").config.detail_init == "sketch-to-photo-detail"
    with pytest.raises(runtime.ConfigError, match="profile small is for faithful and realistic: choose another"):
        config.resolve("pix2pix", "small")


def test_the_cpu_has_its_own_demo():
    gpu, cpu = (config.resolve("pix2pix", "demo", has_gpu=g).config for g in (True, False))
    assert cpu.base_filters < gpu.base_filters
    assert config.resolve("pix2pix", "demo").origin["base_filters"] == "profile demo on a CPU"


@pytest.mark.parametrize("method", METHODS)
def test_a_length_that_one_asks_for_is_not_cut_by_a_profile(method):
    for profile in ("demo", "fast"):
        found = config.resolve(method, profile, {"epochs": 50.0}).config
        assert (found.epochs, found.total_images, found.max_epochs, found.time_budget_s) == (50.0, 0, 0, 0)
        found = config.resolve(method, profile, {"total_images": 1_000}).config
        assert (found.total_images, found.max_epochs, found.time_budget_s) == (1_000, 0, 0)
        found = config.resolve(method, profile, {"total_images": 1_000, "max_epochs": 3.0}).config
        assert (found.total_images, found.max_epochs) == (1_000, 3.0)
        found = config.resolve(method, profile, {"total_images": 1_000, "time_budget_s": 9.0}).config
        assert (found.total_images, found.time_budget_s) == (1_000, 9.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"disc_crop_px": 16}, "disc_crop_px must be 0 .* or 24 or more with 3 layers"),
        ({"disc_crop_px": -5}, "disc_crop_px must be"),
        ({"lambda_gan": -1.0}, "lambda_gan must be 0 or more"),
        ({"disc_layers": ""}, "disc_layers must be 1 or more whole numbers"),
    ],
)
def test_impossible_opponents_are_refused(change, message):
    with pytest.raises(runtime.ConfigError, match=message):
        config.resolve("realistic", "full", change)


def test_profile_comes_from_the_environment_first(monkeypatch):
    monkeypatch.setenv("S2F_PROFILE", "fast")
    assert runtime.profile_name("full") == "fast"
    assert runtime.profile_name("full", asked="demo") == "demo"  # what somebody types wins over all
    monkeypatch.delenv("S2F_PROFILE")
    assert runtime.profile_name("full") == "full"
    assert runtime.profile_name() == "demo"
    with pytest.raises(runtime.ConfigError, match="full, demo, fast"):
        runtime.profile_name("turbo")


def test_configuration_cannot_be_changed_and_travels_through_json():
    c = config.resolve("pix2pix", "demo").config
    with pytest.raises(dataclasses.FrozenInstanceError):
        c.lr_g = 1.0
    values = json.loads(json.dumps(dataclasses.asdict(c)))
    assert config.resolve("pix2pix", "full", values).config == c
    with pytest.raises(runtime.ConfigError, match="no setting 'lr'"):
        config.resolve("pix2pix", "full", {"lr": 1.0})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"size_px": 200}, "power of two from 32 on, got 200"),
        ({"load_size_px": 100}, "must not be smaller than size_px"),
        ({"batch_size": 0}, "batch_size must be 1 or more"),
        ({"flip": 1.5}, "flip must be between 0 and 1"),
        ({"direction": "A2B"}, "sketch-to-photo, photo-to-sketch"),
        ({"gan_loss": "wgan"}, "vanilla or lsgan"),
        ({"discriminator": "stylegan"}, "patchgan, pixelgan or projected"),
        ({"lr_g": 0.0}, "lr_g must be more than 0"),
        ({"epochs": 0.0}, "more than 0"),
        ({"epochs": float("inf")}, "epochs must be a finite number"),
        ({"seed": -1}, "seed must be 0 or more"),
        ({"rotate_deg": -5.0}, "rotate_deg must be 0 or more"),
        ({"shift_px": 9999.0}, "shift_px must be from 0"),
        ({"input_contrast": 1.0}, "input_contrast must be from 0 to less than 1"),
        ({"input_lines": 0.2, "direction": "photo-to-sketch"}, "input_lines must be 0 with photo-to-sketch"),
        ({"size_px": 64, "load_size_px": 64, "disc_layers": 5}, "disc_layers must be at most 4 at 64 px"),
        ({"num_downs": 4}, "num_downs must be 0 or from 5 to 8"),
        ({"memory_format": "nchw"}, "channels_last or contiguous"),
    ],
)
def test_impossible_values_are_refused(change, message):
    with pytest.raises(runtime.ConfigError, match=message):
        config.resolve("pix2pix", "full", change)


def test_command_line_values_get_the_type_of_their_field():
    assert config.parse_value("pix2pix", "epochs", "5") == 5.0
    assert config.parse_value("pix2pix", "batch_size", "16") == 16
    assert config.parse_value("pix2pix", "total_images", "2e4") == 20000
    assert config.parse_value("pix2pix", "norm", "instance") == "instance"
    assert config.parse_value("cyclegan", "apart", "False") is False
    assert config.parse_value("cyclegan", "apart", "true") is True
    with pytest.raises(runtime.ConfigError, match="apart must be true or false, got 'perhaps'"):
        config.parse_value("cyclegan", "apart", "perhaps")
    for text in ("1.5", "inf", "many"):
        with pytest.raises(runtime.ConfigError, match=f"batch_size must be a int, got '{text}'"):
            config.parse_value("pix2pix", "batch_size", text)
    with pytest.raises(runtime.ConfigError, match="batch_size must be a int, got '1.5'"):
        config.parse_value("pix2pix", "batch_size", "1.5")
