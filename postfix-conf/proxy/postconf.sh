#!/bin/sh
# The door proxy of lamsonproxy by postconf(1) alone: run it as root while the service is running;
# `lamson postfix apply` does the same, with a backup, with probes and with a way back.
set -eu

postconf -M '127.0.0.1:10026/inet=127.0.0.1:10026 inet n - n - - smtpd -o syslog_name=postfix/reentry -o content_filter= -o smtpd_proxy_filter= -o receive_override_options=no_unknown_recipient_checks,no_milters -o local_header_rewrite_clients= -o mynetworks=127.0.0.0/8 -o smtpd_recipient_restrictions=permit_mynetworks,reject -o smtpd_relay_restrictions= -o smtpd_client_restrictions= -o smtpd_helo_restrictions= -o smtpd_sender_restrictions= -o smtpd_data_restrictions= -o smtpd_end_of_data_restrictions= -o smtpd_authorized_xforward_hosts=127.0.0.0/8 -o smtpd_client_connection_count_limit=0 -o smtpd_client_connection_rate_limit=0 -o smtpd_error_sleep_time=0 -o smtpd_soft_error_limit=1001 -o smtpd_hard_error_limit=1000 -o smtpd_timeout=300s -o smtpd_tls_security_level=none -o smtpd_upstream_proxy_protocol= -o smtpd_discard_ehlo_keywords= -o smtpd_forbid_bare_newline=normalize -o smtpd_forbid_bare_newline_exclusions= -o smtpd_forbid_unauth_pipelining=yes'
postfix reload

# The switch. Where a service has receive_override_options already, add to them by hand instead.
postconf -P smtp/inet/smtpd_forbid_bare_newline=normalize
postconf -P smtp/inet/smtpd_forbid_bare_newline_exclusions=
postconf -P smtp/inet/smtpd_forbid_unauth_pipelining=yes
postconf -P smtp/inet/smtpd_proxy_timeout=100s
postconf -P smtp/inet/smtpd_proxy_options=
postconf -P smtp/inet/smtpd_proxy_filter=127.0.0.1:10025
postfix reload
