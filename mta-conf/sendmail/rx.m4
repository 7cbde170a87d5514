dnl lamsonproxy behind Sendmail, the instance at port 25: everything goes to the service. (cf/README, SENDMAIL-DUAL)
dnl Take your sendmail.mc as rx.mc, add these lines before MAILER(`smtp'), and take away MAILER(`local') and its kin.
ifdef(`LAMSON_DOOR', `', `define(`LAMSON_DOOR', `10025')')dnl
dnl A queue of its own: the two instances must not take each other's mail.
define(`QUEUE_DIR', `/var/spool/mqueue-rx')dnl
define(`confPID_FILE', `/run/sendmail/rx.pid')dnl
define(`STATUS_FILE', `/var/lib/mail/rx.statistics')dnl
dnl Aliases are for the second instance: handlers see the address that was written to.
undefine(`ALIAS_FILE')dnl
dnl All mail, local and not, goes by esmtp to the loopback; the brackets keep DNS out of it.
define(`SMART_HOST', `esmtp:[127.0.0.1]')dnl
define(`MAIL_HUB', `esmtp:[127.0.0.1]')dnl
define(`LOCAL_RELAY', `esmtp:[127.0.0.1]')dnl
FEATURE(`stickyhost')dnl
define(`ESMTP_MAILER_ARGS', `TCP $h LAMSON_DOOR')dnl
dnl Each recipient's mail comes alone, for one reply speaks for all.
define(`SMTP_MAILER_MAXRCPTS', `1')dnl
dnl 8-bit mail stays as it is.
MODIFY_MAILER_FLAGS(`ESMTP', `+8')dnl
dnl Names in headers are not looked up and rewritten.
FEATURE(`nocanonify')dnl
dnl Above the door's deadline_s (540): who hangs up first is sent the mail twice.
define(`confTO_DATAFINAL', `10m')dnl
dnl Port 25 alone; submission is yours to decide.
FEATURE(`no_default_msa')dnl
