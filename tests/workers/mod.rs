mod keys_rotate;
mod send_email;
