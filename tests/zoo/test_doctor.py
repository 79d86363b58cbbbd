"""What is looked at of an installation, and what to do where it is not as it should be."""

import importlib.metadata

import pytest

import stemzoo
from stemzoo.zoo import doctor, registry


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Stand in for the package: a manifest without weights."""
    (tmp_path / "package").mkdir()
    path = tmp_path / "package" / "weights_manifest.json"
    path.write_text('{"format": 1, "weights": []}')
    monkeypatch.setattr(registry, "PACKAGE", path.parent)
    registry.read_manifest.cache_clear()
    yield path.parent
    registry.read_manifest.cache_clear()


def examined():
    return {check.name: check for check in doctor.examine()}


def test_five_things_are_looked_at(package, hub_server, monkeypatch):
    monkeypatch.setattr(doctor, "ENOUGH_SPACE", 0)
    checks = examined()
    assert list(checks) == ["versions", "device", "manifest", "cache", "hub"]
    assert all(check.ok for check in checks.values())
    assert f"stemzoo {stemzoo.__version__}" in checks["versions"].text
    assert "0 weights, 0 in the package" in checks["manifest"].text
    assert str(checks["versions"]).startswith("ok  versions  stemzoo ")


def test_a_damaged_manifest_and_a_full_disk_are_named(package, hub_server, monkeypatch):
    (package / "weights_manifest.json").write_text("{")
    monkeypatch.setattr(doctor, "ENOUGH_SPACE", 10**18)
    checks = examined()
    assert not checks["manifest"].ok
    assert "expected a weights manifest of format 1" in checks["manifest"].text
    assert "too little: set STEMZOO_HOME or HF_HOME" in checks["cache"].text
    assert str(checks["cache"]).startswith("NO  cache ")


def test_a_cache_in_a_file_cannot_be_written_to(package, hub_server, monkeypatch, tmp_path):
    (tmp_path / "home").touch()
    monkeypatch.setenv("STEMZOO_HOME", str(tmp_path / "home"))
    assert "cannot be written to: set STEMZOO_HOME or HF_HOME" in examined()["cache"].text


def test_a_package_that_is_missing_is_to_be_installed(package, hub_server, monkeypatch):
    def version(name):
        if name == "h5py":
            raise importlib.metadata.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(doctor, "version", version)
    found = examined()["versions"]
    assert not found.ok
    assert found.text.endswith("missing: pip install h5py")
