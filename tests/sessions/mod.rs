mod device_forget;
mod device_list;
mod device_update;
mod logout_all;
mod session_list;
mod session_revoke;
