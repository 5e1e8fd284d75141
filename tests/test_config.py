"""Settings: the papers' defaults, profiles on top, and errors that list what there is."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

import s2f_studio.faces.method  # noqa: F401  its method is known by it
from s2f_utils import runtime
from s2f_utils.methods import METHODS
from s2f_utils.methods.pix2pix import Pix2PixConfig
from s2f_utils.train import config


def test_defaults_are_the_papers():
    c = Pix2PixConfig()
    assert (c.size_px, c.load_size_px, c.batch_size, c.epochs, c.constant_share) == (
        256,
        286,
        1,
        200,
        0.5,
    )
    assert (c.lr_g, c.lr_d, c.beta1, c.beta2, c.lambda_l1, c.lambda_gan) == (
        2e-4,
        2e-4,
        0.5,
        0.999,
        100,
        1,
    )
    assert (c.base_filters, c.disc_filters, c.disc_layers, c.norm, c.dropout, c.flip) == (
        64,
        64,
        3,
        "batch",
        0.5,
        0.5,
    )
    assert (c.gan_loss, c.ema_half_life_images, c.copies, c.rotate_deg) == ("vanilla", 0, 1, 0)


@pytest.mark.parametrize("method", METHODS)
def test_every_profile_is_valid_and_says_where_its_values_come_from(method):
    assert config.resolve(method, "full").changed() == {}
    paper = METHODS[method].Config()
    for profile in runtime.TRAINING_PROFILES:
        if profile == "small" and profile not in METHODS[method].profiles:
            with pytest.raises(runtime.ConfigError, match=f"choose another for {method}"):
                config.resolve(method, profile)
            continue
        for has_gpu in (False, True):
            resolved = config.resolve(method, profile, {"seed": 7}, has_gpu=has_gpu)
            paper_s = [name for name, origin in resolved.origin.items() if origin == "paper"]
            assert all(getattr(resolved.config, name) == getattr(paper, name) for name in paper_s)
            assert resolved.changed()["seed"] == (7, "yours")


@pytest.mark.parametrize(
    "method, other, unused",
    [
        ("psp", {"perceptual": "efficientnet", "lambda_gan": 0.1}, {"lr_d"}),
        (
            "stylegan2",
            {"discriminator": "projected"},
            {"r1_gamma", "lambda_path", "ada_target"},
        ),
        ("stylegan2", {"r1_every": 0, "path_every": 0}, {"r1_gamma", "lambda_path"}),
        ("stylegan2", {"augment_disc": "none"}, {"ada_target"}),
        ("restore", {"discriminator": "projected"}, {"r1_gamma"}),
        ("restore", {"perceptual": "discriminator", "lambda_style": 0.0}, {"lambda_style"}),
    ],
)
def test_what_has_no_effect_has_no_slider(method, other, unused):
    with_and_without = (config.resolve(method, "full", chosen).config for chosen in ({}, other))
    plain, changed = (one.live_ranges().keys() for one in with_and_without)
    assert plain ^ changed == unused | ({"lambda_gan"} if method == "psp" else set())


@pytest.mark.parametrize("method", METHODS)
def test_a_length_that_one_asks_for_is_not_cut_by_a_profile(method):
    for asked in (
        {"epochs": 50.0},
        {"total_images": 1_000},
        {"total_images": 1_000, "time_budget_s": 9.0},
    ):
        found = config.resolve(method, "demo", asked).config
        expected = {"total_images": 0, "max_epochs": 0, "time_budget_s": 0} | asked
        assert {name: getattr(found, name) for name in expected} == expected


def test_profile_comes_from_the_environment_first(monkeypatch):
    monkeypatch.setenv("S2F_PROFILE", "fast")
    assert runtime.profile_name("full") == "fast"
    assert runtime.profile_name("full", asked="demo") == "demo"  # what somebody types wins over all
    monkeypatch.delenv("S2F_PROFILE")
    assert runtime.profile_name("full") == "full" and runtime.profile_name() == "demo"
    assert runtime.profile_name(asked="small") == "small"
    for wrong in ("turbo", "small"):  # small is for the command line alone
        with pytest.raises(runtime.ConfigError, match="full, demo, fast"):
            runtime.profile_name(wrong)


def test_configuration_cannot_be_changed_and_travels_through_json():
    c = config.resolve("pix2pix", "demo").config
    with pytest.raises(ValidationError, match="frozen"):
        c.lr_g = 1.0
    values = json.loads(json.dumps(c.model_dump()))
    assert config.resolve("pix2pix", "full", values).config == c


@pytest.mark.parametrize(
    "method, change, message",
    [
        ("pix2pix", {"lr": 1.0}, "no setting 'lr'"),
        ("pix2pix", {"size_px": 200}, "power of two from 32 on, got 200"),
        ("pix2pix", {"load_size_px": 100}, "must not be smaller than size_px"),
        ("pix2pix", {"batch_size": 0}, "batch_size must be greater than or equal to 1"),
        ("pix2pix", {"flip": 1.5}, "flip must be less than or equal to 1"),
        ("pix2pix", {"direction": "A2B"}, "sketch-to-photo, photo-to-sketch"),
        ("pix2pix", {"gan_loss": "wgan"}, "gan_loss must be 'vanilla' or 'lsgan', got 'wgan'"),
        ("pix2pix", {"lr_g": 0.0}, "lr_g must be greater than 0"),
        ("pix2pix", {"epochs": float("inf")}, "epochs must be a finite number"),
        ("pix2pix", {"tracker": "mlflow"}, "tracker must be 'none', 'wandb' or 'tensorboard'"),
        ("pix2pix", {"discriminator": "stylegan"}, "must be 'patchgan' or 'projected'"),
        ("pix2pix", {"disc_layers": 7}, "disc_layers must be at most 6 at 256 px, got 7"),
        ("pix2pix", {"num_downs": 9}, "num_downs must be 0 or from 5 to 8 at 256 px, got 9"),
        ("cyclegan", {"disc_layers": 7}, "disc_layers must be at most 6"),
        ("psp", {"mix_from": 99}, "mix_from must be from 0 to"),
        ("psp", {"lambda_gan": 0.1}, "lambda_gan needs perceptual=efficientnet"),
        ("psp", {"lambda_components": 0.1}, "lambda_components needs perceptual=efficientnet"),
        ("cyclegan", {"pool_size": -1}, "pool_size must be greater than or equal to 0"),
        ("cyclegan", {"direction": "photo-to-sketch"}, "learns both directions"),
        (
            "faithful",
            {"lambda_perceptual": -1.0},
            "lambda_perceptual must be greater than or equal to 0",
        ),
        (
            "faithful",
            {"dropout": 1.1},
            "dropout must be less than or equal to 1",
        ),  # its own default, with another limit
        (
            "faithful",
            {"flip": -0.1},
            "flip must be greater than or equal to 0",
        ),  # a limit of the base
        ("stylegan2", {"mixing": 2.0}, "mixing must be less than or equal to 1"),
        ("psp", {"direction": "map-to-photo", "rotate_deg": 2.0}, "must be 0 with maps"),
        (
            "restore",
            {"perceptual": "efficientnet"},
            "lambda_style must be 0 with perceptual=efficientnet",
        ),
        (
            "restore",
            {"perceptual": "lpips"},
            "perceptual must be 'vgg', 'discriminator' or 'efficientnet'",
        ),
        (
            "restore",
            {"lambda_components": 1.0, "lambda_style": 0.0},
            "lambda_components needs perceptual=efficientnet",
        ),
        (
            "restore",
            {"discriminator": "projected", "perceptual": "discriminator", "lambda_style": 0},
            "no features of",
        ),
        ("restore", {"direction": "sketch-to-photo"}, "direction must be one of damaged-to-photo"),
        ("restore", {"decoder": "prior", "residual": True}, "residual must be false"),
    ],
)
def test_impossible_values_are_refused(method, change, message):
    with pytest.raises(runtime.ConfigError, match=message):
        config.resolve(method, "full", change)


def test_command_line_values_get_the_type_of_their_field():
    assert config.parse_value("pix2pix", "epochs", "5") == 5.0
    assert config.parse_value("pix2pix", "batch_size", "16") == 16
    assert config.parse_value("pix2pix", "total_images", "2e4") == 20000
    assert config.parse_value("pix2pix", "norm", "instance") == "instance"
    assert config.parse_value("cyclegan", "apart", "False") is False
    with pytest.raises(runtime.ConfigError, match="apart must be a valid boolean, .*got 'perhaps'"):
        config.parse_value("cyclegan", "apart", "perhaps")
    for text in ("1.5", "inf", "many"):
        with pytest.raises(
            runtime.ConfigError, match=f"batch_size must be a valid integer, .*got '{text}'"
        ):
            config.parse_value("pix2pix", "batch_size", text)
