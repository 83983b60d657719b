"""What is kept between one run and the next: the user's configuration, and where playing was."""

from zerocross.settings.config import config_path, read_config
from zerocross.settings.state import Remembered, StateFile

__all__ = ["Remembered", "StateFile", "config_path", "read_config"]
