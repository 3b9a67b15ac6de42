//! The command line.

use std::{collections::BTreeMap, path::PathBuf};

pub(crate) const USAGE: &str = "\
Runs the whole service on this machine.

Usage: cargo run -- [options]

  --port N          the port on loopback (3000; 0 takes any free one)
  --data DIR        the directory for data between runs (.local)
  --in-memory       keep data only in memory
  --strict          limits as deployed; the default is 100 times looser
  --ses-sandbox     only addresses in MailFrom's domain get mail, as in a new AWS account, where SES sends to verified ones alone
  --aws-port N      also open DynamoDB, KMS, Secrets Manager and SES on this port, for the AWS CLI, SDKs and
                    cargo lambda watch; write lambda.env for it into the data directory
  --providers FILE  the sign-in providers, as JSON (see the README)
  --set NAME=VALUE  set a parameter of template.yaml; may be repeated
  --help            print this text

The environment variable LOG_LEVEL (error, warn, info, debug, trace, off) sets the log level of the functions on stderr.
";

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) port: u16,
    /// The port of the AWS endpoints. `None` opens none.
    pub(crate) aws_port: Option<u16>,
    /// The data directory. `None` keeps data in memory.
    pub(crate) data: Option<PathBuf>,
    /// Whether limits are as strict as in a deployment.
    pub(crate) strict: bool,
    /// Whether only verified addresses get mail.
    pub(crate) ses_sandbox: bool,
    /// The file with the sign-in providers.
    pub(crate) providers: Option<PathBuf>,
    pub(crate) parameters: BTreeMap<String, String>,
}

/// The meaning of the command line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Parsed {
    Run(Arguments),
    Help,
    /// The command line is wrong. The text says why.
    Wrong(String),
}

/// Reads the arguments after the program's name.
pub(crate) fn parse(arguments: impl Iterator<Item = String>) -> Parsed {
    match read(arguments) {
        Ok(Some(arguments)) => Parsed::Run(arguments),
        Ok(None) => Parsed::Help,
        Err(problem) => Parsed::Wrong(problem),
    }
}

fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Arguments>, String> {
    let mut result = Arguments {
        port: 3000,
        aws_port: None,
        data: None,
        strict: false,
        ses_sandbox: false,
        providers: None,
        parameters: BTreeMap::new(),
    };
    let (mut data, mut in_memory) = (None, false);
    while let Some(argument) = arguments.next() {
        // Accepts `--port 1` and `--port=1`.
        let (name, attached) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let flag = matches!(name, "--in-memory" | "--strict" | "--ses-sandbox" | "--help" | "-h");
        if flag && attached.is_some() {
            return Err(format!("{name} takes no value"));
        }
        let mut value = || attached.clone().or_else(|| arguments.next()).ok_or_else(|| format!("{name} needs a value"));
        match name {
            "--help" | "-h" => return Ok(None),
            "--in-memory" => in_memory = true,
            "--strict" => result.strict = true,
            "--ses-sandbox" => result.ses_sandbox = true,
            "--port" => result.port = port(name, &value()?)?,
            "--aws-port" => result.aws_port = Some(port(name, &value()?)?),
            "--providers" => result.providers = Some(PathBuf::from(value()?)),
            "--data" => data = Some(PathBuf::from(value()?)),
            "--set" => {
                let set = value()?;
                let Some((parameter, value)) = set.split_once('=') else {
                    return Err(format!("--set needs NAME=VALUE, not `{set}`"));
                };
                result.parameters.insert(parameter.to_owned(), value.to_owned());
            }
            _ => return Err(format!("unknown option `{argument}`")),
        }
    }
    if in_memory && data.is_some() {
        return Err("--data and --in-memory cannot be combined".to_owned());
    }
    if !in_memory {
        result.data = Some(data.unwrap_or_else(|| PathBuf::from(".local")));
    }
    Ok(Some(result))
}

fn port(name: &str, value: &str) -> Result<u16, String> {
    value.parse().map_err(|_| format!("{name} needs a port from 0 to 65535, not `{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Parsed {
        parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        let Parsed::Run(arguments) =
            parsed("--port 0 --strict --aws-port=8000 --in-memory --providers p.json --set A=b=c --set B=")
        else {
            panic!("not understood")
        };
        assert_eq!((arguments.port, arguments.aws_port, arguments.strict), (0, Some(8000), true));
        assert_eq!((arguments.data, arguments.providers), (None, Some(PathBuf::from("p.json"))));
        assert_eq!(arguments.parameters["A"], "b=c");
        assert_eq!(arguments.parameters["B"], "");
    }

    #[test]
    fn data_is_kept_by_default() {
        let Parsed::Run(arguments) = parsed("") else { panic!("not understood") };
        assert_eq!(arguments.data, Some(PathBuf::from(".local")));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for line in [
            "--prot 1",
            "--port",
            "--port many",
            "--port 70000",
            "--set A",
            "--in-memory --data x",
            "--strict=yes",
            "x",
        ] {
            assert!(matches!(parsed(line), Parsed::Wrong(_)), "{line}");
        }
        assert_eq!(parsed("--port 1 --help"), Parsed::Help);
    }
}
