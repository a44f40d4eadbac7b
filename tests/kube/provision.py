"""The tenants of tenants/*.yaml, provisioned by a real `clawbox serve` into a folder, as an administrator does it."""

import os
import shutil
import sys
import tempfile

import yaml

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(os.path.dirname(HERE), "e2e"))

from appliance import Appliance  # noqa: E402

TENANTS = os.path.join(HERE, "tenants")


class Provisioner:
    def __init__(self):
        self.out = tempfile.mkdtemp(prefix="clawbox-manifests-")
        self.appliance = Appliance().start()

    def stop(self):
        status = self.appliance.stop()
        log = self.appliance.log()
        shutil.rmtree(self.out, ignore_errors=True)
        shutil.rmtree(self.appliance.home, ignore_errors=True)
        assert status == 0, f"serve ended with {status}: {log[-1500:]}"

    def folder(self, name):
        return os.path.join(self.out, name)

    def text(self, name):
        with open(os.path.join(TENANTS, name + ".yaml")) as file:
            return file.read()

    def write(self, name, text=None, *options, check=True):
        """Provisions a tenant from its text. Its folder is self.folder(name)."""
        path = os.path.join(self.appliance.home, "document.yaml")
        with open(path, "w", newline="") as file:
            file.write(self.text(name) if text is None else text)
        return self.appliance.run("provision", name, "-f", path, "--out", self.out, *options, check=check)


def files(folder):
    """Relative path to bytes, of everything below a folder."""
    found = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def objects(folder):
    """Relative path to the object in it, without the kustomizations."""
    return {path: yaml.safe_load(text) for path, text in sorted(files(folder).items())
            if not path.endswith("kustomization.yaml")}
