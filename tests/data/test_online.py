"""Downloaded sets keep the contract of the bundled ones. Small archives in the same formats stand in for the real."""

from __future__ import annotations

import gzip
import hashlib
import io
import pickle
import struct
import tarfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
import torchvision.datasets as tv
from PIL import Image

from course.data import (
    CIFAR10,
    FASHION,
    IMAGENETTE,
    SPLITS,
    DataUnavailable,
    cifar10,
    fashion_mnist,
    imagenette,
    online,
)


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def tarball(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    return tmp_path


@pytest.fixture
def small_cifar10(server, monkeypatch, home):
    """200 pictures to train on (20 per class), 30 to test on; returns them as in the files."""
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (230, 3072), np.uint8), rng.permutation(np.arange(230) % 10)
    labels[:200] = rng.permutation(np.arange(200) % 10)
    labels[200:] = np.arange(30) % 10
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    ends = [40, 80, 120, 160, 200, 230]
    batches = {
        name: pickle.dumps({"data": pixels[first:end], "labels": labels[first:end].tolist()})
        for name, first, end in zip(names, [0, *ends], ends, strict=False)
    }
    meta = pickle.dumps({"label_names": list(CIFAR10)})
    folder = tv.CIFAR10.base_folder
    archive = tarball({f"{folder}/{n}": b for n, b in batches.items()} | {f"{folder}/batches.meta": meta})
    monkeypatch.setattr(tv.CIFAR10, "url", server.put("cifar-10-python.tar.gz", archive))
    monkeypatch.setattr(tv.CIFAR10, "tgz_md5", md5(archive))
    monkeypatch.setattr(tv.CIFAR10, "train_list", [[n, md5(batches[n])] for n in names[:5]])
    monkeypatch.setattr(tv.CIFAR10, "test_list", [["test_batch", md5(batches["test_batch"])]])
    monkeypatch.setattr(tv.CIFAR10, "meta", tv.CIFAR10.meta | {"md5": md5(meta)})
    return torch.from_numpy(pixels).view(-1, 3, 32, 32), torch.from_numpy(labels)


@pytest.fixture
def small_fashion_mnist(server, monkeypatch, home):
    """100 pictures to train on, 20 to test on; returns them as in the files."""
    rng = np.random.default_rng(1)
    pixels, labels = rng.integers(0, 256, (120, 28, 28), np.uint8), np.arange(120, dtype=np.uint8) % 10
    resources = []
    for kind, rows in (("train", slice(0, 100)), ("t10k", slice(100, 120))):
        count = len(labels[rows])
        images = struct.pack(">IIII", 0x803, count, 28, 28) + pixels[rows].tobytes()
        ids = struct.pack(">II", 0x801, count) + labels[rows].tobytes()
        for name, content in ((f"{kind}-images-idx3-ubyte.gz", images), (f"{kind}-labels-idx1-ubyte.gz", ids)):
            packed = gzip.compress(content)
            server.put(name, packed)
            resources.append((name, md5(packed)))
    monkeypatch.setattr(tv.FashionMNIST, "mirrors", [f"{server.url}/"])
    monkeypatch.setattr(tv.FashionMNIST, "resources", resources)
    return torch.from_numpy(pixels)[:, None], torch.from_numpy(labels).long()


def jpeg(colour: tuple[int, int, int] | int, width: int, height: int) -> bytes:
    out = io.BytesIO()
    mode = "L" if isinstance(colour, int) else "RGB"
    picture = Image.new(mode, (width, height), colour)
    for x in (*range(10), *range(width - 10, width)):  # a dark edge on the left and right, which the crop cuts off
        for y in range(height):
            picture.putpixel((x, y), 0)
    picture.save(out, "JPEG", quality=95)
    return out.getvalue()


@pytest.fixture
def small_imagenette(server, monkeypatch, home):
    """Two classes with 12 and 9 photos to train on and one each to test on: class k is one colour, in steps."""
    files = {}
    for k, (wnid, count) in enumerate((("n01440764", 12), ("n03888257", 9))):
        for i in range(count):
            files[f"train/{wnid}/{wnid}_{i:03}.JPEG"] = jpeg((20 * i, 200 * k, 100), 240, 160)
        files[f"val/{wnid}/{wnid}_900.JPEG"] = jpeg(240, 400, 160)  # grey, as some of the real ones
    archives = {}
    for size in ("160px", "320px"):
        name = f"imagenette2-{size[:3]}"
        archive = tarball({f"{name}/{path}": content for path, content in files.items()} | {f"{name}/noise.csv": b"-"})
        archives[size] = (server.put(f"{name}.tgz", archive), md5(archive))
    monkeypatch.setattr(tv.Imagenette, "_ARCHIVES", archives)


def joined(load, **options):
    parts = [load(split, **options) for split in SPLITS]
    return parts, load(None, **options)


def check_contract(load, channels, side, counts, **options):
    parts, (images, labels) = joined(load, **options)
    assert [tuple(x.shape) for x, _ in parts] == [(n, channels, side, side) for n in counts]
    assert torch.equal(torch.cat([x for x, _ in parts]), images)
    assert torch.equal(torch.cat([y for _, y in parts]), labels)
    assert (images.dtype, labels.dtype) == (torch.float32, torch.int64)
    assert 0 <= images.min() < 0.1
    assert 0.9 < images.max() <= 1


def check_split(pixels, labels, official, parts):
    """Of each class, the last tenth of the official training set validates; all keep the file's order."""
    held = torch.zeros(len(labels), dtype=torch.bool)
    for k in range(10):
        rows = [i for i in range(official) if labels[i] == k]
        held[rows[-(len(rows) // 10) :]] = True
    train = ~held & (torch.arange(len(labels)) < official)
    wanted = [train, held, torch.arange(len(labels)) >= official]
    for (images, ids), rows in zip(parts, wanted, strict=True):
        assert torch.equal(images, pixels[rows].float() / 255)
        assert torch.equal(ids, labels[rows])


def test_cifar10(small_cifar10):
    check_contract(cifar10, 3, 32, (180, 20, 30))
    check_split(*small_cifar10, 200, joined(cifar10)[0])


def test_fashion_mnist(small_fashion_mnist):
    check_contract(fashion_mnist, 1, 28, (90, 10, 20))
    check_split(*small_fashion_mnist, 100, joined(fashion_mnist)[0])


@pytest.mark.parametrize("size", [160, 64, 200])
def test_imagenette(small_imagenette, server, size):
    check_contract(imagenette, 3, size, (20, 1, 2), size=size)
    parts = {split: imagenette(split, size=size) for split in SPLITS}
    assert parts["train"][1].tolist() == [0] * 11 + [1] * 9  # a tenth of nine, rounded down, is none
    assert parts["validation"][1].tolist() == [0]
    assert parts["test"][1].tolist() == [0, 1]
    middle = slice(size // 4, 3 * size // 4)
    mean = parts["train"][0][:, :, middle, middle].mean((2, 3))
    expected = [(20 * i, 0, 100) for i in range(11)] + [(20 * i, 200, 100) for i in range(9)]
    assert torch.allclose(mean, torch.tensor(expected) / 255, atol=0.02)
    assert (parts["test"][0] > 0.8).all()  # the dark edges are outside the square; grey has become three channels
    assert [path for path, _ in server.seen] == [f"/imagenette2-{'160' if size <= 160 else '320'}.tgz"]


def test_the_classes_are_torchvisions():
    assert [name.lower() for name in FASHION] == [n.lower().removesuffix("/top") for n in tv.FashionMNIST.classes]
    assert [names[0] for _, names in sorted(tv.Imagenette._WNID_TO_CLASS.items())] == list(IMAGENETTE)
    assert len(CIFAR10) == 10


def test_the_set_is_downloaded_once_and_the_archive_may_then_go(small_cifar10, server, home):
    first = cifar10("test")
    folder = home / "cifar10"
    assert {path.name for path in folder.iterdir()} - {".lock"} == {"cifar10.safetensors", "cifar-10-python.tar.gz"}
    (folder / "cifar-10-python.tar.gz").unlink()
    again = cifar10("test")
    assert len(server.seen) == 1
    assert torch.equal(first[0], again[0])


def test_tensors_are_fresh_each_time(small_fashion_mnist):
    images, labels = fashion_mnist()
    seen = images.clone(), labels.clone()
    images.zero_(), labels.zero_()
    again = fashion_mnist()
    assert torch.equal(again[0], seen[0])
    assert torch.equal(again[1], seen[1])


def test_pictures_are_the_same_whatever_the_chunk(small_cifar10, monkeypatch):
    whole = cifar10(None)[0]
    for chunk in (1, 3072 * 7, 3072 * 200):
        monkeypatch.setattr(online, "CHUNK", chunk)
        assert torch.equal(cifar10(None)[0], whole)


def test_device_and_root(small_cifar10, tmp_path):
    other = tmp_path / "elsewhere"
    assert [t.device.type for t in cifar10("test", "meta", other)] == ["meta", "meta"]
    assert (other / "cifar10" / "cifar10.safetensors").is_file()
    assert not (tmp_path / "cifar10").exists()


@pytest.mark.parametrize("load", [cifar10, fashion_mnist, imagenette])
def test_bad_arguments_cost_no_download(load, home):
    with pytest.raises(ValueError, match=r"'val'.*'train', 'validation', 'test'"):
        load("val")
    with pytest.raises(RuntimeError, match="abacus"):
        load("train", device="abacus")
    assert not list(home.iterdir())


@pytest.mark.parametrize("size", [0, 321, 64.0, True])
def test_a_size_imagenette_does_not_have(home, size):
    with pytest.raises(ValueError, match="from 1 to 320"):
        imagenette(size=size)


def test_offline_the_message_says_where_to_put_the_file_and_what_to_use_instead(home, nowhere, monkeypatch):
    monkeypatch.setattr(tv.CIFAR10, "url", f"{nowhere}/cifar-10-python.tar.gz")
    monkeypatch.setattr(tv.FashionMNIST, "mirrors", [f"{nowhere}/"])
    monkeypatch.setattr(tv.Imagenette, "_ARCHIVES", {"160px": (f"{nowhere}/imagenette2-160.tgz", "0" * 32)})
    for load, file, instead in (
        (cifar10, "cifar10/cifar-10-python.tar.gz", "fruit()"),
        (fashion_mnist, "fashion_mnist/train-images-idx3-ubyte.gz", "digits()"),
        (imagenette, "imagenette/imagenette2-160.tgz", "fruit()"),
    ):
        with pytest.raises(DataUnavailable) as caught:
            load("test")
        assert str(home / file) in str(caught.value)
        assert f"or use {instead}" in str(caught.value)
        assert f"{nowhere}/{file.split('/')[1]}" in str(caught.value)
    with pytest.raises(DataUnavailable) as caught:
        fashion_mnist()
    assert all(name in str(caught.value) for name, _ in tv.FashionMNIST.resources)  # all at once, not one per call


def test_a_wrong_checksum_leaves_nothing_behind(small_cifar10, server, home, monkeypatch):
    monkeypatch.setattr(tv.CIFAR10, "tgz_md5", "0" * 32)
    with pytest.raises(DataUnavailable, match="not the file and was removed"):
        cifar10()
    assert {path.name for path in (home / "cifar10").iterdir()} <= {".lock"}


def test_a_broken_download_goes_on(small_cifar10, server):
    server.cuts = [200_000, 100_000]
    assert len(cifar10("train")[0]) == 180
    assert [wanted for _, wanted in server.seen] == [None, "bytes=200000-", "bytes=300000-"]


@pytest.mark.parametrize("moment", ["unpacking", "decoding", "writing"])
def test_interrupted_preparation_never_looks_whole(small_imagenette, home, monkeypatch, moment):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    def write_half(tensors, path, **_):
        path.write_bytes(b"\x08\0\0\0\0\0\0\0{}      half of it")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "unpacking":
            patch.setattr(tarfile.TarFile, "extractall", interrupt)
        elif moment == "decoding":
            patch.setattr(tv.Imagenette, "__getitem__", interrupt)
        else:
            patch.setattr("safetensors.torch.save_file", write_half)
        with pytest.raises(KeyboardInterrupt):
            imagenette("train", size=32)
    assert {path.name for path in (home / "imagenette").iterdir()} - {".lock"} == {"imagenette2-160.tgz"}
    assert len(imagenette("train", size=32)[0]) == 20


def test_what_a_killed_process_left_is_ignored(small_imagenette, home):
    scratch = home / "imagenette" / ".scratch" / "imagenette2-160" / "train" / "n01440764"
    scratch.mkdir(parents=True)
    (scratch / "n01440764_500.JPEG").write_bytes(jpeg((0, 0, 0), 160, 160))
    (home / "imagenette" / ".imagenette-32.safetensors.part").write_bytes(b"half")
    assert len(imagenette("train", size=32)[0]) == 20


@pytest.mark.parametrize("damage", [lambda b: b"", lambda b: b[:50], lambda b: b[:-1], lambda b: b"\xff" * len(b)])
def test_a_damaged_cache_is_made_again(small_cifar10, server, home, damage):
    whole = cifar10("train")
    cache = home / "cifar10" / "cifar10.safetensors"
    cache.write_bytes(damage(cache.read_bytes()))
    again = cifar10("train")
    assert torch.equal(whole[0], again[0])
    assert len(server.seen) == 1  # from the archive, which is still there


def test_a_cache_made_of_other_archives_or_by_another_rule_is_made_again(small_cifar10, home, monkeypatch):
    cifar10("train")
    cache = home / "cifar10" / "cifar10.safetensors"
    before = cache.stat().st_mtime_ns
    cifar10("train")
    assert cache.stat().st_mtime_ns == before
    monkeypatch.setattr(online, "RULE", "another")
    cifar10("train")
    assert cache.stat().st_mtime_ns > before


def test_a_folder_one_cannot_write_to(home):
    (home / "cifar10").write_text("a file where the folder should be")
    with pytest.raises(DataUnavailable, match=r"cannot write there(.|\n)*COURSE_DATA"):
        cifar10()


def test_of_several_at_once_one_downloads_and_prepares(small_cifar10, server, monkeypatch):
    made, write = [], online._write
    monkeypatch.setattr(online, "_write", lambda parts, cache, this: (made.append(cache), write(parts, cache, this)))
    with ThreadPoolExecutor(4) as pool:
        counts = list(pool.map(lambda split: len(cifar10(split)[0]), (*SPLITS, None)))
    assert counts == [180, 20, 30, 230]
    assert len(server.seen) == len(made) == 1
