"""Augmentation: the same for sketch and photo, different for each pair, drawn from the seeded
generator.
"""

from __future__ import annotations

import torch

from s2f_utils.train.data import PairedAffine, crop_and_flip


def coordinates(num, size):
    """Pictures whose values are their own pixel positions."""
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    return (
        torch.stack([y, x, torch.zeros_like(x)])
        .to(torch.uint8)
        .expand(num, 3, size, size)
        .contiguous()
    )


def test_crop_and_flip_is_the_same_for_both_and_exact():
    torch.manual_seed(0)
    batch = coordinates(64, 40)
    sketches, photos = crop_and_flip(batch, batch, 32, flip=0.5)
    assert (
        torch.equal(sketches, photos)
        and sketches.dtype == torch.uint8
        and sketches.shape == (64, 3, 32, 32)
    )
    left, right, top = photos[:, 1, 0, 0].int(), photos[:, 1, 0, -1].int(), photos[:, 0, 0, 0].int()
    assert torch.equal((right - left).abs(), torch.full((64,), 31).int())
    mirrored = (left > right).float().mean().item()
    assert 0.25 < mirrored < 0.75
    assert {int(v) for v in top} == set(range(9))  # every offset that fits, the last one too


def test_affine_moves_sketch_and_photo_alike_and_each_pair_differently():
    torch.manual_seed(0)
    batch = torch.rand(1, 3, 64, 64).expand(6, 3, 64, 64).contiguous()
    sketches, photos = PairedAffine(20.0, 5.0, 5.0)(batch, batch)
    assert torch.equal(sketches, photos) and sketches.shape == batch.shape
    assert len({round(p.sum().item(), 3) for p in (photos[:, :, 20:40, 20:40])}) == 6
    torch.manual_seed(0)
    again, _ = PairedAffine(20.0, 5.0, 5.0)(torch.rand(1, 3, 64, 64).expand(6, 3, 64, 64), batch)
    assert torch.equal(again, sketches)


def test_shift_and_rotation_reach_their_limits_and_not_more():
    torch.manual_seed(0)
    dot = torch.zeros(200, 3, 64, 64)
    dot[:, :, 32, 32] = 1.0
    _, moved = PairedAffine(0.0, 5.0, 0.0)(dot, dot)
    columns = (moved.sum(dim=(1, 2)) * torch.arange(64)).sum(1) / moved.sum(dim=(1, 2, 3))
    shift = (columns - 32).abs()
    assert shift.max() <= 5.01 and shift.max() > 4.0
    line = torch.zeros(200, 3, 65, 65)
    line[:, :, 32, :] = 1.0
    _, turned = PairedAffine(20.0, 0.0, 0.0)(line, line)
    heights = turned[:, 0, :, 52].argmax(dim=1).float() - 32  # 20 pixels right of the middle
    angles = torch.rad2deg(torch.atan2(heights.abs(), torch.tensor(20.0)))
    assert 15 < angles.max() < 22.5


def test_bending_is_smooth_the_same_for_both_and_new_for_each_pair():
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 64), indexing="ij")
    places = torch.stack([y, x, torch.zeros_like(x)]).expand(8, 3, 64, 64).contiguous()
    sketches, photos = PairedAffine(0.0, 0.0, 0.0, elastic=0.02)(places, places)
    assert torch.equal(sketches, photos)
    away = (photos - places)[
        :, :2, 12:-12, 12:-12
    ] * 32  # in pixels; the rims are continued by reflection
    assert 0.5 < away.std() < 2.5  # 0.02 of 64 px is 1.3 px at the grid's points
    assert away.diff(dim=-1).abs().mean() < 0.12  # neighbours move alike
    assert (away[0] - away[1]).abs().mean() > 0.3


def test_bending_is_as_strong_as_its_setting_says():
    """The spline passes through the grid's points, every 12 px here; the rim's are reflected."""
    torch.manual_seed(0)
    y, x = torch.meshgrid(torch.linspace(-1, 1, 61), torch.linspace(-1, 1, 61), indexing="ij")
    places = torch.stack([y, x, torch.zeros_like(x)]).expand(64, 3, 61, 61).contiguous()
    _, photos = PairedAffine(0.0, 0.0, 0.0, elastic=0.02)(places, places)
    away = (photos - places)[:, :2, 12:49:12, 12:49:12] / 2  # shares of the width
    assert 0.018 < away.std() < 0.022
