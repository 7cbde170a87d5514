Subject: Do you want to join ${list_name}?

Somebody, perhaps you, wrote to the list ${list_name} from your address.

Answer this mail to join it:

    ${confirm_address}

If it was not you, there is nothing to do.
