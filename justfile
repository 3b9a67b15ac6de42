# Recipes for daily work: `just` lists them. Each is one command, so that everything also works without just.

# Lists the recipes
default:
    @just --list --unsorted

# Runs the whole service on this machine; `just run --help` lists the options
run *OPTIONS:
    cargo run -- {{ OPTIONS }}

# Runs the tests with NAME in their path, through the public API; without NAME, all tests
test NAME="":
    cargo test {{ if NAME == "" { "" } else { "--package tests " + NAME } }}

# Runs the unit tests with NAME in their path
unit NAME="":
    cargo test --package shared --package local --lib {{ NAME }}

# Runs every fault schedule, policy cut, random body and seed of the tests with NAME in their path
thorough NAME="":
    LATCHKEY_THOROUGH=1 cargo test --package tests {{ NAME }}

# Runs everything that must pass before a change lands
ci:
    .ci/run

# Formats the code
fmt:
    cargo fmt --all

# Runs the lints
lint:
    cargo clippy --locked --workspace --all-targets -- --deny warnings

# Builds the code's documentation; a broken link is an error
doc *OPTIONS:
    cargo doc --locked --no-deps --workspace --lib --document-private-items {{ OPTIONS }}

# Writes the pages and tables that are generated; look at the change before you commit it
write-docs:
    LATCHKEY_WRITE=1 cargo test --package tests -- prices generated

# Measures the operations with NAME in their name
bench NAME="":
    cargo bench --package tests --bench operations {{ NAME }}

# Measures cold starts and zips
cold-starts:
    cargo build --release --package functions --bins --examples
    cargo bench --package tests --bench cold_start

# Builds the Lambdas for a deployment
build:
    sam build

# Deploys; asks for the parameters
deploy:
    sam deploy --guided
