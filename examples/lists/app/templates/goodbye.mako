Subject: You have left ${list_name}

What is written to ${list_name}@${host} goes to you no longer. To come back, write to the list.
