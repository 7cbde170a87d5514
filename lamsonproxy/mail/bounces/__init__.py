"""How bounces are read: one module for each kind of writing. `lamsonproxy.mail.bounce` is the one that asks them."""
