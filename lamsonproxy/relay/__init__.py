"""The way back to Postfix. aiosmtplib is known here alone."""
