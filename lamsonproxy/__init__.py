"""lamsonproxy: mail applications written like web applications, as a service behind Postfix."""

__version__ = "0.1.0"
