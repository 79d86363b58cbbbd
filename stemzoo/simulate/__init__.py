"""Simulated STEM images: crystals, incoherent imaging, acquisition and sessions."""

from stemzoo.simulate.atoms import Atoms, read_xyz, write_xyz
from stemzoo.simulate.crystal import Specimen, make_specimen
from stemzoo.simulate.dataset import simulate_frame, simulate_session
from stemzoo.simulate.imaging import incoherent_image
from stemzoo.simulate.labels import LabelledImage, session_classes, to_sampling
from stemzoo.simulate.materials import MATERIALS, Material, find_material
from stemzoo.simulate.named_scenes import SCENES, draw_scene
from stemzoo.simulate.named_sessions import SESSIONS, find_session
from stemzoo.simulate.optics import Microscope, probe_intensity
from stemzoo.simulate.scattering import adf_cross_section, electron_wavelength
from stemzoo.simulate.scenes import Scene
from stemzoo.simulate.sessions import AcquisitionSession

__all__ = [
    "AcquisitionSession",
    "Atoms",
    "LabelledImage",
    "MATERIALS",
    "Material",
    "Microscope",
    "SCENES",
    "SESSIONS",
    "Scene",
    "Specimen",
    "adf_cross_section",
    "draw_scene",
    "electron_wavelength",
    "find_material",
    "find_session",
    "incoherent_image",
    "make_specimen",
    "probe_intensity",
    "read_xyz",
    "session_classes",
    "simulate_frame",
    "simulate_session",
    "to_sampling",
    "write_xyz",
]
