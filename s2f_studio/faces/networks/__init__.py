"""The networks of faces: from the import of one on, all are known by the names that files have."""

from s2f_studio.faces.networks.expect import Expect
from s2f_studio.faces.networks.people import People
from s2f_utils.networks import NETWORKS

NETWORKS |= {"expect": Expect, "people": People}
