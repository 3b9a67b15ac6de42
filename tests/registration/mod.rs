mod register;
mod register_complete;
mod register_resend;
mod register_verify;
