//! Secrets that a deployment passes by name. Their values are in AWS Secrets Manager, or in SSM Parameter Store. Only `keys-rotate`
//! may read them.

mod parameter_store;

use aws_sdk_secretsmanager::Client;
use aws_types::SdkConfig;

use crate::{aws::Lazy, crypto::secret::Secret, error::Error};

/// The start of a name of Parameter Store.
const PARAMETER_STORE: &str = "ssm:";

/// Reads secrets.
pub struct Secrets {
    client: Lazy<Client>,
}

impl Secrets {
    pub const fn new(sdk: SdkConfig) -> Self {
        Self { client: Lazy::new(sdk) }
    }

    /// The current value of a secret, then the previous one, if there is one. So a rotation has two valid values at once. `parameter`
    /// is the parameter that names the secret.
    ///
    /// # Errors
    /// `internal` if the secret does not exist or has no text; `temporarily_unavailable` if Secrets Manager does not answer.
    pub async fn versions(&self, parameter: &'static str, name: &str) -> Result<Vec<Secret>, Error> {
        let current = self.current(parameter, name).await?;
        let previous = self.version(parameter, name, "AWSPREVIOUS").await?;
        Ok([current].into_iter().chain(previous).collect())
    }

    /// The current value of a secret.
    ///
    /// # Errors
    /// As [`Secrets::versions`].
    pub async fn current(&self, parameter: &'static str, name: &str) -> Result<Secret, Error> {
        let current = self.version(parameter, name, "AWSCURRENT").await?;
        current.ok_or_else(|| {
            Error::internal(format!("{parameter}: Secrets Manager has no secret of this name in this region"))
        })
    }

    /// The current value of a secret of Secrets Manager, or of a SecureString of Parameter Store if the name starts with `ssm:`.
    ///
    /// # Errors
    /// As [`Secrets::versions`].
    pub async fn current_in_any_store(&self, parameter: &'static str, name: &str) -> Result<Secret, Error> {
        let Some(name) = name.strip_prefix(PARAMETER_STORE) else { return self.current(parameter, name).await };
        parameter_store::secure_string(self.client.sdk(), parameter, name).await
    }

    async fn version(&self, parameter: &str, name: &str, stage: &str) -> Result<Option<Secret>, Error> {
        let answer = self.client.get(Client::new).get_secret_value().secret_id(name).version_stage(stage).send().await;
        match answer {
            Ok(value) => {
                let text = value
                    .secret_string
                    .ok_or_else(|| Error::internal(format!("{parameter}: the secret must be text, not binary")))?;
                Ok(Some(Secret::new(text)))
            }
            Err(error) if error.as_service_error().is_some_and(|error| error.is_resource_not_found_exception()) => {
                Ok(None)
            }
            // IAM comes before the look-up, and its statement names an existing secret. So a missing one is denied.
            Err(error) => Err(Error::aws(
                &format!(
                    "{parameter} (is there such a secret in this region, under the key aws/secretsmanager?): GetSecretValue"
                ),
                &error,
            )),
        }
    }
}
