Subject: welcome to ${list_name}

From now on, what you write to ${list_name}@${host} goes to everybody on the list.

To leave it, write to ${list_name}-leave@${host}.
