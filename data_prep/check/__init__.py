"""What is wrong with a data set, and mending it."""

from data_prep.check.doctor import diagnose, report_lines, run_doctor
from data_prep.check.mend import write_mended

__all__ = ["diagnose", "report_lines", "run_doctor", "write_mended"]
