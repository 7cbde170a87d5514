"""Settings: what the operator may say in lamson.toml or in the environment, and what is wrong with it.

Law: settings are read once, checked whole, and never change afterwards; a reload makes new ones. Whatever is
wrong is told all at once, in sentences that name the key.
"""

from lamsonproxy.config.load import load
from lamsonproxy.config.places import HostPort, Place, UnixSocket, host_port
from lamsonproxy.config.settings import Door, Settings

__all__ = ["Door", "HostPort", "Place", "Settings", "UnixSocket", "host_port", "load"]
