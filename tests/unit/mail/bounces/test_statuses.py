"""Status codes with the words that their registry has for them: they mean the same, alone and together."""

import pytest

from lamsonproxy.mail.bounces.finding import Finding
from lamsonproxy.mail.bounces.reasons import REASONS, judge
from lamsonproxy.mail.bounces.statuses import reason_of_status

# The IANA registry of SMTP enhanced status codes.
REGISTERED = """
5.1.0 Other address status
5.1.1 Bad destination mailbox address
5.1.2 Bad destination system address
5.1.3 Bad destination mailbox address syntax
5.1.4 Destination mailbox address ambiguous
5.1.6 Destination mailbox has moved, No forwarding address
5.1.7 Bad sender's mailbox address syntax
5.1.8 Bad sender's system address
5.1.9 Message relayed to non-compliant mailer
5.1.10 Recipient address has null MX
5.2.0 Other or undefined mailbox status
5.2.1 Mailbox disabled, not accepting messages
5.2.2 Mailbox full
5.2.3 Message length exceeds administrative limit
5.2.4 Mailing list expansion problem
5.3.0 Other or undefined mail system status
5.3.1 Mail system full
5.3.2 System not accepting network messages
5.3.3 System not capable of selected features
5.3.4 Message too big for system
5.3.5 System incorrectly configured
5.4.0 Other or undefined network or routing status
5.4.1 No answer from host
5.4.3 Directory server failure
5.4.4 Unable to route
5.4.5 Mail system congestion
5.4.6 Routing loop detected
5.4.7 Delivery time expired
5.4.8 Retry on IPv4
5.5.1 Invalid command
5.5.2 Syntax error
5.5.3 Too many recipients
5.5.4 Invalid command arguments
5.5.5 Wrong protocol version
5.6.0 Other or undefined media error
5.6.1 Media not supported
5.6.2 Conversion required and prohibited
5.6.3 Conversion required but not supported
5.6.4 Conversion with loss performed
5.6.5 Conversion Failed
5.6.7 Non-ASCII addresses not permitted for that sender/recipient
5.6.8 UTF-8 string reply is required, but not permitted by the SMTP client
5.6.9 UTF-8 header message cannot be transferred to one or more recipients
5.7.0 Other or undefined security status
5.7.2 Mailing list expansion prohibited
5.7.3 Security conversion required but not possible
5.7.4 Security features not supported
5.7.5 Cryptographic failure
5.7.6 Cryptographic algorithm not supported
5.7.7 Message integrity failure
5.7.8 Authentication credentials invalid
5.7.9 Authentication mechanism is too weak
5.7.10 Encryption Needed
5.7.11 Encryption required for requested authentication mechanism
5.7.12 A password transition is needed
5.7.13 User Account Disabled
5.7.14 Trust relationship required
5.7.15 Priority Level is too low
5.7.17 Mailbox owner has changed
5.7.18 Domain owner has changed
5.7.19 RRVS test cannot be completed
5.7.20 No passing DKIM signature found
5.7.21 No acceptable DKIM signature found
5.7.22 No valid author-matched DKIM signature found
5.7.23 SPF validation failed
5.7.24 SPF validation error
5.7.25 Reverse DNS validation failed
5.7.26 Multiple authentication checks failed
5.7.27 Sender address has null MX
5.7.28 Mail flood detected
5.7.29 ARC validation failure
5.7.30 REQUIRETLS support required
"""


@pytest.mark.parametrize("line", REGISTERED.strip().split("\n"))
def test_the_words_of_a_status_mean_what_the_status_means(line: str) -> None:
    status, _, words = line.partition(" ")
    reason = reason_of_status(status)
    for said in (words, f"Recipient address rejected: {words}"):
        told = f"550 {status} <bob@example.com>: {said} (in reply to RCPT TO command)"
        assert judge(Finding("bob@example.com", "failed", said=told))[2] == reason
    assert reason in REASONS
