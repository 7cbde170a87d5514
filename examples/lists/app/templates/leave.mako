Subject: Do you want to leave ${list_name}?

Somebody, perhaps you, asked to take your address off the list ${list_name}.

Answer this mail to leave it:

    ${confirm_address}

If it was not you, there is nothing to do.
