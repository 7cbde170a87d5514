"""`lamson postfix`: into an existing Postfix in one command, and out of it in one.

    place        where a socket listens
    fragments    entries, options, parameters: values with reasons
    choices      what the operator chooses
    doors        choices in, fragments out: the one source of everything below
    postconf     the commands of Postfix's that read and write
    changes      fragments in, changes out, found on a copy
    ledger       what was changed, on disk
    plan  apply  rollback  probing
    facts  checks  doctor
    emit         the same as files

Law: postconf in, postconf out. Nothing here knows aiosmtpd, the relay or the settings' model; the command line hands
over what it needs of them as values.
"""
