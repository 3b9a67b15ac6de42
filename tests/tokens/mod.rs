mod logout;
mod token_refresh;
