"""The doors by which Postfix reaches us; siblings that do not see each other. aiosmtpd is known here alone."""
