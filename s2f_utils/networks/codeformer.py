"""CodeFormer: a transformer reads a damaged face as words of a codebook of face parts, a decoder
paints them, and features of the damaged face lead it.

The network is the copy in the package `spandrel_extra_arches`, which is optional, under the keys of
the published file (Zhou et al. 2022, arXiv:2206.11253).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from s2f_utils.networks.info import FROM_DEGRADED, RESTORES, ModelInfo
from s2f_utils.networks.network import Network

OWN_KEYS = ("position_emb", "idx_pred_layer.1.weight", "ft_layers.0.self_attn.in_proj_weight")
LINKS = ("16", "32", "64", "128", "256", "512")  # sizes at which the encoder can lead the decoder


def _published() -> type[nn.Module]:
    """The package's class. Raises ImportError without it."""
    try:
        from spandrel_extra_arches.architectures.CodeFormer import CodeFormer as Published
    except ImportError:
        raise ImportError(
            "CodeFormer needs spandrel_extra_arches (its licence forbids commercial use): pip"
            " install spandrel_extra_arches"
        ) from None
    return Published


class CodeFormer(Network):
    """A damaged face → the face restored: (N, 3, 512, 512) in [-1, 1] → the same, about [-1, 1].

    num_layers: of the transformer. num_words: in the codebook. links: sizes in pixels at which the
    encoder's features lead the decoder. fidelity: how much they do, from 0, the codebook alone, to
    1; the paper's w.
    """

    size_px = 512
    needs_contiguous = True

    def __init__(
        self,
        num_layers: int = 9,
        num_words: int = 1024,
        links: tuple[str, ...] = ("32", "64", "128", "256"),
        fidelity: float = 0.5,
    ) -> None:
        super().__init__()
        # not a submodule, whose name would stand before the published keys
        published = _published()(
            n_layers=num_layers, codebook_size=num_words, connect_list=list(links)
        )
        for name, part in published.named_children():
            self.add_module(name, part)
        self.position_emb = published.position_emb
        # What its forward asks for.
        self.connect_list = published.connect_list
        self.fuse_encoder_block = published.fuse_encoder_block
        self.fuse_generator_block = published.fuse_generator_block
        self.fidelity = fidelity

    @classmethod
    def describe(cls, args: Mapping[str, Any]) -> ModelInfo:
        """It restores faces of one size."""
        return ModelInfo(RESTORES, FROM_DEGRADED, size_px=cls.size_px)

    def forward(self, x: Tensor) -> Tensor:
        """The restored faces, (N, 3, 512, 512)."""
        restored, _ = _published().forward(self, x.contiguous(), weight=self.fidelity)
        return restored

    @staticmethod
    def args_from(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        if not shapes.keys() >= set(OWN_KEYS):
            raise LookupError
        layers = {key.split(".")[1] for key in shapes if key.startswith("ft_layers.")}
        num_words, _ = shapes["idx_pred_layer.1.weight"]
        links = [size for size in LINKS if f"fuse_convs_dict.{size}.scale.0.weight" in shapes]
        return {"num_layers": len(layers), "num_words": num_words, "links": tuple(links)}
