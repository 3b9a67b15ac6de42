//! The SDK's configuration in a world, and a way around the SDK for inspection.

use std::sync::Arc;

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::{SharedAsyncSleep, TokioSleep};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_types::{SdkConfig, region::Region};
use dynoxide::{Database, actions::scan::ScanRequest};
use serde_json::{Value, json};

use super::World;
use crate::{
    aws::client::LocalClient,
    gateway::sigv4::{ACCESS_KEY, SECRET_KEY},
    template::REGION,
};

impl World {
    /// An SDK configuration whose calls are made under the role of a function, or by `admin`, who may do everything.
    pub fn sdk_config(&self, principal: &str) -> SdkConfig {
        let client = LocalClient { aws: Arc::clone(self.aws()), principal: Arc::from(principal) };
        let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local");
        let builder = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .http_client(client);
        // What is deployed decides how often and how long to try, unless a test says otherwise.
        let mut builder = shared::app::sdk_defaults(builder);
        if let Some(retries) = &self.inner.options.retries {
            builder.set_retry_config(Some(retries.clone()));
        }
        builder.build()
    }
}

/// All items of a table.
pub(super) fn all_items(database: &Database, table: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut from = Value::Null;
    loop {
        let mut request = json!({ "TableName": table, "ConsistentRead": true });
        if !from.is_null() {
            request["ExclusiveStartKey"] = from;
        }
        let Ok(request) = serde_json::from_value::<ScanRequest>(request) else { return items };
        let Ok(page) = database.scan(request) else { return items };
        let Ok(mut page) = serde_json::to_value(page) else { return items };
        if let Some(found) = page["Items"].as_array_mut() {
            items.append(found);
        }
        from = page["LastEvaluatedKey"].take();
        if from.is_null() {
            return items;
        }
    }
}
