"""Networks from and for other tools; what a format needs is imported when it is called."""

from spikeloom.interop.bundle import load as load
from spikeloom.interop.bundle import save as save
from spikeloom.interop.export import ExportedStep as ExportedStep
from spikeloom.interop.export import export_step as export_step
from spikeloom.interop.from_nir import from_nir as from_nir
from spikeloom.interop.hub import pull as pull
from spikeloom.interop.hub import push as push
from spikeloom.interop.nir_data import read_nir_data as read_nir_data
from spikeloom.interop.nir_data import write_nir_data as write_nir_data
from spikeloom.interop.nir_file import read_nir as read_nir
from spikeloom.interop.nir_file import write_nir as write_nir
from spikeloom.interop.onnx import OnnxStep as OnnxStep
from spikeloom.interop.onnx import read_onnx as read_onnx
from spikeloom.interop.onnx import to_onnx as to_onnx
from spikeloom.interop.package import PackageStep as PackageStep
from spikeloom.interop.package import read_package as read_package
from spikeloom.interop.package import to_package as to_package
from spikeloom.interop.step_check import check_step as check_step
from spikeloom.interop.to_nir import to_nir as to_nir
