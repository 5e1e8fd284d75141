"""The training methods, one file each: settings, live ranges, profiles, networks, step."""

from s2f_utils.methods.cgan import CGAN
from s2f_utils.methods.cyclegan import CycleGAN
from s2f_utils.methods.faithful import Faithful
from s2f_utils.methods.method import Method
from s2f_utils.methods.pix2pix import Pix2Pix
from s2f_utils.methods.psp import PSP
from s2f_utils.methods.restore import Restore
from s2f_utils.methods.stylegan2 import StyleGAN2

__all__ = ["METHODS"]

# A new method gets a line here. One of another package adds itself where it is defined, and is
# known once its module is imported.
METHODS: dict[str, type[Method]] = {
    "pix2pix": Pix2Pix,
    "cyclegan": CycleGAN,
    "cgan": CGAN,
    "stylegan2": StyleGAN2,
    "psp": PSP,
    "restore": Restore,
    "faithful": Faithful,
}
