mod authorizer;
mod csrf;
mod kinds;
mod logout;
mod reauthenticate;
mod token_introspect;
mod token_refresh;
