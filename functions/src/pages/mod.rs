//! The pages that belong to no operation of the API. Their scripts use the API.

pub mod pages;
