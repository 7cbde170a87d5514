dnl lamsonproxy behind Sendmail, the second instance: takes mail back on the loopback and delivers it, with aliases and
dnl local delivery. Take your sendmail.mc as tx.mc and put these lines in the place of its DAEMON_OPTIONS.
ifdef(`LAMSON_REENTRY', `', `define(`LAMSON_REENTRY', `10026')')dnl
dnl The loopback alone: whoever reaches this port may relay.
DAEMON_OPTIONS(`Name=MTA-TX, Addr=127.0.0.1, Port='LAMSON_REENTRY)dnl
FEATURE(`no_default_msa')dnl
dnl Policy was applied on the way in, and we are one client with many connections.
define(`confCONNECTION_RATE_THROTTLE', `0')dnl
define(`confMAX_DAEMON_CHILDREN', `0')dnl
define(`confBAD_RCPT_THROTTLE', `0')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`nocanonify')dnl
MODIFY_MAILER_FLAGS(`ESMTP', `+8')dnl
