"""What hosts say, sentence by sentence, and the one word for it."""

import pytest

from lamsonproxy.mail.bounces.finding import Finding, behind_reply, is_temporary, reply_in, status_in
from lamsonproxy.mail.bounces.reasons import HARD, REASONS, judge
from lamsonproxy.mail.bounces.statuses import reason_of_status

SAID = {
    "userunknown": (
        "550 5.1.1 <bob@example.com>: Recipient address rejected: User unknown in virtual mailbox table",
        (
            "550-5.1.1 The email account that you tried to reach does not exist. Please try 550-5.1.1 "
            "double-checking the recipient's email address for typos or 550-5.1.1 unnecessary spaces. "
            "550 5.1.1 https://support.google.com/mail/?p=NoSuchUser"
        ),
        (
            "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient bob@example.com not found by SMTP "
            "address lookup"
        ),
        "550 5.1.1 RESOLVER.ADR.RecipNotFound; not found",
        "550 #5.1.0 Address rejected.",
        "550 5.1.1 sorry, no mailbox here by that name. (#5.1.1)",
        "550 5.1.1 Addressee unknown, relay=[192.0.2.1]",
        "550 5.1.1 RCP-P2 http://postmaster.facebook.com/response_codes",
        "553 5.3.0 <bob@example.com>... No such user here (in reply to RCPT TO command)",
        "550 No such person at this address (in reply to RCPT TO command)",
        (
            "554 5.7.1 <bob@example.com>: Recipient address rejected: Access denied (in reply to RCPT TO "
            "command)"
        ),
        "550 unknown user (in reply to RCPT TO command)",
        "550 5.1.1 <bob@example.com> Email address could not be found, or was misspelled (G8)",
        "550 bob@example.com... Mailbox unavailable or access denied (in reply to RCPT TO command)",
        "550 5.5.0 Requested action not taken: mailbox unavailable",
        "550 5.1.1 Cuenta no existe",
        "552 1 Requested mail action aborted, mailbox not found (in reply to RCPT TO command)",
        "550 5.1.1 recipient does not exist here",
        "550 5.1.1 #5.1.1 bad address bob@example.com",
        "550 Invalid Recipient (in reply to RCPT TO command)",
        "511 5.1.1 unknown address or alias",
        "550 5.1.0 Address rejected",
        "550 user bob not exist (in reply to RCPT TO command)",
        "501 5.1.3 Bad recipient address syntax",
    ),
    "hostunknown": (
        "550 Unrouteable address (in reply to RCPT TO command)",
        "Host or domain name not found. Name service error for name=nowhere.example type=A: Host not found",
        "550 5.1.2 <bob@nowhere.example>... Host unknown (Name server: nowhere.example: host not found)",
        "Sorry, I couldn't find any host named nowhere.example. (#5.1.2)",
        "550 5.4.310 DNS domain nowhere.example does not exist [Message=InfoDomainNonexistent]",
        'Unrouteable mail domain "nowhere.example"',
        "No such domain.",
        (
            "Your message wasn't delivered to bob@nowhere.example because the domain nowhere.example "
            "couldn't be found. DNS Error: 12345 DNS type 'mx' lookup of nowhere.example responded with "
            "code NXDOMAIN Domain name not found"
        ),
        "all relevant MX records point to non-existent hosts",
    ),
    "suspend": (
        (
            "554 delivery error: dd Sorry, your message to bob@yahoo.com cannot be delivered. This "
            "mailbox is disabled (554.30)."
        ),
        (
            "554 delivery error: dd Sorry, your message to bob cannot be delivered. This account has "
            "been disabled or discontinued [#102]."
        ),
        "550 5.2.1 The email account that you tried to reach is disabled.",
        "550 5.2.1 The email account that you tried to reach is inactive.",
        "550 5.7.13 user account disabled",
        "550 account expired",
        "525 5.7.13 Disabled recipient address",
        "550 5.2.1 Mailbox disabled, not accepting messages",
    ),
    "mailboxfull": (
        (
            "552-5.2.2 The email account that you tried to reach is over quota. Please direct 552-5.2.2 "
            "the recipient to"
        ),
        "452 4.2.2 The email account that you tried to reach is over quota",
        "552 5.2.2 Mailbox size limit exceeded",
        (
            "554 5.2.2 mailbox full; "
            "STOREDRV.Deliver.Exception:QuotaExceededException.MapiExceptionShutoffQuotaExceeded"
        ),
        "552 Requested mail action aborted: exceeded storage allocation",
        "552 sorry, that mailbox is full (#5.2.2)",
        "550 The user you are trying to contact is over quota / Mailbox is full",
        "The users mailfolder is over the allowed quota (size). (#5.2.2)",
        "450 4.2.2 <bob@example.com>: Recipient address rejected: Mailbox is full",
        "Quota exceeded (mailbox for user is full)",
        "552 5.7.1 Recipient's mailbox is over quota",
        "The number of messages in recipient's mailbox exceeded the local limit.",
        "As their mailbox is full.",
        "maildir delivery failed: Mailbox quota usage exceeded",
    ),
    "mesgtoobig": (
        "552 5.3.4 Message size exceeds fixed limit",
        "552 5.3.4 Error: message file too big",
        "552-5.3.4 Your message exceeded Google's message size limits.",
        "550 5.7.1 RESOLVER.RST.RecipSizeLimit; message too large for this recipient",
        "message size 5000000 exceeds 4000000",
        "552 Message too large",
    ),
    "exceedlimit": (
        "552 5.2.3 5.3.4 message size 12345678 exceeds size limit 10240000 of server mx.example.com",
        "552 5.2.3 Message length exceeds administrative limit",
        "552 5.2.3 Message is too large for this recipient",
    ),
    "networkerror": (
        (
            "Host or domain name not found. Name service error for name=example.com type=MX: Host not "
            "found, try again"
        ),
        "554 5.4.6 Hop count exceeded - possible mail loop",
        "554 5.4.0 Error: too many hops",
        "mail for example.com loops back to myself",
        "550 5.4.14 Hop count exceeded - possible mail loop ATTR34",
        "lost connection with mx.example.com[192.0.2.1] while receiving the initial server greeting",
        "connect to mx.example.com[192.0.2.1]:25: Network is unreachable",
    ),
    "expired": (
        "connect to mx.example.com[192.0.2.1]:25: Connection timed out",
        "connect to mx.example.com[192.0.2.1]:25: Connection refused",
        "550 5.4.300 Message expired -> 421 4.4.1 connection timed out",
        "#550 4.4.7 QUEUE.Expired; message expired ##",
        "conversation with mx.example.com timed out while sending end of data",
        "4.4.7 Message delivery time expired",
        "Delivery time expired",
        "The recipient server did not accept our requests to connect.",
        "unable to connect successfully to the destination mail server",
    ),
    "notaccept": (
        (
            "556 5.1.10 <bob@example.com>: Recipient address rejected: Domain example.com does not "
            "accept mail (nullMX)"
        ),
        "Domain example.com does not accept mail (nullMX)",
        "521 5.2.1 mail.example.com does not accept mail",
    ),
    "hasmoved": (
        "550 5.1.6 recipient no longer on server: bob@example.com",
        "551 5.1.6 <bob@example.com>: User has moved to somewhere else",
        "550 This person no longer works here",
    ),
    "rejected": (
        "550 5.1.8 <a@b.example>: Sender address rejected: Domain not found",
        "450 4.1.8 <a@b.example>: Sender address rejected: Domain not found",
        "550 Sender verify failed",
        "553 5.1.8 <a@b>... Domain of sender address a@b does not exist",
        "550 5.7.1 RESOLVER.RST.NotAuthorized; not authorized ##",
        "550 5.7.1 Your email was rejected because you are not permitted to send as this sender",
        "550 5.1.0 sender rejected",
        (
            "550 5.4.1 Recipient address rejected: Access denied. AS(201806281) (in reply to end of DATA "
            "command)"
        ),
        "501 Invalid sender (in reply to MAIL FROM command)",
    ),
    "blocked": (
        (
            "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.spamhaus.org; "
            "https://www.spamhaus.org/query/ip/192.0.2.1"
        ),
        (
            "550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus. To request "
            "removal from this list see"
        ),
        "550 5.7.606 Access denied, banned sending IP [192.0.2.1]",
        (
            "554 5.7.1 Your access to submit messages to this e-mail system has been rejected because "
            "your IP is on our blocklist"
        ),
        (
            "550 SC-001 (BAY004-MC1F1) Unfortunately, messages from 192.0.2.1 weren't sent. Please "
            "contact your Internet service provider since part of their network is on our block list."
        ),
        "554 The IP address of the sender is on a blacklist",
        "553 5.3.0 Spam blocked see: http://spamcop.net/bl.shtml?192.0.2.1",
        (
            "554 IP=192.0.2.1 - A problem occurred. (Ask your postmaster for help or to contact "
            "x@example.net to clarify.) (BL)"
        ),
        "571 Email from 192.0.2.1 is currently blocked by Verizon Online's anti-spam system.",
        "550 5.7.1 Connection refused - 192.0.2.1 is blacklisted",
        "504 5.5.2 <localhost>: Helo command rejected: need fully-qualified hostname",
        (
            "550 5.7.1 [192.0.2.1] Our system has detected an unusual rate of unsolicited mail "
            "originating from your IP address. To protect our users from spam, mail sent from your IP "
            "address has been blocked."
        ),
    ),
    "requireptr": (
        "450 4.7.1 Client host rejected: cannot find your hostname, [192.0.2.1]",
        "450 4.7.25 Client host rejected: cannot find your reverse hostname, [192.0.2.1]",
        "550-5.7.25 [192.0.2.1] The IP address sending this message does not have a PTR record setup",
        "554 5.7.1 The server sending your mail [192.0.2.1] does not have a reverse DNS entry",
        "550 Cannot resolve your address. (192.0.2.1)",
    ),
    "badreputation": (
        "554 Message not allowed - [PH01] Email not accepted for policy reasons due to poor reputation",
        (
            "421 4.7.0 [192.0.2.1 15] Our system has detected that this message is suspicious due to the "
            "very low reputation of the sending domain"
        ),
    ),
    "authfailure": (
        "550-5.7.26 This message does not pass authentication checks (SPF and DKIM both do not pass).",
        "550 5.7.23 The message was rejected because of Sender Policy Framework violation",
        "550 5.7.509 Access denied, sending domain example.com does not pass DMARC verification",
        "550 5.7.1 SPF check failed",
        "550 5.7.1 Email rejected per DMARC policy for example.com",
        "554 5.7.5 permanent error evaluating DMARC policy",
    ),
    "spamdetected": (
        "554 5.7.1 This message has been blocked because it contains spam",
        "550 5.7.1 Message identified as SPAM",
        "552 spam score exceeded threshold",
        "550 High probability of spam",
        "554 Message refused: considered as spam",
        (
            "550-5.7.1 Our system has detected that this message is likely unsolicited mail. To reduce "
            "the amount of spam sent to Gmail, this message has been blocked."
        ),
        "554 5.7.1 Rejected: looks like spam",
        "550 5.7.350 Remote server returned message detected as spam -> 554 5.7.1",
    ),
    "virusdetected": (
        "554 5.7.1 Virus found in message",
        "550 This message contains malware (Eicar-Test-Signature)",
    ),
    "norelaying": (
        "554 5.7.1 <bob@example.com>: Relay access denied",
        "550 5.7.1 Unable to relay for bob@example.com",
        "550 relay not permitted",
        "553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)",
        "550 5.7.64 TenantAttribution; Relay Access Denied",
        "550 5.7.1 Relaying denied. Proper authentication required.",
    ),
    "toomanyconn": (
        "421 4.7.0 Too many concurrent SMTP connections; please try again later.",
        "421 Too many concurrent SMTP connections from this IP address; please try again later.",
        "452 4.5.3 Too many recipients",
        "421 4.7.28 Gmail has detected an unusual rate of mail",
        (
            "450 4.2.1 The user you are trying to contact is receiving mail at a rate that prevents "
            "additional messages from being delivered."
        ),
    ),
    "policyviolation": (
        "550 5.7.1 Message rejected due to content policy",
        "552 5.7.0 Our system detected an illegal attachment on your message.",
        "550 5.7.1 TRANSPORT.RULES.RejectMessage; the message was rejected by organization policy",
        "554 5.7.1 attachment type not allowed",
    ),
    "securityerror": (
        "530 5.7.0 Must issue a STARTTLS command first",
        "530 5.7.1 Authentication required",
        "535 5.7.8 Error: authentication failed",
        "TLS is required, but was not offered by host mx.example.com[192.0.2.1]",
    ),
    "systemerror": (
        "451 4.3.0 Temporary system problem. Try again later",
        "451 4.3.5 Server configuration error",
        "452 4.3.1 Insufficient system storage",
        "451 Requested action aborted: local error in processing",
        "432 4.3.2 STOREDRV.Deliver; recipient thread limit exceeded",
    ),
    "mailererror": (
        'Command died with status 1: "/usr/local/bin/x". Command output: sorry',
        "554 5.3.0 unknown mailer error 2",
        "pipe to |/usr/local/bin/x generated by bob@example.com",
        "x-unix; 69",
    ),
    "contenterror": (
        "550 5.6.0 Lone CR or LF in headers (see RFC2822 section 2.2)",
        "554 5.6.1 Body type not supported by Remote Host",
    ),
    "notcompliantrfc": (
        "550 5.7.1 Messages missing a valid messageId header are not accepted",
        "550-5.7.1 This message is not RFC 5322 compliant, the issue is: duplicate headers",
    ),
    "syntaxerror": ('500 5.5.1 Command unrecognized: "XXXX"',),
    "filtered": (
        "550 Unknown user bob@example.com (in reply to end of DATA command)",
        "550 5.2.0 Mail rejected",
    ),
}


@pytest.mark.parametrize(("reason", "said"), [(reason, said) for reason in SAID for said in SAID[reason]])
def test_a_sentence_gives_its_reason(reason: str, said: str) -> None:
    assert judge(Finding("bob@example.com", "failed", said=said))[2] == reason


def test_every_reason_that_a_sentence_or_a_status_gives_is_of_the_closed_set() -> None:
    assert set(SAID) <= REASONS
    assert REASONS >= HARD
    statuses = [
        f"5.{subject}.{detail}" for subject in range(8) for detail in (*range(31), 310, 316, 509, 606, 708)
    ]
    assert {reason_of_status(status) for status in statuses} - {""} <= REASONS


def test_what_was_said_goes_before_the_status_that_the_reporting_host_made_of_it() -> None:
    finding = Finding("bob@example.com", "failed", "5.1.1", "550 5.7.1 IP address blacklisted by recipient")
    assert judge(finding) == ("5.7.1", "550", "blocked")


def test_a_status_decides_where_nobody_said_anything() -> None:
    assert judge(Finding("bob@example.com", "failed", "5.2.2")) == ("5.2.2", "", "mailboxfull")


def test_nothing_said_is_undefined_and_a_delay_without_a_reason_is_on_its_way_to_expire() -> None:
    assert judge(Finding("bob@example.com", "failed"))[2] == "undefined"
    assert judge(Finding("bob@example.com", "delayed"))[2] == "expired"


@pytest.mark.parametrize("place", ["RCPT TO", "MAIL FROM", "end of DATA"])
def test_an_unknown_user_is_believed_in_answer_to_rcpt_alone(place: str) -> None:
    said = f"550 User unknown (in reply to {place} command)"
    expected = {"RCPT TO": "userunknown", "MAIL FROM": "rejected", "end of DATA": "filtered"}
    assert judge(Finding("bob@example.com", "failed", said=said))[2] == expected[place]


def test_words_in_addresses_and_links_are_nobodys_reason() -> None:
    said = "550 <virus@spam.example>: no https://example.com/blacklist/quota-exceeded.html"
    assert judge(Finding("virus@spam.example", "failed", said=said))[2] == "undefined"


def test_a_status_is_not_read_out_of_an_ip_address() -> None:
    assert status_in("connect to 5.1.1.25: 4.3.2.1 refused") == ""
    assert status_in("550 5.1.1 <a@b>") == "5.1.1"
    assert status_in("554 5.0.0 and 5.7.1") == "5.7.1"


def test_a_reply_code_is_not_read_out_of_other_numbers() -> None:
    assert reply_in("host 192.0.2.250, 12:45:550, after 450 seconds, version 5.500") == ""
    assert reply_in("host mx.example.com[192.0.2.1] said: 550-5.1.1 no") == "550"
    assert reply_in("<<< 452 full") == "452"


def test_what_stands_behind_the_reply_ends_with_its_paragraph() -> None:
    assert behind_reply("We are sorry.\nHost said: 550 no such user\n\nA virus ate it.") == "550 no such user"


def test_a_null_status_is_not_called_temporary() -> None:
    assert is_temporary("4.1.1")
    assert not is_temporary("4.0.0")
    assert not is_temporary("5.1.1")
