"""CycleGAN and project 5's conditional GAN: each judge judges the domain of its name, nothing is
lost on resuming, and what was trained normalised is used normalised.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch

from s2f_series import profiles
from s2f_utils import infer, networks, runtime
from s2f_utils.data import DataError, Manifest, read_manifest, stores
from s2f_utils.data.stores import unpaired_rows
from s2f_utils.methods import losses
from s2f_utils.methods.cgan import CGAN
from s2f_utils.methods.cyclegan import CycleGAN, ImagePool
from s2f_utils.networks import checkpoints
from s2f_utils.pictures import images
from s2f_utils.train.config import resolve
from s2f_utils.train.log import read_log
from s2f_utils.train.loop import make_batch, train
from s2f_utils.train.run import open_run
from s2f_utils.train.saving import write_state
from tests.steps import take_step
from tests.test_training import StopAt, all_tensors, handed_to

CPU = torch.device("cpu")
SMALL = {
    "size_px": 32,
    "load_size_px": 34,
    "base_filters": 4,
    "num_blocks": 1,
    "disc_filters": 8,
    "disc_layers": 1,
    "batch_size": 2,
    "num_samples": 2,
    "log_every_images": 2,
    "pool_size": 6,
    "total_images": 40,
    "sample_every_images": 20,
}


def start(manifest, folder, *, resume="never", **changes):
    resolved = resolve("cyclegan", "full", SMALL | changes)
    return open_run(resolved, manifest, folder, resume=resume, device="cpu", progress=False)


def model_of(**changes) -> CycleGAN:
    torch.manual_seed(0)
    config = resolve("cyclegan", "full", SMALL | changes).config
    return CycleGAN(config, runtime.pick_precision(CPU, "float32", "contiguous"))


def pictures(manifest, num=8):
    rows = manifest.split("train")[:num]
    a, b = (
        [images.resize(images.load_rgb(getattr(r, side)), 32) for r in rows]
        for side in ("sketch", "photo")
    )
    return images.to_tensor(np.stack(a)), images.to_tensor(np.stack(b))


# Trained normalised, used normalised: project 2 did the first and not the second.


@pytest.mark.parametrize(
    "method", ["cyclegan", "cgan"]
)  # instance norm takes the scale out of what comes in
def test_what_a_translator_answers_is_what_training_saw(manifest, tmp_path, method):
    changes = {
        "precision": "float32",
        "load_size_px": 32,
        "flip": 0.0,
        "size_px": 32,
        "base_filters": 4,
    }
    changes |= {
        "num_blocks": 1,
        "disc_filters": 8,
        "batch_size": 2,
        "num_samples": 2,
        "sample_every_images": 40,
        "total_images": 40,
    }
    changes |= (
        {"disc_layers": 1} if method == "cyclegan" else {"total_images": 240}
    )  # its batch norm has to settle
    resolved = resolve(method, "full", changes)
    run = open_run(resolved, manifest, tmp_path, resume="never", device="cpu", progress=False)
    assert train(run, progress=False) == "done"
    if method == "cgan":  # strong answers, as after a long training
        run.model.net_g.model[-2].weight.data.mul_(20)
        write_state(run)
    row = manifest.split("test")[0]
    given = {"sketch-to-photo": row.sketch, "photo-to-sketch": row.photo}
    for direction, net in run.model.generators.items():
        picture = images.resize(images.load_rgb(given[direction]), 32)
        translator = infer.load(run.folder, "cpu", direction=direction)
        assert translator.info.direction == direction
        with torch.no_grad():
            inside = net.eval()(torch.tensor(picture).permute(2, 0, 1)[None].float() / 127.5 - 1)
        expected = np.round((inside[0].permute(1, 2, 0).numpy() + 1) * 127.5).clip(0, 255)
        answer = translator.translate(picture)
        assert np.abs(answer - expected).max() <= 1


def test_the_loop_feeds_minus_one_to_one_and_draws_both_sides_apart(manifest, tmp_path):
    run = start(manifest, tmp_path, load_size_px=32, flip=0.0)
    a, b = make_batch(run, 4)
    assert a.min() >= -1 and a.max() > 0.9 and b.min() < -0.5 and a.mean() > b.mean() + 0.3
    rows, (sketches, photos) = (
        manifest.split("train"),
        (run.data.sketches.paths, run.data.photos.paths),
    )
    people = (
        {row.identity for row in rows if row.sketch in sketches},
        {r.identity for r in rows if r.photo in photos},
    )
    assert not people[0] & people[1] and len(people[0]) + len(people[1]) == len(
        manifest.split("train")
    )
    assert abs(len(people[0]) - len(people[1])) <= 1


def test_the_step_is_the_papers(manifest):
    """Zhu et al. 2017, network by network, with torch's losses; project 2's discriminators had
    changed places.
    """
    a, b = pictures(manifest, 2)

    def plain(m, a, b):
        mse, l1 = torch.nn.functional.mse_loss, torch.nn.functional.l1_loss
        fake_b, fake_a = m.net_g_photo(a), m.net_g_sketch(b)
        rec_a, rec_b = m.net_g_sketch(fake_b), m.net_g_photo(fake_a)
        same_b, same_a = m.net_g_photo(b), m.net_g_sketch(a)
        on_b, on_a = m.net_d_photo(fake_b), m.net_d_sketch(fake_a)
        gan = mse(on_b, torch.ones_like(on_b)) + mse(on_a, torch.ones_like(on_a))
        cycle = 3 * l1(rec_a, a) + 11 * l1(rec_b, b)
        same = 3 * l1(same_a, a) + 11 * l1(same_b, b)
        m.opt_g.zero_grad()
        (gan + cycle + 0.5 * same).backward()
        m.opt_g.step()
        total = 0
        for net, real, fake in ((m.net_d_photo, b, fake_b), (m.net_d_sketch, a, fake_a)):
            on_real, on_fake = net(real), net(fake.detach())
            loss = (
                mse(on_real, torch.ones_like(on_real)) + mse(on_fake, torch.zeros_like(on_fake))
            ) / 2
            total = total + loss
        m.opt_d.zero_grad()
        total.backward()
        m.opt_d.step()
        return gan.item(), cycle.item(), same.item(), total.item()

    ours, paper = (model_of(lambda_cycle_sketch=3.0, lambda_cycle_photo=11.0) for _ in range(2))
    for _ in range(2):  # the pools are not full yet: the newest pictures are judged
        found = take_step(ours, a, b)
        sums = [(found["loss_gan_photo"] + found["loss_gan_sketch"]).item()]
        for kind in ("cycle", "identity"):
            sums.append(
                (3 * found[f"loss_{kind}_sketch"] + 11 * found[f"loss_{kind}_photo"]).item()
            )
        sums.append((found["loss_d_photo"] + found["loss_d_sketch"]).item())
        assert sums == pytest.approx(plain(paper, a, b), rel=1e-4)
    for (
        name,
        net,
    ) in (
        ours.nets.items()
    ):  # a bias under instance norm has no gradient but rounding, which Adam enlarges
        for p, q in zip(net.parameters(), paper.nets[name].parameters(), strict=True):
            assert p.ndim == 1 or (p - q).abs().mean() < 1e-5, name


def test_the_pool_returns_old_pictures_half_of_the_time():
    torch.manual_seed(0)
    pool = ImagePool(50)
    first = torch.arange(50.0).view(50, 1, 1, 1)
    assert torch.equal(pool.query(first), first)  # until it is full, the newest
    shown = pool.query(torch.arange(50.0, 450.0).view(400, 1, 1, 1)).flatten()
    old = (shown != torch.arange(50.0, 450.0)).float().mean()
    assert 0.4 < old < 0.6 and len(pool.pictures) == 50
    assert len({p.item() for p in pool.pictures}) == 50  # what is returned has left the pool
    kept = ImagePool(50)
    kept.load_state_dict(pool.state_dict(), CPU)
    assert all(torch.equal(p, q) for p, q in zip(kept.pictures, pool.pictures, strict=True))
    assert torch.equal(ImagePool(0).query(first), first)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_resume_with_full_pools_is_bit_for_bit(manifest, tmp_path, precision):
    options = {
        "precision": precision,
        "ema_half_life_images": 6.0,
        "rotate_deg": 10.0,
        "constant_share": 0.5,
    }
    whole = start(manifest, tmp_path / "whole", **options)
    assert train(whole, progress=False) == "done"
    first = start(manifest, tmp_path / "parts", **options)
    assert train(first, callbacks=[StopAt(20)], progress=False) == "stopped"
    assert len(first.model.photo_pool.pictures) == len(first.model.sketch_pool.pictures) == 6
    torch.rand(100)
    second = start(manifest, tmp_path / "parts", resume="auto", **options)
    assert second.folder == first.folder and second.images_seen == 20
    assert train(second, progress=False) == "done"
    expected, found = all_tensors(whole), all_tensors(second)
    for run, tensors in ((whole, expected), (second, found)):
        for name, state in run.state_dict()["model"].items():
            tensors[name] = state["pictures"]
    assert (
        len([key for key in expected if key.startswith("lr_g")]) > 20
        and "ema.photo-to-sketch.model.1.weight" in expected
    )
    assert set(expected) == set(found)
    assert [
        k
        for k in expected
        if not torch.equal(torch.as_tensor(expected[k]), torch.as_tensor(found[k]))
    ] == []
    assert not torch.equal(expected["photo_pool"], expected["sketch_pool"])


def test_cycles_close_on_a_few_pictures(manifest, tmp_path):
    steady = {"load_size_px": 32, "flip": 0.0, "sample_every_images": 200}
    run = start(manifest, tmp_path, total_images=200, base_filters=8, lr_g=1e-3, **steady)
    train(run, progress=False)
    rows = read_log(run.folder)[0]
    for name in ("loss_cycle_sketch", "loss_cycle_photo", "loss_identity_photo"):
        values = [row[name] for row in rows]
        assert sum(values[-20:]) < 0.6 * sum(values[:20]), name


def test_a_run_holds_a_generator_for_each_direction(manifest, tmp_path):
    run = start(manifest, tmp_path, ema_half_life_images=8.0, num_snapshots=1)
    train(run, progress=False)
    assert infer.directions_of(run.folder) == ("sketch-to-photo", "photo-to-sketch")
    for direction, net in run.generators.items():
        loaded = infer.load(run.folder, "cpu", direction=direction)
        assert loaded.info.direction == direction and loaded.info.size_px == 32
        assert all(torch.equal(v, net.state_dict()[k]) for k, v in loaded.net.state_dict().items())
    assert len(list((run.folder / "snapshots").iterdir())) == 2
    sheet = images.load_rgb(sorted((run.folder / "samples").iterdir())[-1])
    assert sheet.shape == (6 * 36 + 4, 36 * len(run.samples) + 4, 3)
    with pytest.raises(ValueError, match="goes photo-to-sketch, not sketch-to-photo"):
        infer.load(
            run.folder / "generator-photo-to-sketch.safetensors", "cpu", direction="sketch-to-photo"
        )


def test_a_training_begins_with_both_generators_of_a_run(manifest, tmp_path):
    from s2f_utils.train.config import settings_of

    first = start(manifest, tmp_path / "first", total_images=8)
    train(first, progress=False)
    begun_with = settings_of(first.folder, "cyclegan")
    assert (
        begun_with["num_blocks"] == 1
        and begun_with["base_filters"] == 4
        and begun_with["size_px"] == 32
    )
    resolved = resolve("cyclegan", "full", SMALL, begun_with=begun_with)
    second = open_run(
        resolved, manifest, tmp_path / "second", init=first.folder, device="cpu", progress=False
    )
    for direction, net in first.generators.items():
        mine = second.model.generators[direction].state_dict()
        assert all(torch.equal(v, mine[k]) for k, v in net.state_dict().items())
    with pytest.raises(
        checkpoints.CheckpointError,
        match="has no generator for sketch-to-photo and photo-to-sketch",
    ):
        one = first.folder / "generator.safetensors"
        open_run(resolved, manifest, tmp_path / "third", init=one, device="cpu", progress=False)
    assert not (tmp_path / "third").exists()


# Published files


def test_a_published_file_is_asked_for_by_its_domains(tmp_path):
    torch.manual_seed(0)
    state = networks.init_weights(
        networks.build("resnet", num_blocks=9, base_filters=8), 0.1
    ).state_dict()
    old = {
        f"module.{key.replace('conv_block.5.', 'conv_block.6.')}": value
        for key, value in state.items()
    }
    for name, content in (("latest_net_G_A.pth", state), ("latest_net_G.pth", old)):
        torch.save(content, tmp_path / name)
        with pytest.raises(
            ValueError, match="does not say which way it goes.*--direction sketch-to-photo or photo"
        ):
            infer.load(tmp_path / name, "cpu")
    picture = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    loaded = [
        infer.load(tmp_path / n, "cpu", direction="photo-to-sketch")
        for n in ("latest_net_G_A.pth", "latest_net_G.pth")
    ]
    assert all(t.info.direction == "photo-to-sketch" and t.info.size_px == 256 for t in loaded)
    answers = [t.translate(picture) for t in loaded]
    assert answers[0].shape == (256, 199, 3) and np.array_equal(*answers)
    with pytest.raises(ValueError, match="direction must be"):
        infer.load(tmp_path / "latest_net_G.pth", "cpu", direction="AtoB")


def test_published_generators_read_and_make_minus_one_to_one(tmp_path):
    torch.manual_seed(0)
    net = networks.init_weights(networks.build("resnet", num_blocks=1, base_filters=8), 0.05)
    torch.save(
        {f"module.{key}": value for key, value in net.state_dict().items()},
        tmp_path / "generator_A2B.pth",
    )
    picture = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    x = torch.tensor(picture).permute(2, 0, 1)[None].float() / 255
    translator = infer.load(tmp_path / "generator_A2B.pth", "cpu", direction="photo-to-sketch")
    translator.info = dataclasses.replace(translator.info, size_px=64)
    with torch.no_grad():
        expected = (net(2 * x - 1)[0].permute(1, 2, 0).numpy() + 1) / 2 * 255
    assert np.abs(translator.translate(picture) - expected).max() <= 1


# Data without pairs


def write_side(folder, side, pictures):
    for n, picture in enumerate(pictures):
        images.save(folder / side / f"{n:03d}.png", picture)
    return folder / side


def unpaired(tmp_path, sketches, photos, **options):
    import data_prep

    write_side(tmp_path / "raw", "drawings", sketches)
    write_side(tmp_path / "raw", "portraits", photos)
    recipe = data_prep.Recipe(unpaired=True, **options)
    made = data_prep.make_pairs(tmp_path / "raw", tmp_path / "set", recipe, progress=False)
    return read_manifest(made)


@pytest.fixture(scope="module")
def drawn():
    from tests.people import person

    faces = [person(n, size_px=48) for n in range(24)]
    return [np.repeat(f.sketch[..., None], 3, axis=2) for f in faces], [f.photo for f in faces]


def test_two_folders_of_different_people_become_a_set_and_are_trained_on(tmp_path, drawn, capsys):
    sketches, photos = drawn[0][:10], drawn[1][10:24]
    sizes = itertools.cycle(
        [(48, 48), (60, 40), (33, 64)]
    )  # different sizes in one domain, and grey photos
    mixed = [images.Image.fromarray(p).resize(next(sizes)) for p in photos]
    mixed = [
        np.asarray(p.convert("L").convert("RGB") if n % 3 == 0 else p) for n, p in enumerate(mixed)
    ]
    with pytest.raises(ValueError, match="--fit stretch: stretch them all the same"):
        unpaired(tmp_path, sketches, mixed, size_px=32, val_share=0.2)
    manifest = unpaired(tmp_path, sketches, mixed, size_px=32, fit="stretch", val_share=0.2)
    counts = {
        s: [sum(bool(getattr(p, side)) for p in manifest.split(s)) for side in ("sketch", "photo")]
        for s in ("train", "val")
    }
    assert counts == {"train": [8, 11], "val": [2, 3]}
    run = start(manifest, tmp_path / "runs", num_samples=3)
    assert {p.sketch or p.photo for p in manifest.split("val")} >= {
        *run.samples.sketches.paths,
        *run.samples.photos.paths,
    }
    assert len(run.data) == 11 and train(run, progress=False) == "done"
    assert (
        "ssim" not in [e for e in read_log(run.folder)[1] if e["event"] == "sample"][-1]
    )  # there is no truth
    with pytest.raises(DataError, match="has no sketch: this method learns from pairs.*cyclegan"):
        open_run(
            resolve("pix2pix", "fast"), manifest, tmp_path / "runs", device="cpu", progress=False
        )


def test_an_empty_side_is_named(tmp_path, drawn, manifest):
    import data_prep

    (tmp_path / "none").mkdir()
    photos = write_side(tmp_path, "photos", drawn[1][:3])
    out = tmp_path.with_name("other")
    recipe = data_prep.Recipe(unpaired=True, photos=photos)
    with pytest.raises(DataError, match="none"):
        data_prep.make_pairs(tmp_path, out, dataclasses.replace(recipe, sketches="none"))
    with pytest.raises(DataError, match="no folder of sketches here"):
        data_prep.make_pairs(tmp_path, out, recipe)
    with pytest.raises(DataError, match="are one folder, or one lies in the other"):
        data_prep.make_pairs(photos, out, dataclasses.replace(recipe, sketches=photos))
    only = [
        p
        for p in unpaired(tmp_path, drawn[0][:2], drawn[1][:3], size_px=32, val_share=0.0).pairs
        if p.photo
    ]
    with pytest.raises(
        DataError, match="there are no sketches among the 3 training rows.*--unpaired"
    ):
        start(Manifest(tmp_path / "set" / "manifest.csv", only), tmp_path / "runs")
    one = Manifest(manifest.path, manifest.split("train")[:1])
    with pytest.raises(DataError, match="the 1 people cannot be divided.*apart=false"):
        start(one, tmp_path / "runs")
    assert (
        train(start(one, tmp_path / "runs", apart=False, total_images=4), progress=False) == "done"
    )
    assert len(list((tmp_path / "runs").iterdir())) == 1  # what was refused left nothing


@pytest.mark.parametrize("ahead", [0, 4])
def test_reading_from_disk_and_ahead_change_nothing(ahead, manifest, monkeypatch):
    rows = manifest.split("train")
    sides = unpaired_rows(rows)

    def sets() -> list[stores.Data]:
        return [stores.unpaired_data(*sides, 64, CPU), stores.paired_data(rows, 64, CPU)]

    kept = sets()
    monkeypatch.setattr(stores, "free_bytes", lambda device: 0)
    for resident, from_disk in zip(kept, sets(), strict=True):
        from_disk.ahead = ahead  # 4 as on a GPU; 0 as on a processor
        assert resident.resident and not from_disk.resident
        for position, num in (
            (0, 3),
            (3, 3),
            (6, 3),
            (9, 2),
            (40, 4),
            (44, 4),
        ):  # other sizes and leaps too
            for one, other in zip(
                resident.batch_at(position, num, 1, 5),
                from_disk.batch_at(position, num, 1, 5),
                strict=True,
            ):
                assert torch.equal(one, other)


def test_sketches_and_photos_without_pairs_are_shuffled_apart(manifest):
    rows = manifest.split("train")
    data = stores.unpaired_data(rows, rows, 64, CPU)  # the same people on both sides
    num = len(rows)
    pairs = data.batch(range(num))
    orders = []
    for every, shuffled in zip(pairs, data.batch_at(0, num, 1, 5), strict=True):
        orders.append([(every == one).flatten(1).all(1).int().argmax().item() for one in shuffled])
    sketches, photos = orders
    assert sorted(sketches) == sorted(photos) == list(range(num))
    assert sketches != photos


def test_people_with_several_pictures_are_on_one_side_only(manifest):
    import dataclasses

    rows = [
        dataclasses.replace(p, identity=f"person{n // 3}")
        for n, p in enumerate(manifest.split("train")[:12])
    ]
    sketches, photos = unpaired_rows(rows, True, seed=1)
    assert (
        not {p.identity for p in sketches} & {p.identity for p in photos}
        and len(sketches) == len(photos) == 6
    )
    assert (
        unpaired_rows(rows, True, seed=1) == (sketches, photos) != unpaired_rows(rows, True, seed=2)
    )
    everything = unpaired_rows(rows, False)
    assert [len(side) for side in everything] == [12, 12]


# Project 5


def test_project_5s_gan_trains_resumes_and_answers(manifest, tmp_path):
    values = {
        "size_px": 32,
        "load_size_px": 32,
        "base_filters": 4,
        "num_blocks": 1,
        "disc_filters": 4,
        "batch_size": 4,
        "total_images": 40,
        "num_samples": 2,
        "sample_every_images": 20,
        "gan_loss": "sigmoid",
    }

    def begin(folder, resume="never"):
        resolved = resolve("cgan", "full", values)
        return open_run(resolved, manifest, folder, resume=resume, device="cpu", progress=False)

    whole = begin(tmp_path / "whole")
    assert train(whole, progress=False) == "done"
    train(begin(tmp_path / "parts"), callbacks=[StopAt(20)], progress=False)
    second = begin(tmp_path / "parts", "auto")
    assert second.images_seen == 20 and train(second, progress=False) == "done"
    expected, found = all_tensors(whole), all_tensors(second)
    assert [
        k
        for k in expected
        if not torch.equal(torch.as_tensor(expected[k]), torch.as_tensor(found[k]))
    ] == []
    rates = [row["lr_g"] for row in read_log(whole.folder)[0]]
    assert rates[-1] < 0.5 * rates[0]  # decays from the beginning
    answer = infer.load(whole.folder, "cpu").translate(
        images.load_rgb(manifest.split("test")[0].sketch)
    )
    assert answer.shape == (32, 32, 3)


def test_project_5s_generator_learns_through_the_judge_that_learned():
    config = resolve("cgan", "full", {"size_px": 32, "load_size_px": 32, "batch_size": 2}).config
    model = CGAN(config, runtime.pick_precision(CPU, "float32"))
    norm = next(m for m in model.net_d.modules() if isinstance(m, torch.nn.BatchNorm2d))
    modes, statistics = [], []
    norm.register_forward_hook(
        lambda module, given, out: modes.append((module.training, len(given[0])))
    )
    norm.register_forward_hook(
        lambda module, given, out: statistics.append(module.running_mean.clone())
    )
    a, b = torch.rand(2, 2, 3, 32, 32) * 2 - 1
    rows, apart = handed_to(model.opt_g), []

    def compare(opt, given, options):  # with the slope of its own loss, and of no other
        model.net_d.eval()
        own = losses.adversarial_loss(model.net_d(model.net_g(a)), True)
        wanted = torch.cat(
            [slope.flatten() for slope in torch.autograd.grad(own, opt.param_groups[0]["params"])]
        )
        apart.append(((rows[0] - wanted).norm() / wanted.norm()).item())
        model.net_d.train()

    model.opt_g.register_step_pre_hook(compare)
    take_step(model, a, b)
    assert len(apart) == 1 and apart[0] < 1e-3
    # It learns from both kinds at once; made photos alone, here and in `compare`, change nothing in
    # it.
    assert modes == [(True, 4), (False, 2), (False, 2)]
    assert all(torch.equal(one, statistics[0]) for one in statistics) and statistics[0].any()
    assert model.net_d.training and all(weight.requires_grad for weight in model.net_d.parameters())


def test_the_sigmoid_form_is_the_same_loss_until_it_rounds():
    logits = torch.tensor([-3.0, 0.5, 4.0])
    for is_real in (True, False):
        one, other = (
            losses.adversarial_loss(logits, is_real, kind) for kind in ("vanilla", "sigmoid")
        )
        assert one.item() == pytest.approx(other.item(), rel=1e-5)
    sure = torch.tensor([30.0], requires_grad=True)  # a judge that is wrong and sure of it
    slopes = [
        torch.autograd.grad(losses.adversarial_loss(sure, False, kind), sure)[0].item()
        for kind in ("vanilla", "sigmoid")
    ]
    assert (
        slopes[0] == pytest.approx(1.0) and slopes[1] == 0.0
    )  # one learns from it, the other cannot


def test_an_old_resume_file_is_refused_in_words(manifest, tmp_path):
    run = start(manifest, tmp_path)
    train(run, callbacks=[StopAt(4)], progress=False)
    state = checkpoints.load_torch_file(run.resume_path)
    checkpoints.save_resume(run.resume_path, state | {"version": 1})
    with pytest.raises(checkpoints.CheckpointError, match="another version of this project"):
        start(manifest, tmp_path, resume=run.folder)


@pytest.mark.parametrize("method", ["pix2pix", "cyclegan"])
def test_what_notebooks_train_on_a_cpu_are_settings_of_the_method(method):
    """They lay them over the profile's own; a name that is none would stop them."""
    changes = profiles.short_settings(method, "demo", has_gpu=False)
    chosen = resolve(method, "demo", changes, has_gpu=False).config
    assert changes and {name: getattr(chosen, name) for name in changes} == changes
