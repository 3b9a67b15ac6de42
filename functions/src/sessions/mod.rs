//! Sessions and devices, by their owner.

pub mod device_forget;
pub mod device_list;
pub mod device_update;
pub mod logout;
pub mod logout_all;
pub mod session_list;
pub mod session_revoke;

mod lookup;
mod views;
