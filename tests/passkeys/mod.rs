mod passkey_list;
mod passkey_options;
mod passkey_register;
mod passkey_remove;
mod passkey_update;
