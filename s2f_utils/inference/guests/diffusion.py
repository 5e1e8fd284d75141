"""A guest that answers: Stable Diffusion steered by the drawing's lines, from the face that our model expects on.

Rombach et al. 2022, ControlNet: Zhang et al. 2023, image to image: Meng et al. 2022 (SDEdit). Shapes: S pixels of a
guest's square.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from s2f_utils import runtime, weights
from s2f_utils.inference.asking import Ask, Model
from s2f_utils.inference.engine_torch import TorchEngine
from s2f_utils.inference.guests import control, memory, prompts
from s2f_utils.inference.guests.memory import GuestError
from s2f_utils.inference.translator import Translator, one_way
from s2f_utils.inference.understanding import understood
from s2f_utils.models.lora import Lora
from s2f_utils.pictures import images
from s2f_utils.weights.guests import Guest

LEVELS = 1000  # of noise that a UNet has learned
NEEDS = "guests need diffusers, transformers and peft: pip install 'sketch-to-face[guests]'"


@dataclass
class GuestModel(Translator):
    """A guest, ready for drawings; made by `load`.

    guest: what is known of it. drawn, begun: its pipelines, from noise alone, and from a face. words: always said, as
    in the training of its LoRA. expects: gives the model that says which face to begin with; it is kept as `expected`.
    """

    guest: Guest = None  # type: ignore[assignment]
    drawn: Any = None
    begun: Any = None
    words: str = ""
    expects: Callable[[], Model] | None = None
    expected: Model | None = None
    lock: Any = field(default_factory=threading.Lock)
    in_batches: ClassVar[bool] = False

    def answer_squares(self, squares: np.ndarray, asks: Sequence[Ask]) -> Sequence[np.ndarray]:
        """As `Translator.answer_squares`, one after the other. Raises GuestError where the guest's safety checker
        withholds an answer, and where the memory runs out.
        """
        one_way("guest", asks)
        return np.stack([self._answered(square, ask) for square, ask in zip(squares, asks, strict=True)])

    def translate_batch(self, batch: np.ndarray, *, mode: str = "deterministic") -> np.ndarray:
        """As `Translator.translate_batch`: seed 0, and nothing said."""
        return np.stack(self.answer_squares(batch, [Ask(mode=mode)] * len(batch)))

    def strength_of(self, ask: Ask) -> float:
        """How far an answer goes from the expected face."""
        return self.guest.strength if ask.guest_strength is None else ask.guest_strength

    def knows_person(self, picture: np.ndarray, ask: Ask) -> bool:
        """As `Model.knows_person`: always, in words."""
        return True

    def prompts(self, square: np.ndarray, ask: Ask) -> tuple[str, str]:
        """What is said for a drawing, uint8 (S, S, 3): prompt and negative prompt."""
        shown = understood(square).flags
        own = ", ".join(filter(None, [ask.prompt.strip(" ,"), self.words]))
        return prompts.prompts_of(ask.person, shown, own, ask.negative_prompt)

    def notes(self, square: np.ndarray, ask: Ask) -> dict[str, str]:
        """What the file of an answer says: which guest, its terms, and what it was asked."""
        prompt, negative = self.prompts(square, ask)
        told = {"guest": self.name, "terms": self.guest.terms, "prompt": prompt, "seed": str(ask.seed)}
        told |= {"negative prompt": negative} if self.guest.guidance > 1 else {}
        return told | {"strength": f"{self.strength_of(ask):g}", "steps": str(ask.steps or self.guest.steps)}

    @property
    def num_bytes(self) -> int:
        """As `Model.num_bytes`."""
        parts = (one for one in self.drawn.components.values() if isinstance(one, torch.nn.Module))
        return sum(t.numel() * t.element_size() for one in parts for t in (*one.parameters(), *one.buffers()))

    def begins(self, square: np.ndarray, ask: Ask) -> np.ndarray:
        """The face that our model expects of a drawing, uint8 (S, S, 3) → the same shape."""
        if self.expected is None:
            if self.expects is None:
                raise GuestError(f"{self.name}: has no face to begin with: ask with guest_strength=1")
            self.expected = self.expects()
        own = self.expected.translate(square, answer="expected", likely=ask.likely, person=ask.person, square=True)
        return images.resize(own, self.size_px, "stretch")

    def _answered(self, square: np.ndarray, ask: Ask) -> np.ndarray:
        prompt, negative = self.prompts(square, ask)
        strength, steps = self.strength_of(ask), ask.steps or self.guest.steps
        if not times_of(strength, steps):
            return self.begins(square, ask)
        given: dict[str, Any] = {
            "prompt": prompt, "guidance_scale": self.guest.guidance, "output_type": "np",
            "controlnet_conditioning_scale": float(ask.lines), "num_inference_steps": steps,
            "generator": torch.Generator("cpu").manual_seed(ask.seed),
        }  # fmt: skip
        if self.guest.guidance > 1:
            given["negative_prompt"] = negative
        lines = _tensor(control.lines_of(square, self.size_px))
        with self.lock, _told(self.guest, self.precision.device), quietly(), torch.no_grad():
            if strength == 1:
                made = self.drawn(image=lines, height=self.size_px, width=self.size_px, **given)
            else:
                begun = _tensor(self.begins(square, ask))
                made = self.begun(image=begun, control_image=lines, strength=strength, **given)
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            raise GuestError(
                f"{self.name}: its safety checker withheld this answer: take another seed, or say other words"
            )
        return np.clip(np.rint(made.images[0] * 255), 0, 255).astype(np.uint8)


def load(
    guest: str,
    device: str = "auto",
    *,
    lora: Lora | None = None,
    meta: dict[str, Any] | None = None,
    name: str = "",
    path: Path | None = None,
    expects: Callable[[], Model] | None = None,
) -> GuestModel:
    """A guest by its name, all of whose files are on this machine; in float16 on a GPU, in float32 on a CPU.

    lora: what was learned of it, from the file `path`, and `meta`, what that says. name: what the model is called then.
    expects: as in `GuestModel`. Raises WeightsError where its files are not here, GuestError where the memory is too
    small, ImportError without the packages.
    """
    check_installed()
    known = weights.guests.entry_of(guest)
    where = runtime.pick_device(device)
    folders = weights.guests.get(guest)
    memory.check(known, where)
    files = [folders[part] / file for part, one in known.parts.items() for file in one.weights]
    with _told(known, where), quietly():
        drawn, begun = _pipelines(known, folders, where, lora)
    return GuestModel(
        TorchEngine({}), "diffusion", frozenset({"seed", "person", "likely", "prompt"}),
        size_px=known.size_px, name=name or guest, meta={**(meta or {}), "terms": known.terms}, net=drawn.unet,
        precision=runtime.pick_precision(where, "float32"), files=(*([path] if path else []), *files),
        guest=known, drawn=drawn, begun=begun, words=lora.prompt if lora else "",
        expects=expects,
    )  # fmt: skip


def check_installed() -> None:
    """Raise ImportError, with what to install, where one of the packages is missing."""
    try:
        import diffusers  # noqa: F401
        import peft  # noqa: F401
        import transformers  # noqa: F401
    except ImportError:
        raise ImportError(NEEDS) from None


def networks(guest: Guest, folders: dict[str, Path], kind: torch.dtype) -> Any:
    """A guest's networks in a number format, on the CPU, as a pipeline that begins with noise; without its LoRA."""
    with quietly():
        return _networks(guest, folders, kind)


def _networks(guest: Guest, folders: dict[str, Path], kind: torch.dtype) -> Any:
    import diffusers

    variant = guest.variant if any(guest.variant in name for name in guest.control.weights) else None
    control_net = diffusers.ControlNetModel.from_pretrained(
        folders["control"], torch_dtype=kind, variant=variant, local_files_only=True,
        use_safetensors=all(name.endswith(".safetensors") for name in guest.control.weights),
    )  # fmt: skip
    found = diffusers.StableDiffusionControlNetPipeline.from_pretrained(
        folders["base"], controlnet=control_net, torch_dtype=kind, variant=guest.variant, local_files_only=True
    )
    found.set_progress_bar_config(disable=True)
    return found


def training_noise(pipeline: Any) -> Any:
    """The noise levels that a pipeline's UNet learned with, as DDPM (Ho et al. 2020) has them."""
    from diffusers import DDPMScheduler

    return DDPMScheduler.from_config(pipeline.scheduler.config)


def _pipelines(
    guest: Guest, folders: dict[str, Path], device: torch.device, lora: Lora | None = None
) -> tuple[Any, Any]:
    """The pipelines of a guest on a device, one from noise, one from a picture, of the same networks."""
    import diffusers

    drawn = networks(guest, folders, torch.float16 if device.type == "cuda" else torch.float32)
    if lora is not None:
        drawn.load_lora_weights(lora.tensors())
        drawn.fuse_lora()
        drawn.unload_lora_weights()
    if guest.lora:
        drawn.load_lora_weights(folders["lora"], weight_name=next(iter(guest.lora.weights)), local_files_only=True)
        drawn.fuse_lora()
        drawn.unload_lora_weights()  # it is in the weights now
    if guest.scheduler == "lcm":
        drawn.scheduler = diffusers.LCMScheduler.from_config(drawn.scheduler.config)
    drawn = drawn.to(device)
    drawn.vae.enable_slicing()
    begun = _exact()(**drawn.components)
    begun.set_progress_bar_config(disable=True)
    return drawn, begun


def times_of(strength: float, steps: int) -> list[int]:
    """The noise levels of an answer, from the one that it begins with down: as many as there are steps, evenly spread;
    fewer where there are no more, none where the strength is next to nothing.
    """
    top = LEVELS * strength
    return sorted({round(top * (1 - n / steps)) - 1 for n in range(steps)} - {-1}, reverse=True)


@functools.cache
def _exact() -> type:
    """diffusers' pipeline from a picture, which begins at the very level of noise that a strength means: its own begins
    at one of the few that its steps have, so that with two steps 0.7 and 0.99 are the same.
    """
    import diffusers

    class Exact(diffusers.StableDiffusionControlNetImg2ImgPipeline):
        def get_timesteps(self, num_inference_steps: int, strength: float, device: Any) -> tuple[torch.Tensor, int]:
            times = times_of(strength, num_inference_steps)
            self.scheduler.set_timesteps(timesteps=times, device=device)
            self.scheduler.set_begin_index(0)
            return self.scheduler.timesteps, len(times)

    return Exact


def _tensor(picture: np.ndarray) -> torch.Tensor:
    """uint8 (S, S, 3) → float32 (1, 3, S, S) in [0, 1], as pipelines take pictures."""
    return torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Within the block, the libraries show no bars and no advice for programmers; errors are still raised."""
    from diffusers.utils import logging as of_diffusers
    from transformers.utils import logging as of_transformers

    before = [(one, one.get_verbosity(), one.is_progress_bar_enabled()) for one in (of_diffusers, of_transformers)]
    try:
        for library, *_ in before:
            library.set_verbosity_error()
            library.disable_progress_bar()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # names that change with diffusers 1.0
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for library, verbosity, shows_bars in before:
            library.set_verbosity(verbosity)
            if shows_bars:
                library.enable_progress_bar()


@contextlib.contextmanager
def _told(guest: Guest, device: torch.device) -> Iterator[None]:
    """Turn what goes wrong inside of the library into a GuestError."""
    try:
        yield
    except torch.OutOfMemoryError:
        if device.type == "cuda":
            torch.cuda.empty_cache()
        raise GuestError(
            f"{guest.name}: the GPU's memory ran out ({memory.needed(guest, device) / 1e9:.1f} GB are needed): restart"
            " the kernel, or close what else uses it"
        ) from None
    except RuntimeError as error:  # as PyTorch says it of a CPU's memory
        if "allocate memory" not in str(error):
            raise
        raise GuestError(
            f"{guest.name}: the memory ran out ({memory.needed(guest, device) / 1e9:.1f} GB are needed): close other"
            " programs"
        ) from None
    except OSError as error:
        raise GuestError(
            f"{guest.name}: its files cannot be read ({_first_line(error)}): delete them and fetch them again"
        ) from None


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:160]
