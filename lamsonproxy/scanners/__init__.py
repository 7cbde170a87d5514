"""Scanners: rspamd, SpamAssassin and ClamAV before a handler, or asked by it (docs/scanners.md).

Each needs libraries of its own (the extra `scanners`), so each is imported from its module:

    from lamsonproxy.scanners.clamav import clamav
    from lamsonproxy.scanners.rspamd import rspamd
    from lamsonproxy.scanners.scanned import scanned
    from lamsonproxy.scanners.spamassassin import spamassassin
"""
