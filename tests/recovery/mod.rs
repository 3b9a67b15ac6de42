mod password_reset;
