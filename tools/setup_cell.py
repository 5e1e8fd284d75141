# Set-up, the same in every notebook: in a clone its own code is used; elsewhere, as in Colab, it is installed.
import os
import subprocess
import sys
from importlib import metadata, util
from pathlib import Path

held = ("torch", "torchvision", "numpy", "matplotlib", "ipywidgets", "ipykernel")  # stay at the version they have
clone = next((p for p in (Path.cwd(), *Path.cwd().parents) if (p / "s2f_utils" / "__init__.py").is_file()), None)
if clone:
    sys.path.insert(0, str(clone))
elif util.find_spec("s2f_utils") is None:
    source = os.environ.get("S2F_SOURCE", "git+@REPOSITORY@")
    pins = [f"{name}=={metadata.version(name)}" for name in held if util.find_spec(name)]
    wanted = f"sketch-to-face[train] @ {source}"  # with all that notebooks use
    subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", wanted, *pins], check=True)
if "google.colab" in sys.modules:
    sys.modules["google.colab"].output.enable_custom_widget_manager()  # sliders that are not Colab's own
print("Python", sys.version.split()[0], *(f"· {name} {metadata.version(name)}" for name in held))
