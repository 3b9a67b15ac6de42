mod logout_all;
mod session_revoke;
